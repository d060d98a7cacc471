#!/usr/bin/env bash
# The figures of a GPU in one go, in about eight minutes with 16 cores: builds, runs the tests of operations, networks and
# training steps on the GPU, times dgl beside the peers there, and times training on 1, 2, 4, 8 and 16 cores. Every step
# has a limit, so that one that hangs does not cost the others, and writes into OUT as it goes.
# Needs CMake, a compiler, the libraries of packages.sh, and a Python whose PyTorch has CUDA (or another libtorch in
# CMAKE_PREFIX_PATH). Checkouts of peers are looked for in PEERS by their names: stylegan3 (whose StyleGAN2 has the
# plugins that current PyTorch still takes) or else stylegan2-ada-pytorch, and BigGAN-PyTorch.
# Usage: bench/gpu.sh OUT [PEERS]    DEVICE=cpu tries the script itself without a GPU
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if (($# < 1)); then
  echo "usage: bench/gpu.sh OUT [PEERS]" >&2
  exit 2
fi
out=$(mkdir -p "$1" && cd "$1" && pwd)
peers=${2:-peers}
device=${DEVICE:-cuda}
python=${PYTHON:-python3}
build=build-gpu
cores=$(nproc)

# step SECONDS NAME COMMAND...: runs a command, at most so long; its output goes into OUT/NAME.txt, what became of it into
# OUT/steps.txt.
step() {
  local limit=$1 name=$2 start=$SECONDS
  shift 2
  timeout "$limit" "$@" > "$out/$name.txt" 2>&1
  local status=$?
  printf '%s: %s, %d s\n' "$name" "$([[ $status == 0 ]] && echo done || echo "exit $status")" $((SECONDS - start)) |
    tee -a "$out/steps.txt"
}

: > "$out/steps.txt"
{
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader
  grep --max-count 1 "model name" /proc/cpuinfo
  echo "$cores cores"
  "$python" -c 'import torch; print("PyTorch", torch.__version__, "CUDA", torch.version.cuda)'
} > "$out/machine.txt" 2>&1

prefix=${CMAKE_PREFIX_PATH:-$("$python" -c 'import torch; print(torch.utils.cmake_prefix_path)' 2> /dev/null)}
step 60 configure cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix"
step 240 build cmake --build "$build" --parallel "$cores" --target dgl test_ops test_families test_training
[[ -x $build/dgl ]] || exit 1

# Tests that have a case for each device, and steps of training beside the references'.
step 60 test-ops "$build/test_ops" --gtest_filter='*cuda*:*Device*:*GpuKernel.*'
step 60 test-networks "$build/test_families" --gtest_filter='*Agreement*:*BigGan*:*StyleGan2*'
step 60 test-steps "$build/test_training" --gtest_filter='*Agreement*:*Step*'

# compare CONFIGURATION OPTION CHECKOUT PRECISIONS: beside a peer if there is one.
compare() {
  local name=$1 option=$2 checkout=$peers/$3 precisions=$4
  if [[ -d $checkout ]]; then
    step 100 "compare-$name" "$python" bench/compare.py "$option" "$checkout" --dgl "$build/dgl" --configs "$name" --runs 3 \
      --peer-precision "$precisions" --device "$device" --threads "$cores"
  fi
}
stylegan2=stylegan3
[[ -d $peers/stylegan3 ]] || stylegan2=stylegan2-ada-pytorch
compare 32 --stylegan2-ada "$stylegan2" fp32,fp16
compare 256 --stylegan2-ada "$stylegan2" fp32,fp16
compare 256-large --stylegan2-ada "$stylegan2" fp32,fp16
compare biggan --biggan BigGAN-PyTorch fp32,bf16
# bench NAME RECIPE OPTION...: the width and the guided step of the table in docs/performance.md.
bench() {
  local name=$1 recipe=$2
  shift 2
  step 40 "bench-$name" "$build/dgl" bench --recipe "recipes/$recipe.toml" --width 1/2 --guided --device "$device" --json "$@"
}
for precision in fp32 bf16; do
  bench "ffhq256-$precision" ffhq256-half --precision "$precision"
  DGL_GPU_KERNELS=off bench "ffhq256-$precision-composed" ffhq256-half --precision "$precision"
done
bench ffhq256-tf32 ffhq256-half --precision fp32 --set training.gpu=fast
bench ffhq256-bf16-fast ffhq256-half --precision bf16 --set training.gpu=fast
bench imagenet128-bf16 imagenet128-half --precision bf16
bench digits-fp32 mnist32-half --precision fp32

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

cat "$out"/compare-*.txt 2> /dev/null
echo "all of it lies in $out"
