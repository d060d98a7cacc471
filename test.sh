#!/usr/bin/env bash
# Installs what is missing, builds dgl with warnings as errors and runs all its tests. The last line says how many
# passed, failed and were skipped, and why. Under 20 minutes on two cores; DGL_KERNELS=x86-64-v2, avx2 or avx512 tests
# with kernels for less than this processor has (the operations are always tested with each). With
# CI=true chromium, ONNX Runtime and PyTorch are installed too, for the tests of pages in a browser, of exported models
# and of the Python package.
# Then also: the format of the sources, the examples against an installed tree, the readers of files under
# AddressSanitizer and UBSan, threads and processes under ThreadSanitizer.
# Usage: ./test.sh [unit] [ARGUMENT OF CTEST...]    ("unit": only the tests that take seconds, in under two minutes)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

if [[ ${1:-} == unit ]]; then
  shift
  set -- --label-regex '^unit$' "$@"
fi
build=build
results=()

step() { printf '\n== %s (%d:%02d)\n' "$1" $((SECONDS / 60)) $((SECONDS % 60)); }

# run_tests FOLDER [ARGUMENT OF CTEST...]: keeps the results for the last line; a failure does not end the script.
run_tests() {
  local folder=$1
  shift
  results+=("$folder/results.xml")
  rm -f "$folder/results.xml"
  ctest --test-dir "$folder" --output-on-failure --parallel "$(nproc)" --output-junit results.xml "$@" || true
}

# "dgl: 200 passed, 0 failed, 1 skipped (browser.report: no chromium here)", of all results; fails unless some passed
# and none failed.
summary() {
  awk '
    { sub(/^\xef\xbb\xbf/, "") }
    /<testcase / {
      match($0, / name="[^"]*"/)
      name = substr($0, RSTART + 7, RLENGTH - 8)
      if (/status="run"/) passed++
      else if (/status="fail"/) failed++
      else { skipped++; reading = 1; reason = "" }
    }
    reading && match($0, /skipped: [^<]*/) { reason = substr($0, RSTART + 9, RLENGTH - 9) }
    /<\/testcase>/ && reading { reasons = reasons (reasons ? "; " : "") name (reason ? ": " reason : ""); reading = 0 }
    END {
      printf "dgl: %d passed, %d failed, %d skipped%s\n", passed, failed, skipped, reasons ? " (" reasons ")" : ""
      exit !(passed > 0 && failed == 0)
    }' "${results[@]}"
}

step "Packages"
groups=(build)
if [[ ${CI:-} == true ]]; then
  groups+=(browser python tools)
  if ! command -v npm > /dev/null; then groups+=(npm); fi
fi
./packages.sh "${groups[@]}"

step "Configure"
options=()
if [[ ${CI:-} == true ]]; then options+=(-DDGL_BENCH=ON); fi
cmake --preset ci -B "$build" "${options[@]}"

if [[ ${CI:-} == true ]]; then
  step "Format and clang-tidy"
  ./lint.sh "$build"
fi

step "Build"
cmake --build "$build"

if [[ ${CI:-} == true && ! -d $build/onnxruntime/node_modules/onnxruntime-web ]]; then
  step "ONNX Runtime, from the npm packages onnxruntime-node and onnxruntime-web"
  npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$build/onnxruntime" onnxruntime-node@1.17.3 \
    onnxruntime-web@1.17.3
fi

step "Test"
run_tests "$build" "$@"

if [[ ${CI:-} == true ]]; then
  step "Examples, built against an installed tree"
  examples/test.sh "$build"

  step "The readers of foreign files under AddressSanitizer and UBSan"
  cmake --preset asan
  cmake --build --preset asan --target test_formats
  run_tests build-asan --tests-regex '^formats'

  step "Threads and processes under ThreadSanitizer"
  cmake --preset tsan
  cmake --build --preset tsan --target test_base
  run_tests build-tsan --tests-regex '^base\.(Workers|ProcessGroup)'
fi

step "Done"
summary
