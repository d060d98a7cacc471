// A headless chromium that is steered over a pipe by its DevTools protocol
// (https://chromedevtools.github.io/devtools-protocol): messages of JSON, each with a zero byte behind it.
"use strict";

const fs = require("fs");
const os = require("os");
const path = require("path");
const { execFileSync, spawn } = require("child_process");

// The browser's path; null where there is none.
function findBrowser() {
  for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
    try {
      return execFileSync("sh", ["-c", `command -v ${name}`], { encoding: "utf8" }).trim();
    } catch (error) {
      // the next
    }
  }
  return null;
}

class Browser {
  // Starts the program `file` with a profile of its own, and nothing that calls home. Its processes are a group, which
  // close() ends as a whole: a part that lived on would write into the profile while it is removed.
  constructor(file) {
    this.profile = fs.mkdtempSync(path.join(os.tmpdir(), "browser-"));
    this.process = spawn(file, [
      "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
      "--disable-sync", "--disable-default-apps", "--no-first-run", "--hide-scrollbars", "--disable-dev-shm-usage",
      `--user-data-dir=${this.profile}`, "--remote-debugging-pipe", "about:blank",
    ], { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"], detached: true });
    this.waiting = new Map();
    this.console = [];   // what the page said there, and its errors
    this.requests = [];  // addresses that the page asked for, but those of its own data
    this.last = 0;
    let rest = "";
    this.process.stdio[4].setEncoding("utf8");
    this.process.stdio[4].on("data", (text) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop();
      messages.forEach((message) => this.receive(JSON.parse(message)));
    });
  }

  receive({ id, result, error, method, params }) {
    if (id !== undefined) {
      const [resolve, reject] = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) reject(new Error(error.message));
      else resolve(result);
      return;
    }
    if (method === "Page.loadEventFired" && this.loaded) this.loaded();
    if (method === "Runtime.consoleAPICalled") this.console.push(params.args.map((a) => a.value || a.description).join(" "));
    if (method === "Runtime.exceptionThrown") this.console.push(params.exceptionDetails.exception.description);
    if (method === "Log.entryAdded") this.console.push(params.entry.text);
    if (method === "Network.requestWillBeSent" && !/^(data|blob):/.test(params.request.url)) this.requests.push(params.request.url);
  }

  send(method, params = {}) {
    const id = ++this.last;
    this.process.stdio[3].write(JSON.stringify({ id, method, params, sessionId: this.session }) + "\0");
    return new Promise((resolve, reject) => this.waiting.set(id, [resolve, reject]));
  }

  // Opens a file from the disk, or an address of http, in a window of that size.
  async open(page, width, height, dark = false) {
    if (!this.session) {
      const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
      this.session = (await this.send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
      for (const domain of ["Page", "Runtime", "Log", "Network"]) await this.send(`${domain}.enable`);
    }
    await this.send("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 600 });
    await this.send("Emulation.setEmulatedMedia",
                    { features: [{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }] });
    this.console.length = this.requests.length = 0;
    const loaded = new Promise((resolve) => { this.loaded = resolve; });
    await this.send("Page.navigate", { url: page.startsWith("http:") ? page : `file://${path.resolve(page)}` });
    await loaded;
  }

  // The value of an expression in the page, awaited.
  async value(expression) {
    const { result, exceptionDetails } =
      await this.send("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception.description);
    return result.value;
  }

  // Waits until an expression is true, at most so many seconds.
  async until(expression, seconds = 60) {
    const end = Date.now() + 1000 * seconds;
    while (!(await this.value(expression))) {
      if (Date.now() > end) throw new Error(`not true after ${seconds} seconds: ${expression}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async screenshot(file) {
    const { data } = await this.send("Page.captureScreenshot", { captureBeyondViewport: true });
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, Buffer.from(data, "base64"));
  }

  async close() {
    if (this.process.exitCode === null && this.process.signalCode === null) {
      const ended = new Promise((resolve) => this.process.once("exit", resolve));
      process.kill(-this.process.pid, "SIGKILL");
      await ended;
    }
    // The other processes of the group may take a moment longer to end.
    for (let tries = 100; ; --tries) {
      try {
        fs.rmSync(this.profile, { recursive: true, force: true });
        return;
      } catch (error) {
        if (tries === 0) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }
}

module.exports = { Browser, findBrowser };
