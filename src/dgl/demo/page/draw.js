// Images from seeds: single ones, a film between two, and mixed styles.

class Drawing {
  // `models` all take latents and labels of the same sizes; `figures` show their images.
  constructor(models, figures) {
    this.models = models;
    this.figures = figures;
    this.facts = models[0].facts.draw;
    this.mode = "images";
    this.count = 1;
    this.playing = false;
    this.kept = new Map();
    this.prepare();
  }

  get modes() {
    const modes = [["images", "Images"], ["film", "Film"]];
    if (this.facts.truncation === "styles") modes.push(["mix", "Mix styles"]);
    return modes;
  }

  prepare() {
    const again = () => this.refresh();
    for (const id of ["seed", "seed-b"]) byId(id).addEventListener("input", again);
    document.querySelectorAll(".step").forEach((button) => button.addEventListener("click", () => {
      const seed = this.seed(button.dataset.of) + BigInt(button.dataset.step);
      this.setSeed(button.dataset.of, seed < 0n ? 0n : seed);
    }));
    document.querySelectorAll("[data-random]").forEach((button) => button.addEventListener("click", () =>
      this.setSeed(button.dataset.random, BigInt(Math.floor(Math.random() * 1e6)))));
    switchOf([...document.querySelectorAll("[data-count]")], (button) => {
      this.count = Number(button.dataset.count);
      again();
    });
    // No more than two million pixels at once.
    document.querySelectorAll("[data-count]").forEach((button) => {
      button.hidden = Number(button.dataset.count) * product(this.facts.image) > 3 * 2 ** 21;
    });
    this.prepareLabels();
    const psi = byId("psi");
    psi.min = String(Math.min(0, facts.psi));
    psi.max = String(Math.max(1.5, facts.psi));
    if (Math.round(100 * facts.psi) !== 100 * facts.psi) psi.step = "any";
    psi.value = String(facts.psi);
    if (this.facts.truncation === "") byId("psi-control").dataset.for = "";
    psi.addEventListener("input", again);
    byId("place").addEventListener("input", () => { this.stop(); again(); });
    byId("play").addEventListener("click", () => (this.playing ? this.stop() : this.play()));
    if (this.facts.sides) {
      byId("layer").max = String(this.facts.sides.length - 1);
      byId("layer").value = String(Math.floor(this.facts.sides.length / 2));
      byId("layer").addEventListener("input", again);
    }
    window.addEventListener("keydown", (event) => {
      if (event.key === " " && this.mode === "film" && event.target === document.body) {
        event.preventDefault();
        byId("play").click();
      }
    });
  }

  prepareLabels() {
    if (this.facts.classes === 0) {
      byId("label-control").dataset.for = "";
      return;
    }
    const names = Array.from({ length: this.facts.classes }, (_, i) => element("option", { value: i }, String(i)));
    byId("label").append(element("option", { value: "" }, "drawn with the seed"), ...names);
    byId("label").addEventListener("input", () => this.refresh());
  }

  // A seed as BigInt; what is not a number counts as 0.
  seed(id) {
    const text = byId(id).value.trim(), valid = /^[0-9]{1,18}$/.test(text);
    byId(id).setAttribute("aria-invalid", String(!valid));
    return valid ? BigInt(text) : 0n;
  }

  setSeed(id, seed) {
    byId(id).value = String(seed);
    this.refresh();
  }

  get psi() { return this.facts.truncation === "" ? 1 : Number(byId("psi").value); }

  labels(seed) {
    if (this.facts.classes === 0) return null;
    const chosen = byId("label").value;
    if (chosen !== "") return Array(this.count).fill(Number(chosen));
    return labelsOf(this.facts.classes, this.count, seed);
  }

  choose(mode) {
    this.stop();
    this.mode = mode;
  }

  // Draws what the controls say, once at a time; a change in between is drawn after it.
  async refresh() {
    if (this.mode === "off") return;
    this.wanted = true;
    if (this.drawing) return;
    this.drawing = true;
    setState("drawing");
    try {
      while (this.wanted) {
        this.wanted = false;
        await this.drawOnce();
      }
      if (this.mode !== "off") setState("idle");
    } catch (error) {
      showProblem(`The model did not run: ${error.message || error}`);
    } finally {
      this.drawing = false;
    }
  }

  async drawOnce() {
    this.say();
    for (let i = 0; i < this.models.length; ++i) {
      await this.figures[i].announce();
      const images = await this.timed(i);
      if (this.mode === "off") return;
      this.figures[i].show(images);
      await pause();  // one model's images need not wait for the other's
      // A few frames more for a figure of its speed, where that takes no time to speak of.
      const until = performance.now() + 150;
      while (!this.wanted && this.figures[i].times.length < 12 && performance.now() < until) await this.timed(i);
    }
  }

  // Images of a model, whose time is counted.
  async timed(i) {
    const before = this.models[i].spent, mode = this.mode, count = this.count;
    const images = await this.make(this.models[i]);
    if (this.mode === mode) this.figures[i].count(this.models[i].spent - before, count, `${mode} ${count}`);
    return images;
  }

  // The styles of a seed's latents; those of the last two seeds are kept, as a film asks for them again and again.
  async styles(model, seed, latents, labels) {
    const key = `${model.place} ${this.count} ${seed} ${labels}`;
    if (!this.kept.has(key)) this.kept.set(key, await model.styles(latents, labels));
    while (this.kept.size > 2 * this.models.length) this.kept.delete(this.kept.keys().next().value);
    return this.kept.get(key);
  }

  async make(model) {
    const seed = this.seed("seed"), latents = latentsOf(this.facts.latents, this.count, seed);
    const labels = this.labels(seed);
    if (this.mode === "images") return model.draw(latents, labels, this.psi);
    const seedB = this.seed("seed-b"), latentsB = latentsOf(this.facts.latents, this.count, seedB);
    const place = Number(byId("place").value);
    if (!this.facts.sides) {
      return model.draw(between(latents, latentsB, place, product(this.facts.latents)), labels, this.psi);
    }
    const one = await this.styles(model, seed, latents, labels);
    const other = await this.styles(model, seedB, latentsB, this.labels(seedB));
    if (this.mode === "film") {
      const mixed = one.map((x, i) => x + place * (other[i] - x));
      return model.drawStyled(this.facts.sides.map(() => mixed), this.psi);
    }
    const from = Number(byId("layer").value);
    return model.drawStyled(this.facts.sides.map((_, layer) => (layer < from ? one : other)), this.psi);
  }

  // Plays to the second seed and back until it is stopped.
  async play() {
    this.playing = true;
    byId("play").textContent = "Stop";
    const seconds = 3;
    const from = Number(byId("place").value), start = performance.now() / 1000 - from * seconds;
    while (this.playing) {
      const way = ((performance.now() / 1000 - start) / seconds) % 2;
      byId("place").value = String(way <= 1 ? way : 2 - way);
      await this.refresh();
      await pause();
    }
  }

  stop() {
    this.playing = false;
    byId("play").textContent = "Play";
  }

  // What is shown, in words.
  say() {
    byId("psi-value").textContent = Number(byId("psi").value).toFixed(2);
    byId("place-value").textContent = `${Math.round(100 * Number(byId("place").value))} %`;
    byId("seed-label").textContent = this.mode === "images" ? "Seed" : "First seed";
    if (this.facts.sides) {
      const side = this.facts.sides[Number(byId("layer").value)];
      byId("layer-value").textContent = `from ${side} × ${side} on`;
    }
    byId("explain").textContent = {
      images: "A seed stands for random numbers, and the model makes an image of these: the same seed, the same image.",
      film: "The film goes from the image of the first seed to that of the second.",
      mix: "Coarse layers, which shape the whole, follow the first seed; finer ones, from the size on, the second.",
    }[this.mode] + (this.models.length > 1 ? " Both models get the same numbers." : "");
  }

  // A name for a file of what is shown.
  fileName(model) {
    const seeds = this.mode === "images" ? this.seed("seed") : `${this.seed("seed")}-${this.seed("seed-b")}`;
    return `${model.facts.file}-${this.mode}-${seeds}.png`;
  }
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 0));

// Latents on the way from `a` to `b`, each `size` numbers of one image along a circle, as normal numbers are as long as
// each other.
function between(a, b, place, size) {
  const mixed = new Float32Array(a.length);
  for (let from = 0; from < a.length; from += size) {
    let dot = 0, lengthA = 0, lengthB = 0;
    for (let i = from; i < from + size; ++i) {
      dot += a[i] * b[i];
      lengthA += a[i] * a[i];
      lengthB += b[i] * b[i];
    }
    const angle = Math.acos(Math.min(1, Math.max(-1, dot / Math.sqrt(lengthA * lengthB))));
    const straight = Math.sin(angle) < 1e-4;
    const shareA = straight ? 1 - place : Math.sin((1 - place) * angle) / Math.sin(angle);
    const shareB = straight ? place : Math.sin(place * angle) / Math.sin(angle);
    for (let i = from; i < from + size; ++i) mixed[i] = shareA * a[i] + shareB * b[i];
  }
  return mixed;
}
