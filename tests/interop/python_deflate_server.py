"""websockets (Python) as the server, `testee connect --deflate` as the client."""

import logging

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

from accept import session
from deflate import PROFILES, compressed, named, negotiated
from peer import SESSION, check, closed, closes, echo, ended_badly, ended_well, main, same, text

logging.getLogger("websockets").addHandler(logging.NullHandler())


async def run():
    def with_deflate(script, profile, *flags):
        return session(script, "--deflate", *flags, extensions=[ServerPerMessageDeflateFactory(**profile)])

    async def whole(profile):
        async def script(ws):
            same(ws.request.headers.get("Sec-WebSocket-Extensions"), "permessage-deflate; client_max_window_bits", "offer")
            await compressed("server", profile, ws)

        ended_well(await with_deflate(script, profile))

    async def plain():
        async def script(ws):
            same(len(ws.protocol.extensions), 0, "extensions")
            await echo(ws, text(65536))
            await closes(ws, 1000, "")

        ended_well(await session(script, "--deflate"))

    async def limit():
        async def script(ws):
            negotiated({}, ws)
            await echo(ws, text(1000))
            await ws.send(text(1001))
            same(await closed(ws), 1009, "close code")

        ended_badly(await with_deflate(script, {}, "--limit", "1000"))

    for profile in PROFILES:
        await check(f"server: a compressed session, asked for: {named(profile)}", whole(profile), SESSION)
    await check("server: one that declines deflate gets none", plain())
    await check("server: --limit counts what a message inflates to", limit())


main(run)
