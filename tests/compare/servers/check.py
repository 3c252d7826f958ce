#!/usr/bin/env python3
"""Says whether each server echoes, fans out, pings and closes: check.py SERVER [NAME...]

Needs the package `websockets`. SERVER is the program, a NAME one that its --list has.
"""

import asyncio
import subprocess
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

MESSAGES = [
    b"0123456789abcdef",
    b"",
    ("text é " * 20)[:128],
    bytes(range(256)) * 64,
    "ü" * 8192,
    b"x" * (1 << 20),
    "y" * (1 << 20),
]
LARGEST = 64 << 20
# The shortest heartbeat, where it is not one second: uWebSockets counts in steps of four.
HEARTBEATS = {"uwebsockets": 4}


def start(program, *arguments):
    process = subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    prefix = "listening on "
    if not line.startswith(prefix):
        process.kill()
        raise AssertionError(f"it said {line!r}")
    return process, line[len(prefix) :].strip()


def client(address):
    return connect(f"ws://{address}/", max_size=LARGEST, ping_interval=None, proxy=None)


async def raw_echo(address, *_):
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    sent = bytes(range(256)) * 4096
    writer.write(sent)
    assert await reader.readexactly(len(sent)) == sent
    writer.close()


async def echo(address, *_):
    async with client(address) as websocket:
        for message in MESSAGES:
            await websocket.send(message)
            assert await websocket.recv() == message
        # All at once: answers in order, however they are gathered.
        burst = [str(n) * (n % 50) for n in range(2000)]
        receiving = asyncio.create_task(receive(websocket, len(burst)))
        for message in burst:
            await websocket.send(message)
        assert await receiving == burst
        # Fragments are one message.
        await websocket.send(["frag", "men", "ts"])
        assert await websocket.recv() == "fragments"
        # A ping on its own, then one between messages.
        await asyncio.wait_for(await websocket.ping(b"hi"), 5)
        await websocket.send("a")
        pong = await websocket.ping()
        await websocket.send("b")
        assert [await websocket.recv(), await websocket.recv()] == ["a", "b"]
        await asyncio.wait_for(pong, 5)
    assert websocket.close_code == 1000, websocket.close_code


async def receive(websocket, count):
    return [await websocket.recv() for _ in range(count)]


async def largest(address, *_):
    async with client(address) as websocket:
        message = b"z" * LARGEST
        await websocket.send(message)
        assert await websocket.recv() == message


async def bad_text(address, *_):
    """Text that is not UTF-8 ends the connection: nobody is measured without the check."""
    async with client(address) as websocket:
        frame = Frame(Opcode.TEXT, b"\xff" * 40).serialize(mask=True)
        websocket.transport.write(frame)
        try:
            echoed = await asyncio.wait_for(websocket.recv(decode=False), 5)
        except ConnectionClosed:
            return
        raise AssertionError(f"it answered {echoed!r}")


async def fan_out(address, *_):
    async with client(address) as a, client(address) as b, client(address) as c:
        members = [a, b, c]
        # A member counts from when the server has let it join.
        for member in members:
            await asyncio.wait_for(await member.ping(), 5)
        for speaker in members:
            for message in MESSAGES:
                await speaker.send(message)
                for member in members:
                    assert await asyncio.wait_for(member.recv(), 10) == message
        await a.close()
        await b.send("two are left")
        for member in [b, c]:
            assert await asyncio.wait_for(member.recv(), 5) == "two are left"
        assert a.close_code == 1000, a.close_code


async def heartbeat(address, _, seconds):
    """Silent clients are pinged, and one that answers stays."""
    async with client(address) as websocket:
        pings = 0
        handle = websocket.protocol.recv_frame

        def count(frame):
            nonlocal pings
            pings += frame.opcode is Opcode.PING
            handle(frame)

        websocket.protocol.recv_frame = count
        silence = 4.6 * int(seconds)
        await asyncio.sleep(silence)
        assert pings >= 2, f"{pings} pings in {silence} s of silence"
        await websocket.send("alive")
        assert await asyncio.wait_for(websocket.recv(), 5) == "alive"


def run(program, name, mode, checks, *arguments):
    failures = 0
    for check in checks:
        process, address = start(program, name, mode, *arguments)
        try:
            asyncio.run(asyncio.wait_for(check(address, *arguments), 60))
            verdict = "ok"
        except Exception as error:  # the next server is checked all the same
            failures += 1
            verdict = f"FAILED: {type(error).__name__}: {error}"
        finally:
            process.kill()
            process.wait()
        print(f"{name} {' '.join([mode, *arguments])}: {check.__name__}: {verdict}", flush=True)
    return failures


def main():
    program, *names = sys.argv[1:]
    listed = subprocess.run([program, "--list"], capture_output=True, text=True, check=True)
    failures = 0
    for line in listed.stdout.splitlines():
        name, modes = line.split()
        if names and name not in names:
            continue
        if name.startswith("raw-"):
            failures += run(program, name, "echo", [raw_echo])
            continue
        seconds = str(HEARTBEATS.get(name, 1))
        for mode in modes.split(","):
            checks = {"echo": [echo, largest, bad_text], "fanout": [fan_out]}[mode]
            failures += run(program, name, mode, checks)
            failures += run(program, name, mode, [heartbeat], "--heartbeat", seconds)
    if failures:
        sys.exit(f"{failures} failed")


if __name__ == "__main__":
    main()
