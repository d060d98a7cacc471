#!/usr/bin/env bash
# The figures of a GPU in one go, in about seven minutes with 16 cores: builds, runs the tests that a GPU concerns, times
# steps with and without what is dgl's own, and beside the peers, and times training on 1, 2, 4, 8 and 16 cores. What is
# needed most comes first. Every step has a limit, so that one that hangs does not cost the others, and writes into OUT
# as it goes.
# Needs CMake, a compiler, the libraries of packages.sh, and a Python whose PyTorch has CUDA (or another libtorch in
# CMAKE_PREFIX_PATH). Checkouts of peers are looked for in PEERS by their names: stylegan3 (whose StyleGAN2 has the
# plugins that current PyTorch still takes) or else stylegan2-ada-pytorch, and BigGAN-PyTorch.
# Usage: bench/gpu.sh OUT [PEERS]    BUILD=FOLDER takes what was built there
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

if (($# < 1)); then
  echo "usage: bench/gpu.sh OUT [PEERS]" >&2
  exit 2
fi
out=$(mkdir -p "$1" && cd "$1" && pwd)
peers=${2:-peers}
device=cuda
python=${PYTHON:-python3}
build=${BUILD:-build-gpu}
cores=$(nproc)

# step SECONDS NAME COMMAND...: runs a command, at most so long; its output goes into OUT/NAME.txt, what became of it into
# OUT/steps.txt.
step() {
  local limit=$1 name=$2 start=$SECONDS
  shift 2
  timeout "$limit" "$@" > "$out/$name.txt" 2>&1
  local status=$?
  printf '%s: exit %d, %d s\n' "$name" "$status" $((SECONDS - start)) | tee -a "$out/steps.txt"
}

: > "$out/steps.txt"
{
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  grep --max-count 1 "model name" /proc/cpuinfo
  echo "$cores cores"
  "$python" -c 'import torch; print("PyTorch", torch.__version__, "CUDA", torch.version.cuda)'
} > "$out/machine.txt" 2>&1

if [[ ! -x $build/dgl ]]; then
  prefix=${CMAKE_PREFIX_PATH:-$("$python" -c 'import torch; print(torch.utils.cmake_prefix_path)' 2> /dev/null)}
  step 60 configure cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix"
  step 240 build cmake --build "$build" --parallel "$cores" --target dgl test_ops test_families test_training
fi
[[ -x $build/dgl ]] || exit 1

# Tests that have a case for each device.
step 90 test-ops "$build/test_ops" --gtest_filter='*cuda*:GpuKernel.CompilesWithoutSpills'
step 60 test-networks "$build/test_families" --gtest_filter='*cuda*'
step 60 test-steps "$build/test_training" --gtest_filter='*cuda*'
grep -h FAILED "$out"/test-*.txt

# bench NAME OPTION...: the seconds of a step.
bench() {
  local name=$1
  shift
  step 40 "bench-$name" "$build/dgl" bench --device "$device" --json "$@"
  tail -1 "$out/bench-$name.txt"
}
cat > "$out/large.toml" << 'TOML'
[network]
resolution = 256
img_channels = 3
channel_base = 16384
channel_max = 512
z_dim = 512
w_dim = 512
mapping_layers = 8
[training]
batch = 32
TOML
graphs=(--set training.cuda_graphs=true)
bench large-bf16 --recipe "$out/large.toml" --precision bf16
bench large-bf16-graphs --recipe "$out/large.toml" --precision bf16 "${graphs[@]}"
bench digits-fp32-graphs --recipe recipes/mnist32-half.toml --precision fp32 "${graphs[@]}"
bench digits-fp32 --recipe recipes/mnist32-half.toml --precision fp32
bench large-tf32-graphs --recipe "$out/large.toml" --precision fp32 --set training.gpu=fast "${graphs[@]}"
DGL_GPU_KERNELS=off bench large-bf16-composed --recipe "$out/large.toml" --precision bf16
bench imagenet128-bf16 --recipe recipes/imagenet128-half.toml --width 1/2 --precision bf16
for precision in fp32 bf16; do
  bench "ffhq256-$precision-guided" --recipe recipes/ffhq256-half.toml --width 1/2 --guided --precision "$precision" "${graphs[@]}"
done

# Two runs on noise, in the usual way and as graphs, from the same seed: exact GPUs give both the same losses.
"$python" - "$out/noise" << 'PYTHON'
import os, sys
import numpy
from PIL import Image
os.makedirs(sys.argv[1], exist_ok=True)
random = numpy.random.default_rng(0)
for i in range(256):
    Image.fromarray(random.integers(256, size=(32, 32), dtype="uint8")).save(f"{sys.argv[1]}/{i}.png")
PYTHON
step 20 prepare "$build/dgl" prepare "$out/noise" --size 32 --out "$out/noise.dgldata"
for how in false true; do
  step 60 "train-graphs-$how" "$build/dgl" train --recipe recipes/mnist32-teacher.toml --data "$out/noise.dgldata" \
    --out "$out/graphs-$how" --device "$device" --set training.kimg=2 --set training.checkpoint_kimg=1 \
    --set training.style_mixing=0.9 --set training.pl_weight=2 --set training.cuda_graphs="$how" \
    --set evaluation.samples=64 --set evaluation.final_samples=64
  cp "$out/graphs-$how/log.jsonl" "$out/graphs-$how.jsonl" && cat "$out/graphs-$how.jsonl"
done

# compare CONFIGURATION OPTION CHECKOUT PRECISIONS: beside a peer if there is one.
compare() {
  local name=$1 option=$2 checkout=$peers/$3 precisions=$4
  if [[ -d $checkout ]]; then
    step 100 "compare-$name" "$python" bench/compare.py "$option" "$checkout" --dgl "$build/dgl" --configs "$name" --runs 2 \
      --peer-precision "$precisions" --device "$device" --threads "$cores" --dgl-set training.cuda_graphs=true
    cat "$out/compare-$name.txt"
  fi
}
stylegan2=stylegan3
[[ -d $peers/stylegan3 ]] || stylegan2="stylegan2-ada-pytorch"
compare 256-large --stylegan2-ada "$stylegan2" fp32,fp16
compare biggan --biggan BigGAN-PyTorch fp32,bf16
compare 32 --stylegan2-ada "$stylegan2" fp32
compare 256 --stylegan2-ada "$stylegan2" fp32,fp16

# How training on the processor scales: 64 pixels, 32 images.
cat > "$out/scaling.toml" << 'TOML'
[network]
resolution = 64
img_channels = 3
channel_base = 16384
channel_max = 128
z_dim = 256
w_dim = 256
[training]
batch = 32
TOML
for threads in 1 2 4 8 16; do
  ((threads <= cores)) || continue
  step 60 "scaling-$threads" "$build/dgl" bench --recipe "$out/scaling.toml" --threads "$threads" --device cpu --json
done
echo "all of it lies in $out"
