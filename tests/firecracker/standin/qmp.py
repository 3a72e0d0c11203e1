# SPDX-License-Identifier: Apache-2.0
"""QEMU's monitor, over a socket that it inherited."""

import json
import socket


class QmpError(Exception):
    """QEMU refused a command, or is gone."""


class Qmp:
    def __init__(self, sock):
        self.sock, self.buffer, self.events = sock, b"", []

    def fileno(self):
        return self.sock.fileno()

    def receive(self):
        """The next message; an event is kept, and None returned. QmpError: QEMU is gone."""
        while b"\n" not in self.buffer:
            try:
                data = self.sock.recv(65536)
            except ConnectionError:
                data = b""
            if not data:
                raise QmpError("the emulator is gone")
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        message = json.loads(line)
        if "event" in message:
            self.events.append(message)
            return None
        return message

    def greet(self):
        while not self.receive():
            pass
        self.command("qmp_capabilities")

    def command(self, name, fds=(), **arguments):
        request = json.dumps({"execute": name, "arguments": arguments}).encode()
        try:
            socket.send_fds(self.sock, [request], list(fds))
        except ConnectionError as error:
            raise QmpError("the emulator is gone") from error
        answer = None
        while not answer:
            answer = self.receive()
        if "error" in answer:
            raise QmpError(answer["error"]["desc"])
        return answer["return"]

    def await_event(self, name, words):
        """The status that it tells, once that is one of these words."""
        while True:
            for event in self.events:
                if event["event"] == name and event["data"]["status"] in words:
                    self.events.remove(event)
                    return event["data"]["status"]
            self.receive()

    def pending(self):
        """The events so far, waiting for none, and whether QEMU is still there."""
        alive = True
        try:
            while self.has_more():
                self.receive()
        except QmpError:
            alive = False
        events, self.events = self.events, []
        return events, alive

    def has_more(self):
        if b"\n" in self.buffer:
            return True
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)) or self.gone()
        except BlockingIOError:
            return False
        except ConnectionError:
            return self.gone()

    @staticmethod
    def gone():
        raise QmpError("the emulator is gone")
