#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The network namespace that a bundle names, and what of it is in the guest."""

import json
import os
import subprocess
import sys

from runtimelib import bundle, caisson, check, clean, Container, holds, run_tests

ASKS = "while read -r line; do eval \"$line\"; echo .; done"


def ip(*words):
    subprocess.run(["ip", *words], check=True)


class Networks:
    """Two network namespaces of ours, with a veth pair between them: one for the container."""

    def __enter__(self):
        self.box, self.peer = f"caisson-box-{os.getpid()}", f"caisson-peer-{os.getpid()}"
        for name in (self.box, self.peer):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        self.pair("eth0", "10.9.0", "fd09::")
        ip("-n", self.box, "route", "add", "default", "via", "10.9.0.1")
        return self

    def __exit__(self, *_):
        for name in (self.box, self.peer):
            ip("netns", "delete", name)

    def pair(self, name, four, six):
        ip("-n", self.box, "link", "add", name, "mtu", "1400", "type", "veth", "peer", "name", name, "netns",
           self.peer)
        for netns, last in ((self.box, 2), (self.peer, 1)):
            ip("-n", netns, "addr", "add", f"{four}.{last}/24", "dev", name)
            ip("-n", netns, "addr", "add", f"{six}{last}/64", "dev", name, "nodad")
            ip("-n", netns, "link", "set", name, "up")

    def mac(self, name):
        told = subprocess.run(["ip", "-n", self.box, "-j", "link", "show", name], check=True,
                              stdout=subprocess.PIPE).stdout
        return json.loads(told)[0]["address"]

    def server(self, address):
        """A process that says "hello" to each who connects to its port 7777."""
        code = ("import socket, sys\ns = socket.create_server((sys.argv[1], 7777), family=socket.AF_INET6 "
                "if ':' in sys.argv[1] else socket.AF_INET)\nprint('listens', flush=True)\n"
                "while True:\n    c, _ = s.accept()\n    c.sendall(b'hello\\n')\n    c.close()\n")
        server = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.peer}", sys.executable, "-c", code,
                                   address], stdout=subprocess.PIPE)
        check(server.stdout.readline(), b"listens\n", "server")
        return server


def in_namespace(path):
    def change(config):
        config["linux"]["namespaces"] = [x for x in config["linux"]["namespaces"] if x["type"] != "network"]
        config["linux"]["namespaces"].append({"type": "network", "path": path})
    return change


def asked(box, line):
    """What a shell in the container says to a line."""
    os.write(box.stdin, line.encode() + b"\n")
    said = []
    while not said or said[-1] != ".":
        said.append(box.line())
    return "\n".join(said[:-1])


def test_network():
    """The interfaces of the namespace are the guest's; what changes there later, changes in the guest."""
    with Networks() as networks:
        box = Container("network", ASKS, in_namespace("/run/netns/" + networks.box))
        check(os.stat(f"/proc/{box.pid}/ns/net").st_ino, os.stat("/run/netns/" + networks.box).st_ino, "namespace")
        box.start()
        seen = asked(box, "ip link show eth0; ip addr show eth0; ip route; ip -6 route")
        for part in ["mtu 1400", networks.mac("eth0"), "10.9.0.2/24", "fd09::2/64", "default via 10.9.0.1",
                     "fd09::/64"]:
            holds(seen, part)
        for address in ["10.9.0.1", "fd09::1"]:
            server = networks.server(address)
            check(asked(box, f"nc {address} 7777"), "hello")
            server.kill()
            server.communicate()
        ip("-n", networks.box, "addr", "add", "10.9.0.7/24", "dev", "eth0")
        while "10.9.0.7/24" not in asked(box, "ip addr show eth0"):
            pass
        networks.pair("eth1", "10.8.0", "fd08::")
        while "10.8.0.2/24" not in asked(box, "ip addr"):
            pass
        server = networks.server("10.8.0.1")
        while asked(box, "nc 10.8.0.1 7777") != "hello":
            pass
        server.kill()
        server.communicate()
        ip("-n", networks.box, "link", "delete", "eth1")
        while "10.8.0.2/24" in asked(box, "ip addr"):
            pass
        os.close(box.stdin)
        check(box.wait(), 0, "exit status")
        caisson("delete", box.name)
        clean()


def test_network_that_cannot_be_had():
    said = caisson("create", "-b", bundle("net", "true", in_namespace("/nowhere")), "net", status=1)[1]
    holds(said, "cannot enter the network namespace /nowhere: No such file or directory")

    def host(config):
        config["linux"]["namespaces"] = [x for x in config["linux"]["namespaces"] if x["type"] != "network"]
    holds(caisson("create", "-b", bundle("net", "true", host), "net", status=1)[1], "the host's own network")
    clean()


def test_network_made_between_create_and_start():
    """As Docker 28 does it; before that a hook did, while the container was created."""
    with Networks() as networks:
        box = Container("later", ASKS)
        ip("-n", networks.box, "link", "set", "eth0", "netns", str(box.pid))
        at = ["nsenter", f"--net=/proc/{box.pid}/ns/net", "ip"]
        subprocess.run([*at, "addr", "add", "10.9.0.5/24", "dev", "eth0"], check=True)
        subprocess.run([*at, "link", "set", "eth0", "up"], check=True)
        box.start()
        holds(asked(box, "ip addr show eth0"), "10.9.0.5/24")
        server = networks.server("10.9.0.1")
        check(asked(box, "nc 10.9.0.1 7777"), "hello")
        server.kill()
        server.communicate()
        os.close(box.stdin)
        check(box.wait(), 0, "exit status")
        caisson("delete", box.name)
    clean()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
