#!/usr/bin/env bash
# Installs what cpack made into clean Debian systems, and runs it there: the Debian package in the release that it was
# made on, the archive in that one and in a later one. Takes root, debootstrap, the network and some minutes, so that it
# is not part of ./test.sh.
# Usage: tests/package/clean_roots.sh BUILD [RELEASE [LATER RELEASE]...]    (a build folder; bookworm trixie)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

build=$(realpath "$1")
shift
releases=("$@")
if ((${#releases[@]} == 0)); then releases=(bookworm trixie); fi
work=$(mktemp -d)
trap 'umount --lazy "$work"/*/proc 2> /dev/null || true; rm -rf "$work"' EXIT

(cd "$build" && cpack -G DEB > /dev/null && cpack -G TGZ > /dev/null)
packages=("$build"/dgl_*.deb) archives=("$build"/dgl-*.tar.gz)

# A sample of the teacher that comes with the program, in a root.
try() {
  local root=$1 dgl=$2 share=$3
  chroot "$root" "$dgl" --version
  chroot "$root" "$dgl" sample --model "$share/assets/mnist32-teacher.safetensors" -n 4 --quiet --out /tmp/grid.png
  [[ -s $root/tmp/grid.png ]]
}

for release in "${releases[@]}"; do
  root=$work/$release
  debootstrap --variant=minbase "$release" "$root" > /dev/null
  mount -t proc proc "$root/proc"
  echo "== $release: the archive"
  tar xf "${archives[0]}" -C "$root/opt"
  folder=/opt/$(basename "${archives[0]}" .tar.gz)
  try "$root" "$folder/bin/dgl" "$folder/share/dgl"
  if [[ $release == "${releases[0]}" ]]; then
    echo "== $release: the package"
    cp "${packages[0]}" "$root/tmp/"
    chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -c \
      "apt-get update -qq && apt-get install -y -qq --no-install-recommends /tmp/$(basename "${packages[0]}") > /dev/null"
    try "$root" dgl /usr/share/dgl
  fi
done
echo "clean roots: ${releases[*]}"
