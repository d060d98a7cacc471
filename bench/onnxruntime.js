// Times exported generators in ONNX Runtime beside `dgl profile`, in turn, on the same threads.
//
//     node bench/onnxruntime.js [--dgl build/dgl] [--modules build/onnxruntime/node_modules] [--threads 1] [--runs 5]
//                               MODEL...
//
// A model is a StyleGAN2's or BigGAN's file; onnxruntime-node is the user's (npm). Prints the medians of the runs, each
// the median of a second of calls, as a Markdown table: ms for a batch of 1 and of 16, and the ratio.
"use strict";

const fs = require("fs");
const os = require("os");
const path = require("path");
const { execFileSync } = require("child_process");

const options = { dgl: "build/dgl", modules: "build/onnxruntime/node_modules", threads: "1", runs: "5" };
const models = [];
for (let i = 2; i < process.argv.length; ++i) {
  const word = process.argv[i];
  if (word.startsWith("--") && word.slice(2) in options) options[word.slice(2)] = process.argv[++i];
  else models.push(word);
}
const threads = Number(options.threads);
const ort = require(path.join(path.resolve(options.modules), "onnxruntime-node"));
const version = require(path.join(path.resolve(options.modules), "onnxruntime-node/package.json")).version;
const work = fs.mkdtempSync(path.join(os.tmpdir(), "onnxruntime-"));
process.on("exit", () => fs.rmSync(work, { recursive: true, force: true }));

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
const dgl = (...words) => execFileSync(options.dgl, [...words, "--threads", options.threads], { encoding: "utf8" });

// The settings of a model's generator, from the header of its file.
function settings(file) {
  const handle = fs.openSync(file);
  const size = Buffer.alloc(8);
  fs.readSync(handle, size, 0, 8, 0);
  const header = Buffer.alloc(Number(size.readBigUInt64LE()));
  fs.readSync(handle, header, 0, header.length, 8);
  fs.closeSync(handle);
  return JSON.parse(JSON.parse(header.toString("utf8")).__metadata__.dgl).generator;
}

async function medianMs(session, zDim, batch) {
  const feeds = {};
  for (const name of session.inputNames) {
    feeds[name] = name === "labels"
      ? new ort.Tensor("int64", new BigInt64Array(batch), [batch])
      : new ort.Tensor("float32", Float32Array.from({ length: batch * zDim }, () => Math.random() * 2 - 1), [batch, zDim]);
  }
  await session.run(feeds);
  const times = [], start = performance.now();
  while (times.length < 3 || performance.now() - start < 1000) {
    const before = performance.now();
    await session.run(feeds);
    times.push(performance.now() - before);
  }
  return median(times);
}

(async () => {
  console.log(`| model | batch | ONNX Runtime ${version}, ms | dgl, ms | ratio |\n|---|---|---|---|---|`);
  for (const model of models) {
    const onnx = path.join(work, "model.onnx");
    fs.rmSync(onnx, { force: true });
    dgl("export", "--model", model, "--out", onnx, "--quiet");
    const session = await ort.InferenceSession.create(onnx,
      { intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: "sequential" });
    const { z_dim: zDim } = settings(model);
    const theirs = { 1: [], 16: [] }, ours = { 1: [], 16: [] };
    for (let run = 0; run < Number(options.runs); ++run) {
      for (const batch of [1, 16]) theirs[batch].push(await medianMs(session, zDim, batch));
      const found = JSON.parse(dgl("profile", "--model", model, "--json")).generator.latency_ms;
      for (const batch of [1, 16]) ours[batch].push(found[batch]);
    }
    for (const batch of [1, 16]) {
      const a = median(theirs[batch]), b = median(ours[batch]);
      console.log(`| ${path.basename(path.dirname(model))}/${path.basename(model)} | ${batch} | ${a.toPrecision(4)} | ` +
                  `${b.toPrecision(4)} | ${(a / b).toFixed(2)} |`);
    }
  }
})();
