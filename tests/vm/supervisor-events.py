#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""supervisor-events.py NAME: what a container's guest publishes of its supervisor, one line each.

Says "listening" first. It asks the guest itself: the host has no subscriber of its own.
"""

import os
import socket
import sys

from control import Events
from guestlib import check

STATES = ["absent", "running", "backing-off", "given-up", "stopped"]


class Vm:
    def __init__(self, name):
        self.path = os.path.join(os.environ["CAISSON_RUN"], name, "vsock/uds")

    def connect(self, port):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.path)
        sock.sendall(b"CONNECT %d\n" % port)
        check(sock.makefile("rb", 0).readline().startswith(b"OK "), "nobody listens")
        return sock


def main():
    events = Events(Vm(sys.argv[1]))
    print("listening", flush=True)
    while True:
        topic, event = events.next()
        if topic == "/caisson/supervisor":
            print(STATES[event.get(1, [0])[0]], event.get(4, [0])[0], flush=True)


main()
