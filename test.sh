#!/usr/bin/env bash
# Installs what is missing, builds dgl with warnings as errors and runs all its tests. Between 12 and 40 minutes on two cores.
# With CI=true chromium and ONNX Runtime are installed too, for the tests of the report in a browser and of exported models,
# and the readers of files are tested under AddressSanitizer as well.
# Usage: ./test.sh [ARGUMENT OF CTEST...]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

step() { printf '\n== %s (%d:%02d)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

step "Packages"
groups=(build)
if [[ ${CI:-} == true ]]; then
  groups+=(browser)
  if ! command -v npm > /dev/null; then groups+=(npm); fi
fi
./packages.sh "${groups[@]}"

step "Configure"
cmake --preset ci

step "Build"
cmake --build --preset ci

if [[ ${CI:-} == true ]]; then
  step "The readers of foreign files under AddressSanitizer and UBSan"
  cmake --preset asan
  cmake --build --preset asan --target test_formats
  build-asan/test_formats --gtest_brief=1
fi

if [[ ${CI:-} == true && ! -d build/onnxruntime ]]; then
  step "ONNX Runtime, from the npm package onnxruntime-node"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix build/onnxruntime onnxruntime-node@1.17.3
fi

step "Test"
ctest --test-dir build --output-on-failure --parallel "$(nproc)" "$@"
