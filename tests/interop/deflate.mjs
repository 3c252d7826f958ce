// What node_deflate_client.mjs and node_deflate_server.mjs share: what is agreed on, and what has to be seen of it
// on the wire. ws inflates within the window agreed on, so that a testee that refers further back is found out.
import { SESSION_MS, assert, check, closedWith, exchanges, same, text } from './peer.mjs';

const SIZES = [0, 1, 125, 1024, 65536, 1 << 20];
const ROW = 500;

/** What ws asks for, as a client or as a server; testee wants whatever is asked. */
export const PROFILES = [
  {},
  { serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
  { serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
  { serverNoContextTakeover: true, clientNoContextTakeover: true },
  { serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
  // Each direction for itself.
  { serverNoContextTakeover: true, clientMaxWindowBits: 9 },
  { clientNoContextTakeover: true, serverMaxWindowBits: 9 },
];

export function named(profile) {
  const parts = Object.entries(profile).map(([name, value]) => (value === true ? name : `${name} ${value}`));
  return parts.join(', ') || 'nothing in particular';
}

/** ws's options, with nothing too short to be compressed. */
export function options(profile) {
  return { perMessageDeflate: { threshold: 0, ...profile } };
}

/** What holds between the two, from the one element that the server may have answered. */
function agreed(answer) {
  assert(answer !== undefined, 'no extension was answered');
  assert(!answer.includes(','), `more than one extension: ${answer}`);
  const [name, ...given] = answer.split(';').map((part) => part.trim());
  same(name, 'permessage-deflate', 'extension');
  const terms = Object.fromEntries(given.map((part) => part.split('=')));
  same(Object.keys(terms).length, given.length, 'number of different parameters');
  const one = (end) => ({
    takeover: !(`${end}_no_context_takeover` in terms),
    bits: Number(terms[`${end}_max_window_bits`] ?? 15),
  });
  return { client: one('client'), server: one('server') };
}

export function negotiated(profile, answer, ws) {
  const want = {
    client: { takeover: !profile.clientNoContextTakeover, bits: profile.clientMaxWindowBits ?? 15 },
    server: { takeover: !profile.serverNoContextTakeover, bits: profile.serverMaxWindowBits ?? 15 },
  };
  same(JSON.stringify(agreed(answer)), JSON.stringify(want), 'agreement');
  same(ws.extensions, 'permessage-deflate', 'extensions');
  return want;
}

/** `size` bytes that no compressor makes shorter. */
function noise(size) {
  const bytes = Buffer.alloc(size);
  for (let i = 0, x = 0x9e3779b9 ^ size; i < size; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = x >>> 11;
  }
  return bytes;
}

/** `size` characters that take half a byte each, and nothing less unless they were seen before. */
function digits(size) {
  return noise(size).toString('hex').slice(0, size);
}

function chat(i) {
  return JSON.stringify({ from: `user ${i % 7}`, room: 'the only room', n: i, text: `message number ${i} ☃ to everybody in the room` });
}

async function echo(ws, inbox, message) {
  ws.send(message);
  same(await inbox.next(), message, 'echo');
}

/** Both directions of `gone`, with what was agreed for each. */
function directions(role, terms, gone) {
  const own = role === 'client' ? terms.client : terms.server;
  const testees = role === 'client' ? terms.server : terms.client;
  return [['sent', own, gone.sent], ['received', testees, gone.received]];
}

/** A session in which `terms` hold, from behind the handshake to its close. */
export async function compressed(role, ws, inbox, wire, terms, title) {
  const checked = (name, body) => check(`${role}, ${title}: ${name}`, body);
  for (const size of SIZES) {
    await checked(`${size} bytes of text`, async () => {
      const gone = await wire.during(() => echo(ws, inbox, text(size)));
      if (size < 125) return;
      for (const [name, , { bytes, compressed }] of directions(role, terms, gone)) {
        same(compressed, 1, `compressed messages ${name}`);
        assert(bytes < size / (size === 125 ? 2 : 8), `${bytes} bytes ${name} for ${size}`);
      }
    });
    await checked(`${size} bytes of noise, which come back plain`, async () => {
      const gone = await wire.during(() => echo(ws, inbox, noise(size)));
      same(gone.sent.compressed, 1, 'compressed messages sent');
      same(gone.received.plain, 1, 'plain messages received');
      assert(gone.received.bytes <= size + size / 1000 + 14, `${gone.received.bytes} bytes received for ${size}`);
    });
  }
  await checked('a repetition 600 bytes back is found within the window only', async () => {
    const message = digits(600).repeat(20);
    const gone = await wire.during(() => echo(ws, inbox, message));
    for (const [name, { bits }, { bytes, compressed }] of directions(role, terms, gone)) {
      same(compressed, 1, `compressed messages ${name}`);
      if (bits === 9) assert(bytes > message.length / 3, `${bytes} bytes ${name}: more than a window of 9 bits can do`);
      else assert(bytes < message.length / 8, `${bytes} bytes ${name}: less than a window of 15 bits can do`);
    }
  });
  await checked('the message before is referred to with takeover only', async () => {
    const message = digits(200);
    await echo(ws, inbox, message);
    const gone = await wire.during(() => echo(ws, inbox, message));
    for (const [name, { takeover }, { bytes, compressed }] of directions(role, terms, gone)) {
      same(compressed, 1, `compressed messages ${name}`);
      if (takeover) assert(bytes < 50, `${bytes} bytes ${name} with takeover`);
      else assert(bytes > 90, `${bytes} bytes ${name} without takeover`);
    }
  });
  await checked(`${ROW} messages in a row`, async () => {
    const payload = Array.from({ length: ROW }, (_, i) => chat(i));
    const size = payload.reduce((sum, message) => sum + Buffer.byteLength(message), 0);
    const gone = await wire.during(async () => {
      payload.forEach((message) => ws.send(message));
      for (const message of payload) same(await inbox.next(), message, 'echo');
    });
    for (const [name, { takeover }, { bytes, compressed }] of directions(role, terms, gone)) {
      same(compressed, ROW, `compressed messages ${name}`);
      assert(takeover ? bytes < size / 2 : bytes > size / 2, `${bytes} bytes ${name} for ${size}, ${takeover ? 'with' : 'without'} takeover`);
    }
  });
  await checked('compressed text in fragments that cut characters', async () => {
    const whole = Buffer.from('é☃😀'.repeat(20));
    const gone = await wire.during(async () => {
      for (let i = 0; i < whole.length; i++) ws.send(whole.subarray(i, i + 1), { binary: false, fin: i === whole.length - 1 });
      same(await inbox.next(), whole.toString(), 'echo');
    });
    for (const [name, , { compressed }] of directions(role, terms, gone)) same(compressed, 1, `compressed messages ${name}`);
  });
  await checked('compressed binary in fragments, some of them empty, a ping between', async () => {
    const parts = [0, 1, 0, 125, 126, 0, 65536, 0].map((size) => Buffer.from(text(size)));
    const gone = await wire.during(async () => {
      parts.forEach((part, i) => {
        ws.send(part, { fin: i === parts.length - 1 });
        if (i === 3) ws.ping('between');
      });
      same((await inbox.next('pong')).toString(), 'between', 'pong');
      same(await inbox.next(), Buffer.concat(parts), 'echo');
    });
    for (const [name, , { compressed }] of directions(role, terms, gone)) same(compressed, 1, `compressed messages ${name}`);
  });
  await checked('a message that ws sends plain between compressed ones', async () => {
    const gone = await wire.during(async () => {
      ws.send(text(1024), { compress: false });
      same(await inbox.next(), text(1024), 'echo');
      await echo(ws, inbox, text(1024));
    });
    same(`${gone.sent.plain} ${gone.sent.compressed} ${gone.received.compressed}`, '1 1 2', 'plain and compressed sent, compressed received');
  });
}

/** One session for each profile, which `run(profile, script)` has; and for one of them all that plain sessions do. */
export async function profiles(role, run) {
  for (const profile of PROFILES) {
    const title = named(profile);
    await check(`${role}: a compressed session, asked for: ${title}`, () => run(profile, async (ws, inbox, { wire, answer }) => {
      const terms = negotiated(profile, answer, ws);
      await compressed(role, ws, inbox, wire, terms, title);
      if (profile === PROFILES[0]) await exchanges(`${role}, compressed`, ws, inbox);
      ws.close(1000, 'done');
      closedWith(await inbox.close(), 1000, 'done');
    }), SESSION_MS);
  }
}

/** A frame that ws would not send itself; a client's has a mask that changes nothing. */
export function frame(role, first, payload) {
  assert(payload.length < 126, 'a short frame');
  const head = role === 'client' ? [first, 0x80 | payload.length, 0, 0, 0, 0] : [first, payload.length];
  return Buffer.from([...head, ...payload]);
}

// [what, the frames, the message]: RFC 7692 sections 7.2.3.1 to 7.2.3.6 in a row, so that each can refer to the one before.
export const EXAMPLES = [
  ['one compressed block', [[0xc1, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]]], 'Hello'],
  ['two fragments', [[0x41, [0xf2, 0x48, 0xcd]], [0x80, [0xc9, 0xc9, 0x07, 0x00]]], 'Hello'],
  ['a reference to the message before', [[0xc1, [0xf2, 0x00, 0x11, 0x00, 0x00]]], 'Hello'],
  ['a block without compression', [[0xc1, [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00]]], 'Hello'],
  ['two blocks', [[0xc1, [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00]]], 'Hello'],
  ['a block marked as the last one', [[0xc1, [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00]]], 'Hello'],
  ['a compressed block again, behind it', [[0xc1, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]]], 'Hello'],
  ['an empty message', [[0xc1, [0x00]]], ''],
  ['a plain message', [[0x81, [0x48, 0x65, 0x6c, 0x6c, 0x6f]]], 'Hello'],
];

// [what, the frames, the close code, the profile]
export const FAULTS = [
  ['a block of the reserved type', [[0xc1, [0x07, 0x00]]], 1007, {}],
  ['a block that does not end', [[0xc1, [0xf2, 0x48]]], 1007, {}],
  ['a reference before the beginning', [[0xc1, [0xf2, 0x00, 0x11, 0x00, 0x00]]], 1007, {}],
  ['a reference to the message before, without takeover',
    [[0xc1, [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]], [0xc1, [0xf2, 0x00, 0x11, 0x00, 0x00]]], 1007, PROFILES[3]],
  ['compressed text that is not UTF-8', [[0xc1, [0x00, 0x01, 0x00, 0xfe, 0xff, 0xff, 0x00]]], 1007, {}],
  ['RSV1 in a continuation', [[0x41, [0xf2, 0x48, 0xcd]], [0xc0, [0xc9, 0xc9, 0x07, 0x00]]], 1002, {}],
  ['RSV1 in a ping', [[0xc9, []]], 1002, {}],
  ['RSV2', [[0xa1, []]], 1002, {}],
];

export const BOMB = Buffer.alloc(1 << 24);
export const MANY = 50;
