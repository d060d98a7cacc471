// Unpacks what the page carries and runs the models' graphs.

const facts = JSON.parse(document.getElementById("facts").textContent);

// Whether the browser has WebAssembly with SIMD: a module with one instruction of it.
function hasSimd() {
  const module = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253,
                  98, 11];
  return typeof WebAssembly === "object" && WebAssembly.validate(new Uint8Array(module));
}

// What this browser lacks, as a sentence; "" if nothing.
function whatIsMissing() {
  const ask = " Use a newer one: Chrome or Edge 97, Firefox 113, Safari 16.4 or later.";
  if (!hasSimd()) return "This browser has no WebAssembly with SIMD, which the model needs." + ask;
  if (typeof DecompressionStream !== "function") {
    return "This browser has no DecompressionStream, which unpacks the model." + ask;
  }
  return "";
}

// The bytes of an element with gzip data in base64, which is emptied.
async function unpack(id) {
  const element = document.getElementById(id);
  const text = atob(element.textContent);
  element.remove();
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function startRuntime() {
  const module = new Blob([await unpack("runtime-module")], { type: "application/wasm" });
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = { "ort-wasm-simd.wasm": URL.createObjectURL(module) };
  ort.env.logLevel = "error";
}

const floats = (data, sizes) => new ort.Tensor("float32", data, sizes);
const integers = (data) => new ort.Tensor("int64", BigInt64Array.from(data, BigInt), [data.length]);

// A model of the page. Images are { data, sizes: [N, C, H, W] }, about -1 to 1. `spent` are the seconds that its graphs
// ran so far.
class Model {
  constructor(place) {
    this.place = place;
    this.facts = facts.models[place];
    this.sessions = {};
    this.spent = 0;
    this.mean = this.facts.draw && this.facts.draw.mean ? Float32Array.from(this.facts.draw.mean) : null;
  }

  async start() {
    const prefix = `graph-${this.place}-`;
    for (const element of [...document.querySelectorAll(`[id^="${prefix}"]`)]) {
      const name = element.id.slice(prefix.length);
      const onnx = await unpack(element.id);
      this.sessions[name] = await ort.InferenceSession.create(onnx, { executionProviders: ["wasm"] });
    }
  }

  async run(graph, feeds) {
    const session = this.sessions[graph];
    const before = performance.now();
    const output = (await session.run(feeds))[session.outputNames[0]];
    this.spent += (performance.now() - before) / 1000;
    return { data: output.data, sizes: output.dims };
  }

  // The inputs of a drawing graph.
  condition(latents, labels) {
    const count = labels ? labels.length : latents.length / product(this.facts.draw.latents);
    const feeds = { z: floats(latents, [count, ...this.facts.draw.latents]) };
    if (labels) feeds.labels = integers(labels);
    return feeds;
  }

  // Styles [N, D] of latents and labels, before truncation, as one array.
  async styles(latents, labels) {
    return (await this.run("styles", this.condition(latents, labels))).data;
  }

  // Images of the styles [N, D] of each layer, an array of them, with truncation.
  async drawStyled(layers, psi) {
    const width = this.mean.length, count = layers[0].length / width;
    const all = new Float32Array(count * layers.length * width);
    for (let i = 0; i < count; ++i) {
      layers.forEach((styles, layer) => {
        const to = (i * layers.length + layer) * width;
        for (let j = 0; j < width; ++j) {
          const style = styles[i * width + j];
          all[to + j] = psi === 1 ? style : this.mean[j] + psi * (style - this.mean[j]);
        }
      });
    }
    return this.run("styled_images", { styles: floats(all, [count, layers.length, width]) });
  }

  // Images of latents and labels, with truncation.
  async draw(latents, labels, psi) {
    if (this.facts.draw.truncation === "styles") {
      const styles = await this.styles(latents, labels);
      return this.drawStyled(this.facts.draw.sides.map(() => styles), psi);
    }
    const scaled = psi === 1 || this.facts.draw.truncation === "" ? latents : latents.map((x) => x * psi);
    return this.run("images", this.condition(scaled, labels));
  }

  // What a map of the model's facts makes of images [N, C, H, W].
  async map(map, data, sizes) { return this.run(map.graph, { images: floats(data, sizes) }); }
}

const product = (sizes) => sizes.reduce((all, size) => all * size, 1);
