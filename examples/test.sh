#!/usr/bin/env bash
# Installs a build, builds the examples against the installed tree, and runs them.
# Usage: examples/test.sh BUILD    (a folder that the project was built in)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" > /dev/null
cmake -S examples -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_PREFIX_PATH="$work/prefix" > /dev/null
cmake --build "$work/build"

"$work/build/sample_grid" assets/mnist32-teacher.safetensors "$work/grid.png"
[[ -s $work/grid.png ]]
if "$work/build/sample_grid" README.md "$work/none.png" 2> "$work/error"; then
  echo "examples/test.sh: a file that is no model was taken for one" >&2
  exit 1
fi
grep --quiet README.md "$work/error"

# Eight images are enough to see the term in the log.
mkdir "$work/images"
for i in 1 2 3 4 5 6 7 8; do
  "$work/prefix/bin/dgl" sample --model assets/mnist32-teacher.safetensors -n 1 --seed "$i" --quiet \
    --out "$work/images/$i.png"
done
"$work/prefix/bin/dgl" prepare "$work/images" --size 32 --gray --quiet --out "$work/images.dgldata" > /dev/null
cat > "$work/recipe.toml" <<RECIPE
[network]
resolution = 32
img_channels = 1
channel_max = 8
z_dim = 16
w_dim = 16
[training]
batch = 4
[student]
init = "random"  # its networks are smaller than any share of the teacher's
[guidance]
stage1_kimg = 0.008
stage2_kimg = 0.016
[evaluation]
samples = 8
RECIPE
"$work/build/custom_term" "$work/recipe.toml" "$work/images.dgldata" assets/mnist32-teacher.safetensors "$work/run" \
  2> /dev/null
grep --quiet g_guidance "$work/run/log.jsonl"
echo "examples: built against the installed tree and run"
