"""websockets (Python) as the server, `testee connect` as the client."""

import asyncio
import logging

from accept import connect, session
from peer import SESSION, check, closed, closes, deflate_declined, echo, ended_badly, ended_well, exchanges, free_port, main, same

logging.getLogger("websockets").addHandler(logging.NullHandler())


async def raw(answer):
    """A TCP server that is no WebSocket server: answer gets the writer once the request's head is there."""

    async def handler(reader, writer):
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        return await connect(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")


async def run():
    async def whole():
        async def script(ws):
            await exchanges("server", ws)
            await closes(ws, 1000, "done")

        ended_well(await session(script))

    async def close(code, reason):
        ended_well(await session(lambda ws: closes(ws, code, reason)))

    async def deflate():
        ended_well(await session(deflate_declined, compression="deflate"))

    async def destroyed():
        async def script(ws):
            await echo(ws, "one")
            ws.transport.abort()

        ended_badly(await session(script))

    async def wrong(data, code):
        async def script(ws):
            await echo(ws, "one")
            ws.transport.write(bytes(data))
            same(await closed(ws), code, "close code")

        ended_badly(await session(script))

    async def forbidden():
        end = await session(lambda ws: None, process_request=lambda connection, request: connection.respond(403, "no way\n"))
        ended_badly(end, "403")

    async def answers(data):
        async def answer(writer):
            writer.write(data)
            await writer.drain()

        ended_badly(await raw(answer))

    async def refused():
        ended_badly(await connect(f"ws://127.0.0.1:{free_port()}"))

    await check("server: a session that ends with 1000", whole(), SESSION)
    for code, reason in [(1000, ""), (1001, "going away"), (3000, "é☃😀"), (4999, "r" * 123)]:
        await check(f"server: close {code} with {len(reason.encode())} bytes of reason is answered", close(code, reason))
    await check("server: deflate is not offered", deflate())
    await check("server: a socket that is destroyed", destroyed())
    await check("server: a reserved opcode ends testee, with 1002 on the wire", wrong([0x83, 0x00], 1002))
    await check("server: a masked frame ends testee, with 1002 on the wire", wrong([0x81, 0x81, 1, 2, 3, 4, 0x60], 1002))
    await check("server: text that is not UTF-8 ends testee, with 1007 on the wire", wrong([0x81, 0x01, 0xFF], 1007))
    await check("server: 403 is said", forbidden())
    await check("server: an answer that is no HTTP", answers(b"220 ready\r\n\r\n"))
    await check("server: a socket that is closed in the handshake", answers(b""))
    await check("server: nobody listens", refused())


main(run)
