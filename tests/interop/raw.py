"""A WebSocket server that answers what it is told to and nothing else: RFC 6455 by hand."""

import asyncio
import base64
import hashlib


class Raw:
    """`answer` gets the number of the connection and each frame's opcode and payload, and returns frames."""

    def __init__(self, answer):
        self.answer = answer
        self.messages = []

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.connection, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/"
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def connection(self, reader, writer):
        number = len(self.messages)
        self.messages.append([])
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            key = next(line.split(": ")[1] for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key:"))
            accept = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            while True:
                opcode, payload = await self.frame(reader)
                if opcode == 1:
                    self.messages[number].append(payload.decode())
                for opcode, payload in self.answer(number, opcode, payload):
                    writer.write(bytes([0x80 | opcode, len(payload)]) + payload)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def frame(reader):
        """One frame of a client: masked, and short."""
        first, length = await reader.readexactly(2)
        assert first & 0x80 and length & 0x80 and length & 0x7F < 126, "a whole, masked, short frame"
        mask = await reader.readexactly(4)
        payload = await reader.readexactly(length & 0x7F)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
