// ws (Node) as the server, `testee connect` as the client.
import { createServer as createTcp } from 'node:net';
import { listen, session } from './accept.mjs';
import {
  DEFLATE_SIZES, SESSION_MS, binary, check, closedWith, connect, endedBadly, endedWell, exchanges, finish, freePort, same, text,
} from './peer.mjs';

/** A TCP server that is no WebSocket server: `answer` gets the socket and the request's head. */
async function raw(answer) {
  const sockets = new Set();
  const server = createTcp((socket) => {
    sockets.add(socket);
    let head = '';
    socket.on('error', () => {});
    socket.on('data', (data) => {
      const before = head.includes('\r\n\r\n');
      head += data;
      if (!before && head.includes('\r\n\r\n')) answer(socket, head);
    });
  });
  try {
    return await connect(await listen(server));
  } finally {
    sockets.forEach((socket) => socket.destroy());
    server.close();
  }
}

// Begun first, as it waits for testee's own deadline.
const silence = check('server: a server that never answers', async () => endedBadly(await raw(() => {})));

await check('server: a session that ends with 1000', async () => {
  endedWell(await session(async (ws, inbox) => {
    await exchanges('server', ws, inbox);
    ws.close(1000, 'done');
    closedWith(await inbox.close(), 1000, 'done');
  }));
}, SESSION_MS);
for (const [code, reason] of [[1001, 'going away'], [3000, 'é☃😀'], [4999, 'r'.repeat(123)], [undefined, '']]) {
  await check(`server: close ${code ?? 'without a code'} is answered`, async () => {
    endedWell(await session(async (ws, inbox) => {
      ws.close(code, reason);
      closedWith(await inbox.close(), code ?? 1005, reason);
    }));
  });
}
await check('server: a first message in one piece with the handshake', async () => {
  endedWell(await session(async (ws, inbox) => {
    same(await inbox.next(), 'early', 'echo');
    ws.close(1000);
    closedWith(await inbox.close(), 1000, '');
  }, { greeting: 'early' }));
});
await check('server: deflate is not offered', async () => {
  endedWell(await session(async (ws, inbox) => {
    same(ws.extensions, '', 'extensions');
    for (const size of DEFLATE_SIZES) {
      ws.send(text(size));
      same(await inbox.next(), text(size), 'text');
      ws.send(binary(size));
      same(await inbox.next(), binary(size), 'binary');
    }
    ws.close(1000);
    closedWith(await inbox.close(), 1000, '');
  }, { perMessageDeflate: true }));
});

await check('server: a socket that is destroyed', async () => {
  endedBadly(await session(async (ws, inbox) => {
    ws.send('one');
    same(await inbox.next(), 'one', 'echo');
    ws._socket.destroy();
  }));
});
await check('server: an end of stream without a close', async () => {
  endedBadly(await session(async (ws, inbox) => {
    ws.send('one');
    same(await inbox.next(), 'one', 'echo');
    ws._socket.end();
  }));
});
for (const [name, bytes, code] of [
  ['a reserved opcode', [0x83, 0x00], 1002],
  ['a masked frame', [0x81, 0x81, 1, 2, 3, 4, 0x60], 1002],
  ['a reserved bit', [0xc1, 0x01, 0x61], 1002],
  ['text that is not UTF-8', [0x81, 0x01, 0xff], 1007],
]) {
  await check(`server: ${name} ends testee, with ${code} on the wire`, async () => {
    endedBadly(await session(async (ws, inbox) => {
      ws.send('one');
      same(await inbox.next(), 'one', 'echo');
      ws._socket.write(Buffer.from(bytes));
      same((await inbox.close()).code, code, 'close code');
    }));
  });
}

await check('server: 403 is said', async () => {
  endedBadly(await raw((socket) => socket.end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 6\r\n\r\nno way')), '403');
});
await check('server: a wrong Sec-WebSocket-Accept', async () => {
  endedBadly(await raw((socket) => socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n',
  )));
});
await check('server: an answer that is no HTTP', async () => endedBadly(await raw((socket) => socket.end('220 ready\r\n\r\n'))));
await check('server: a socket that is closed in the handshake', async () => endedBadly(await raw((socket) => socket.destroy())));
await check('server: nobody listens', async () => endedBadly(await connect(`ws://127.0.0.1:${await freePort()}`)));

await silence;
finish();
