// Drives the real chat program in headless Chromium: node chat.mjs --runtime tokio|smol. See run.sh for the environment.
//
// Nothing here depends on how long something takes: each step waits for a condition, and the limits are generous.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

const LIMIT = 60_000;
const BIN = process.env.CHAT_BIN ?? "../../target/release/examples/chat";
const SHOTS = process.env.SCREENSHOTS;
const runtime = process.argv[process.argv.indexOf("--runtime") + 1] ?? "tokio";

const PHONE = { width: 390, height: 844 };
const DESK = { width: 1280, height: 800 };

/** A port that was free a moment ago. */
async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The chat program, from the line that says it is ready. */
async function start(port) {
  const child = spawn(BIN, ["--listen", `127.0.0.1:${port}`, "--runtime", runtime], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ready = `open http://127.0.0.1:${port}`;
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT);
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === ready) {
      clearTimeout(timer);
      child.stdout.resume();
      return child;
    }
  }
  throw new Error(`the server ended, or said nothing like "${ready}"`);
}

async function kill(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
}

/** A browser with one page in it, and what the tests do to it. */
class Visitor {
  static async open(browser, url, options = {}) {
    const context = await browser.newContext({ viewport: DESK, ...options });
    context.setDefaultTimeout(LIMIT);
    const page = await context.newPage();
    const visitor = new Visitor();
    Object.assign(visitor, { context, page, faults: [] });
    page.on("pageerror", (error) => visitor.faults.push(String(error)));
    page.on("dialog", (dialog) => {
      visitor.faults.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(url);
    return visitor;
  }

  /** Waits until `read`, run in the page, returns what is expected. */
  async until(read, expected, what) {
    const wanted = JSON.stringify(expected);
    const deadline = Date.now() + LIMIT;
    for (;;) {
      const found = JSON.stringify(await this.page.evaluate(read));
      if (found === wanted) return;
      assert.ok(Date.now() < deadline, `${what}: found ${found}, expected ${wanted}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  status(expected) {
    return this.until(() => document.getElementById("status").textContent, expected, "status");
  }

  members(expected) {
    const read = () => [...document.querySelectorAll("#members > li")].map((item) => item.textContent).sort();
    return this.until(read, [...expected].sort(), "members");
  }

  /** The log: sender and text of each item, oldest first. */
  log(expected) {
    const read = () => [...document.querySelectorAll("#log > li")].map((item) => {
      const [name, text] = [".name", ".text"].map((part) => item.querySelector(part).textContent);
      return item.textContent.includes(name) && item.textContent.includes(text) ? `${name}: ${text}` : "?";
    });
    return this.until(read, expected, "log");
  }

  unacknowledged(count) {
    return this.until(() => document.querySelectorAll("#log > .pending").length, count, "unacknowledged");
  }

  /** What is said of one's own latest messages: waiting, sent, or seen by the server. */
  fates(expected) {
    const read = () => [...document.querySelectorAll("#log > .own .state")].map((state) => {
      const words = getComputedStyle(state, "::after").content;
      return words.includes("seen") ? "seen" : state.textContent;
    });
    return this.until(`(${read})().slice(-${expected.length})`, expected, "fates");
  }

  /** Waits until an element shows what `pattern` matches. */
  shows(id, pattern) {
    const read = `${pattern}.test(document.getElementById("${id}").checkVisibility() && document.getElementById("${id}").textContent)`;
    return this.until(read, true, `${id} ${pattern}`);
  }

  async say(text) {
    await this.page.fill("#message", text);
    await this.page.click("#send");
  }

  async shot(name) {
    if (SHOTS === undefined) return;
    mkdirSync(SHOTS, { recursive: true });
    for (const colorScheme of ["light", "dark"]) {
      await this.page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await this.page.screenshot({ path: join(SHOTS, `${runtime}-${name}-${colorScheme}.png`) });
    }
  }

  async close() {
    assert.deepEqual(this.faults, [], "no errors and no dialogs in the page");
    await this.context.close();
  }
}

async function main() {
  const port = await freePort();
  const base = `http://127.0.0.1:${port}`;
  const at = (name, room) => `${base}/?${new URLSearchParams({ name, room })}`;
  let server = await start(port);
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const step = (what) => console.log(`  ${what}`);

  try {
    step("the form, and who comes by an address with name and room in it");
    const ann = await Visitor.open(browser, base);
    await ann.status("offline");
    await ann.shot("desk-lobby");
    await ann.page.fill("#name", "ann");
    await ann.page.fill("#room", "lobby");
    await ann.page.click("#join");
    await ann.status("connected");
    const evil = `<b>bob</b><script>alert(1)</script>`.slice(0, 40);
    const bob = await Visitor.open(browser, at(evil, "lobby"), { viewport: PHONE, hasTouch: true, isMobile: true });
    await bob.status("connected");
    const eve = await Visitor.open(browser, at("eve", "elsewhere"));
    await eve.status("connected");
    await ann.members(["ann", evil]);
    await bob.members(["ann", evil]);
    await eve.members(["eve"]);

    step("messages both ways, shown as text whatever they contain");
    const said = [];
    const speak = async (who, name, text) => {
      await who.say(text);
      said.push(`${name}: ${text}`);
      for (const each of [ann, bob]) await each.log(said);
    };
    await speak(ann, "ann", "Good morning! Is the line up?");
    await speak(bob, evil, `<script>alert("x")</script><img src=x onerror=alert(2)>`);
    await speak(bob, evil, "<b>not bold</b> & \"quoted\"\n  second line, indented");
    await speak(ann, "ann", "Loud and clear. 🦊 Ça marche, это работает, يعمل.");
    const planted = () => document.querySelectorAll("#log :is(script, img, b), #members :is(script, img, b)").length;
    for (const each of [ann, bob]) assert.equal(await each.page.evaluate(planted), 0, "no markup from data");
    await ann.unacknowledged(0);

    step("Enter sends, Shift+Enter does not");
    await ann.page.focus("#message");
    await ann.page.keyboard.type("one");
    await ann.page.keyboard.press("Shift+Enter");
    await ann.page.keyboard.type("two");
    await ann.page.keyboard.press("Enter");
    said.push("ann: one\ntwo");
    for (const each of [ann, bob]) await each.log(said);

    step("the other room hears nothing");
    await eve.say("Anybody else here?");
    await eve.log(["eve: Anybody else here?"]);
    for (const each of [ann, bob]) await each.log(said);

    step("history, a second ann, and leaving");
    const twin = await Visitor.open(browser, at("ann", "lobby"));
    await twin.status("connected");
    await twin.log(said);
    await twin.members(["ann", "ann (2)", evil]);
    await bob.members(["ann", "ann (2)", evil]);
    await twin.close();
    await ann.members(["ann", evil]);
    await ann.shot("desk-room");
    await bob.shot("phone-room");

    step("how long the way is, and what became of each message");
    for (const each of [ann, bob]) await each.shows("trip", /^(< 1|\d+) ms$/);
    server.kill("SIGSTOP");
    await ann.say("Is anybody there?");
    said.push("ann: Is anybody there?");
    await ann.fates(["seen", "seen", "sent"]);
    await ann.unacknowledged(1);
    await ann.shot("desk-sent");
    server.kill("SIGCONT");
    await ann.fates(["seen", "seen", "seen"]);
    for (const each of [ann, bob]) await each.log(said);

    step("the server is killed: what is typed meanwhile waits");
    await kill(server);
    await ann.status("reconnecting");
    await bob.status("reconnecting");
    for (const text of ["Hello? Typed while the line was down.", "And one more."]) {
      await ann.say(text);
      said.push(`ann: ${text}`);
    }
    await ann.log(said);
    await ann.unacknowledged(2);
    await ann.fates(["seen", "waiting", "waiting"]);
    await ann.shows("unsent", /^2 messages wait to be sent\.$/);
    await ann.shows("trouble", /^No connection\. Attempt [2-9] in \d+ s\.$/);
    await bob.shows("trouble", /^No connection\. Attempt [2-9] in \d+ s\.$/);
    assert.ok(await ann.page.locator("#trip").isHidden(), "there is no way, however long");
    await bob.log(said.slice(0, -2));
    await ann.shot("desk-reconnecting");
    await bob.shot("phone-reconnecting");

    step("the server is back: all of it arrives, in order, once");
    server = await start(port);
    await ann.status("connected");
    await bob.status("connected");
    await ann.unacknowledged(0);
    await ann.fates(["seen", "seen", "seen"]);
    for (const each of [ann, bob]) {
      await each.shows("trip", /^(< 1|\d+) ms$/);
      await each.log(said);
      await each.members(["ann", evil]);
    }
    await speak(bob, evil, "All there.");

    step("whoever does not want to wait tries now");
    await kill(server);
    await ann.shows("trouble", /^No connection\. Attempt [4-9] in \d+ s\.$/);
    server = await start(port);
    // If the time was up in the meantime, it does no harm.
    await ann.page.evaluate(() => document.getElementById("retry").click());
    await ann.status("connected");
    await bob.status("connected");

    step("offline by the browser's word, and back");
    await ann.context.setOffline(true);
    await ann.status("offline");
    for (const text of ["first", "second", "third"]) {
      await ann.say(text);
      said.push(`ann: ${text}`);
    }
    await ann.unacknowledged(3);
    await ann.log(said);
    await ann.shot("desk-offline");
    await ann.context.setOffline(false);
    await ann.status("connected");
    await ann.unacknowledged(0);
    for (const each of [ann, bob]) await each.log(said);

    step("what is unsent survives a reload");
    await ann.context.setOffline(true);
    await ann.status("offline");
    await ann.say("before the reload");
    await ann.context.setOffline(false);
    await ann.page.reload();
    await ann.status("connected");
    said.push("ann: before the reload");
    await bob.log(said);
    // The server is a new one since the kill: it knows what was said after that, and that is what a reload shows.
    await ann.log(said.slice(said.lastIndexOf("ann: first")));
    await eve.log(["eve: Anybody else here?"]);

    step("the drawer of a phone");
    await bob.page.click("#people");
    await bob.page.locator("#members").waitFor({ state: "visible" });
    await bob.shot("phone-members");
    await bob.page.click("#close");

    for (const each of [ann, bob, eve]) await each.close();
  } finally {
    await browser.close();
    await kill(server);
  }
}

await main();
console.log(`ok: chat on ${runtime}`);
