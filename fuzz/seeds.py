"""Writes inputs to begin fuzzing with into corpus/: `python3 seeds.py`, then fuzz, then\n`cargo +nightly fuzz cmin TARGET`: what is kept here is minimised."""

import os
import random
import struct
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # of the key of RFC 6455 section 1.3
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


def write(target, inputs):
    folder = os.path.join(HERE, "corpus", target)
    os.makedirs(folder, exist_ok=True)
    for i, data in enumerate(inputs):
        with open(os.path.join(folder, f"seed-{i:03}"), "wb") as file:
            file.write(data)


def frame(first, payload=b"", mask=None, length=None):
    length = len(payload) if length is None else length
    bit = 0 if mask is None else 0x80
    if length < 126:
        head = bytes([first, bit | length])
    elif length < 0x10000:
        head = bytes([first, bit | 126]) + struct.pack(">H", length)
    else:
        head = bytes([first, bit | 127]) + struct.pack(">Q", length)
    mask = mask or b""
    return head + mask + bytes(b ^ mask[i % 4] if mask else b for i, b in enumerate(payload))


def streams(mask):
    text = "a\u00e9\u2713\U0001f600".encode()
    yield frame(0x81, b"Hello", mask) + frame(0x82, b"\xff\x00", mask)
    yield frame(0x01, text[:4], mask) + frame(0x89, b"ping", mask) + frame(0x80, text[4:], mask)
    yield frame(0x01, text[:5], mask) + frame(0x00, b"", mask) * 3 + frame(0x80, text[5:], mask)
    yield frame(0x82, bytes(3000), mask) + frame(0x8A, b"", mask)
    yield frame(0x81, text * 210, mask)
    yield frame(0x81, text[:-1], mask) + frame(0x82, b"x", mask)
    yield frame(0x81, b"abc\xf4\x90", mask, length=60)
    yield frame(0x02, bytes(2500), mask) + frame(0x80, bytes(900), mask)
    yield frame(0x88, b"\x03\xe8bye", mask) + b"more"
    yield frame(0x88, b"", mask)
    yield frame(0x88, b"\x03", mask)
    yield frame(0x88, b"\x03\xed", mask)
    yield frame(0x88, b"\x03\xe8\xff", mask)
    yield frame(0x89, b"p" * 125, mask) * 20
    yield frame(0x89, b"", mask) * 50
    yield frame(0x89, b"p" * 126, mask)
    yield frame(0x09, b"", mask)
    yield frame(0x80, b"x", mask)
    yield frame(0x01, b"x", mask) * 2
    yield frame(0xC1, b"x", mask)
    yield frame(0x83, b"x", mask)
    yield frame(0x82, b"", mask, length=1 << 40)
    yield frame(0x82, b"", mask, length=(1 << 63) + 1)
    yield frame(0x02, b"", mask) + frame(0x00, b"", mask) * 10 + frame(0x80, b"", mask)
    yield frame(0x02, b"1", mask) + frame(0x00, b"2", mask) * 30


def inbound():
    for choice, mask in ((0, b"\1\2\3\4"), (0, b"\0\0\0\0"), (1, None), (2, b"\0\0\0\0"), (3, None)):
        for sizes in (0, 1, 2, 3):
            for i, stream in enumerate(streams(mask)):
                if (i + choice + sizes) % 4 == 0 or (choice, sizes) in ((0, 0), (1, 3)):
                    yield bytes([choice, sizes, 0, i]) + stream


def requests():
    base = (
        b"GET /chat?x HTTP/1.1\r\nHost: example.com:8080\r\nUpgrade: websocket\r\n"
        b"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: " + KEY + b"\r\n"
        b"Sec-WebSocket-Version: 13\r\n"
    )
    ends = [
        b"",
        b"Sec-WebSocket-Protocol: b, chat\r\nSec-WebSocket-Protocol: c\r\n",
        b"Sec-WebSocket-Protocol: b,b\r\n",
        b'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x; y="z"\r\n',
        b"Sec-WebSocket-Extensions: ;\r\n",
        b"Origin: http://example.com:8080\r\n",
        b"Origin: null\r\n",
        b"Content-Length: 0\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Host: b\r\n",
        b"X: a\r\n b\r\n",
        b"X : a\r\n",
        b"X: \x80\r\n",
        b"X: a\nY: b\r\n",
        b"Sec-WebSocket-Version: 12\r\n",
        b"Sec-WebSocket-Key: " + KEY + b"\r\n",
        b"X: y\r\n" * 10,
    ]
    for choice in (0, 1):
        for end in ends:
            yield bytes([choice, 7]) + base + end + b"\r\n" + frame(0x81, b"hi", b"\1\2\3\4")
    for head in (
        b"GET http://b.c/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
        b"GET /#x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: u@a\r\n\r\n",
        b"GET /" + b"x" * 80 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"\r\nGET / HTTP/1.1\r\n\r\n",
    ):
        yield bytes([0, 3]) + head
        yield bytes([1, 3]) + head


def responses():
    base = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n"
    )
    for end in (
        b"",
        b"Sec-WebSocket-Protocol: chat\r\n",
        b"Sec-WebSocket-Protocol: b\r\n",
        b"Sec-WebSocket-Extensions: x\r\n",
        b"Sec-WebSocket-Extensions: ,\r\n",
        b"Content-Length: 5\r\n",
        b"Sec-WebSocket-Accept: x\r\n",
    ):
        for choice in (0, 8, 24, 9):
            yield bytes([choice, 7]) + base + end + b"\r\n" + frame(0x81, b"hi")
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    for head in (
        hints * 2 + base + b"\r\n",
        hints * 9 + base + b"\r\n",
        b"HTTP/1.0 101 x\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 401 No\r\nContent-Length: 50\r\n\r\nhello and more, but not all",
        b"HTTP/1.1 503 B\xe9\r\nRetry-After: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3;a=b\r\nabc\r\n9\r\ndefghijkl\r\n0\r\nT: x\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\n\r\nuntil the end of the stream",
        b"HTTP/1.1 426 \r\nSec-WebSocket-Version: 13, 8\r\nContent-Length: 2, 2\r\n\r\nok",
        b"HTTP/1.1 204 x\r\nContent-Length: 5\r\n\r\nhello",
        b"SSH-2.0-OpenSSH\r\n",
    ):
        for choice in (0, 2, 1):
            yield bytes([choice, 5]) + head


def schedules(rng, heads, count):
    for i in range(count):
        length = rng.choice((30, 80, 200, 500))
        yield bytes([heads[i % len(heads)], rng.randrange(8)]) + rng.randbytes(length)


def sessions(rng, count):
    # Flowing between what happens, so that connections are open for some of it.
    for i in range(count):
        steps = rng.choice((10, 40, 120))
        flow = bytes([12])
        script = b"".join(rng.choice((flow, rng.randbytes(3))) for _ in range(steps))
        yield bytes([rng.randrange(256), rng.randrange(256), 0 if i % 4 == 0 else 1]) + script


def headers():
    for first in (0x81, 0x02, 0x00, 0x88, 0x89, 0x8A, 0x09, 0xC1, 0xC9, 0x91, 0x83):
        for length in (0, 5, 125, 126, 0xFFFF, 0x10000, (1 << 63) - 1):
            yield frame(first, b"", None, length)
            yield frame(first, b"", b"\1\2\3\4", length)
    yield bytes([0x82, 126, 0, 5])
    yield bytes([0x82, 127, 0, 0, 0, 0, 0, 0, 1, 0])
    yield bytes([0x82, 255, 0x80]) + bytes(11)


def deflated():
    def raw(data, flush, level=9):
        state = zlib.compressobj(level, zlib.DEFLATED, -15)
        return state.compress(data) + state.flush(flush)

    text = bytes(97 + i * i // 7 % 11 for i in range(400))
    hello = raw(b"Hello", zlib.Z_SYNC_FLUSH)
    payloads = (
        hello[:-4],
        raw(text, zlib.Z_SYNC_FLUSH)[:-4],
        raw(text, zlib.Z_SYNC_FLUSH, 0)[:-4],
        raw(text, zlib.Z_FINISH),
        raw(text, zlib.Z_FINISH) + b"\0",
        raw(bytes(5000), zlib.Z_SYNC_FLUSH)[:-4],
        raw(b"Hello", zlib.Z_FINISH) + b"\x02\x13\0\0",
        raw(b"Hello", zlib.Z_FINISH) * 20,
        hello * 5 + b"\0",
        hello + b"\x01",
        raw(text, zlib.Z_SYNC_FLUSH)[:30],
        b"\0",
        b"",
    )
    for i, payload in enumerate(payloads):
        message = struct.pack(">H", len(payload)) + payload
        again = struct.pack(">H", 5) + b"\xf2\0\x11\0\0"
        for head in (b"\0\0\xff\x8f", b"\5\0\1\x8f", b"\0\1\3\x80"):
            yield head + message * 2 + again


if __name__ == "__main__":
    rng = random.Random(6455)
    write("frame_header", headers())
    write("inbound_stream", inbound())
    write("handshake_request", requests())
    write("handshake_response", responses())
    write("connection_client", schedules(rng, (0, 1, 6, 12, 15), 40))
    write("connection_server", schedules(rng, (0, 1, 6, 12, 15), 40))
    write("pair", schedules(rng, (0, 1, 6, 12, 15), 60))
    write("deflate", schedules(rng, (0, 3, 6, 7), 40))
    write("inflate", deflated())
    write("session", sessions(rng, 80))
