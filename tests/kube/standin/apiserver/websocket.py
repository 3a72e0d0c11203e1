# SPDX-License-Identifier: Apache-2.0
"""The server's end of a WebSocket (RFC 6455)."""

import base64
import hashlib
import struct
import threading

from standin.apiserver.http import Refused, Request

MAGIC = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BINARY, CLOSE, PING, PONG = 2, 8, 9, 10
NORMAL = struct.pack("!H", 1000)
LONGEST = 16 << 20


def offered(request: Request) -> list[str]:
    """The protocols that the client would speak on one; none if it wants none."""
    if request.headers.get("Upgrade", "").lower() != "websocket":
        return []
    return [each.strip() for each in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]


def _mask(data: bytes, mask: bytes) -> bytes:
    """All of it as one number: that is quick."""
    length = len(data)
    masks = (mask * (length // 4 + 1))[:length]
    return (int.from_bytes(data, "big") ^ int.from_bytes(masks, "big")).to_bytes(length, "big")


class WebSocket:
    def __init__(self, request: Request, protocol: str) -> None:
        if "Sec-WebSocket-Key" not in request.headers:
            raise Refused(400, "a WebSocket without a key")
        self.connection, self.incoming = request.connection, request.rfile
        self.lock = threading.Lock()
        key = hashlib.sha1((request.headers["Sec-WebSocket-Key"] + MAGIC).encode()).digest()
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade",
                 f"Sec-WebSocket-Accept: {base64.b64encode(key).decode()}", f"Sec-WebSocket-Protocol: {protocol}"]
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes, kind: int = BINARY) -> None:
        length = len(data)
        if length < 126:
            head = struct.pack("!BB", 0x80 | kind, length)
        elif length < 1 << 16:
            head = struct.pack("!BBH", 0x80 | kind, 126, length)
        else:
            head = struct.pack("!BBQ", 0x80 | kind, 127, length)
        with self.lock:
            self.connection.sendall(head + data)

    def _read(self, length: int) -> bytes:
        data = self.incoming.read(length)
        if len(data) < length:
            raise EOFError
        return data

    def _frame(self) -> tuple[bool, int, bytes]:
        first, second = self._read(2)
        length = second & 0x7f
        if length > 125:
            length = int.from_bytes(self._read(2 if length == 126 else 8), "big")
        if length > LONGEST:
            raise EOFError
        mask = self._read(4) if second & 0x80 else bytes(4)
        return bool(first & 0x80), first & 0xf, _mask(self._read(length), mask)

    def receive(self) -> bytes | None:
        """A message; None when there are no more."""
        message = b""
        try:
            while True:
                last, kind, data = self._frame()
                if kind == CLOSE:
                    return None
                if kind == PING:
                    self.send(data, PONG)
                elif kind != PONG:
                    message += data
                    if last:
                        return message
        except (EOFError, OSError):
            return None

    def close(self) -> None:
        self.send(NORMAL, CLOSE)
