"""testee as the client of a websockets server: what python_server.py and python_deflate_server.py share."""

import asyncio

from websockets.asyncio.server import serve

from peer import OPTIONS, PATIENCE, Testee


async def connect(url, *flags):
    testee = await Testee.start("connect", url, *flags)
    try:
        return await testee.ended()
    finally:
        await testee.kill()


async def session(script, *flags, **options):
    """One connection of testee: script drives the server's side, then the end of testee is returned."""
    result = asyncio.get_running_loop().create_future()
    connected = False

    async def handler(ws):
        nonlocal connected
        connected = True
        try:
            await script(ws)
        except BaseException as error:
            result.done() or result.set_exception(error)
            raise
        else:
            result.done() or result.set_result(None)

    async with serve(handler, "127.0.0.1", 0, **{**OPTIONS, **options}) as server:
        port = server.sockets[0].getsockname()[1]
        end = await connect(f"ws://127.0.0.1:{port}/path?query=1", *flags)
        if "process_request" not in options:
            assert connected, f"testee ended with {end[0]} and never connected: {end[1].strip()}"
            await asyncio.wait_for(result, PATIENCE)
        return end
