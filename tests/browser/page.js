// Opens pages of models (`dgl export --out x.html`) from the disk in a browser and compares what they show with what the
// program makes of the same seeds and images: equal to one of 255 levels. No request, no message on the console.
// Usage: node page.js DGL SOURCE MODULES [SCREENSHOTS]   (the program; the checkout; a folder that holds onnxruntime-web)
// Ends with 77, which CTest counts as skipped, where there is no chromium or no ONNX Runtime Web.
"use strict";

const fs = require("fs");
const os = require("os");
const path = require("path");
const vm = require("vm");
const { execFileSync, spawnSync } = require("child_process");
const { Browser, findBrowser } = require("./browser.js");

const [dgl, source, modules, screenshots] = process.argv.slice(2);
const runtime = path.join(path.resolve(modules), "onnxruntime-web");
const skip = (why) => {
  console.log(`skipped: ${why}`);
  process.exit(77);
};
if (!fs.existsSync(runtime)) {
  skip("no ONNX Runtime Web here (npm install --ignore-scripts --prefix build/onnxruntime onnxruntime-web@1.17.3)");
}
const program = findBrowser();
if (!program) skip("no chromium here (Debian's package chromium)");

const work = fs.mkdtempSync(path.join(os.tmpdir(), "page-"));
process.on("exit", () => fs.rmSync(work, { recursive: true, force: true }));
const inWork = (name) => path.join(work, name);
const run = (...args) => execFileSync(dgl, args, { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8" });
const golden = (name) => path.join(source, "tests/golden", name);
const asset = (name) => path.join(source, "assets", `${name}.safetensors`);

let failed = false;
function expect(what, ok, otherwise = "") {
  console.log(`${ok ? "ok" : "FAILED"}: ${what}${ok || !otherwise ? "" : `: ${otherwise}`}`);
  if (!ok) failed = true;
}

// Libtorch's own numbers: torch.randn(size) and torch.randint(10, [8]) of generators with the seed.
function testRandomNumbers() {
  const scope = {};
  const file = path.join(source, "src/dgl/demo/page/torch_random.js");
  vm.runInNewContext(fs.readFileSync(file, "utf8") + "; this.normals = torchNormals; this.integers = torchIntegers;", scope);
  const ends = {
    5: [0.8032761, 0.1748334, 0.0889781, -0.6137180, 0.0461824],
    16: [-0.2225608, 0.9131519, 0.2043411, 0.5739847, 0.4163313],
    35: [0.6589139, 0.8194592, 0.5615939, -0.2481468, -1.0799609],
  };
  for (const [size, expected] of Object.entries(ends)) {
    const last = Array.from(scope.normals(Number(size), 3n).slice(-5));
    const off = Math.max(...last.map((x, i) => Math.abs(x - expected[i])));
    expect(`${size} normal numbers`, off < 2e-6, `off by ${off}`);
  }
  const labels = Array.from(scope.integers(10, 8, 7n)).join(" ");
  expect("labels", labels === "5 2 1 6 3 7 7 9", labels);
}

const idle = '["idle", "failed"].includes(document.documentElement.dataset.state)';
const exported = (model, ...options) => {
  run("export", "--model", model, "--out", inWork("page.html"), "--overwrite", "--runtime", runtime, ...options);
  return inWork("page.html");
};

async function open(browser, page, width = 1280) {
  await browser.open(page, width, 900);
  await browser.until(idle);
  const problem = await browser.value('document.getElementById("problem").textContent');
  if (problem) throw new Error(problem);
}

// Sets controls of the page by their ids, or presses the buttons that the selectors name, and waits for the images.
async function set(browser, controls, ...buttons) {
  for (const selector of buttons) await browser.value(`document.querySelector(${JSON.stringify(selector)}).click()`);
  for (const [id, value] of Object.entries(controls)) {
    await browser.value(`(() => { const control = document.getElementById(${JSON.stringify(id)});
      control.value = ${JSON.stringify(String(value))}; control.dispatchEvent(new Event("input")); })()`);
  }
  await browser.until(idle);
}

// Presses the button of a mode, by its title.
const mode = async (browser, title) => {
  await browser.value(`[...document.querySelectorAll("#modes button")].find((b) => b.textContent === "${title}").click()`);
  await browser.until(idle);
};

// The bytes of the canvas at a place among the page's visible ones, as a list.
const shown = (browser, place = 0) => browser.value(`(() => {
  const canvas = [...document.querySelectorAll("figure:not([hidden]) canvas")][${place}];
  // Of a copy, since chromium complains of canvases that are read more than once.
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [canvas.width, canvas.height];
  copy.getContext("2d").drawImage(canvas, 0, 0);
  return [copy.width, copy.height, ...copy.getContext("2d").getImageData(0, 0, copy.width, copy.height).data];
})()`);

// The same of a PNG file that the program wrote, decoded by the browser.
const decoded = (browser, file) => browser.value(`(async () => {
  const image = new Image();
  image.src = "data:image/png;base64,${fs.readFileSync(file).toString("base64")}";
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return [canvas.width, canvas.height, ...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data];
})()`);

function difference(a, b) {
  if (a.length !== b.length || a[0] !== b[0] || a.length < 3) return Infinity;
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}

let largest = 0;
async function same(browser, what, file, place = 0) {
  const off = difference(await shown(browser, place), await decoded(browser, file));
  largest = Math.max(largest, off);
  expect(what, off <= 1, `off by ${off} levels`);
}

function drawn(model, ...options) {
  run("sample", "--model", model, "--out", inWork("drawn.png"), "--overwrite", ...options);
  return inWork("drawn.png");
}

async function styleGan2(browser) {
  const model = asset("mnist32-teacher");
  const page = exported(model, "--psi", "0.7", "--title", "Digits <of> a test");
  const megabytes = fs.statSync(page).size / 1e6;
  expect(`a StyleGAN2's page of ${megabytes.toFixed(1)} MB`, megabytes < 15);
  for (const width of [1280, 390]) {
    await open(browser, page, width);
    expect(`no sideways scrolling, ${width} pixels wide`,
           !(await browser.value("document.documentElement.scrollWidth > innerWidth")));
    if (screenshots) await browser.screenshot(path.join(screenshots, `page-${width}.png`));
  }
  expect("its title", (await browser.value("document.title")) === "Digits <of> a test");
  await same(browser, "seed 0, psi 0.7 from the option", drawn(model, "--seed", "0", "-n", "1", "--psi", "0.7"));
  for (const seed of ["5", "4294967301", "999999999999999999"]) {
    await set(browser, { seed, psi: 1 });
    await same(browser, `seed ${seed}`, drawn(model, "--seed", seed, "-n", "1"));
  }
  const first = await shown(browser);
  await set(browser, { seed: 3, psi: 0.5 }, "[data-count='16']");
  await same(browser, "16 images, psi 0.5", drawn(model, "--seed", "3", "-n", "16", "--psi", "0.5"));
  await set(browser, { seed: 8, psi: 1 }, "[data-count='1']");
  const other = await shown(browser);
  await mode(browser, "Film");
  await set(browser, { seed: "999999999999999999", "seed-b": 8, place: 0 });
  expect("a film's begin", difference(await shown(browser), first) <= 1);
  await set(browser, { place: 1 });
  expect("a film's end", difference(await shown(browser), other) <= 1);
  await set(browser, { place: 0.5 });
  const middle = await shown(browser);
  expect("a film's middle", difference(middle, first) > 16 && difference(middle, other) > 16);
  await browser.value('document.getElementById("play").click()');
  await browser.until('Number(document.getElementById("place").value) > 0.7');
  await browser.value('document.getElementById("play").click()');
  expect("a film plays", true);
  await mode(browser, "Mix styles");
  await set(browser, { layer: 0 });
  expect("all styles of the second seed", difference(await shown(browser), other) <= 1);
  await set(browser, { layer: 4 });
  const mixed = await shown(browser);
  expect("mixed styles", difference(mixed, first) > 16 && difference(mixed, other) > 16);
  expect("frames per second", /^\d+(\.\d)? frames per second$/.test(await browser.value('document.querySelector(".speed").textContent')));
}

async function labeledStyleGan2(browser) {
  run("import", golden("stylegan2/ada32-labels.pt"), "--out", inWork("labels.safetensors"));
  await open(browser, exported(inWork("labels.safetensors")));
  await set(browser, { seed: 4 }, "[data-count='4']");
  await same(browser, "a StyleGAN2's labels of the seed", drawn(inWork("labels.safetensors"), "--seed", "4", "-n", "4"));
  await set(browser, { label: 1 });
  const options = ["--seed", "4", "-n", "4", "--label", "1"];
  await same(browser, "a StyleGAN2's chosen label", drawn(inWork("labels.safetensors"), ...options));
}

async function bigGan(browser) {
  const model = asset("emoji32-biggan-teacher");
  await open(browser, exported(model, "--teacher", model));
  await same(browser, "a BigGAN's label of the seed", drawn(model, "--seed", "0", "-n", "1"));
  await set(browser, { seed: 11, label: 3, psi: 0.5 }, "[data-count='4']");
  const file = drawn(model, "--seed", "11", "-n", "4", "--label", "3", "--psi", "0.5");
  await same(browser, "a chosen label", file);
  await same(browser, "beside it, the teacher", file, 1);
  const saved = await browser.value(`(async () => {
    const links = [];
    HTMLAnchorElement.prototype.click = function () { links.push(this.download); };
    document.querySelector(".save").click();
    while (!links.length) await new Promise((resolve) => setTimeout(resolve, 10));
    return links[0];
  })()`);
  expect("a file to save", saved === "emoji32-biggan-teacher-images-11.png", saved);
}

async function diffusion(browser) {
  run("import", golden("diffusion/ddim.ckpt"), "--resolution", "8", "--out", inWork("ddim.safetensors"));
  const solver = ["--sampler", "euler", "--steps", "2"];
  await open(browser, exported(inWork("ddim.safetensors"), ...solver));
  await set(browser, { seed: 2 }, "[data-count='4']");
  await same(browser, "a diffusion model in two steps", drawn(inWork("ddim.safetensors"), "--seed", "2", "-n", "4", ...solver));
}

async function imagesOfImages(browser) {
  run("sample", "--model", asset("mnist32-teacher"), "-n", "3", "--out", inWork("digits"));
  const cycle = asset("digits32-outlines-teacher");
  await open(browser, exported(cycle, "--images", inWork("digits"), "--images-b", inWork("digits")));
  for (const direction of ["a_to_b", "b_to_a"]) {
    await mode(browser, direction.replaceAll("_", " "));
    await set(browser, {}, "#samples button:nth-child(2)");
    run("translate", "--model", cycle, "--direction", direction, "--images", inWork("digits"), "--out", inWork(direction));
    await same(browser, `a CycleGAN, ${direction}`, path.join(inWork(direction), "000001.png"), 1);
  }
  run("import", golden("vae/f4.pt"), "--resolution", "16", "--out", inWork("vae.safetensors"));
  run("sample", "--model", asset("emoji32-biggan-teacher"), "-n", "1", "--out", inWork("emoji"));
  await open(browser, exported(inWork("vae.safetensors")));
  await same(browser, "an autoencoder's image of a seed", drawn(inWork("vae.safetensors"), "-n", "1"), 0);
  await mode(browser, "Reconstruct");
  // Of another size: its middle is scaled, and the same is given to the program.
  const dropped = fs.readFileSync(path.join(inWork("emoji"), "000000.png")).toString("base64");
  await browser.value(`(async () => {
    const bytes = Uint8Array.from(atob("${dropped}"), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], "emoji.png", { type: "image/png" }));
    window.dispatchEvent(new DragEvent("drop", { dataTransfer: data }));
  })()`);
  await browser.until('document.querySelector("figure canvas").width === 16');
  await browser.until(idle);
  const png = await browser.value('document.querySelector("figure canvas").toDataURL("image/png").split(",")[1]');
  fs.mkdirSync(inWork("small"));
  fs.writeFileSync(path.join(inWork("small"), "a.png"), Buffer.from(png, "base64"));
  run("reconstruct", "--model", inWork("vae.safetensors"), "--images", inWork("small"), "--out", inWork("again"));
  await same(browser, "an autoencoder's reconstruction of a dropped image", path.join(inWork("again"), "a.png"), 1);
}

async function oldBrowser(browser) {
  const page = exported(asset("emoji32-biggan-teacher"));
  const source = "WebAssembly.validate = () => false;";
  const { identifier } = await browser.send("Page.addScriptToEvaluateOnNewDocument", { source });
  await browser.open(page, 1280, 900);
  await browser.until(idle);
  const said = await browser.value('document.getElementById("problem").textContent');
  expect("a browser without SIMD is told", /^This browser has no WebAssembly with SIMD/.test(said), said);
  await browser.send("Page.removeScriptToEvaluateOnNewDocument", { identifier });
}

function refusals() {
  const refused = (what, expected, ...options) => {
    const { status, stderr } = spawnSync(dgl, ["export", "--out", inWork("no.html"), ...options], {
      encoding: "utf8", env: { ...process.env, DGL_WEB_RUNTIME: "" } });
    const one = stderr.trim().split("\n").length === 1;
    expect(what, status !== 0 && one && expected.test(stderr) && !fs.existsSync(inWork("no.html")), `${status}, ${stderr}`);
  };
  const model = ["--model", asset("mnist32-teacher")], here = ["--runtime", runtime];
  refused("no runtime", /npm pack onnxruntime-web@/, ...model);
  refused("a folder that is no runtime", /has no dist\/ort/, ...model, "--runtime", source);
  refused("a page that is too large", /more than the 2 MB of --max-mb/, ...model, ...here, "--max-mb", "2");
  refused("a feature network", /not a dgl model/, "--model", asset("mnist32-features"), ...here);
  refused("a teacher of other images", /cannot stand beside/, ...model, ...here, "--teacher", asset("emoji32-biggan-teacher"));
  refused("images for a model that takes none", /takes no such images/, ...model, ...here, "--images", source);
}

(async () => {
  testRandomNumbers();
  refusals();
  const browser = new Browser(program);
  try {
    for (const test of [styleGan2, labeledStyleGan2, bigGan, diffusion, imagesOfImages, oldBrowser]) {
      await test(browser);
      const said = browser.console.filter((line) => line);
      expect(`${test.name}: nothing on the console`, said.length === 0, said.join("; "));
      expect(`${test.name}: no requests`, browser.requests.length === 1, browser.requests.join("; "));
    }
  } finally {
    await browser.close();
  }
  console.log(`the largest difference: ${largest} of 255 levels`);
  process.exit(failed ? 1 : 0);
})().catch((error) => {
  console.log(`FAILED: ${error.stack}`);
  process.exit(1);
});
