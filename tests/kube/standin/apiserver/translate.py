# SPDX-License-Identifier: Apache-2.0
"""From kubectl's WebSocket, since 1.31, to the SPDY of containerd, as API servers translate it."""

import contextlib
import socket
import threading
import urllib.parse

from standin.apiserver import spdy
from standin.apiserver.http import Request
from standin.apiserver.websocket import WebSocket

CHANNELS = {0: "stdin", 1: "stdout", 2: "stderr", 3: "error", 4: "resize"}
CLOSE = 255
FROM_CONTAINER = {"stdout", "stderr", "error"}
PIECE = 1 << 16


def _wanted(request: Request) -> dict[int, str]:
    """The order is what containerd's server waits for."""
    tty = request.flag("tty")
    flags = {"stdin": request.flag("stdin"), "stdout": request.flag("stdout"),
             "stderr": request.flag("stderr") and not tty, "error": True, "resize": tty}
    return {number: name for number, name in CHANNELS.items() if flags[name]}


class Command:
    """An exec or attach: channels on one side, streams on the other."""

    def __init__(self, request: Request, client: WebSocket, session: spdy.Session) -> None:
        self.client, self.session = client, session
        wanted = _wanted(request)
        self.streams = {channel: session.open(streamtype=name) for channel, name in wanted.items()}
        self.channels = {stream: channel for channel, stream in self.streams.items()}
        self.open = {self.streams[channel] for channel, name in wanted.items() if name in FROM_CONTAINER}

    def to_container(self) -> None:
        while (message := self.client.receive()) is not None:
            channel, data = message[0] if message else -1, message[1:]
            if channel == CLOSE and data and data[0] in self.streams:
                self.session.send(self.streams[data[0]], b"", spdy.FIN)
            elif channel in self.streams and data:
                self.session.send(self.streams[channel], data)

    def from_container(self) -> None:
        for stream, data, last in self.session.receive():
            channel = self.channels.get(stream)
            if channel is not None and data:
                self.client.send(bytes([channel]) + data)
            if last:
                self.open.discard(stream)
            if not self.open:
                break


class Tunnel:
    """A port-forward: SPDY itself is in the messages."""

    def __init__(self, _: Request, client: WebSocket, session: spdy.Session) -> None:
        self.client, self.session = client, session

    def to_container(self) -> None:
        while (message := self.client.receive()) is not None:
            self.session.connection.sendall(message)

    def from_container(self) -> None:
        while data := self.session.incoming.read1(PIECE):
            self.client.send(data)


# By what kubectl asks for: what containerd is asked for.
PROTOCOLS = {
    "v5.channel.k8s.io": ("v4.channel.k8s.io", Command),
    "SPDY/3.1+portforward.k8s.io": ("portforward.k8s.io", Tunnel),
}


def _back(both: Command | Tunnel) -> None:
    """The client closes when it has been told that there is no more."""
    with contextlib.suppress(OSError):
        both.from_container()
    with contextlib.suppress(OSError):
        both.client.close()


def answer(request: Request, protocol: str, upstream: socket.socket, parts: urllib.parse.SplitResult) -> None:
    theirs, kind = PROTOCOLS[protocol]
    incoming = spdy.upgrade(upstream, f"{parts.path}?{parts.query}", parts.netloc, theirs)
    both = kind(request, WebSocket(request, protocol), spdy.Session(upstream, incoming))
    back = threading.Thread(target=_back, args=(both,), daemon=True)
    back.start()
    with contextlib.suppress(OSError):
        both.to_container()
    with contextlib.suppress(OSError):
        upstream.shutdown(socket.SHUT_RDWR)
    back.join()
