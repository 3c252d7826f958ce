// Has headless Chromium talk to `testee serve --deflate`: node deflate.mjs --runtime tokio|smol. See run.sh for the
// environment. A proxy between the two counts what goes over the wire.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createHttp } from "node:http";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";

import { chromium } from "playwright-core";

import { Direction } from "../interop/wire.mjs";

const LIMIT = 60_000;
const BIN = process.env.TESTEE ?? "../../target/release/testee";
const runtime = process.argv[process.argv.indexOf("--runtime") + 1] ?? "tokio";

const SIZES = [0, 1, 125, 1024, 65536, 1 << 20];
const ROW = 500;

async function listening(server) {
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server.address().port;
}

/** testee, from the line that says it is ready. */
async function serve() {
  const free = createServer();
  const port = await listening(free);
  await new Promise((resolve) => free.close(resolve));
  const child = spawn(BIN, ["serve", "--port", String(port), "--runtime", runtime, "--deflate"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), LIMIT);
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === `listening on ws://127.0.0.1:${port}`) {
      clearTimeout(timer);
      child.stdout.resume();
      return { child, port };
    }
  }
  throw new Error("testee ended, or did not say that it listens");
}

/** One way through the proxy: the head of the handshake, then frames. */
class Way {
  head = "";
  frames = new Direction();

  push(data) {
    if (this.head.endsWith("\r\n\r\n")) return this.frames.push(data);
    const end = data.indexOf("\r\n\r\n");
    this.head += data.subarray(0, end < 0 ? data.length : end + 4).toString("latin1");
    if (end >= 0) this.frames.push(data.subarray(end + 4));
  }

  get counts() {
    const { bytes, compressed, plain, misplaced } = this.frames;
    return { bytes, compressed, plain, misplaced };
  }

  extensions() {
    return /^sec-websocket-extensions: *(.*?)\r$/im.exec(this.head)?.[1];
  }
}

/** A proxy in front of `port`, and both ways of the connection that came last. */
async function proxy(port) {
  const ways = { sent: new Way(), received: new Way() };
  const server = createServer((browser) => {
    const upstream = connect(port, "127.0.0.1");
    const [sent, received] = [new Way(), new Way()];
    Object.assign(ways, { sent, received });
    browser.on("data", (data) => sent.push(data)).on("error", () => upstream.destroy());
    upstream.on("data", (data) => received.push(data)).on("error", () => browser.destroy());
    browser.pipe(upstream).pipe(browser);
  });
  return { server, ways, port: await listening(server) };
}

/** In the page: a connection, and what the test does with it. The data is made there, to leave the test out of it. */
function install(url) {
  const ws = new WebSocket(url);
  ws.binaryType = "arraybuffer";
  const arrived = [];
  let wake = () => {};
  ws.onmessage = ({ data }) => { arrived.push(data); wake(); };
  ws.onclose = () => wake();
  const next = async () => {
    while (arrived.length === 0) {
      if (ws.readyState > 1) throw new Error("closed before a message");
      await new Promise((resolve) => { wake = resolve; });
    }
    return arrived.shift();
  };
  const unit = "aé☃😀";
  const bytes = new TextEncoder().encode(unit).length;
  const text = (size) => unit.repeat(Math.floor(size / bytes)) + "x".repeat(size % bytes);
  const noise = (size) => {
    const data = new Uint8Array(size);
    for (let at = 0; at < size; at += 65536) crypto.getRandomValues(data.subarray(at, at + 65536));
    return data;
  };
  const same = (got, want) => {
    if (typeof want === "string") return got === want;
    if (!(got instanceof ArrayBuffer) || got.byteLength !== want.byteLength) return false;
    const bytes = new Uint8Array(got);
    return bytes.every((byte, at) => byte === want[at]);
  };
  const message = { text, binary: (size) => new TextEncoder().encode(text(size)), noise };
  globalThis.test = {
    opened: () => new Promise((resolve, reject) => {
      if (ws.readyState === 1) resolve(ws.extensions);
      ws.onopen = () => resolve(ws.extensions);
      ws.onerror = () => reject(new Error("not open"));
    }),
    async echo(kind, size) {
      const sent = message[kind](size);
      ws.send(sent);
      return same(await next(), sent);
    },
    async row(count) {
      const one = (n) => ({ from: `user ${n % 7}`, room: "the only room", n, text: `message number ${n} ☃ to everybody in the room` });
      const sent = Array.from({ length: count }, (_, n) => JSON.stringify(one(n)));
      for (const message of sent) ws.send(message);
      for (const message of sent) if (!same(await next(), message)) return 0;
      return sent.reduce((sum, message) => sum + new TextEncoder().encode(message).length, 0);
    },
    close: () => new Promise((resolve) => {
      ws.onclose = ({ code, wasClean }) => resolve({ code, wasClean });
      ws.close(1000);
    }),
  };
}

async function main() {
  const { child, port } = await serve();
  const wire = await proxy(port);
  const site = createHttp((_, response) => response.setHeader("Content-Type", "text/html").end("<!doctype html><title>deflate</title>"));
  const sitePort = await listening(site);
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
    const page = await browser.newPage();
    page.setDefaultTimeout(LIMIT);
    await page.goto(`http://127.0.0.1:${sitePort}/`);
    await page.evaluate(install, `ws://127.0.0.1:${wire.port}/`);

    step("permessage-deflate is offered, answered, and in ws.extensions");
    const extensions = await page.evaluate(() => test.opened());
    assert.match(wire.ways.sent.extensions() ?? "", /(^|, *)permessage-deflate(;|,|$)/, "what Chromium offers");
    assert.match(wire.ways.received.extensions() ?? "", /^permessage-deflate(;|$)/, "what testee answers");
    assert.match(extensions, /^permessage-deflate(;|$)/, "ws.extensions");

    /** What `body` put on the wire. */
    const during = async (body) => {
      const before = [wire.ways.sent.counts, wire.ways.received.counts];
      const result = await body();
      const [sent, received] = [wire.ways.sent.counts, wire.ways.received.counts].map((after, way) =>
        Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - before[way][name]])));
      assert.equal(sent.misplaced + received.misplaced, 0, "RSV1 where it may not be");
      return { result, sent, received };
    };

    for (const size of SIZES) {
      step(`${size} bytes of text, of binary, and of noise, which comes back plain`);
      for (const kind of ["text", "binary"]) {
        const { result, sent, received } = await during(() => page.evaluate(([kind, size]) => test.echo(kind, size), [kind, size]));
        assert.ok(result, `echo of ${size} bytes of ${kind}`);
        if (size < 125) continue;
        const most = size / (size === 125 ? 2 : 8);
        for (const [way, { compressed, plain, bytes }] of Object.entries({ sent, received })) {
          assert.deepEqual({ compressed, plain }, { compressed: 1, plain: 0 }, `messages ${way}`);
          assert.ok(bytes < most, `${bytes} bytes ${way} for ${size}`);
        }
      }
      const { result, received } = await during(() => page.evaluate((size) => test.echo("noise", size), size));
      assert.ok(result, `echo of ${size} bytes of noise`);
      assert.equal(received.plain, 1, "plain messages received");
      assert.ok(received.bytes <= size + size / 1000 + 14, `${received.bytes} bytes received for ${size}`);
    }

    step(`${ROW} messages in a row, each referring to the ones before`);
    const { result: size, sent, received } = await during(() => page.evaluate((count) => test.row(count), ROW));
    assert.ok(size > 0, "echoes in order");
    for (const [way, { compressed, bytes }] of Object.entries({ sent, received })) {
      assert.equal(compressed, ROW, `compressed messages ${way}`);
      assert.ok(bytes < size / 2, `${bytes} bytes ${way} for ${size}`);
    }

    step("a clean close");
    assert.deepEqual(await page.evaluate(() => test.close()), { code: 1000, wasClean: true });
  } finally {
    await browser.close();
    wire.server.close();
    site.close();
    child.kill("SIGKILL");
  }
}

await main();
console.log(`ok: deflate in Chromium, testee on ${runtime}`);
