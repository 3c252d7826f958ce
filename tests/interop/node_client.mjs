// ws (Node) as the client, `testee serve` as the server.
import { connect as tcp } from 'node:net';
import WebSocket from 'ws';
import {
  DEFLATE_SIZES, Inbox, SESSION_MS, assert, binary, check, closedWith, endedWell, exchanges, finish, patient, same, serve, testee, text,
} from './peer.mjs';

const server = await serve().catch((error) => {
  console.log(`not ok - ${testee} does not start: ${error.message}`);
  console.log('1..1');
  process.exit(1);
});

async function open(path = '/', options = {}, url = server.url) {
  const ws = new WebSocket(url + path, { perMessageDeflate: false, maxPayload: 1 << 26, ...options });
  const inbox = new Inbox(ws);
  await patient(new Promise((resolve, reject) => ws.once('open', resolve).once('error', reject)), 'open');
  return { ws, inbox };
}

await check('client: a session that ends with 1000', async () => {
  const { ws, inbox } = await open();
  await exchanges('client', ws, inbox);
  ws.close(1000, 'done');
  closedWith(await inbox.close(), 1000, 'done');
}, SESSION_MS);

for (const [code, reason] of [[1000, ''], [1001, 'going away'], [3000, 'é☃😀'], [4999, 'r'.repeat(123)]]) {
  await check(`client: close ${code} with ${Buffer.byteLength(reason)} bytes of reason is answered`, async () => {
    const { ws, inbox } = await open();
    ws.close(code, reason);
    closedWith(await inbox.close(), code, reason);
  });
}
await check('client: a close without a code is answered without one', async () => {
  const { ws, inbox } = await open();
  ws.close();
  closedWith(await inbox.close(), 1005, '');
});

for (const path of ['/any/path', '/?query=1&x=%20', `/${'long'.repeat(250)}`]) {
  await check(`client: path ${path.slice(0, 20)}`, async () => {
    const { ws, inbox } = await open(path);
    ws.send(path);
    same(await inbox.next(), path, 'echo');
    ws.close(1000);
    closedWith(await inbox.close(), 1000, '');
  });
}

await check('client: fifty connections at once', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, () => open()));
  all.forEach(({ ws }, i) => ws.send(`number ${i}`));
  for (const [i, { inbox }] of all.entries()) same(await inbox.next(), `number ${i}`, 'echo');
  all.forEach(({ ws }) => ws.close(1000));
  for (const { inbox } of all) closedWith(await inbox.close(), 1000, '');
});

await check('client: a deflate offer is declined', async () => {
  const { ws, inbox } = await open('/', { perMessageDeflate: true });
  same(ws.extensions, '', 'extensions');
  for (const size of DEFLATE_SIZES) {
    ws.send(text(size));
    same(await inbox.next(), text(size), 'text');
    ws.send(binary(size));
    same(await inbox.next(), binary(size), 'binary');
  }
  ws.close(1000);
  closedWith(await inbox.close(), 1000, '');
});

await check('client: a message of --limit bytes passes, one byte more is answered with 1009', async () => {
  const small = await serve('--limit', '1000');
  const { ws, inbox } = await open('/', {}, small.url);
  ws.send(binary(1000));
  same(await inbox.next(), binary(1000), 'echo');
  ws.send(binary(1001));
  same((await inbox.close()).code, 1009, 'close code');
  small.child.kill();
});

// Bytes that ws would not send itself, written below it.
for (const [name, bytes, code] of [
  ['a frame without a mask', [0x81, 0x01, 0x61], 1002],
  ['a reserved opcode', [0x83, 0x80, 1, 2, 3, 4], 1002],
  ['text that is not UTF-8', [0x81, 0x81, 0, 0, 0, 0, 0xff], 1007],
]) {
  await check(`client: ${name} is answered with ${code}`, async () => {
    const { ws, inbox } = await open();
    ws._socket.write(Buffer.from(bytes));
    same((await inbox.close()).code, code, 'close code');
  });
}

await check('client: a connection that is cut leaves the server running', async () => {
  const { ws, inbox } = await open();
  ws.send(binary(1 << 20));
  ws._socket.destroy();
  same((await inbox.close()).code, 1006, 'close code');
  const next = await open();
  next.ws.send('still there');
  same(await next.inbox.next(), 'still there', 'echo');
  next.ws.terminate();
});
await check('client: a request that is no handshake is refused', async () => {
  const answer = await patient(new Promise((resolve, reject) => {
    let got = '';
    const socket = tcp(Number(new URL(server.url).port), '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'));
    socket.on('data', (data) => { got += data; }).on('end', () => resolve(got)).on('error', reject);
  }), 'answer');
  assert(/^HTTP\/1\.1 4\d\d /.test(answer), `answer: ${answer.slice(0, 60)}`);
});

await check('client: SIGTERM closes every connection with 1001 and ends testee with 0', async () => {
  const all = await Promise.all([open(), open('/other')]);
  for (const { ws, inbox } of all) {
    ws.send('ready');
    same(await inbox.next(), 'ready', 'echo');
  }
  server.child.kill('SIGTERM');
  for (const { inbox } of all) same((await inbox.close()).code, 1001, 'close code');
  endedWell(await patient(server.ended, 'end of testee').then((end) => ({ ...end, stderr: server.stderr })));
});

finish();
