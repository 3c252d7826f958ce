// testee as the client of a ws server: what node_server.mjs and node_deflate_server.mjs share.
import { createServer } from 'node:http';
import { WebSocketServer } from 'ws';
import { Inbox, connect, patient } from './peer.mjs';
import { Wire } from './wire.mjs';

export function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(`ws://127.0.0.1:${server.address().port}`)));
}

/**
 * One connection of testee: `script` drives the server's side, then the end of testee is returned. What it gets
 * third is what goes over the wire, and the Sec-WebSocket-Extensions offered and answered.
 */
export async function session(script, { greeting, flags = [], ...options } = {}) {
  const http = createServer();
  const wss = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: 1 << 26, ...options });
  let answer;
  wss.on('headers', (lines) => { answer = lines.find((line) => /^sec-websocket-extensions:/i.test(line))?.replace(/^[^:]*: */, ''); });
  const accepted = new Promise((resolve) => http.on('upgrade', (request, socket, head) => {
    socket.cork();
    wss.handleUpgrade(request, socket, head, (ws) => {
      const wire = new Wire(socket);
      if (greeting !== undefined) ws.send(greeting);
      resolve({ ws, inbox: new Inbox(ws), seen: { wire, offer: request.headers['sec-websocket-extensions'], answer } });
    });
    socket.uncork();
  }));
  const url = await listen(http);
  const ended = connect(`${url}/path?query=1`, ...flags);
  try {
    const early = ended.then((end) => { throw new Error(`testee ended with ${end.status} and never connected: ${end.stderr.trim()}`); });
    early.catch(() => {});
    const { ws, inbox, seen } = await patient(Promise.race([accepted, early]), 'connection');
    await script(ws, inbox, seen);
    return await ended;
  } finally {
    wss.clients.forEach((ws) => ws.terminate());
    wss.close();
    http.close();
  }
}
