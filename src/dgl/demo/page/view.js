// Shows images, and says things about them.

const byId = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
  made.append(...children);
  return made;
}

// "264 k", "29.6 M"
function countText(count) {
  const units = [[1e9, " G"], [1e6, " M"], [1e3, " k"], [1, ""]];
  const [size, unit] = units.find(([least]) => count >= least) || units[3];
  const value = count / size;
  return (size === 1 ? String(count) : value.toPrecision(value < 100 ? 3 : Math.ceil(Math.log10(value + 1)))) + unit;
}

// A ratio to two digits.
const ratioText = (ratio) => String(Number(ratio.toPrecision(2)));

// Paints images { data, sizes } on a canvas as a grid as square as `dgl sample`'s, one pixel for each of theirs.
function paint(canvas, images) {
  const [count, channels, height, width] = images.sizes;
  const columns = Math.ceil(Math.sqrt(count)), rows = Math.ceil(count / columns);
  canvas.width = columns * width;
  canvas.height = rows * height;
  const context = canvas.getContext("2d");
  const area = height * width;
  for (let i = 0; i < count; ++i) {
    const cell = context.createImageData(width, height);
    for (let at = 0; at < area; ++at) {
      for (let channel = 0; channel < 3; ++channel) {
        const value = images.data[(i * channels + (channels === 1 ? 0 : channel)) * area + at];
        // Rounds half up, as the program does; values outside -1 … 1 are clamped.
        cell.data[4 * at + channel] = Math.min(255, Math.max(0, Math.floor(value * 127.5 + 128)));
      }
      cell.data[4 * at + 3] = 255;
    }
    context.putImageData(cell, (i % columns) * width, Math.floor(i / columns) * height);
  }
}

// A place for images: a picture, what it is of, how fast it is made, and a button that saves it.
class Figure {
  constructor(name, file) {
    this.canvas = element("canvas", { width: 1, height: 1, role: "img", "aria-label": name });
    this.speed = element("span", { class: "speed" });
    this.save = element("button", { type: "button", class: "save" }, "Save as PNG");
    this.save.addEventListener("click", () => this.download());
    this.file = file;
    this.times = [];
    this.mean = 0;  // seconds of a frame, of the last ones
    const caption = element("figcaption", {}, element("strong", {}, name), this.speed, this.save);
    this.whole = element("figure", {}, element("div", { class: "frame" }, this.canvas), caption);
    byId("figures").append(this.whole);
  }

  // Says that an image is being made, if that takes long: a model keeps the browser from doing anything else.
  async announce() {
    if (this.mean < 0.1) return;
    this.whole.classList.add("busy");
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 0)));
  }

  show(images) {
    this.whole.classList.remove("busy");
    paint(this.canvas, images);
    // Small images are better seen as the pixels that they are.
    this.canvas.classList.toggle("pixels", images.sizes[3] <= 128);
  }

  clear() {
    this.canvas.width = this.canvas.height = 1;
    this.speed.textContent = "";
    this.times = [];
  }

  // Counts the seconds that a frame of so many images took. `what` says how it was made: figures of other frames are
  // forgotten.
  count(seconds, images, what) {
    if (this.counted !== what) this.times = [];
    this.counted = what;
    this.times.push(seconds);
    if (this.times.length > 30) this.times.shift();
    this.mean = this.times.reduce((sum, time) => sum + time, 0) / this.times.length;
    if (this.mean === 0) return;
    const rate = 1 / this.mean;
    const of = images === 1 ? "" : ` of ${images}`;
    this.speed.textContent = `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} frames${of} per second`;
    this.speed.title = `${(1000 * this.mean).toFixed(2)} ms each, the mean of the last ${this.times.length}`;
  }

  download() {
    this.canvas.toBlob((blob) => {
      const link = element("a", { href: URL.createObjectURL(blob), download: this.file() });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    }, "image/png");
  }
}

// The table of what the models cost. `part` names the facts of what is shown: draw, or a map.
function showCosts(part) {
  const rows = [["Parameters", (m) => part(m).params, countText],
                ["Multiply-adds per image", (m) => part(m).macs, countText],
                ["Size of the weights", (m) => m.bytes, (bytes) => `${(bytes / 1e6).toPrecision(3)} MB`]];
  const two = facts.models.length > 1;
  const heads = facts.models.map((m) => element("th", { scope: "col" }, m.shown, element("small", {}, m.file)));
  const head = element("tr", {}, element("td"), ...heads);
  if (two) head.append(element("th", { scope: "col" }, "Ratio"));
  const body = rows.map(([name, value, text]) => {
    const row = element("tr", {}, element("th", { scope: "row" }, name));
    facts.models.forEach((m) => row.append(element("td", {}, text(value(m)))));
    if (two) row.append(element("td", {}, ratioText(value(facts.models[0]) / value(facts.models[1]))));
    return row;
  });
  byId("costs").replaceChildren(element("thead", {}, head), element("tbody", {}, ...body));
}

// Says whether the page is working: "drawing", "idle" or "failed", which tests wait for.
function setState(state) { document.documentElement.dataset.state = state; }

function showProblem(text) {
  byId("problem").textContent = text;
  byId("problem").hidden = false;
  byId("status").hidden = true;
  setState("failed");
}

// One value of several buttons, which `choose` is told of.
function switchOf(buttons, choose) {
  buttons.forEach((button) => button.addEventListener("click", () => {
    buttons.forEach((b) => b.setAttribute("aria-pressed", String(b === button)));
    choose(button);
  }));
}
