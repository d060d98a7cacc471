#!/usr/bin/env bash
# Checks the format of all sources, and with clang-tidy those that do not include libtorch, whose headers take half a minute
# a file. The build folder has to be configured, since it holds the generated header.
# Usage: ./lint.sh [BUILD]    (build)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

build=${1:-build}
flags=(-std=c++20 -Isrc "-I$build/generated" -DTOML_HEADER_ONLY=0)

git ls-files -z '*.h' '*.cpp' | xargs -0 clang-format --dry-run --Werror

light=()
while IFS= read -r file; do
  includes=$(g++ "${flags[@]}" -M -MG "$file")
  if [[ $includes != *torch/* && $includes != *base/torch.h* ]]; then light+=("$file"); fi
done < <(git grep -LE '<(torch|ATen|c10)/' -- 'src/*.cpp')
printf '%s\0' "${light[@]}" | xargs -0 -n 4 -P "$(nproc)" sh -c 'clang-tidy --quiet "$@" -- '"${flags[*]}"' 2> /dev/null' lint
echo "lint: the format of all sources, and clang-tidy on ${#light[@]} of them"
