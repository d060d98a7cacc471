// Watches a run in a browser: the page shows the report, exchanges it once the log has grown without losing the
// reader's place, and says when the server has ended.
// Usage: node watch.js DGL FIXTURE [SCREENSHOT]   (a run's folder)
// Ends with 77, which CTest counts as skipped, where there is no chromium.
"use strict";
const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { Browser, findBrowser } = require("./browser.js");

const [dgl, fixture, screenshot] = process.argv.slice(2);
const program = findBrowser();
if (!program) {
  console.log("skipped: no chromium here (Debian's package chromium)");
  process.exit(77);
}

const work = fs.mkdtempSync(path.join(os.tmpdir(), "dgl-watch-"));
process.on("exit", () => fs.rmSync(work, { recursive: true, force: true }));
const run = path.join(work, "run"), log = path.join(run, "log.jsonl");
fs.cpSync(fixture, run, { recursive: true });
fs.rmSync(path.join(run, "summary.json"));
fs.chmodSync(log, 0o644);

let failed = false;
function expect(what, is, wanted) {
  const good = typeof wanted === "function" ? wanted(is) : is === wanted;
  console.log(`${good ? "ok" : "FAILED"}: ${what}${good ? "" : `, found ${JSON.stringify(is)}`}`);
  failed = failed || !good;
}

async function main(server, browser) {
  const url = await new Promise((done) => server.stdout.once("data", (data) => done(String(data).trim())));
  await browser.open(url, 1280, 900);
  const evaluate = (expression) => browser.value(expression);
  // The expression's value once it is true.
  const until = async (expression) => {
    await browser.until(expression);
    return evaluate(expression);
  };

  const version = await until("document.documentElement.dataset.version");
  expect("the report is shown", Boolean(version), true);
  expect("in one frame", await evaluate("frames.length"), 1);
  expect("its charts are drawn", await evaluate("frames[0].document.documentElement.dataset.charts"), "5");
  expect("its pictures are shown",
    await evaluate("[...frames[0].document.images].every((image) => image.complete && image.naturalWidth > 0)"), true);
  await evaluate("frames[0].document.querySelector('details').open = true");
  await evaluate("frames[0].document.querySelector('[data-scale][aria-pressed=false]').click()");
  const scale = "frames[0].document.querySelector('[data-scale][aria-pressed=true]').dataset.scale";
  const chosen = await evaluate(scale);
  await evaluate("frames[0].scrollTo(0, 700)");
  const place = await evaluate("frames[0].scrollY");
  expect("the page scrolls", place, (y) => y > 100);

  const lines = fs.readFileSync(log, "utf8").trim().split("\n");
  const last = JSON.parse(lines[lines.length - 1]);
  fs.appendFileSync(log, JSON.stringify({ ...last, kimg: last.kimg + 10 }) + "\n");
  const next = await until(`document.documentElement.dataset.version !== "${version}" && document.documentElement.dataset.version`);
  expect("a new report comes with a new line", Boolean(next), true);
  expect("with the new point", await evaluate("JSON.parse(frames[0].document.getElementById('data').textContent).kimg"),
    last.kimg + 10);
  expect("the page has the report's title", await evaluate("document.title"), (title) => title.includes(`${last.kimg + 10} kimg`));
  expect("at the same place", await evaluate("frames[0].scrollY"), place);
  expect("with the same scale", await evaluate(scale), chosen);
  expect("and the same details open", await evaluate("frames[0].document.querySelector('details').open"), true);
  expect("in one frame again", await evaluate("document.querySelectorAll('iframe').length"), 1);
  if (screenshot) await browser.screenshot(screenshot);
  expect("no complaint of the browser", browser.console.join("; "), "");

  server.kill("SIGINT");
  const [code, signal] = await new Promise((done) => server.once("exit", (...how) => done(how)));
  expect("an interrupt ends the server", signal || code, (how) => how === "SIGINT" || how === 130);
  expect("the page says so", await until("!document.getElementById('note').hidden && document.getElementById('note').textContent"),
    (text) => Boolean(text) && text.includes("has ended"));
}

(async () => {
  const server = spawn(dgl, ["report", run, "--watch"]), browser = new Browser(program);
  try {
    await main(server, browser);
  } catch (error) {
    expect(error.message, false, true);
  } finally {
    server.kill("SIGKILL");
    await browser.close();
  }
  process.exit(failed ? 1 : 0);
})();
