#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The network namespace that a bundle names, and what of it is in the guest."""

import contextlib
import ctypes
import glob
import hashlib
import json
import os
import socket
import struct
import subprocess
import sys
import threading

from runtimelib import bundle, caisson, check, clean, Container, GROUP, holds, ROOT, run_tests, TOP, WORK

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


@contextlib.contextmanager
def inside(netns):
    """What sockets are made meanwhile are of a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home, open("/run/netns/" + netns, "rb") as there:
        check(libc.setns(there.fileno(), 0), 0, "setns")
        try:
            yield
        finally:
            check(libc.setns(home.fileno(), 0), 0, "setns")


def client(networks, address, port):
    """Of the host, in the container's namespace."""
    with inside(networks.box):
        return socket.create_connection((address, port), timeout=60)


def reset(networks, address, port):
    """The kernel has let it in, so it is a RST that says no."""
    with client(networks, address, port) as s:
        try:
            check(s.recv(1), None, "what comes from nobody")
        except ConnectionResetError:
            pass


def all_of(s):
    """Until the end."""
    return b"".join(iter(lambda: s.recv(1 << 16), b""))


def echoes(s, text):
    s.sendall(text)
    check(s.recv(len(text), socket.MSG_WAITALL), text, "echo")


def with_echo(networks):
    """A change of config.json: in a namespace, with tests/vm/guests/tcp-echo.c."""
    def change(config):
        in_namespace("/run/netns/" + networks.box)(config)
        config["mounts"].append({"source": WORK + "/tcp-echo", "destination": "/tcp-echo", "type": "bind",
                                 "options": ["rbind"]})
    subprocess.run(["musl-gcc", "-static", "-o", WORK + "/tcp-echo", TOP + "/tests/vm/guests/tcp-echo.c"], check=True)
    return change


def serve(box, where, port):
    """In the container: an echo, which listens when this returns."""
    os.write(box.stdin, f"/tcp-echo {where} {port} & server=$!\n".encode())
    check(sorted([box.line(), box.line()]), [".", "listens"], "server")


def ended(box):
    """What it says of the next connection that has ended."""
    text = b""
    while not text.endswith(b"\n"):
        text += os.read(box.stderr, 1)
    return text


def test_localhost():
    """What listens there is reached from the namespace, as it would be without a VM."""
    with Networks() as networks:
        box = Container("localhost", ASKS, with_echo(networks))
        reset(networks, "127.0.0.1", 7001)
        box.start()
        serve(box, "127.0.0.1", 7001)
        serve(box, "::1", 7002)
        for address, port in (("127.0.0.1", 7001), ("::1", 7002), ("::1", 7001), ("127.0.0.1", 7002)):
            with client(networks, address, port) as one, client(networks, address, port) as other:
                echoes(one, b"one")
                echoes(other, b"other")
                one.sendall(b"last")
                one.shutdown(socket.SHUT_WR)
                check(all_of(one), b"last", "after half a close")
                echoes(other, b"still there")
        reset(networks, "127.0.0.1", 7003)
        reset(networks, "::1", 7003)
        # Nobody has these.
        for address in ("10.9.0.2", "127.0.0.2"):
            try:
                client(networks, address, 7001)
                check(address, None, "reached")
            except ConnectionRefusedError:
                pass
        os.close(box.stdin)
        check(box.wait(), 0, "exit status")
        try:
            client(networks, "127.0.0.1", 7001)
            check("127.0.0.1", None, "reached after the end")
        except ConnectionRefusedError:
            pass
        caisson("delete", box.name)
    clean()


def test_localhost_with_much():
    """All bytes of 100 MB, there and back, while another client does not read at all, and one goes away."""
    size, piece = 100 << 20, os.urandom(1 << 20)
    sums = {"sent": hashlib.sha256(), "came": hashlib.sha256()}

    def send(s):
        for _ in range(size // len(piece)):
            s.sendall(piece)
            sums["sent"].update(piece)
        s.shutdown(socket.SHUT_WR)

    with Networks() as networks:
        box = Container("much", ASKS, with_echo(networks))
        box.start()
        serve(box, "127.0.0.1", 7001)
        with client(networks, "127.0.0.1", 7001) as deaf, client(networks, "127.0.0.1", 7001) as s:
            deaf.setblocking(False)
            try:
                while deaf.send(piece):
                    pass
            except BlockingIOError:
                pass
            sender = threading.Thread(target=send, args=(s,))
            sender.start()
            came = 0
            for data in iter(lambda: s.recv(1 << 16), b""):
                sums["came"].update(data)
                came += len(data)
            sender.join()
        check(came, size, "bytes")
        check(sums["came"].hexdigest(), sums["sent"].hexdigest(), "sum")
        check(ended(box) + ended(box), 2 * b"ended\n", "those two")
        with client(networks, "127.0.0.1", 7001) as s:
            echoes(s, b"soon gone")
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        check(ended(box), b"ended\n", "the one that is gone")
        os.close(box.stdin)
        check(box.wait(), 0, "exit status")
        caisson("delete", box.name)
    clean()


def test_localhost_of_others():
    """Who listens in the namespace on the host, as Docker's DNS server does, is who is reached."""
    with Networks() as networks:
        box = Container("others", ASKS, with_echo(networks))
        box.start()
        serve(box, "0.0.0.0", 7001)
        serve(box, "0.0.0.0", 7002)
        with inside(networks.box):
            all_over = socket.create_server(("0.0.0.0", 7001))
            dns = socket.create_server(("127.0.0.11", 7002))
        for server, address, port in ((all_over, "127.0.0.1", 7001), (dns, "127.0.0.11", 7002)):
            with client(networks, address, port) as s, server.accept()[0] as accepted:
                s.sendall(b"question")
                check(accepted.recv(8, socket.MSG_WAITALL), b"question", "what he is asked")
                accepted.sendall(b"answer")
                accepted.shutdown(socket.SHUT_WR)
                check(all_of(s), b"answer", "what he says")
            server.close()
        for port in (7001, 7002):
            with client(networks, "127.0.0.1", port) as s:
                echoes(s, b"the guest's")
        os.close(box.stdin)
        check(box.wait(), 0, "exit status")
        caisson("delete", box.name)
    clean()


def test_localhost_of_one_that_is_paused():
    """Its VM stands still, and answers for as long as that takes; what it is sent is there later."""
    with Networks() as networks:
        box = Container("paused", ASKS, with_echo(networks))
        box.start()
        serve(box, "127.0.0.1", 7001)
        with client(networks, "127.0.0.1", 7001) as before:
            echoes(before, b"before")
            caisson("pause", box.name)
            with client(networks, "127.0.0.1", 7001) as s:
                for one in (before, s):
                    one.sendall(b"meanwhile")
                reset(networks, "127.0.0.1", 7002)
                caisson("resume", box.name)
                for one in (before, s):
                    check(one.recv(9, socket.MSG_WAITALL), b"meanwhile", "echo")
        os.close(box.stdin)
        check(box.wait(), 0, "exit status")
        caisson("delete", box.name)
    clean()


def left_behind(networks):
    """All that a container takes of the host, as far as it could be there still."""
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = sorted(line.split()[4] for line in file if WORK in line)
    links = subprocess.run(["ip", "-n", networks.box, "link"], check=True, stdout=subprocess.PIPE).stdout
    rules = subprocess.run(["tc", "-n", networks.box, "qdisc"], check=True, stdout=subprocess.PIPE).stdout
    groups = [folder for top in glob.glob("/sys/fs/cgroup/*") for folder in glob.glob(f"{top}{GROUP}/**/", recursive=True)]
    files = glob.glob(ROOT + "/**", recursive=True)
    with open("/proc/net/unix", encoding="utf-8") as file:
        sockets = [line for line in file if WORK in line]
    return {"descriptors": sorted(os.listdir("/proc/self/fd")), "mounts": mounts, "links": links, "rules": rules,
            "groups": groups, "files": sorted(files), "sockets": sockets}


def test_many_in_a_row():
    """Each has an interface, a volume and a socket of the host's, a group; after any number all is as before."""
    rounds = int(os.environ.get("CAISSON_TEST_ROUNDS", "10"))
    volume = WORK + "/volume"
    os.mkdir(volume)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(WORK + "/socket")

    def change(config):
        in_namespace("/run/netns/" + networks.box)(config)
        for source, target in ((volume, "/v"), (WORK + "/socket", "/run/socket")):
            config["mounts"].append({"source": source, "destination": target, "type": "bind", "options": ["rbind"]})

    with Networks() as networks:
        for i in range(rounds + 1):
            box = Container("many", "echo here >/v/file; sleep 1000", change)
            box.start()
            caisson("kill", box.name, "KILL")
            check(box.wait(), 137, "exit status")
            caisson("delete", box.name)
            for fd in (box.stdin, box.stdout, box.stderr):
                os.close(fd)
            clean()
            # What the first one makes stays, as the engine's own groups.
            before = left_behind(networks) if i == 0 else before
        for what, now in left_behind(networks).items():
            check(now, before[what], what)
    listener.close()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
