"""What python_deflate_client.py and python_deflate_server.py share: what is agreed on, and what has to be seen of it.

websockets inflates within the window agreed on, so that a testee that refers further back is found out.
"""

import json
import random
from contextlib import contextmanager

from websockets.extensions import Extension
from websockets.frames import Opcode

from peer import binary, check, closes, echo, exchanges, in_order, same, text

SIZES = [0, 1, 125, 1024, 65536, 1 << 20]
ROW = 500

# What websockets asks for, as a client or as a server; testee wants whatever is asked.
PROFILES = [
    {},
    {"server_max_window_bits": 15, "client_max_window_bits": 15},
    {"server_max_window_bits": 9, "client_max_window_bits": 9},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
    {
        "server_no_context_takeover": True, "client_no_context_takeover": True,
        "server_max_window_bits": 9, "client_max_window_bits": 9,
    },
    # Each direction for itself.
    {"server_no_context_takeover": True, "client_max_window_bits": 9},
    {"client_no_context_takeover": True, "server_max_window_bits": 9},
]


def named(profile):
    return ", ".join(name if value is True else f"{name} {value}" for name, value in profile.items()) or "nothing in particular"


class Direction:
    """The data frames of one direction: payload bytes as they travel, and the messages begun, compressed (RSV1) or plain."""

    def __init__(self):
        self.bytes = self.compressed = self.plain = 0

    def add(self, frame):
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self.bytes += len(frame.data)
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            if frame.rsv1:
                self.compressed += 1
            else:
                self.plain += 1


class Recorded(Extension):
    """An extension in use, and the frames on its far side."""

    def __init__(self, extension):
        self.extension, self.name = extension, extension.name
        self.sent, self.received = Direction(), Direction()

    def encode(self, frame):
        frame = self.extension.encode(frame)
        self.sent.add(frame)
        return frame

    def decode(self, frame, **limits):
        self.received.add(frame)
        return self.extension.decode(frame, **limits)

    @contextmanager
    def counted(self):
        """What goes over the connection meanwhile."""
        before = [dict(vars(direction)) for direction in (self.sent, self.received)]
        gone = {}
        yield gone
        for name, direction, earlier in zip(("sent", "received"), (self.sent, self.received), before):
            gone[name] = {key: value - earlier[key] for key, value in vars(direction).items()}


def agreed(answer):
    """What holds between the two, from the one element that the server may have answered."""
    assert answer is not None, "no extension was answered"
    assert "," not in answer, f"more than one extension: {answer}"
    name, *given = (part.strip() for part in answer.split(";"))
    same(name, "permessage-deflate", "extension")
    terms = dict((part + "=").split("=")[:2] for part in given)
    same(len(terms), len(given), "number of different parameters")
    return {
        end: (f"{end}_no_context_takeover" not in terms, int(terms.get(f"{end}_max_window_bits", 15))) for end in ("client", "server")
    }


def negotiated(profile, ws):
    """Checks what was agreed on; from then on, what goes over the connection is recorded."""
    want = {
        end: (not profile.get(f"{end}_no_context_takeover", False), profile.get(f"{end}_max_window_bits", 15))
        for end in ("client", "server")
    }
    same(agreed(ws.response.headers.get("Sec-WebSocket-Extensions")), want, "agreement")
    same([extension.name for extension in ws.protocol.extensions], ["permessage-deflate"], "extensions")
    recorded = Recorded(ws.protocol.extensions[0])
    ws.protocol.extensions[0] = recorded
    return want, recorded


def noise(size):
    """size bytes that no compressor makes shorter."""
    return binary(size)


def digits(size):
    """size characters that take half a byte each, and nothing less unless they were seen before."""
    return random.Random(size).randbytes(size // 2).hex()


def chat(i):
    return json.dumps({"from": f"user {i % 7}", "room": "the only room", "n": i, "text": f"message number {i} ☃ to everybody in the room"})


def directions(role, terms, gone):
    """Both directions of gone, with what was agreed for each."""
    other = {"client": "server", "server": "client"}[role]
    return [("sent", *terms[role], gone["sent"]), ("received", *terms[other], gone["received"])]


def one_each(gone):
    for name, counts in gone.items():
        same(counts["compressed"], 1, f"compressed messages {name}")


async def text_echo(ws, recorded, size):
    with recorded.counted() as gone:
        await echo(ws, text(size))
    if size < 125:
        return
    one_each(gone)
    for name, counts in gone.items():
        assert counts["bytes"] < size / (2 if size == 125 else 8), f"{counts['bytes']} bytes {name} for {size}"


async def noise_echo(ws, recorded, size):
    with recorded.counted() as gone:
        await echo(ws, noise(size))
    same(gone["sent"]["compressed"], 1, "compressed messages sent")
    same(gone["received"]["plain"], 1, "plain messages received")
    same(gone["received"]["bytes"], size, "bytes received")


async def window(role, ws, terms, recorded):
    message = digits(600) * 20
    with recorded.counted() as gone:
        await echo(ws, message)
    one_each(gone)
    for name, _, bits, counts in directions(role, terms, gone):
        count = counts["bytes"]
        if bits == 9:
            assert count > len(message) / 3, f"{count} bytes {name}: more than a window of 9 bits can do"
        else:
            assert count < len(message) / 8, f"{count} bytes {name}: less than a window of 15 bits can do"


async def takeover(role, ws, terms, recorded):
    message = digits(200)
    await echo(ws, message)
    with recorded.counted() as gone:
        await echo(ws, message)
    one_each(gone)
    for name, takes_over, _, counts in directions(role, terms, gone):
        count = counts["bytes"]
        if takes_over:
            assert count < 50, f"{count} bytes {name} with takeover"
        else:
            assert count > 90, f"{count} bytes {name} without takeover"


async def row(role, ws, terms, recorded):
    messages = [chat(i) for i in range(ROW)]
    size = sum(len(message.encode()) for message in messages)
    with recorded.counted() as gone:
        await in_order(ws, messages)
    for name, takes_over, _, counts in directions(role, terms, gone):
        same(counts["compressed"], ROW, f"compressed messages {name}")
        short = counts["bytes"] < size / 2
        assert short == takes_over, f"{counts['bytes']} bytes {name} for {size}, {'with' if takes_over else 'without'} takeover"


async def text_fragments(ws, recorded):
    whole = ("é☃😀" * 20).encode()
    with recorded.counted() as gone:
        await ws.send([whole[i : i + 1] for i in range(len(whole))], text=True)
        same(await ws.recv(), whole.decode(), "echo")
    one_each(gone)


async def binary_fragments(ws, recorded):
    parts = [text(size).encode() for size in (0, 1, 0, 125, 126, 0, 65536, 0)]
    pongs = []

    async def with_a_ping():
        for i, part in enumerate(parts):
            yield part
            if i == 3:
                pongs.append(await ws.ping("between"))

    with recorded.counted() as gone:
        await ws.send(with_a_ping())
        same(await ws.recv(), b"".join(parts), "echo")
        await pongs[0]
    one_each(gone)


async def compressed(role, profile, ws):
    """A session in which the profile holds, from behind the handshake to its close."""
    terms, recorded = negotiated(profile, ws)
    title = f"{role}, {named(profile)}"
    for size in SIZES:
        await check(f"{title}: {size} bytes of text", text_echo(ws, recorded, size))
        await check(f"{title}: {size} bytes of noise, which come back plain", noise_echo(ws, recorded, size))
    await check(f"{title}: a repetition 600 bytes back is found within the window only", window(role, ws, terms, recorded))
    await check(f"{title}: the message before is referred to with takeover only", takeover(role, ws, terms, recorded))
    await check(f"{title}: {ROW} messages in a row", row(role, ws, terms, recorded))
    await check(f"{title}: compressed text in fragments that cut characters", text_fragments(ws, recorded))
    await check(f"{title}: compressed binary in fragments, some of them empty, a ping between", binary_fragments(ws, recorded))
    if profile == PROFILES[0]:
        await exchanges(f"{role}, compressed", ws)
    await closes(ws, 1000, "done")
