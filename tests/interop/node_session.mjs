// `testee session` and its ping fences, with ws (Node) as the server.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { WebSocketServer } from 'ws';
import { assert, check, finish, patient, runtime, same, testee } from './peer.mjs';

const MESSAGES = 200;
const NUMBERS = Array.from({ length: MESSAGES }, (_, i) => i + 1);

/** An echo that calls `seen` with each message first. Resolves with what `run` does, which gets its URL. */
async function served(options, seen, run) {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, ...options });
  await new Promise((resolve) => wss.once('listening', resolve));
  let connections = 0;
  wss.on('connection', (ws) => {
    const number = connections++;
    ws.on('error', () => {});
    ws.on('message', (data) => {
      if (seen(Number(data), number, ws) !== false) ws.send(data, { binary: false });
    });
  });
  try {
    return await run(`ws://127.0.0.1:${wss.address().port}/`);
  } finally {
    wss.clients.forEach((ws) => ws.terminate());
    wss.close();
  }
}

/** testee session, to its end: its events, each of them told to `each` when it comes, and its status. */
async function session(url, flags, each = () => {}) {
  const args = ['session', url, '--send', String(MESSAGES), '--delivery', 'received', '--runtime', runtime, ...flags];
  const child = spawn(testee, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('close', (status) => resolve(status)));
  const events = [];
  try {
    const lines = (async () => {
      for await (const line of createInterface({ input: child.stdout })) {
        events.push(JSON.parse(line));
        each(events.at(-1), child.stdin);
      }
    })();
    await patient(lines, 'end of the events');
    return { events, status: await patient(ended, 'end of testee') };
  } finally {
    child.kill('SIGKILL');
  }
}

const outcomes = (events) => events.filter((e) => e.event === 'outcome').map((e) => `${e.n} ${e.outcome}`).join();
const all = (outcome) => NUMBERS.map((n) => `${n} ${outcome}`).join();

for (const rate of ['200', '1000000']) {
  await check(`session: every message to ws is received, and was when that is said, ${rate} a second`, async () => {
    const log = new Set();
    const { events, status } = await served({}, (n) => log.add(n), (url) => session(url, ['--rate', rate], (event) => {
      if (event.event === 'outcome') assert(log.has(event.n), `${event.n} was said to be received before it was`);
    }));
    same(outcomes(events), all('received'), 'outcomes');
    same(events.filter((e) => e.event === 'message').map((e) => e.text).join(), NUMBERS.join(), 'echoes');
    same(status, 0, 'status');
  });
}
await check('session: a server that cuts its connections has every message in the end, in order', async () => {
  const log = [];
  const flags = ['--rate', '2000', '--backoff', '1,10'];
  const { events, status } = await served({}, (n, connection, ws) => {
    (log[connection] ??= []).push(n);
    // For ever: what was confirmed before is not sent again, so it gets on.
    if (log[connection].length === 30) ws._socket.resetAndDestroy();
  }, (url) => session(url, flags));
  same(outcomes(events), all('received'), 'outcomes');
  same(status, 0, 'status');
  assert(log.length >= Math.ceil(MESSAGES / 30), `${log.length} connections`);
  let highest = 0;
  for (const numbers of log) {
    assert(numbers[0] <= highest + 1, `${numbers[0]} comes after ${highest}`);
    numbers.forEach((n, i) => same(n, numbers[0] + i, 'next number'));
    highest = Math.max(highest, numbers.at(-1));
  }
  same(highest, MESSAGES, 'last number');
});
await check('session: ws without its pongs confirms nothing, and is given up for another connection', async () => {
  let downs = 0;
  const flags = ['--rate', '2000', '--confirm', '1', '--backoff', '1,10'];
  const { events, status } = await served({ autoPong: false }, () => {}, (url) => session(url, flags, (event, stdin) => {
    if (event.event === 'down' && ++downs === 2) stdin.write('close\n');
  }));
  const reasons = events.filter((e) => e.event === 'down').slice(0, 2).map((e) => e.reason);
  assert(reasons.every((reason) => reason.includes('not confirmed in time')), `down because: ${reasons}`);
  same(outcomes(events), all('lost'), 'outcomes');
  same(status, 0, 'status');
});
finish();
