// ws (Node) as the server, `testee connect --deflate` as the client.
import { listen, session } from './accept.mjs';
import { createServer } from 'node:http';
import { createHash } from 'node:crypto';
import { EXAMPLES, FAULTS, frame, negotiated, options, profiles } from './deflate.mjs';
import { check, closedWith, connect, endedBadly, endedWell, finish, same, text } from './peer.mjs';

const FLAGS = ['--deflate'];
const OFFER = 'permessage-deflate; client_max_window_bits';

await profiles('server', async (profile, script) => {
  endedWell(await session(async (ws, inbox, seen) => {
    same(seen.offer, OFFER, 'offer');
    await script(ws, inbox, seen);
  }, { flags: FLAGS, ...options(profile) }));
});

await check('server: one that declines deflate gets none', async () => {
  endedWell(await session(async (ws, inbox, { wire, offer, answer }) => {
    same(offer, OFFER, 'offer');
    same(answer, undefined, 'answer');
    const gone = await wire.during(async () => {
      ws.send(text(65536));
      same(await inbox.next(), text(65536), 'echo');
    });
    same(`${gone.received.plain} ${gone.received.compressed}`, '1 0', 'plain and compressed messages received');
    ws.close(1000);
    closedWith(await inbox.close(), 1000, '');
  }, { flags: FLAGS }));
});

await check('server: a first message, compressed, in one piece with the handshake', async () => {
  endedWell(await session(async (ws, inbox, { wire, answer }) => {
    negotiated({}, answer, ws);
    same(await inbox.next(), text(1024), 'echo');
    same(`${wire.sent.compressed} ${wire.received.compressed}`, '1 1', 'compressed messages sent and received');
    ws.close(1000);
    closedWith(await inbox.close(), 1000, '');
  }, { flags: FLAGS, greeting: text(1024), ...options({}) }));
});

await check('server: the examples of RFC 7692', async () => {
  endedWell(await session(async (ws, inbox, { answer }) => {
    negotiated({}, answer, ws);
    for (const [what, frames, message] of EXAMPLES) {
      for (const [first, payload] of frames) ws._socket.write(frame('server', first, payload));
      same(await inbox.next(), message, what);
    }
    ws.close(1000);
    closedWith(await inbox.close(), 1000, '');
  }, { flags: FLAGS, ...options({}) }));
});

for (const [what, frames, code, profile] of FAULTS) {
  await check(`server: ${what} ends testee, with ${code} on the wire`, async () => {
    endedBadly(await session(async (ws, inbox, { answer }) => {
      negotiated(profile, answer, ws);
      for (const [first, payload] of frames) ws._socket.write(frame('server', first, payload));
      same((await inbox.close()).code, code, 'close code');
    }, { flags: FLAGS, ...options(profile) }));
  });
}

/** The end of testee whose offer a server answers with `extensions`, whatever they are. */
async function answered(extensions) {
  const http = createServer();
  http.on('upgrade', (request, socket) => {
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.on('error', () => {});
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n`
      + `Sec-WebSocket-Extensions: ${extensions}\r\n\r\n`);
    // A client that does not mind gets a clean close, and then ends well.
    socket.write(Buffer.from([0x88, 2, 0x03, 0xe8]));
    socket.once('data', () => socket.end());
  });
  const url = await listen(http);
  try {
    return await connect(url, ...FLAGS);
  } finally {
    http.closeAllConnections();
    http.close();
  }
}
for (const extensions of ['permessage-deflate', 'permessage-deflate; client_max_window_bits="10"; server_no_context_takeover']) {
  await check(`server: the answer ${extensions} is accepted`, async () => endedWell(await answered(extensions)));
}
for (const extensions of [
  'permessage-deflate; unknown',
  'permessage-deflate; server_max_window_bits',
  'permessage-deflate; server_max_window_bits=16',
  'permessage-deflate; client_max_window_bits',
  'permessage-deflate; client_no_context_takeover=1',
  'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
  'permessage-deflate, permessage-deflate',
  'x-webkit-deflate-frame',
]) {
  await check(`server: the answer ${extensions} is refused`, async () => endedBadly(await answered(extensions)));
}

finish();
