"""A TCP proxy that cuts connections at random, in the middle of whatever they carry.

usage: python3 proxy.py TARGET_HOST:PORT SECONDS MEAN SEED

Prints `listening HOST:PORT`, then `cut MILLISECONDS HOW` for each connection that it cut, and `calm` once
SECONDS are over: from then on it only passes bytes on. A connection is cut after a random time, MEAN
seconds on average, by passing on a random part of the next bytes and then ending each of the two
connections by FIN or by RST. It ends when its standard input does.
"""

import asyncio
import random
import socket
import struct
import sys
import time

CHUNK = 64 << 10


def say(*words):
    print(*words, flush=True)


def end(writer, how):
    """RST: what is buffered here and there is lost. FIN: it is not."""
    if how == "rst":
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
    else:
        writer.close()


class Proxy:
    def __init__(self, target, seconds, mean, seed):
        self.target, self.mean = target, mean
        self.random = random.Random(seed)
        self.until = time.monotonic() + seconds

    async def connection(self, reader, writer):
        try:
            there = await asyncio.open_connection(*self.target)
        except OSError:
            end(writer, "rst")
            return
        after = self.random.expovariate(1 / self.mean)
        how = self.random.choice(["fin", "rst"]), self.random.choice(["fin", "rst"])
        part = self.random.random()
        cut = asyncio.Event()
        pumps = [
            asyncio.ensure_future(self.pump(reader, there[1], cut, part)),
            asyncio.ensure_future(self.pump(there[0], writer, cut, part)),
        ]
        try:
            if time.monotonic() + after < self.until:
                await asyncio.wait(pumps, timeout=after, return_when=asyncio.FIRST_COMPLETED)
                if not any(pump.done() for pump in pumps):
                    cut.set()
                    # In the middle of something, if there is anything; but not for ever.
                    await asyncio.wait(pumps, timeout=0.05, return_when=asyncio.FIRST_COMPLETED)
                    say("cut", int(time.time() * 1000), "+".join(how))
                    end(writer, how[0])
                    end(there[1], how[1])
                    return
            await asyncio.wait(pumps)
        finally:
            for pump in pumps:
                pump.cancel()
            for each in (writer, there[1]):
                each.close()

    async def pump(self, reader, writer, cut, part):
        try:
            while chunk := await reader.read(CHUNK):
                if cut.is_set():
                    writer.write(chunk[: int(len(chunk) * part)])
                    return
                writer.write(chunk)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.transport.abort()


async def main():
    host, port = sys.argv[1].rsplit(":", 1)
    proxy = Proxy((host, int(port)), float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
    server = await asyncio.start_server(proxy.connection, "127.0.0.1", 0)
    say("listening", "%s:%d" % server.sockets[0].getsockname())
    loop = asyncio.get_running_loop()
    loop.call_later(float(sys.argv[2]), say, "calm")
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
