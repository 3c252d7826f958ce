"""websockets (Python) as the client, `testee serve --deflate` as the server."""

import asyncio
import logging

from websockets.asyncio.client import connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from deflate import PROFILES, compressed, named, negotiated
from peer import OPTIONS, SESSION, Testee, check, closed, closes, echo, ended_well, main, same, text

logging.getLogger("websockets").addHandler(logging.NullHandler())


async def run():
    server = await Testee.serve("--deflate")

    def open(*profiles, url=server.url):
        return connect(url, **OPTIONS, extensions=[ClientPerMessageDeflateFactory(**profile) for profile in profiles] or None)

    async def session(profile):
        async with open(profile) as ws:
            await compressed("client", profile, ws)

    async def plain():
        async with open() as ws:
            same(len(ws.protocol.extensions), 0, "extensions")
            await echo(ws, text(65536))
            await closes(ws, 1000, "")

    async def first_of_two():
        async with open(PROFILES[4], PROFILES[0]) as ws:
            _, recorded = negotiated(PROFILES[4], ws)
            await echo(ws, text(1024))
            same(recorded.received.compressed, 1, "compressed messages received")
            await closes(ws, 1000, "")

    async def many(profile):
        sockets = await asyncio.gather(*(open(profile) for _ in range(50)))
        records = [negotiated(profile, ws)[1] for ws in sockets]
        for turn in range(5):
            messages = [f"number {i}, turn {turn}: {text(300)}" for i in range(len(sockets))]
            for ws, message in zip(sockets, messages):
                await ws.send(message)
            for ws, message in zip(sockets, messages):
                same(await ws.recv(), message, "echo")
        for recorded in records:
            same(recorded.received.compressed, 5, "compressed messages received")
        await asyncio.gather(*(closes(ws, 1000, "") for ws in sockets))

    async def limit():
        small = await Testee.serve("--deflate", "--limit", "1000")
        try:
            async with open({}, url=small.url) as ws:
                negotiated({}, ws)
                await echo(ws, text(1000))
                await ws.send(text(1001))
                same(await closed(ws), 1009, "close code")
        finally:
            await small.kill()

    async def terminate():
        sockets = [await open({}), await open(PROFILES[4])]
        for ws in sockets:
            await echo(ws, text(1024))
        server.process.terminate()
        for ws in sockets:
            same(await closed(ws), 1001, "close code")
        ended_well(await server.ended())

    try:
        for profile in PROFILES:
            await check(f"client: a compressed session, asked for: {named(profile)}", session(profile), SESSION)
        await check("client: who does not offer deflate gets none", plain())
        await check("client: the first of two offers is taken", first_of_two())
        for profile in PROFILES[:5]:
            await check(f"client: fifty compressed connections by turns, asked for: {named(profile)}", many(profile))
        await check("client: --limit counts what a message inflates to", limit())
        await check("client: SIGTERM closes compressed connections with 1001 and ends testee with 0", terminate())
    finally:
        await server.kill()


main(run)
