// Images from images: translations and reconstructions of one that the visitor gives, or of those that the page has.

// Decodes an image that a page or a visitor gives, a data: or blob: address.
async function decoded(address) {
  const image = new Image();
  image.src = address;
  await image.decode();
  return image;
}

// Images [1, C, H, W] in -1 … 1 of a picture, as a map's facts want them: as it is where its sides fit, else its
// middle in the size that the model learned.
function pixelsOf(picture, map) {
  const [channels, height, width] = map.image;
  const fits = (side, own) => side === own ||
    (map.multiple > 0 && side % map.multiple === 0 && side >= map.smallest && side <= 512);
  const whole = fits(picture.naturalHeight, height) && fits(picture.naturalWidth, width);
  const canvas = element("canvas", { width: whole ? picture.naturalWidth : width,
                                     height: whole ? picture.naturalHeight : height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  const scale = Math.max(canvas.width / picture.naturalWidth, canvas.height / picture.naturalHeight);
  const w = picture.naturalWidth * scale, h = picture.naturalHeight * scale;
  context.drawImage(picture, (canvas.width - w) / 2, (canvas.height - h) / 2, w, h);
  const bytes = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const area = canvas.width * canvas.height;
  const data = new Float32Array(channels * area);
  for (let at = 0; at < area; ++at) {
    const [r, g, b] = [bytes[4 * at], bytes[4 * at + 1], bytes[4 * at + 2]];
    // Gray is ITU-R 601's luma, rounded as in Pillow.
    const values = channels === 1 ? [(r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16] : [r, g, b];
    values.forEach((value, channel) => { data[channel * area + at] = value / 127.5 - 1; });
  }
  return { data, sizes: [1, channels, canvas.height, canvas.width] };
}

class Mapping {
  constructor(models, figures, original) {
    this.models = models;
    this.figures = figures;
    this.original = original;
    this.place = -1;
    this.pictures = {};  // by domain, the last that was chosen
    byId("file").addEventListener("change", () => this.take(byId("file").files[0]));
    window.addEventListener("dragover", (event) => event.preventDefault());
    window.addEventListener("drop", (event) => {
      event.preventDefault();
      if (this.place >= 0 && event.dataTransfer.files.length) this.take(event.dataTransfer.files[0]);
    });
  }

  get maps() { return this.models[0].facts.maps; }
  get map() { return this.maps[this.place]; }

  // Takes an image that the visitor gives.
  async take(file) {
    if (!file) return;
    const address = URL.createObjectURL(file);
    const usable = await this.use(address);
    URL.revokeObjectURL(address);
    byId("file-hint").textContent = usable ? "Choose one, or drop it anywhere on the page."
                                           : `${file.name} is no image that this browser can read.`;
  }

  // Shows what becomes of the image at an address. Returns whether it is one.
  async use(address) {
    setState("drawing");
    const domain = this.map.domain;
    let usable = true;
    try {
      this.pictures[domain] = await decoded(address);
    } catch (error) {
      usable = false;
    }
    await this.refresh();
    return usable;
  }

  // Shows the map at a place of the models' facts; -1: none.
  async choose(place) {
    this.place = place;
    if (place < 0) return;
    setState("drawing");
    const samples = facts.samples[this.map.domain] || [];
    byId("samples").replaceChildren(...samples.map((address, i) => {
      const image = element("img", { src: address, alt: "" });
      const button = element("button", { type: "button", "aria-label": `Image ${i + 1}` }, image);
      button.addEventListener("click", () => this.use(address));
      return button;
    }));
    if (!this.pictures[this.map.domain] && samples.length) await this.use(samples[0]);
    else await this.refresh();
  }

  async refresh() {
    const place = this.place;
    if (place < 0) return;
    const picture = this.pictures[this.map.domain];
    byId("explain").textContent = picture
      ? "An image of another size is cut to a square and scaled to the size that the model learned."
      : "Choose an image, or drop one here.";
    try {
      if (picture) await this.show(picture, place);
      else [this.original, ...this.figures].forEach((figure) => figure.clear());
      if (this.place === place) setState("idle");
    } catch (error) {
      showProblem(`The model did not run: ${error.message || error}`);
    }
  }

  async show(picture, place) {
    const input = pixelsOf(picture, this.maps[place]);
    this.original.show(input);
    for (let i = 0; i < this.models.length; ++i) {
      const model = this.models[i], map = model.facts.maps[place];
      await this.figures[i].announce();
      const before = model.spent;
      const images = await model.map(map, input.data, input.sizes);
      if (this.place !== place) return;
      this.figures[i].show(images);
      this.figures[i].count(model.spent - before, 1, `${map.graph} ${input.sizes}`);
    }
  }

  fileName(model) { return `${model.facts.file}-${this.map.graph}.png`; }
}
