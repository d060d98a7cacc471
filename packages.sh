#!/usr/bin/env bash
# Installs the Debian packages (12 or later) that dgl needs, those of them that are missing.
# Usage: ./packages.sh GROUP...    with the groups build, package, tools, browser, python, npm
set -euo pipefail

build=(
  cmake ninja-build g++
  libtorch-dev libopenblas0-openmp libcli11-dev nlohmann-json3-dev libfmt-dev libtomlplusplus-dev
  libgloo-dev libpng-dev libjpeg62-turbo-dev libtiff-dev libwebp-dev libgif-dev zlib1g-dev libjs-chart.js libgtest-dev
)
package=(dpkg-dev file)
tools=(clang-format clang-tidy libbenchmark-dev)
browser=(chromium fonts-dejavu-core)
python=(python3-torch python3-numpy python3-pip python3-setuptools python3-wheel)
npm=(npm ca-certificates)

wanted=()
for group in "$@"; do
  case $group in
    build) wanted+=("${build[@]}") ;;
    package) wanted+=("${package[@]}") ;;
    tools) wanted+=("${tools[@]}") ;;
    browser) wanted+=("${browser[@]}") ;;
    python) wanted+=("${python[@]}") ;;
    npm) wanted+=("${npm[@]}") ;;
    *)
      echo "packages.sh: no group $group; there are build, package, tools, browser, python and npm" >&2
      exit 2
      ;;
  esac
done

missing=()
for package in "${wanted[@]}"; do
  if [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2> /dev/null) != installed ]]; then
    missing+=("$package")
  fi
done
if ((${#missing[@]} == 0)); then
  echo "packages: all installed"
  exit 0
fi

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo > /dev/null; then
    echo "packages.sh: these are missing, and there is no sudo to install them with:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "packages: installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
