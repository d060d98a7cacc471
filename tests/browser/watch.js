// Watches a run in a browser: the page shows the report, exchanges it once the log has grown without losing the
// reader's place, and says when the server has ended.
// Usage: node watch.js DGL FIXTURE [SCREENSHOT]   (a run's folder)
// Ends with 77, which CTest counts as skipped, where there is no chromium.
"use strict";
const { spawn, spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const [dgl, fixture, screenshot] = process.argv.slice(2);
const browser = ["chromium", "chromium-browser", "google-chrome"].find(
  (name) => spawnSync("which", [name]).status === 0);
if (!browser) {
  console.log("skipped: no chromium here (Debian's package chromium)");
  process.exit(77);
}

const work = fs.mkdtempSync(path.join(os.tmpdir(), "dgl-watch-"));
const run = path.join(work, "run"), log = path.join(run, "log.jsonl");
fs.cpSync(fixture, run, { recursive: true });
fs.rmSync(path.join(run, "summary.json"));
fs.chmodSync(log, 0o644);
const children = [];
// Ends all that was started, and then removes what they wrote.
async function clean() {
  await Promise.all(children.filter((child) => child.exitCode === null && child.signalCode === null).map((child) => {
    const end = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    return end;
  }));
  fs.rmSync(work, { recursive: true, force: true, maxRetries: 10 });
}

let failed = false;
function expect(what, is, wanted) {
  const good = typeof wanted === "function" ? wanted(is) : is === wanted;
  console.log(`${good ? "ok" : "FAILED"}: ${what}${good ? "" : `, found ${JSON.stringify(is)}`}`);
  failed = failed || !good;
}
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// The browser's own protocol, over pipes: messages of JSON with a zero byte behind each.
function openBrowser() {
  const child = spawn(browser, [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars",
    `--user-data-dir=${path.join(work, "profile")}`, "--window-size=1280,900", "--remote-debugging-pipe",
  ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
  children.push(child);
  const waiting = new Map(), complaints = [];
  let number = 0, text = "";
  child.stdio[4].on("data", (data) => {
    text += data;
    const messages = text.split("\0");
    text = messages.pop();
    for (const message of messages.map((m) => JSON.parse(m))) {
      if (waiting.has(message.id)) waiting.get(message.id)(message);
      if (message.method === "Runtime.exceptionThrown") complaints.push(message.params.exceptionDetails.text);
      if (message.method === "Log.entryAdded") complaints.push(message.params.entry.text);
    }
  });
  const send = (method, params = {}, sessionId = undefined) => new Promise((done, fail) => {
    const id = ++number;
    waiting.set(id, (answer) => (answer.error ? fail(new Error(answer.error.message)) : done(answer.result)));
    child.stdio[3].write(JSON.stringify({ id, method, params, sessionId }) + "\0");
  });
  return { send, complaints };
}

async function main() {
  const server = spawn(dgl, ["report", run, "--watch"]);
  children.push(server);
  const url = await new Promise((done) => server.stdout.once("data", (data) => done(String(data).trim())));
  const { send, complaints } = openBrowser();
  const { targetId } = await send("Target.createTarget", { url: "about:blank" });
  const { sessionId } = await send("Target.attachToTarget", { targetId, flatten: true });
  for (const domain of ["Runtime", "Log", "Page"]) await send(domain + ".enable", {}, sessionId);
  await send("Page.navigate", { url }, sessionId);
  const evaluate = async (expression) => {
    const { result } = await send("Runtime.evaluate", { expression, returnByValue: true }, sessionId);
    return result.value;
  };
  const until = async (expression) => {
    for (let i = 0; i < 400; ++i) {
      const value = await evaluate(expression);
      if (value) return value;
      await sleep(150);
    }
    return undefined;
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
  if (screenshot) {
    const { data } = await send("Page.captureScreenshot", {}, sessionId);
    fs.mkdirSync(path.dirname(screenshot), { recursive: true });
    fs.writeFileSync(screenshot, Buffer.from(data, "base64"));
  }
  expect("no complaint of the browser", complaints.join("; "), "");

  server.kill("SIGINT");
  const [code, signal] = await new Promise((done) => server.once("exit", (...how) => done(how)));
  expect("an interrupt ends the server", signal || code, (how) => how === "SIGINT" || how === 130);
  expect("the page says so", await until("!document.getElementById('note').hidden && document.getElementById('note').textContent"),
    (text) => Boolean(text) && text.includes("has ended"));
}

main().catch((error) => {
  console.log("FAILED:", error.message);
  failed = true;
}).finally(clean).then(() => process.exit(failed ? 1 : 0));
