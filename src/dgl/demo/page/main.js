// Puts the page together: its modes, the controls of each, and what they show.

function showMode(name) {
  document.querySelectorAll(".control").forEach((control) => {
    control.hidden = !control.dataset.for.split(" ").includes(name);
  });
  byId("controls").hidden = false;
}

function start(models) {
  let current = null;  // the drawing or the mapping that is shown
  const draws = models[0].facts.draw !== null, maps = models[0].facts.maps;
  const original = maps.length ? new Figure("Image", () => "image.png") : null;
  if (original) original.save.hidden = true;
  const figures = models.map((model) => new Figure(model.facts.shown, () => current.fileName(model)));
  const drawing = draws ? new Drawing(models, figures) : null;
  const mapping = maps.length ? new Mapping(models, figures, original) : null;

  const chooseDrawing = (mode) => async () => {
    if (mapping) await mapping.choose(-1);
    if (original) original.whole.hidden = true;
    drawing.choose(mode);
    current = drawing;
    showMode(mode);
    showCosts((m) => m.draw);
    await drawing.refresh();
  };
  const chooseMap = (place) => async () => {
    if (drawing) drawing.choose("off");
    original.whole.hidden = false;
    current = mapping;
    showMode("map");
    showCosts((m) => m.maps[place]);
    await mapping.choose(place);
  };
  const modes = [];
  if (drawing) drawing.modes.forEach(([mode, title]) => modes.push([title, chooseDrawing(mode)]));
  maps.forEach((map, place) => modes.push([map.title, chooseMap(place)]));
  const buttons = modes.map(([title], i) =>
    element("button", { type: "button", "aria-pressed": String(i === 0) }, title));
  byId("modes").append(...buttons);
  byId("modes").hidden = buttons.length < 2;
  switchOf(buttons, (button) => modes[buttons.indexOf(button)][1]());
  return modes[0][1]();
}

// Runs each drawing model once: the first frame is slow and would spoil the figures.
async function warmUp(models) {
  for (const model of models) {
    if (!model.facts.draw) continue;
    const latents = latentsOf(model.facts.draw.latents, 1, 0n);
    await model.draw(latents, model.facts.draw.classes ? [0] : null, 1);
  }
}

function sayWhatIsShown() {
  const models = facts.models;
  if (models.length > 1) {
    const part = (m) => m.draw || m.maps[0];
    const times = part(models[1]).params / part(models[0]).params;
    byId("lead").textContent +=
      ` The student has learned from its teacher, which has ${ratioText(times)} times as many parameters.`;
  }
  const command = models[0].draw ? "sample --seed" : "translate";
  byId("same").replaceChildren("The images are those of ", element("code", {}, `dgl ${command}`),
                               ", to one of 255 levels.");
}

(async () => {
  const missing = whatIsMissing();
  if (missing) return showProblem(missing);
  try {
    sayWhatIsShown();
    await startRuntime();
    const models = facts.models.map((_, place) => new Model(place));
    for (const model of models) {
      byId("status").textContent = `Starting the ${model.facts.shown.toLowerCase()} …`;
      await pause();
      await model.start();
    }
    await warmUp(models);
    byId("status").hidden = true;
    await start(models);
  } catch (error) {
    showProblem(`The model cannot be started: ${error.message || error}`);
  }
})();
