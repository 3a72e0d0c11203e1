#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""wait.py NAME: Wait for a container; says "waiting" once its shim knows, and then how it ended."""

import os
import socket
import sys

from ttrpc import Client, message


def main():
    name = sys.argv[1]
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(os.path.join(os.environ["CAISSON_RUN"], name, "shim.sock"))
    client = Client(sock)
    wait = client.begin("Wait", message(_1=name), service="caisson.sandbox.v1.Sandbox")
    # Calls of one connection are taken in their order.
    client.call("State", message(_1=name))
    print("waiting", flush=True)
    answer = client.end(wait)
    print(answer.get(1, [0])[0], *(reason.decode() for reason in answer.get(2, [])))


main()
