"""websockets (Python) as the client, `testee serve` as the server."""

import asyncio
import logging

from websockets.asyncio.client import connect

from peer import (
    OPTIONS, SESSION, Testee, binary, check, closed, closes, deflate_declined, echo, ended_well, exchanges, main, same,
)

logging.getLogger("websockets").addHandler(logging.NullHandler())


async def run():
    server = await Testee.serve()

    def open(path="/", **options):
        return connect(server.url + path, **{**OPTIONS, **options})

    async def session():
        async with open() as ws:
            await exchanges("client", ws)
            await closes(ws, 1000, "done")

    async def close(code, reason):
        async with open() as ws:
            await closes(ws, code, reason)

    async def on_path(path):
        async with open(path) as ws:
            await echo(ws, path)
            await closes(ws, 1000, "")

    async def many():
        sockets = await asyncio.gather(*(open() for _ in range(50)))
        for i, ws in enumerate(sockets):
            await ws.send(f"number {i}")
        for i, ws in enumerate(sockets):
            same(await ws.recv(), f"number {i}", "echo")
        await asyncio.gather(*(closes(ws, 1000, "") for ws in sockets))

    async def deflate():
        async with open(compression="deflate") as ws:
            await deflate_declined(ws)

    async def wrong(data, code):
        async with open() as ws:
            ws.transport.write(bytes(data))
            same(await closed(ws), code, "close code")

    async def cut():
        ws = await open()
        await ws.send(binary(1 << 20))
        ws.transport.abort()
        await ws.wait_closed()
        async with open() as ws:
            await echo(ws, "still there")

    async def terminate():
        sockets = [await open(), await open("/other")]
        for ws in sockets:
            await echo(ws, "ready")
        server.process.terminate()
        for ws in sockets:
            same(await closed(ws), 1001, "close code")
        ended_well(await server.ended())

    try:
        await check("client: a session that ends with 1000", session(), SESSION)
        for code, reason in [(1000, ""), (1001, "going away"), (3000, "é☃😀"), (4999, "r" * 123)]:
            await check(f"client: close {code} with {len(reason.encode())} bytes of reason is answered", close(code, reason))
        for path in ["/any/path", "/?query=1&x=%20", "/" + "long" * 250]:
            await check(f"client: path {path[:20]}", on_path(path))
        await check("client: fifty connections at once", many())
        await check("client: a deflate offer is declined", deflate())
        await check("client: a frame without a mask is answered with 1002", wrong([0x81, 0x01, 0x61], 1002))
        await check("client: a reserved opcode is answered with 1002", wrong([0x83, 0x80, 1, 2, 3, 4], 1002))
        await check("client: text that is not UTF-8 is answered with 1007", wrong([0x81, 0x81, 0, 0, 0, 0, 0xFF], 1007))
        await check("client: a connection that is cut leaves the server running", cut())
        await check("client: SIGTERM closes every connection with 1001 and ends testee with 0", terminate())
    finally:
        await server.kill()


main(run)
