# SPDX-License-Identifier: Apache-2.0
"""A TTRPC client. There is little to say in protocol buffers, so it is said by hand."""

import struct

from guestlib import receive, same


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, value):
    """One field; a list is a repeated one, None and empty ones are left out."""
    if value is None or value == "" or value == 0 or value is False or value == b"":
        return b""
    if isinstance(value, list):
        return b"".join(varint(number << 3 | 2) + varint(len(raw(v))) + raw(v) for v in value)
    if isinstance(value, int):
        return varint(number << 3) + varint(int(value))
    return varint(number << 3 | 2) + varint(len(raw(value))) + raw(value)


def raw(value):
    return value.encode() if isinstance(value, str) else value


def message(**fields):
    """message(_1=..., _2=...)"""
    return b"".join(field(int(name[1:]), value) for name, value in fields.items())


def parse(data):
    out, at = {}, 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        value = number()
        if key & 7 == 2:
            at += value
            value = data[at - value:at]
        out.setdefault(key >> 3, []).append(value)
    return out


class Refused(Exception):
    def __init__(self, code, text):
        super().__init__(f"{code}: {text}")
        self.code, self.text = code, text


class Client:
    """TTRPC on a connected socket; answers may come in any order."""

    def __init__(self, sock):
        self.sock, self.next, self.answers = sock, 1, {}

    def frame(self, method, request, service="containerd.task.v2.Task"):
        """Return: the stream of a request, and its bytes."""
        data = message(_1=service, _2=method, _3=request)
        stream, self.next = self.next, self.next + 2
        return stream, struct.pack(">IIBB", len(data), stream, 1, 0) + data

    def begin(self, method, request, **more):
        stream, frame = self.frame(method, request, **more)
        self.sock.sendall(frame)
        return stream

    def begin_all(self, *requests):
        """As many streams as there are requests, each a method and a message, sent in one piece."""
        streams, frames = zip(*(self.frame(*request) for request in requests))
        self.sock.sendall(b"".join(frames))
        return streams

    def stream(self, service, method):
        """Subscribe: the server's frames are for the caller to read."""
        data = message(_1=service, _2=method)
        stream, self.next = self.next, self.next + 2
        self.sock.sendall(struct.pack(">IIBB", len(data), stream, 1, 1) + data)
        return stream

    def end(self, stream):
        while stream not in self.answers:
            size, of, kind, _ = struct.unpack(">IIBB", receive(self.sock, 10))
            same(kind, 2, "type of the frame")
            self.answers[of] = parse(receive(self.sock, size))
        answer = self.answers.pop(stream)
        status = parse(answer.get(1, [b""])[0])
        if status.get(1, [0])[0]:
            raise Refused(status[1][0], status.get(2, [b""])[0].decode())
        return parse(answer.get(2, [b""])[0])

    def call(self, method, request, **more):
        return self.end(self.begin(method, request, **more))
