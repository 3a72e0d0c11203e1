# SPDX-License-Identifier: Apache-2.0
"""The client's end of SPDY/3.1, as far as containerd's streaming server needs it."""

import socket
import struct
import threading
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from standin.apiserver.http import Refused

FIN = 1
CONTROL = 0x80030000
SYN_STREAM, PING, GOAWAY = 1, 6, 7
LONGEST = 1 << 16


def upgrade(connection: socket.socket, target: str, host: str, protocol: str) -> BinaryIO:
    """Asks for SPDY, and the protocol on top of it; returns what can be read after the answer."""
    lines = [f"POST {target} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", "Upgrade: SPDY/3.1",
             f"X-Stream-Protocol-Version: {protocol}", "Content-Length: 0"]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    incoming = connection.makefile("rb")
    answer = incoming.readline().decode("latin-1")
    while incoming.readline().strip():
        pass
    if answer.split()[1:2] != ["101"]:
        raise Refused(500, f"containerd does not upgrade: {answer.strip()}")
    return incoming


class Session:
    def __init__(self, connection: socket.socket, incoming: BinaryIO) -> None:
        self.connection, self.incoming = connection, incoming
        self.lock = threading.Lock()
        # Without the dictionary, which nobody has to use.
        self.headers = zlib.compressobj()
        self.streams = 0

    def _control(self, kind: int, body: bytes) -> None:
        self.connection.sendall(struct.pack("!II", CONTROL | kind, len(body)) + body)

    def open(self, **headers: str) -> int:
        """A stream: its number."""
        with self.lock:
            block = struct.pack("!I", len(headers))
            for word in (word.encode() for pair in headers.items() for word in pair):
                block += struct.pack("!I", len(word)) + word
            block = self.headers.compress(block) + self.headers.flush(zlib.Z_SYNC_FLUSH)
            self.streams += 1
            number = self.streams * 2 - 1
            self._control(SYN_STREAM, struct.pack("!IIH", number, 0, 0) + block)
        return number

    def send(self, stream: int, data: bytes, flags: int = 0) -> None:
        """With FIN nothing comes after it."""
        with self.lock:
            for start in range(0, len(data) or 1, LONGEST):
                piece = data[start:start + LONGEST]
                self.connection.sendall(struct.pack("!II", stream, flags << 24 | len(piece)) + piece)

    def receive(self) -> Iterator[tuple[int, bytes, bool]]:
        """What comes on streams, and if it is the last of that, until the connection ends."""
        while len(head := self.incoming.read(8)) == 8:
            first, second = struct.unpack("!II", head)
            flags, data = second >> 24, self.incoming.read(second & 0xffffff)
            if not first >> 31:
                yield first, data, bool(flags & FIN)
            elif first & 0xffff == PING:
                with self.lock:
                    self._control(PING, data)
            elif first & 0xffff == GOAWAY:
                return
