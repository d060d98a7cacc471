#!/usr/bin/env bash
# Opens a report in a browser: no message on its console, no request, every chart drawn, the slider works.
# Usage: report.sh DGL FIXTURE [SCREENSHOTS]   (folders; with the third, screenshots are left there)
# Ends with 77, which CTest counts as skipped, where there is no chromium.
set -euo pipefail

dgl=$1
fixture=$2
screenshots=${3:-}

if ! browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome); then
  echo "skipped: no chromium here (Debian's package chromium)"
  exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -r "$fixture" "$work/run"
chmod -R u+w "$work/run"
"$dgl" report "$work/run"

# A copy of the report with a script at its end that says what a visitor would see.
cat > "$work/probe.html" <<'PROBE'
<script>
(function () {
  const say = (name, value) => { document.documentElement.dataset[name] = String(value); };
  const canvases = [...document.querySelectorAll("canvas")];
  say("canvases", canvases.length);
  // A drawn chart has ink, and in more than one colour.
  say("drawn", canvases.filter((canvas) => {
    const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    let ink = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      if (pixels[i + 3] === 0) continue;
      ++ink;
      colours.add((pixels[i] << 16) | (pixels[i + 1] << 8) | pixels[i + 2]);
    }
    return ink > 500 && colours.size > 3;
  }).length);
  say("images", [...document.images].filter((image) => image.complete && image.naturalWidth > 0).length);
  const time = document.getElementById("time");
  time.value = "1";
  time.dispatchEvent(new Event("input"));
  say("slider", document.getElementById("when").textContent + ", " +
      document.querySelectorAll(".frames img:not([hidden])").length + " shown");
  const scale = () => document.querySelector("[data-scale][aria-pressed=true]").dataset.scale;
  const before = scale();
  document.querySelector("[data-scale][aria-pressed=false]").click();
  say("scale", before + " to " + scale());
  say("overflow", document.documentElement.scrollWidth > innerWidth);
  say("requests", performance.getEntriesByType("resource").filter((e) => !e.name.startsWith("data:")).length);
})();
</script>
PROBE
sed -e "/<\/body>/{
r $work/probe.html
N
}" "$work/run/report.html" > "$work/run/probed.html"

# open_page WIDTH HEIGHT ARGUMENT...: its own profile each time, and nothing that calls home.
open_page() {
  local width=$1 height=$2
  shift 2
  rm -rf "$work/profile"
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-background-networking \
    --disable-component-update --disable-sync --disable-default-apps --no-first-run --hide-scrollbars \
    --disable-dev-shm-usage --user-data-dir="$work/profile" --window-size="$width,$height" \
    --virtual-time-budget=5000 --enable-logging=stderr --v=0 "$@"
}

failed=0
expect() {
  if grep -q -- "$2" "$work/dom"; then
    echo "ok: $1"
  else
    echo "FAILED: $1: expected $2 in $(grep -o -m1 '<html[^>]*>' "$work/dom" || echo 'a page that did not load')"
    failed=1
  fi
}

for size in "1280 900" "500 900"; do
  read -r width height <<< "$size"
  open_page "$width" "$height" --dump-dom "file://$work/run/probed.html" > "$work/dom" 2> "$work/log"
  echo "a window $width pixels wide"
  expect "five charts" 'data-charts="5"'
  expect "five canvases" 'data-canvases="5"'
  expect "all drawn" 'data-drawn="5"'
  expect "all pictures shown" 'data-images="9"'
  expect "the slider shows one grid" 'data-slider="20 kimg, 1 shown"'
  expect "the scale switches" 'data-scale="logarithmic to linear"'
  expect "no sideways scrolling" 'data-overflow="false"'
  expect "no requests" 'data-requests="0"'
  if grep -q 'CONSOLE' "$work/log"; then
    echo "FAILED: messages on the browser's console:"
    grep 'CONSOLE' "$work/log"
    failed=1
  fi
  if [[ -n $screenshots ]]; then
    mkdir -p "$screenshots"
    open_page "$width" 3600 --screenshot="$screenshots/report-$width.png" "file://$work/run/report.html" 2> /dev/null
  fi
done
exit "$failed"
