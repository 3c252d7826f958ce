// What the scripts for ws share: the data, the checks, and testee as a child process.
// usage of each: node SCRIPT TESTEE RUNTIME
import { spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

export const [testee, runtime] = process.argv.slice(2);
if (!testee || !runtime) {
  console.error('usage: node SCRIPT TESTEE RUNTIME');
  process.exit(2);
}

// Guards against hanging, not promises about speed: for one exchange, and for a session of many.
const PATIENCE_MS = 60_000;
export const SESSION_MS = 300_000;

export const SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20];
export const DEFLATE_SIZES = [0, 125, 65536];
export const PINGS = [Buffer.alloc(0), Buffer.from('hello'), Buffer.from('ö☃😀'), binary(125)];
export const BURST = 1000;

/** `size` bytes of valid UTF-8, with characters of one to four bytes. */
export function text(size) {
  const unit = 'aé☃😀';
  const whole = Math.floor(size / Buffer.byteLength(unit));
  return unit.repeat(whole) + 'x'.repeat(size - whole * Buffer.byteLength(unit));
}

export function binary(size) {
  const bytes = Buffer.alloc(size);
  for (let i = 0, x = size; i < size; i++) {
    x = (x * 1103515245 + 12345) & 0x7fffffff;
    bytes[i] = x >> 16;
  }
  return bytes;
}

/** The messages of a burst: text and binary by turns, each with its number. */
export function burst(i) {
  return i % 2 ? Buffer.from(`${i} ${'b'.repeat(i % 200)}`) : `${i} ${'t'.repeat(i % 200)}`;
}

export function assert(condition, what) {
  if (!condition) throw new Error(what);
}

export function same(got, want, what) {
  const show = (x) => (typeof x === 'string' ? x : (JSON.stringify(x) ?? String(x))).slice(0, 60);
  const equal = Buffer.isBuffer(got) || Buffer.isBuffer(want)
    ? Buffer.isBuffer(got) && Buffer.isBuffer(want) && got.equals(want)
    : got === want;
  assert(equal, `${what}: got ${show(got)}, want ${show(want)}`);
}

export function patient(promise, what, ms = PATIENCE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no ${what} in ${ms / 1000} s`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

let passed = 0;
let failed = 0;

export async function check(name, body, ms = PATIENCE_MS) {
  try {
    await patient(body(), 'end of the check', ms);
    passed += 1;
    console.log(`ok - ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`not ok - ${name}: ${String(error?.message ?? error).replaceAll('\n', ' ')}`);
  }
}

/** Prints the plan, without which run.sh takes the script for cut off, and ends. */
export function finish() {
  console.log(`1..${passed + failed}`);
  process.exit(failed ? 1 : 0);
}

/** Messages, pongs and the close of a ws socket, each to be awaited in order. */
export class Inbox {
  constructor(ws) {
    this.ws = ws;
    this.queues = { message: [], pong: [] };
    this.waiting = { message: [], pong: [] };
    this.closed = new Promise((resolve) => {
      ws.on('close', (code, reason) => {
        resolve({ code, reason: reason.toString() });
        for (const kind of ['message', 'pong'])
          for (const [, reject] of this.waiting[kind].splice(0)) reject(new Error(`closed with ${code} before a ${kind}`));
      });
    });
    ws.on('message', (data, isBinary) => this.#push('message', isBinary ? data : data.toString()));
    ws.on('pong', (data) => this.#push('pong', data));
    ws.on('error', () => {});
  }

  #push(kind, value) {
    const first = this.waiting[kind].shift();
    if (first) first[0](value);
    else this.queues[kind].push(value);
  }

  next(kind = 'message') {
    if (this.queues[kind].length) return Promise.resolve(this.queues[kind].shift());
    if (this.ws.readyState === 3) return Promise.reject(new Error(`closed before a ${kind}`));
    return patient(new Promise((resolve, reject) => this.waiting[kind].push([resolve, reject])), kind);
  }

  close() {
    return patient(this.closed, 'close');
  }
}

/** The exchanges that are the same in both roles: `ws` sends, testee echoes. */
export async function exchanges(role, ws, inbox) {
  for (const size of SIZES) {
    await check(`${role}: echo of ${size} bytes of text`, async () => {
      ws.send(text(size));
      same(await inbox.next(), text(size), 'echo');
    });
    await check(`${role}: echo of ${size} bytes of binary`, async () => {
      ws.send(binary(size));
      same(await inbox.next(), binary(size), 'echo');
    });
  }
  await check(`${role}: text in fragments that cut characters`, async () => {
    const whole = Buffer.from('é☃😀'.repeat(10));
    for (let i = 0; i < whole.length; i++) ws.send(whole.subarray(i, i + 1), { binary: false, fin: i === whole.length - 1 });
    same(await inbox.next(), whole.toString(), 'echo');
  });
  await check(`${role}: binary in fragments, some of them empty, a ping between`, async () => {
    const parts = [0, 1, 0, 125, 126, 0, 65536, 0].map(binary);
    parts.forEach((part, i) => {
      ws.send(part, { fin: i === parts.length - 1 });
      if (i === 3) ws.ping('between');
    });
    same((await inbox.next('pong')).toString(), 'between', 'pong');
    same(await inbox.next(), Buffer.concat(parts), 'echo');
  });
  for (const payload of PINGS) {
    await check(`${role}: ping of ${payload.length} bytes`, async () => {
      ws.ping(payload);
      same(await inbox.next('pong'), payload, 'pong');
    });
  }
  await check(`${role}: an unsolicited pong is ignored`, async () => {
    ws.pong('nobody asked');
    ws.send('after');
    same(await inbox.next(), 'after', 'echo');
  });
  await check(`${role}: a burst of ${BURST} messages comes back in order`, async () => {
    for (let i = 0; i < BURST; i++) ws.send(burst(i));
    for (let i = 0; i < BURST; i++) same(await inbox.next(), burst(i), `message ${i}`);
  });
  await check(`${role}: sixteen messages of 1 MiB at once`, async () => {
    const big = binary(1 << 20);
    for (let i = 0; i < 16; i++) ws.send(big);
    for (let i = 0; i < 16; i++) same(await inbox.next(), big, `message ${i}`);
  });
}

/** The peer has to answer a close with its code; the reason it may leave out. */
export function closedWith(got, code, reason) {
  same(got.code, code, 'close code');
  assert(got.reason === reason || got.reason === '', `close reason: got ${got.reason}, want ${reason} or none`);
}

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

function start(args) {
  const child = spawn(testee, [...args, '--runtime', runtime], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  const run = { child, stderr: '' };
  child.stderr.on('data', (data) => { run.stderr += data; });
  run.ended = new Promise((resolve) => {
    child.on('error', (error) => { run.stderr += error.message; resolve({ status: null, signal: null }); });
    child.on('close', (status, signal) => { children.delete(child); resolve({ status, signal }); });
  });
  return run;
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().on('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** `testee serve`, once it says that it listens. */
export async function serve(...flags) {
  for (let attempt = 0; ; attempt++) {
    const port = await freePort();
    const run = start(['serve', '--port', String(port), ...flags]);
    const url = `ws://127.0.0.1:${port}`;
    const lines = createInterface({ input: run.child.stdout });
    const line = await patient(
      Promise.race([new Promise((resolve) => lines.once('line', resolve)), run.ended.then(() => null)]),
      'line that says that testee listens',
    );
    if (line === `listening on ${url}`) return { ...run, url };
    run.child.kill('SIGKILL');
    // The port may have been taken in between.
    if (line !== null || attempt === 2) throw new Error(`testee serve said ${JSON.stringify(line)}; ${run.stderr.trim()}`);
  }
}

/** `testee connect`, to its end. */
export function connect(url, ...flags) {
  const run = start(['connect', url, ...flags]);
  return patient(run.ended, 'end of testee', SESSION_MS).then((end) => ({ ...end, stderr: run.stderr }));
}

export function endedWell(end) {
  assert(end.status === 0, `testee ended with ${end.status ?? end.signal}: ${end.stderr.trim()}`);
}

export function endedBadly(end, mention) {
  const lines = end.stderr.split('\n').filter((line) => line.trim());
  assert(end.status === 1, `testee ended with ${end.status ?? end.signal}, want 1: ${end.stderr.trim()}`);
  assert(lines.length === 1, `${lines.length} lines on standard error, want 1: ${end.stderr.trim()}`);
  assert(!mention || lines[0].includes(mention), `no ${mention} in: ${lines[0]}`);
}
