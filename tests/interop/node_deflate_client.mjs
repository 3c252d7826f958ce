// ws (Node) as the client, `testee serve --deflate` as the server.
import WebSocket from 'ws';
import { BOMB, EXAMPLES, FAULTS, MANY, PROFILES, frame, named, negotiated, options, profiles } from './deflate.mjs';
import { Inbox, assert, check, closedWith, endedWell, finish, patient, same, serve, testee, text } from './peer.mjs';
import { Wire } from './wire.mjs';

const server = await serve('--deflate').catch((error) => {
  console.log(`not ok - ${testee} does not start: ${error.message}`);
  console.log('1..1');
  process.exit(1);
});

async function open(profile, url = server.url) {
  const ws = new WebSocket(`${url}/`, { maxPayload: 1 << 26, ...(profile ? options(profile) : { perMessageDeflate: false }) });
  const inbox = new Inbox(ws);
  const seen = {};
  ws.once('upgrade', (response) => { seen.answer = response.headers['sec-websocket-extensions']; });
  // Not behind an await: the first bytes would be missed.
  await patient(new Promise((resolve, reject) => ws.once('open', () => {
    seen.wire = new Wire(ws._socket);
    resolve();
  }).once('error', reject)), 'open');
  return { ws, inbox, seen };
}

await profiles('client', async (profile, script) => {
  const { ws, inbox, seen } = await open(profile);
  await script(ws, inbox, seen);
});

await check('client: who does not offer deflate gets none', async () => {
  const { ws, inbox, seen } = await open(null);
  same(ws.extensions, '', 'extensions');
  const gone = await seen.wire.during(async () => {
    ws.send(text(65536));
    same(await inbox.next(), text(65536), 'echo');
  });
  same(`${gone.received.plain} ${gone.received.compressed}`, '1 0', 'plain and compressed messages received');
  ws.close(1000);
  closedWith(await inbox.close(), 1000, '');
});

for (const profile of PROFILES.slice(0, 5)) {
  await check(`client: ${MANY} compressed connections by turns, asked for: ${named(profile)}`, async () => {
    const all = await Promise.all(Array.from({ length: MANY }, () => open(profile)));
    for (let round = 0; round < 5; round++) {
      all.forEach(({ ws }, i) => ws.send(`number ${i}, round ${round}: ${text(300)}`));
      for (const [i, { inbox }] of all.entries()) same(await inbox.next(), `number ${i}, round ${round}: ${text(300)}`, 'echo');
    }
    all.forEach(({ ws, seen }) => {
      negotiated(profile, seen.answer, ws);
      same(seen.wire.received.compressed, 5, 'compressed messages received');
      ws.close(1000);
    });
    for (const { inbox } of all) closedWith(await inbox.close(), 1000, '');
  });
}

await check('client: the examples of RFC 7692', async () => {
  const { ws, inbox, seen } = await open({});
  negotiated({}, seen.answer, ws);
  for (const [what, frames, message] of EXAMPLES) {
    for (const [first, payload] of frames) ws._socket.write(frame('client', first, payload));
    same(await inbox.next(), message, what);
  }
  ws.close(1000);
  closedWith(await inbox.close(), 1000, '');
});

for (const [what, frames, code, profile] of FAULTS) {
  await check(`client: ${what} is answered with ${code}`, async () => {
    const { ws, inbox, seen } = await open(profile);
    negotiated(profile, seen.answer, ws);
    for (const [first, payload] of frames) ws._socket.write(frame('client', first, payload));
    same((await inbox.close()).code, code, 'close code');
  });
}

await check('client: --limit counts what a message inflates to', async () => {
  const small = await serve('--deflate', '--limit', '1000');
  const { ws, inbox, seen } = await open({}, small.url);
  negotiated({}, seen.answer, ws);
  ws.send(text(1000));
  same(await inbox.next(), text(1000), 'echo');
  ws.send(text(1001));
  same((await inbox.close()).code, 1009, 'close code');
  small.child.kill();
});
await check('client: a bomb is answered with 1009, and the server goes on', async () => {
  const small = await serve('--deflate', '--limit', String(1 << 20));
  const { ws, inbox, seen } = await open({}, small.url);
  negotiated({}, seen.answer, ws);
  const gone = await seen.wire.during(async () => {
    ws.send(BOMB);
    same((await inbox.close()).code, 1009, 'close code');
  });
  assert(gone.sent.bytes < BOMB.length / 500, `${gone.sent.bytes} bytes sent are no bomb`);
  const next = await open({}, small.url);
  next.ws.send(text(1 << 20));
  same(await next.inbox.next(), text(1 << 20), 'echo');
  next.ws.terminate();
  small.child.kill();
});

await check('client: SIGTERM closes compressed connections with 1001 and ends testee with 0', async () => {
  const all = await Promise.all([open({}), open(PROFILES[4])]);
  for (const { ws, inbox } of all) {
    ws.send(text(1024));
    same(await inbox.next(), text(1024), 'echo');
  }
  server.child.kill('SIGTERM');
  for (const { inbox } of all) same((await inbox.close()).code, 1001, 'close code');
  endedWell(await patient(server.ended, 'end of testee').then((end) => ({ ...end, stderr: server.stderr })));
});

finish();
