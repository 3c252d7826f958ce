"""What the scripts for websockets share: the data, the checks, and testee as a child process.

usage of each: python SCRIPT TESTEE RUNTIME
"""

import asyncio
import os
import random
import socket
import sys

from websockets.exceptions import ConnectionClosed

if len(sys.argv) != 3:
    sys.exit("usage: python SCRIPT TESTEE RUNTIME")
TESTEE, RUNTIME = sys.argv[1:]

# Guards against hanging, not promises about speed: for one exchange, and for a session of many.
PATIENCE = 60
SESSION = 300

SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20]
DEFLATE_SIZES = [0, 125, 65536]
BURST = 1000
# The library's own keepalive and limits stay out of the way.
OPTIONS = {"compression": None, "max_size": 1 << 26, "ping_interval": None}


def text(size):
    """size bytes of valid UTF-8, with characters of one to four bytes."""
    unit = "aé☃😀"
    whole, rest = divmod(size, len(unit.encode()))
    return unit * whole + "x" * rest


def binary(size):
    return random.Random(size).randbytes(size)


PINGS = [b"", b"hello", "ö☃😀".encode(), binary(125)]


def burst(i):
    """The messages of a burst: text and binary by turns, each with its number."""
    return f"{i} {'b' * (i % 200)}".encode() if i % 2 else f"{i} {'t' * (i % 200)}"


def same(got, want, what):
    assert type(got) is type(want) and got == want, f"{what}: got {got!r:.60}, want {want!r:.60}"


passed = failed = 0


async def check(name, body, patience=PATIENCE):
    global passed, failed
    try:
        await asyncio.wait_for(body, patience)
    except Exception as error:
        failed += 1
        print(f"not ok - {name}: {type(error).__name__} {error}".replace("\n", " "), flush=True)
    else:
        passed += 1
        print(f"ok - {name}", flush=True)


def finish():
    """Prints the plan, without which run.sh takes the script for cut off, and ends."""
    print(f"1..{passed + failed}", flush=True)
    sys.exit(1 if failed else 0)


async def echo(ws, message):
    await ws.send(message)
    same(await ws.recv(), message, "echo")


async def text_fragments(ws):
    whole = ("é☃😀" * 10).encode()
    await ws.send([whole[i : i + 1] for i in range(len(whole))], text=True)
    same(await ws.recv(), whole.decode(), "echo")


async def binary_fragments(ws):
    parts = [binary(size) for size in (0, 1, 0, 125, 126, 0, 65536, 0)]
    pongs = []

    async def with_a_ping():
        for i, part in enumerate(parts):
            yield part
            if i == 3:
                pongs.append(await ws.ping("between"))

    await ws.send(with_a_ping())
    same(await ws.recv(), b"".join(parts), "echo")
    await pongs[0]


async def ping(ws, payload):
    await (await ws.ping(payload))


async def unsolicited_pong(ws):
    await ws.pong(b"nobody asked")
    await echo(ws, "after")


async def in_order(ws, messages):
    async def send():
        for message in messages:
            await ws.send(message)

    sending = asyncio.create_task(send())
    try:
        for i, message in enumerate(messages):
            same(await ws.recv(), message, f"message {i}")
    finally:
        sending.cancel()


async def deflate_declined(ws):
    same(len(ws.protocol.extensions), 0, "extensions")
    for size in DEFLATE_SIZES:
        await echo(ws, text(size))
        await echo(ws, binary(size))
    await closes(ws, 1000, "")


async def exchanges(role, ws):
    """The exchanges that are the same in both roles: ws sends, testee echoes."""
    for size in SIZES:
        await check(f"{role}: echo of {size} bytes of text", echo(ws, text(size)))
        await check(f"{role}: echo of {size} bytes of binary", echo(ws, binary(size)))
    await check(f"{role}: text in fragments that cut characters", text_fragments(ws))
    await check(f"{role}: binary in fragments, some of them empty, a ping between", binary_fragments(ws))
    for payload in PINGS:
        await check(f"{role}: ping of {len(payload)} bytes", ping(ws, payload))
    await check(f"{role}: an unsolicited pong is ignored", unsolicited_pong(ws))
    messages = [burst(i) for i in range(BURST)]
    await check(f"{role}: a burst of {BURST} messages comes back in order", in_order(ws, messages))
    await check(f"{role}: sixteen messages of 1 MiB at once", in_order(ws, [binary(1 << 20)] * 16))


async def closes(ws, code, reason):
    """The peer has to answer a close with its code; the reason it may leave out."""
    await ws.close(code, reason)
    got = ws.protocol.close_rcvd
    assert got is not None, "no close received"
    same(got.code, code, "close code")
    assert got.reason in (reason, ""), f"close reason: got {got.reason}, want {reason} or none"


async def closed(ws):
    """The code of the close that the peer sends."""
    try:
        while True:
            await ws.recv()
    except ConnectionClosed as end:
        return end.rcvd.code if end.rcvd else None


class Testee:
    """testee as a child process, which does not outlive this one's checks."""

    @classmethod
    async def start(cls, *args):
        self = cls()
        self.process = await asyncio.create_subprocess_exec(
            TESTEE, *args, "--runtime", RUNTIME,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        return self

    @classmethod
    async def serve(cls, *flags):
        """testee serve, once it says that it listens."""
        for _ in range(3):
            port = free_port()
            self = await cls.start("serve", "--port", str(port), *flags)
            self.url = f"ws://127.0.0.1:{port}"
            line = (await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)).decode().strip()
            if line == f"listening on {self.url}":
                return self
            await self.kill()
            # Without a line it has ended, perhaps as the port was taken in between.
            if line:
                break
        raise AssertionError(f"testee serve said {line!r}")

    async def ended(self):
        _, stderr = await asyncio.wait_for(self.process.communicate(), SESSION)
        return self.process.returncode, stderr.decode()

    async def kill(self):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.communicate()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ended_well(end):
    status, stderr = end
    assert status == 0, f"testee ended with {status}: {stderr.strip()}"


def ended_badly(end, mention=""):
    status, stderr = end
    lines = [line for line in stderr.splitlines() if line.strip()]
    assert status == 1, f"testee ended with {status}, want 1: {stderr.strip()}"
    assert len(lines) == 1, f"{len(lines)} lines on standard error, want 1: {stderr.strip()}"
    assert mention in lines[0], f"no {mention} in: {lines[0]}"


def main(run):
    global failed
    # Proxies of the environment are for other hosts.
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    try:
        asyncio.run(run())
    except AssertionError as error:
        failed += 1
        print(f"not ok - {error}")
    finish()
