// Exports models to ONNX, runs them in ONNX Runtime, and compares their images with the reference implementations' (those in
// tests/golden) and with those of `dgl sample`.
// Usage: node onnxruntime.js DGL SOURCE MODULES   (the program; the checkout; a folder that holds onnxruntime-node)
// Ends with 77, which CTest counts as skipped, where ONNX Runtime is not there.
"use strict";

const fs = require("fs");
const os = require("os");
const path = require("path");
const { execFileSync } = require("child_process");

const [dgl, source, modules] = process.argv.slice(2);

let ort;
try {
  ort = require(path.join(path.resolve(modules), "onnxruntime-node"));
} catch (error) {
  // One that is there and does not load is a failure.
  if (error.code !== "MODULE_NOT_FOUND") throw error;
  console.log("skipped: no ONNX Runtime here (npm install --ignore-scripts --prefix build/onnxruntime onnxruntime-node)");
  process.exit(77);
}

const work = fs.mkdtempSync(path.join(os.tmpdir(), "onnx-"));
process.on("exit", () => fs.rmSync(work, { recursive: true, force: true }));
const inWork = (name) => path.join(work, name);
const run = (...args) => execFileSync(dgl, args, { stdio: ["ignore", "pipe", "inherit"] });

const elements = { F32: Float32Array, I64: BigInt64Array };

function readSafetensors(file) {
  const bytes = fs.readFileSync(file);
  const start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, start));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (!elements[dtype]) continue;
    const [from, to] = data_offsets;
    const own = bytes.buffer.slice(bytes.byteOffset + start + from, bytes.byteOffset + start + to);
    tensors[name] = { shape, dtype, data: new elements[dtype](own) };
  }
  return { tensors, metadata: header.__metadata__ };
}

function writeSafetensors(file, tensors, metadata) {
  const header = metadata ? { __metadata__: metadata } : {};
  const parts = [];
  let at = 0;
  for (const [name, { shape, dtype, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + data.byteLength] };
    parts.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    at += data.byteLength;
  }
  let text = JSON.stringify(header);
  text = text.padEnd(Math.ceil(text.length / 8) * 8);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  fs.writeFileSync(file, Buffer.concat([size, Buffer.from(text), ...parts]));
}

// The same normal numbers each time.
function latents(count, zDim) {
  let state = 1;
  const uniform = () => (state = (state * 48271) % 2147483647) / 2147483647;
  const data = Float32Array.from({ length: count * zDim },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
  return { shape: [count, zDim], dtype: "F32", data };
}

let failed = false;

async function compare(what, onnx, inputs, expected, bound) {
  const session = await ort.InferenceSession.create(onnx, { intraOpNumThreads: 1 });
  const feeds = {};
  for (const name of session.inputNames) {
    feeds[name] = new ort.Tensor(name === "labels" ? "int64" : "float32", inputs[name].data, inputs[name].shape);
  }
  const images = (await session.run(feeds))[session.outputNames[0]];
  const shapes = [images.dims.join(" x "), expected.shape.join(" x ")];
  let difference = 0, largest = 0;
  for (let i = 0; i < expected.data.length; ++i) {
    // A NaN is a difference, too.
    const here = Math.abs(images.data[i] - expected.data[i]);
    difference = here <= difference ? difference : here;
    largest = Math.max(largest, Math.abs(expected.data[i]));
  }
  const ok = shapes[0] === shapes[1] && difference / largest < bound;
  if (!ok) failed = true;
  console.log(`${ok ? "ok" : "FAILED"}: ${what}: ${shapes[0]}, off by ${(difference / largest).toExponential(1)}` +
              (ok ? "" : `; expected ${shapes[1]}, below ${bound}`));
}

function exported(model, psi, ...options) {
  run("export", "--model", model, "--out", inWork("x.onnx"), "--psi", String(psi), "--overwrite", ...options);
  return inWork("x.onnx");
}

async function golden(name, files, outputs, options = []) {
  const model = inWork(name);
  run("import", ...files.map((file) => path.join(source, "tests/golden", file)), "--out", model, ...options);
  const { tensors } = readSafetensors(path.join(source, "tests/golden", outputs));
  // An autoencoder's images are its inputs.
  await compare(name, exported(model, 1), tensors, tensors.mode || tensors.images, 1e-5);
  if (tensors.truncated) await compare(`${name}, psi 0.5`, exported(model, 0.5), tensors, tensors.truncated, 1e-5);
}

// The first half of the channels.
function means(moments) {
  const half = moments.data.length / 2 / moments.shape[0];
  const [count, channels, ...sides] = moments.shape;
  const z = { shape: [count, channels / 2, ...sides], dtype: "F32", data: new Float32Array(count * half) };
  for (let i = 0; i < count; ++i) z.data.set(moments.data.subarray(2 * i * half, (2 * i + 1) * half), i * half);
  return z;
}

// The networks of an autoencoder one by one, beside what the reference made of the same.
async function parts(name, outputs) {
  const { tensors } = readSafetensors(path.join(source, "tests/golden", outputs));
  const z = tensors.latents || means(tensors.moments);
  const encoded = tensors.latents || tensors.moments;
  for (const [network, inputs, expected] of [["encoder", tensors, encoded], ["decoder", { z }, tensors.mode]]) {
    run("export", "--model", inWork(name), "--network", network, "--out", inWork("x.onnx"), "--overwrite");
    await compare(`${name}, ${network}`, inWork("x.onnx"), inputs, expected, 1e-5);
  }
}

// A denoiser by itself and its samplers of few steps, beside `dgl apply` and `dgl sample`, by both kinds of scaling.
async function diffusion(name) {
  run("import", path.join(source, "tests/golden/diffusion", `${name}.ckpt`), "--resolution", "8", "--out", inWork("eps"));
  const { tensors, metadata } = readSafetensors(inWork("eps"));
  const settings = JSON.parse(metadata.dgl);
  for (const key of ["denoiser", "denoiser_ema"]) {
    if (settings[key]) Object.assign(settings[key], { precondition: "edm", grid: "karras" });
  }
  writeSafetensors(inWork("edm"), tensors, { ...metadata, dgl: JSON.stringify(settings) });
  const { x, z } = readSafetensors(path.join(source, "tests/golden/diffusion", `${name}.safetensors`)).tensors;
  const sigma = { shape: [3], dtype: "F32", data: Float32Array.from([0.02, 1.3, 70]) };
  writeSafetensors(inWork("x.safetensors"), { x, sigma });
  writeSafetensors(inWork("z.safetensors"), { z });
  for (const kind of ["eps", "edm"]) {
    run("apply", "--model", inWork(kind), "--network", "denoiser", "--inputs", inWork("x.safetensors"), "--out",
      inWork("y.safetensors"), "--overwrite");
    run("export", "--model", inWork(kind), "--network", "denoiser", "--out", inWork("x.onnx"), "--overwrite");
    const { denoised } = readSafetensors(inWork("y.safetensors")).tensors;
    await compare(`${kind}, denoiser`, inWork("x.onnx"), { x, sigma }, denoised, 1e-5);
    for (const [sampler, steps] of [["euler", "8"], ["heun", "3"], ["renoise", "4"]]) {
      const options = ["--sampler", sampler, "--steps", steps];
      run("sample", "--model", inWork(kind), "--latents", inWork("z.safetensors"), "--out", inWork("i.safetensors"),
        "--overwrite", ...options);
      const { images } = readSafetensors(inWork("i.safetensors")).tensors;
      // Errors grow from step to step.
      await compare(`${kind}, ${sampler} ${steps}`, exported(inWork(kind), 1, ...options), { z }, images, 1e-4);
    }
  }
}

// A network of NVlabs/edm beside what that program makes of it, and its samplers of few steps beside `dgl sample`.
async function edm(name, file) {
  const golden = (of) => path.join(source, "tests/golden/diffusion", of);
  run("import", golden(file), "--out", inWork(name), "--quiet");
  const { tensors } = readSafetensors(golden(`${name}.safetensors`));
  run("export", "--model", inWork(name), "--network", "denoiser", "--out", inWork("x.onnx"), "--overwrite");
  await compare(`${name}, denoiser`, inWork("x.onnx"), tensors, tensors.denoised, 1e-5);
  const { z, labels } = tensors;
  const inputs = labels ? { z, labels } : { z };
  writeSafetensors(inWork("z.safetensors"), inputs);
  await compare(`${name}, heun 5`, exported(inWork(name), 1, "--sampler", "heun", "--steps", "5"), inputs, tensors.heun, 1e-4);
  const options = ["--sampler", "renoise", "--steps", "4"];
  run("sample", "--model", inWork(name), "--latents", inWork("z.safetensors"), "--out", inWork("i.safetensors"), "--overwrite",
    ...options);
  const { images } = readSafetensors(inWork("i.safetensors")).tensors;
  await compare(`${name}, renoise 4`, exported(inWork(name), 1, ...options), inputs, images, 1e-4);
}

// Translations, of images of two sizes by one graph.
async function cyclegan() {
  const golden = (name) => path.join(source, "tests/golden/cyclegan", name);
  const imported = (...files) => run("import", ...files.map(golden), "--out", inWork("c"), "--overwrite");
  imported("latest_net_G_A.pth", "latest_net_G_B.pth");
  const { tensors } = readSafetensors(golden("step.safetensors"));
  const onnx = exported(inWork("c"), 1);
  await compare("cyclegan", onnx, { images: tensors.a }, tensors.a_to_b, 1e-5);
  await compare("cyclegan, 24 x 16", onnx, { images: tensors.wide }, tensors.wide_a_to_b, 1e-5);
  for (const norm of ["batch", "instance"]) {
    run("import", golden(`unet/${norm}_net_G.pth`), "--resolution", "32", "--out", inWork("u"), "--overwrite");
    const unet = readSafetensors(golden("unet/outputs.safetensors")).tensors;
    const graph = exported(inWork("u"), 1);
    await compare(`cyclegan, U-Net, ${norm}`, graph, { images: unet.images }, unet[norm], 1e-5);
    await compare(`cyclegan, U-Net, ${norm}, 32 x 64`, graph, { images: unet.wide }, unet[`${norm}_wide`], 1e-5);
  }
  await compare("cyclegan, b_to_a", exported(inWork("c"), 1, "--network", "b_to_a"), { images: tensors.b }, tensors.b_to_a, 1e-5);
  const outputs = readSafetensors(golden("gan-compression/outputs.safetensors")).tensors;
  for (const kind of ["resnet", "mobile", "sub_mobile"]) {
    imported(`gan-compression/${kind}_net_G.pth`);
    await compare(`gan-compression, ${kind}`, exported(inWork("c"), 1), { images: outputs.images }, outputs[kind], 1e-5);
  }
}

const libraries = path.join(path.resolve(modules), "onnxruntime-node/bin/napi-v3/linux", process.arch);
const library = path.join(libraries, fs.readdirSync(libraries).find((file) => file.startsWith("libonnxruntime.so")));

// `dgl profile --onnxruntime` beside what this process measures of the same file in the same library.
async function profiled(name, network, ...without) {
  const model = path.join(source, "assets", name);
  const found = JSON.parse(run("profile", "--model", model, "--onnxruntime", library, "--threads", "1", "--json"));
  const { version, threads, latency_ms: theirs } = found[network].onnxruntime;
  const session = await ort.InferenceSession.create(exported(model, 1), { intraOpNumThreads: 1 });
  const { z_dim: zDim } = JSON.parse(readSafetensors(model).metadata.dgl).generator;
  const times = [];
  for (let i = 0; i < 32; ++i) {
    const before = performance.now();
    await session.run({ z: new ort.Tensor("float32", latents(16, zDim).data, [16, zDim]) });
    times.push(performance.now() - before);
  }
  const here = times.sort((a, b) => a - b)[16];
  // A factor, because the machine may do other things too.
  const ok = library.endsWith(version) && threads === 1 && theirs["1"] > 0 && theirs["1"] < theirs["16"] &&
    theirs["16"] > here / 4 && theirs["16"] < here * 4 && without.every((other) => !found[other].onnxruntime);
  if (!ok) failed = true;
  console.log(`${ok ? "ok" : "FAILED"}: ${name}: ONNX Runtime ${version} by dgl profile: ${theirs["1"].toFixed(2)} and ` +
              `${theirs["16"].toFixed(2)} ms; ${here.toFixed(2)} ms here`);
}

async function asset(name, count, psi) {
  const model = path.join(source, "assets", name);
  const { classes = 0, z_dim: zDim } = JSON.parse(readSafetensors(model).metadata.dgl).generator;
  const inputs = { z: latents(count, zDim) };
  if (classes) {
    inputs.labels = { shape: [count], dtype: "I64", data: BigInt64Array.from({ length: count }, (_, i) => BigInt(i % classes)) };
  }
  writeSafetensors(inWork("z.safetensors"), inputs);
  run("sample", "--model", model, "--latents", inWork("z.safetensors"), "--psi", String(psi), "--out", inWork("i.safetensors"),
    "--overwrite");
  const { images } = readSafetensors(inWork("i.safetensors")).tensors;
  // Trained networks round more than the small random ones: 9e-6 was seen.
  const full = exported(model, psi);
  const bytes = fs.statSync(full).size;
  await compare(`${name}, psi ${psi}`, full, inputs, images, 1e-4);
  // Weights of fewer bits are off by what they were rounded to.
  for (const [precision, bound] of [["fp16", 0.03], ["int8", 0.4]]) {
    const onnx = exported(model, psi, "--precision", precision, "--quiet");
    const share = fs.statSync(onnx).size / bytes;
    console.log(`${name}, ${precision}: ${share.toFixed(2)} of the bytes`);
    if (share > (precision === "fp16" ? 0.65 : 0.45)) failed = true;
    await compare(`${name}, psi ${psi}, ${precision}`, onnx, inputs, images, bound);
  }
}

// The levels of 255 by which images differ, as a signal-to-noise ratio in dB.
function psnr(images, expected) {
  let sum = 0;
  const clamp = (x) => Math.min(1, Math.max(-1, x));
  for (let i = 0; i < expected.length; ++i) sum += (clamp(images[i]) - clamp(expected[i])) ** 2;
  return 10 * Math.log10(4 * expected.length / sum);
}

// Convolutions in 8 bits: what dgl export says of the images is what is found here, of other latents, in ONNX Runtime
// and in the WebAssembly of a page.
async function calibrated(name, convolutions, least) {
  const model = path.join(source, "assets", name);
  const table = String(run("export", "--model", model, "--out", inWork("x.onnx"), "--overwrite", "--precision", "int8",
    "--calibrate", "64", "--onnxruntime", library, "--threads", "1"));
  const said = Number(/PSNR .*\s([\d.]+)$/m.exec(table)[1]);
  const { classes = 0, z_dim: zDim } = JSON.parse(readSafetensors(model).metadata.dgl).generator;
  const inputs = { z: latents(32, zDim) };
  if (classes) inputs.labels = { shape: [32], dtype: "I64", data: BigInt64Array.from({ length: 32 }, (_, i) => BigInt(i % classes)) };
  writeSafetensors(inWork("z.safetensors"), inputs);
  run("sample", "--model", model, "--latents", inWork("z.safetensors"), "--out", inWork("i.safetensors"), "--overwrite");
  const expected = readSafetensors(inWork("i.safetensors")).tensors.images.data;
  const session = await ort.InferenceSession.create(inWork("x.onnx"), { intraOpNumThreads: 1 });
  const feeds = (of) => Object.fromEntries(session.inputNames.map((input) => [input,
    new of.Tensor(input === "labels" ? "int64" : "float32", inputs[input].data, inputs[input].shape)]));
  const found = psnr((await session.run(feeds(ort))).images.data, expected);
  // The type of an operator is a field with its length before it; there is one before and one behind a convolution.
  const whole = (fs.readFileSync(inWork("x.onnx")).toString("latin1").split('"\x0eQuantizeLinear').length - 1) / 2;
  let inBrowser = found;
  try {
    const web = require(path.join(path.resolve(modules), "onnxruntime-web/dist/ort.node.min.js"));
    web.env.wasm.numThreads = 1;
    const there = await web.InferenceSession.create(inWork("x.onnx"));
    inBrowser = psnr((await there.run(feeds(web))).images.data, expected);
  } catch (error) {
    if (error.code !== "MODULE_NOT_FOUND") throw error;
  }
  const ok = found > least && Math.abs(found - said) < 2 && Math.abs(inBrowser - found) < 1 && whole === convolutions;
  if (!ok) failed = true;
  console.log(`${ok ? "ok" : "FAILED"}: ${name}, calibrated int8: ${whole} convolutions, ${found.toFixed(1)} dB, ` +
              `${inBrowser.toFixed(1)} in WebAssembly; dgl export says ${said}`);
}

(async () => {
  for (const name of ["rosinality16", "rosinality32", "ada16", "ada16-orig", "ada32-labels"]) {
    await golden(name, [`stylegan2/${name}.pt`], `stylegan2/${name}.safetensors`);
  }
  for (const name of ["biggan32", "biggan32-shared", "biggan32-tables", "biggan128-tables"]) {
    await golden(name, [`biggan/${name}/G.pth`], `biggan/${name}/outputs.safetensors`);
  }
  await golden("biggan128", ["biggan/biggan128/G_ema.pth"], "biggan/biggan128/outputs.safetensors");
  for (const name of ["f2", "f4"]) {
    await golden(name, [`vae/${name}.pt`], `vae/${name}.safetensors`, ["--resolution", "16"]);
    await parts(name, `vae/${name}.safetensors`);
  }
  for (const name of ["taesd", "taesd3"]) {
    const files = [`vae/${name}_encoder.pth`, `vae/${name}_decoder.pth`];
    await golden(name, files, `vae/${name}.safetensors`, ["--resolution", "32"]);
    await parts(name, `vae/${name}.safetensors`);
  }
  await diffusion("ddim");
  await edm("edm-ddpmpp", "edm-ddpmpp.pkl");
  await edm("edm-ncsnpp", "edm-ncsnpp.pt");
  await cyclegan();
  await asset("mnist32-teacher.safetensors", 70, 0.7);
  await asset("mnist32-biggan-teacher.safetensors", 33, 1);
  await asset("emoji32-biggan-teacher.safetensors", 1, 0.5);
  await calibrated("mnist32-teacher.safetensors", 4, 30);
  await calibrated("mnist32-biggan-teacher.safetensors", 9, 30);
  await profiled("mnist32-teacher.safetensors", "generator", "discriminator");
  process.exit(failed ? 1 : 0);
})();
