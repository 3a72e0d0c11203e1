#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Sandboxes that are no containers: caisson's shim, spoken to as containerd 1.7 and later do, which Debian does not have."""

import contextlib
import glob
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.dont_write_bytecode = True
sys.path.insert(0, TOP + "/tests/vm")
# pylint: disable=wrong-import-position # it is found there
from guestlib import Failed, check, same
from ttrpc import Client, Refused, message, parse

WORK = tempfile.mkdtemp(prefix="caisson-test.")
NAMESPACE = f"caisson-test-{os.getpid()}"
RECORDS = f"/run/caisson/containerd/{NAMESPACE}"
GROUP = f"caisson-test-{os.getpid()}"
SANDBOX, TASK = "containerd.runtime.sandbox.v1.Sandbox", "containerd.task.v3.Task"
CONFIG = "runtime.v1.PodSandboxConfig"
NODE = 2
PATIENCE = 120
INVALID, NOT_FOUND, EXISTS, PRECONDITION, UNIMPLEMENTED, UNAVAILABLE = 3, 5, 6, 9, 12, 14
ENV = {**os.environ, "CAISSON_CONFIG": WORK + "/caisson.conf", "TTRPC_ADDRESS": WORK + "/nobody"}
for variable in ("CAISSON_RUN", "CAISSON_ROOT"):
    ENV.pop(variable, None)


def run(*argv, **more):
    return subprocess.run(argv, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          **more).stdout


def refused(code, part, ask):
    try:
        ask()
    except Refused as why:
        same(why.code, code, f"the code of {why.text!r}")
        check(part in why.text, f"{part!r} is not in {why.text!r}")
        return
    raise Failed(f"it was not refused: {part}")


def pod(hostname="", network=0, dns=None, annotations=(), memory=0, grace=""):
    """CRI's description, packed."""
    entries = [message(_1=name, _2=value) for name, value in annotations]
    linux = message(_1=grace or f"/{GROUP}", _2=message(_1=message(_1=network)), _5=message(_4=memory))
    config = message(_1=message(_1="pod", _2="uid", _3="default"), _2=hostname, _4=dns, _7=entries, _8=linux)
    return message(_1=CONFIG, _2=config)


class Shim:
    """Started for a sandbox, or for a container if there is a @config."""

    there = []

    def __init__(self, name, config=None, stdin=b""):
        self.name, self.bundle = name, f"{WORK}/{name}"
        os.makedirs(self.bundle + "/rootfs")
        if config:
            with open(self.bundle + "/config.json", "w", encoding="utf-8") as file:
                json.dump(config, file)
        self.answer = self.program("start", input=stdin).decode().strip()
        path = re.search("unix://([^\"]*)", self.answer).group(1)
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(PATIENCE)
        sock.connect(path)
        self.path, self.client = path, Client(sock)
        self.there.append(self)

    def program(self, *words, **more):
        return subprocess.run(
            [TOP + "/build/bin/containerd-shim-caisson-v2", "-namespace", NAMESPACE, "-address", WORK + "/address",
             "-publish-binary", "/usr/bin/containerd", "-id", self.name, *words],
            check=True, timeout=PATIENCE, cwd=self.bundle, env=ENV, stdout=subprocess.PIPE, **more).stdout

    def ask(self, method, request=b"", **more):
        return self.client.call(method, message(_1=self.name) + request, service=SANDBOX, **more)

    def create(self, options=None, netns=""):
        return self.ask("CreateSandbox", message(_2=self.bundle, _4=options or pod(), _5=netns))

    def begin(self, method):
        return self.client.begin(method, message(_1=self.name), service=SANDBOX)

    def state(self):
        return self.ask("SandboxStatus")[3][0].decode()

    def task(self, method, name, request=b""):
        return self.client.call(method, message(_1=name) + request, service=TASK)

    def end(self):
        """As containerd does, which then finds nothing left."""
        self.ask("ShutdownSandbox")
        self.there.remove(self)
        same(self.client.sock.recv(1), b"", "what comes after the end")
        self.removed()

    def removed(self):
        self.program("delete", input=b"")
        same(os.path.exists(self.path), False, "whether the socket is left")
        same(os.listdir(RECORDS + "/containers"), [], "records")
        shutil.rmtree(self.bundle)


class Box:
    """A container of a sandbox, created; @namespaces: those of the sandbox that it is in."""

    def __init__(self, shim, name, script, pid, namespaces=("network", "ipc", "uts", "pid"), mounts=(), out=None):
        self.shim, self.name, self.folder = shim, name, f"{WORK}/{name}"
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder + "/rootfs")
        self.root = root_file_system(self.folder + "/image")
        self.write_config(script, [{"type": kind, "path": f"/proc/{pid}/ns/{kind}".replace("network", "net")}
                                   for kind in namespaces], list(mounts))
        bind = message(_1="bind", _2=self.root, _4=["rbind", "rw"])
        shim.task("Create", name, message(_2=self.folder, _3=[bind], _6=out or f"file://{self.folder}/out",
                                          _7=f"file://{self.folder}/err"))

    def write_config(self, script, namespaces, mounts):
        run("crun", "spec", cwd=self.folder)
        with open(self.folder + "/config.json", encoding="utf-8") as file:
            config = json.load(file)
        # CRI's has none, but the sandbox's.
        del config["hostname"]
        config["process"].update(terminal=False, args=["sh", "-c", script])
        config["linux"].update(namespaces=[{"type": "mount"}, *namespaces], cgroupsPath=f"/{GROUP}/{self.name}")
        config["mounts"] += mounts
        config["annotations"] = {"io.kubernetes.cri.sandbox-id": self.shim.name}
        with open(self.folder + "/config.json", "w", encoding="utf-8") as file:
            json.dump(config, file)

    def start(self):
        self.shim.task("Start", self.name)

    def wait(self):
        return self.shim.task("Wait", self.name).get(1, [0])[0]

    def output(self):
        with open(self.folder + "/out", encoding="utf-8") as file:
            return file.read()

    def delete(self):
        self.shim.task("Delete", self.name)
        self.shim.task("Shutdown", self.name)

    def ran(self):
        """Return: what it printed, once it has ended well."""
        self.start()
        status = self.wait()
        with open(self.folder + "/err", encoding="utf-8") as file:
            same(status, 0, f"the status, with {file.read()!r},")
        self.delete()
        return self.output()


def root_file_system(folder):
    os.makedirs(folder + "/bin")
    for name in ("tmp", "etc", "proc", "dev", "sys"):
        os.mkdir(f"{folder}/{name}")
    shutil.copy("/bin/busybox", folder + "/bin/busybox")
    for word in ("sh", "cat", "ls", "sleep", "hostname", "ps", "ip", "readlink", "echo", "df"):
        os.symlink("busybox", f"{folder}/bin/{word}")
    return folder


@contextlib.contextmanager
def network():
    """A namespace with an interface, as CNI makes it. Gives its path."""
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c",
         "ip link add eth0 type veth peer name other && ip addr add 10.77.0.2/24 dev eth0 && ip link set eth0 up && "
         "ip link set other up && echo up && exec sleep 1000"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        same(holder.stdout.readline(), b"up\n", "what it says")
        yield f"/proc/{holder.pid}/ns/net"
    finally:
        holder.kill()
        holder.wait()


def test_life():
    """It begins without a container, which come and go; what they have in common is the sandbox's."""
    shim = Shim("life")
    with network() as netns:
        check(shim.answer.startswith("unix://"), f"the address is {shim.answer!r}")
        same(parse(shim.ask("Platform")[1][0])[1], [b"linux"], "the platform")
        dns = message(_1=["10.0.0.10"], _2=["a.local", "local"], _3=["ndots:5"])
        shim.create(pod("web", dns=dns, annotations=[("io.caisson.cpus", "2"), ("io.caisson.systemd", "true"), ("other", "x")], memory=100 << 20), netns)
        waiting = shim.begin("WaitSandbox")
        pid = shim.ask("StartSandbox")[1][0]
        same(shim.state(), "SANDBOX_READY", "the state")
        same(os.readlink(f"/proc/{pid}/ns/net"), os.readlink(netns), "the network of its process")
        same(shim.ask("PingSandbox"), {}, "the answer to a ping")
        facts = dict((parse(row)[1][0], parse(row)[2][0]) for row in shim.ask("SandboxStatus", message(_2=1))[4])
        same(facts[b"cpus"], b"2", "its CPUs")
        check(100 << 20 < int(facts[b"memory"]) < 200 << 20, f"its memory is {facts[b'memory']}")
        metric = parse(shim.ask("SandboxMetrics")[1][0])
        same(metric[2], [shim.name.encode()], "whose figures")
        check(b"io.containerd.cgroups" in metric[3][0], "figures of no type of containerd's")
        has_in_common(shim, pid)
        # Of its program, which runs by now.
        check(b"io.containerd.cgroups" in parse(shim.ask("SandboxMetrics")[1][0])[3][0], "figures of no type of containerd's")
        shim.ask("StopSandbox")
        check(shim.client.end(waiting).get(1, [0]) == [0], "how it ended")
        same(shim.state(), "SANDBOX_NOTREADY", "the state")
        refused(UNAVAILABLE, "ended", lambda: shim.ask("PingSandbox"))
        shim.end()


def has_in_common(shim, pid):
    shm = {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["mode=1777", "size=65536k"]}
    first = Box(shim, "first", "echo hello >/dev/shm/x; hostname; cat /etc/resolv.conf /etc/hostname; "
                "ip addr show eth0; ps; readlink /proc/self/ns/ipc", pid)
    seen = first.ran()
    for part in ("web\n", "search a.local local\nnameserver 10.0.0.10\noptions ndots:5\nweb\n", "10.77.0.2/24",
                 "/caisson-pause"):
        check(part in seen, f"{part!r} is not in {seen!r}")
    bundle_file = WORK + "/own"
    with open(bundle_file, "w", encoding="utf-8") as file:
        file.write("mine\n")
    own = {"destination": "/etc/hostname", "type": "bind", "source": bundle_file, "options": ["rbind"]}
    os.makedirs(WORK + "/folder", exist_ok=True)
    hollow = {"destination": "/etc/resolv.conf", "type": "bind", "source": WORK + "/folder", "options": ["rbind"]}
    second = Box(shim, "second", "cat /dev/shm/x /etc/hostname /etc/resolv.conf; hostname; ps | grep -c pause; "
                 "readlink /proc/self/ns/ipc", pid, namespaces=("network", "ipc", "uts"), mounts=[shm, own, hollow])
    other = second.ran()
    check(other.startswith("hello\nmine\nsearch a.local"), f"the second one says {other!r}")
    same(other.splitlines()[-3], "web", "its host name")
    same(other.splitlines()[-1], seen.splitlines()[-1], "its IPC namespace")


def box_that_says_up(shim, name, script, pid):
    """Started, and it has come so far."""
    fifo = f"{WORK}/{name}.fifo"
    os.mkfifo(fifo)
    box = Box(shim, name, script, pid, out=fifo)
    with open(fifo, "rb", buffering=0) as out:
        box.start()
        same(out.readline(), b"up\n", "what it says")
    return box


def test_stopped_with_patience():
    """Its containers may end by themselves."""
    shim = Shim("patient")
    shim.create()
    pid = shim.ask("StartSandbox")[1][0]
    ends = box_that_says_up(shim, "ends", "trap 'exit 7' TERM; echo up; while :; do sleep 0.1; done", pid)
    waiting = shim.client.begin("Wait", message(_1="ends"), service=TASK)
    shim.ask("StopSandbox", message(_2=60))
    same(shim.client.end(waiting)[1], [7], "its status")
    ends.delete()
    same(shim.state(), "SANDBOX_NOTREADY", "the state")
    shim.ask("StopSandbox")
    shim.end()


def kill_all(numbers):
    """Some may end with others."""
    for number in numbers.split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(number), signal.SIGKILL)


def test_virtual_machine_killed():
    """Whoever waits hears of it, and why; the shim is there until it is told to go."""
    shim = Shim("killed")
    shim.create()
    pid = shim.ask("StartSandbox")[1][0]
    box = Box(shim, "victim", "sleep 1000", pid)
    box.start()
    waiting = shim.begin("WaitSandbox")
    task = shim.client.begin("Wait", message(_1="victim"), service=TASK)
    server = run("pgrep", "-P", str(pid)).decode().strip()
    kill_all(run("pgrep", "-P", server))
    same(shim.client.end(waiting)[1], [137], "how it ended")
    same(shim.client.end(task)[1], [137], "how its container ended")
    same(shim.state(), "SANDBOX_NOTREADY", "the state")
    refused(UNAVAILABLE, "killed by signal 9", lambda: shim.ask("StartSandbox"))
    refused(PRECONDITION, "has ended", lambda: Box(shim, "late", "true", pid))
    box.delete()
    shim.end()


def test_shim_killed():
    """containerd executes `delete` of the sandbox then, and of nothing else."""
    shim = Shim("crashed")
    shim.create()
    pid = shim.ask("StartSandbox")[1][0]
    Box(shim, "member", "sleep 1000", pid).start()
    kill_all(run("pgrep", "-s", str(pid)))
    same(shim.client.sock.recv(1), b"", "what comes after the end")
    Shim.there.remove(shim)
    # What cannot be removed is said.
    kept = RECORDS + "/containers/member/kept"
    os.mkdir(kept)
    run("mount", "-t", "tmpfs", "none", kept)
    told = shim.program("delete", input=b"", stderr=subprocess.STDOUT)
    run("umount", kept)
    check(b"container member, which was in sandbox crashed, is not removed: cannot remove" in told, repr(told))
    shutil.rmtree(RECORDS + "/containers/member")
    shim.removed()


def test_what_is_refused():
    """By name; and nothing is left of a sandbox that never was."""
    shim = Shim("none")
    refused(NOT_FOUND, "sandbox other", lambda: shim.client.call("PingSandbox", message(_1="other"), service=SANDBOX))
    for method in ("StartSandbox", "PingSandbox", "SandboxStatus", "WaitSandbox", "SandboxMetrics"):
        refused(PRECONDITION, "was not created yet", lambda method=method: shim.ask(method))
    refused(PRECONDITION, "is a sandbox", lambda: shim.task("Create", "none", message(_2=shim.bundle)))
    refused(UNIMPLEMENTED, "the host's own network", lambda: shim.create(pod(network=NODE)))
    refused(UNIMPLEMENTED, "type but CRI's", lambda: shim.create(message(_1="other.Type", _2=b"x")))
    refused(INVALID, "annotation io.caisson.nonesuch", lambda: shim.create(
        pod(annotations=[("io.caisson.nonesuch", "1")])))
    refused(INVALID, "no single word", lambda: shim.create(pod(dns=message(_1=["1.1.1.1\nsearch evil"]))))
    refused(INVALID, "hostname", lambda: shim.create(pod(hostname="x" * 65)))
    refused(UNIMPLEMENTED, "rootfs", lambda: shim.ask(
        "CreateSandbox", message(_2=shim.bundle, _3=[message(_1="tmpfs", _2="tmpfs")])))
    refused(INVALID, "bundle", lambda: shim.ask("CreateSandbox", message(_2="/tmp")))
    refused(INVALID, "network namespace", lambda: shim.create(netns=WORK + "/caisson.conf"))
    # Its shim is in the control group by then.
    refused(PRECONDITION, "cannot be created any more", shim.create)
    shim.ask("StopSandbox")
    shim.end()


def test_created_twice():
    shim = Shim("twice")
    shim.create()
    refused(EXISTS, "already exists", shim.create)
    shim.end()


def test_container_is_no_sandbox():
    """With a config.json containerd asks for a container."""
    config = {"root": {"path": "rootfs"}, "process": {"args": ["x"], "cwd": "/"},
              "linux": {"namespaces": [{"type": "network"}], "cgroupsPath": f"/{GROUP}/plain"}}
    shim = Shim("plain", config)
    refused(UNIMPLEMENTED, "started for a container", shim.create)
    shim.task("Shutdown", "plain")
    shim.program("delete", input=b"")
    Shim.there.remove(shim)


def test_version_of_the_answer():
    """containerd 2.3 says so itself, and takes more than an address then: it asks for no shim for each container."""
    params = message(_1="newer", _2=NAMESPACE, _4="2.3.0")
    shim = Shim("newer", stdin=params)
    same(json.loads(shim.answer), {"version": 3, "address": f"unix://{shim.path}", "protocol": "ttrpc"}, "the answer")
    shim.end()


def use_firecracker():
    """What stands in for it, unless ./test was told --real; as lib.sh does."""
    if not os.environ.get("CAISSON_TEST_FIRECRACKER", "").startswith("real"):
        ENV["PATH"] = TOP + "/tests/firecracker:" + ENV["PATH"]
        run("ninja", "-C", TOP + "/build/host", "--quiet", "tests/firecracker/standin-vhost.so")


def main():
    if not shutil.which("crun"):
        print("ok sandbox.py # SKIP there is no crun")
        return 77
    with open(ENV["CAISSON_CONFIG"], "w", encoding="ascii") as file:
        if os.environ.get("CAISSON_TEST_HYPERVISOR") == "firecracker":
            file.write('vm.hypervisor = "firecracker"\n')
            use_firecracker()
    failed = 0
    for name, function in list(globals().items()):
        if not name.startswith("test_") or (sys.argv[1:] and name not in sys.argv[1:]):
            continue
        begun = time.monotonic()
        try:
            function()
            print(f"ok {name} ({time.monotonic() - begun:.1f} s)", flush=True)
        except (Failed, Refused, OSError, ValueError, KeyError, IndexError, struct.error, subprocess.SubprocessError):
            failed = 1
            print(f"not ok {name}\n" + textwrap.indent(traceback.format_exc(), "  | "), flush=True)
            while Shim.there:
                Shim.there.pop().program("delete", input=b"")
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.rmtree(RECORDS, ignore_errors=True)
    # The one above those of sandboxes stays: it is whoever's who names it.
    for folder in glob.glob("/sys/fs/cgroup/" + GROUP) + glob.glob("/sys/fs/cgroup/*/" + GROUP):
        os.rmdir(folder)
    return failed


if __name__ == "__main__":
    sys.exit(main())
