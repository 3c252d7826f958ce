"""`testee session` and its ping fences, with websockets (Python) as the server, with ourselves, and with peers
that do not answer pings."""

import asyncio
import contextlib
import json
import logging

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from peer import OPTIONS, PATIENCE, RUNTIME, TESTEE, Testee, check, main, same
from raw import Raw

logging.getLogger("websockets").addHandler(logging.NullHandler())

MESSAGES = 200


class Session:
    """testee session, and its events."""

    @classmethod
    async def start(cls, url, *flags):
        self = cls()
        self.events = []
        self.process = await asyncio.create_subprocess_exec(
            TESTEE, "session", url, "--send", str(MESSAGES), "--delivery", "received", "--runtime", RUNTIME, *flags,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )
        return self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def event(self):
        """The next event; none when there are no more."""
        line = await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)
        if not line:
            return None
        self.events.append(json.loads(line))
        return self.events[-1]

    async def until(self, name):
        while event := await self.event():
            if event["event"] == name:
                return event
        raise AssertionError(f"ended without {name}: {self.events[-3:]}")

    async def close(self):
        self.process.stdin.write(b"close\n")
        await self.process.stdin.drain()

    async def end(self):
        while await self.event():
            pass
        return await asyncio.wait_for(self.process.wait(), PATIENCE)

    def outcomes(self):
        return [(event["n"], event["outcome"]) for event in self.events if event["event"] == "outcome"]


async def all_received(session, seen=None):
    """Every outcome is `received`, in order; and at that time `seen` has the message already."""
    while event := await session.event():
        if event["event"] == "outcome" and seen is not None:
            assert event["n"] in seen, f"{event['n']} was said to be received, the last that was is {max(seen, default=0)}"
    same(session.outcomes(), [(n, "received") for n in range(1, MESSAGES + 1)], "outcomes")
    echoes = [event["text"] for event in session.events if event["event"] == "message"]
    # The last ones may come too late: once everything is received, it closes.
    same(echoes, [str(n) for n in range(1, len(echoes) + 1)], "echoes")
    same(await session.process.wait(), 0, "status")


async def websockets_server(*flags, pause=0):
    """Against an echo. What the library has read is written down there and then, and what the handler has."""
    read, handled = set(), set()

    class Logged(ServerConnection):
        def process_event(self, event):
            if isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                read.add(int(bytes(event.data)))
            super().process_event(event)

    async def echo(ws):
        async for message in ws:
            await asyncio.sleep(pause)
            handled.add(int(message))
            with contextlib.suppress(ConnectionClosed):
                await ws.send(message)

    async with serve(echo, "127.0.0.1", 0, create_connection=Logged, **OPTIONS) as server:
        port = server.sockets[0].getsockname()[1]
        async with await Session.start(f"ws://127.0.0.1:{port}/", *flags) as session:
            # A handler that takes its time has not seen what the library has: a fence is no word of the application.
            await all_received(session, seen=read)
    same(handled, set(range(1, MESSAGES + 1)), "handled")


async def ourselves():
    server = await Testee.serve()
    try:
        async with await Session.start(server.url) as session:
            await all_received(session)
    finally:
        await server.kill()


async def never_confirmed(answer, reason):
    """A peer whose answers confirm nothing: every connection is given up for another, and begins anew."""
    async with Raw(answer) as peer:
        async with await Session.start(peer.url, "--rate", "2000", "--confirm", "1", "--backoff", "10,50") as session:
            for _ in range(3):
                down = await session.until("down")
                assert reason in down["reason"], f"down because: {down['reason']}"
                assert down["retry_ms"] is not None and down["retry_ms"] <= 50, f"{down}"
            await session.until("open")
            same(session.outcomes(), [], "outcomes")
            await session.close()
            same(await session.end(), 0, "status")
            same(session.outcomes(), [(n, "lost") for n in range(1, MESSAGES + 1)], "outcomes")
    for messages in peer.messages[:3]:
        same(messages, [str(n) for n in range(1, len(messages) + 1)], "messages of one connection")
    same(len(peer.messages[1]), MESSAGES, "messages sent again")


async def confirmed_at_last():
    """The same peer, which learns to answer on its third connection."""
    def answer(connection, opcode, payload):
        if connection == 2 and opcode == 9:
            return [(10, payload)]
        return []

    async with Raw(answer) as peer:
        async with await Session.start(peer.url, "--rate", "2000", "--confirm", "1", "--backoff", "10,50") as session:
            same(await session.end(), 0, "status")
            same(session.outcomes(), [(n, "received") for n in range(1, MESSAGES + 1)], "outcomes")
            same(sum(event["event"] == "open" for event in session.events), 3, "connections")
    same(peer.messages[2], [str(n) for n in range(1, MESSAGES + 1)], "messages of the third connection")


async def run():
    def nothing(*_):
        return []

    def another_pong(_, opcode, payload):
        return [(10, b"hello"), (10, b""), (10, payload[:-1])] if opcode == 9 else []

    def echo_alone(_, opcode, payload):
        return [(1, payload)] if opcode == 1 else []

    unconfirmed = "was not confirmed in time"
    await check("session: every message to websockets is received, and was when that is said", websockets_server())
    await check("session: the same all at once", websockets_server("--rate", "1000000"))
    await check("session: the same with a handler that takes its time", websockets_server("--rate", "1000000", pause=0.005))
    await check("session: every message to testee serve is received", ourselves())
    await check("session: a peer that answers nothing confirms nothing", never_confirmed(nothing, unconfirmed))
    await check("session: pongs to no ping confirm nothing", never_confirmed(another_pong, unconfirmed))
    await check("session: echoes without pongs confirm nothing", never_confirmed(echo_alone, unconfirmed))
    await check("session: the first peer that answers has everything", confirmed_at_last())


main(run)
