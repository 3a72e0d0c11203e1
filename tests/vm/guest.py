#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vminitd in a real guest: QEMU, virtiofsd with a busybox tree, caisson-vsockd, and a Task client.

    guest.py VSOCKD VMINITD OBSERVER                        run the tests
    guest.py --figures VSOCKD VMINITD OBSERVER [SECONDS]    measure, SECONDS of them idle, and print
                                                            the figures as JSON

OBSERVER is made of guests/guest-observer.c.
"""

import json
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from guestlib import (LIMIT, READY, Failed, Machine, check, linux, listener, qemu_line, receive,
                      same, text)
from ttrpc import Client, Refused, message

VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
DOCKER_CAPS = 0xa80425fb
APPLETS = ["sh", "cat", "echo", "id", "sleep", "true", "tty", "seq", "dd", "head", "hostname",
           "mount", "mknod", "ls", "grep", "touch", "wc", "md5sum", "date", "ps", "tr", "test", "mkdir", "stty"]
NOT_FOUND, PRECONDITION, UNIMPLEMENTED = 5, 9, 12
STREAMS, OBSERVER, INTERRUPT = 1025, 5000, 5001
STREAMS_MAX = 512
EPOLL_PWAIT = 281


def process(args, user="", cwd="", terminal=False, caps=DOCKER_CAPS):
    return message(_1=args, _2=["PATH=/bin"], _3=cwd, _4=user, _6=terminal, _7=caps)


class Guest(Machine):
    """A VM with vminitd; an observer is the init before, and becomes vminitd."""

    def __init__(self, vsockd, vminitd, observer=None, devices=()):
        super().__init__()
        self.streams = 0
        self.tree()
        programs = {"init": observer, "vminitd": vminitd} if observer else {"init": vminitd}
        boot = linux(self.dir, programs)
        begun = time.monotonic()
        ours, theirs = socket.socketpair()
        with ours, theirs, listener(self.dir + "/fs") as share:
            self.start_vsock(vsockd, ours)
            share.setblocking(True)
            self.start([VIRTIOFSD, f"--fd={share.fileno()}", "-o",
                        f"source={self.dir}/tree,sandbox=chroot,xattr,cache=always"], share)
            self.start_qemu(theirs, *boot, "-no-reboot",
                            "-chardev", f"socket,id=fs,path={self.dir}/fs",
                            "-device", "vhost-user-fs-device,chardev=fs,tag=caisson-root",
                            *devices)
        self.begun, self.boot, self.client = begun, None, None

    def serve(self):
        """Wait until vminitd does."""
        conn = self.await_ready()
        self.boot = time.monotonic() - self.begun
        self.client = Client(conn)

    def tree(self):
        for folder in ("bin", "etc", "tmp", "proc", "dev", "sys"):
            os.makedirs(f"{self.dir}/tree/{folder}")
        shutil.copy("/bin/busybox", self.dir + "/tree/bin/busybox")
        for name in APPLETS:
            os.symlink("busybox", f"{self.dir}/tree/bin/{name}")
        with open(self.dir + "/tree/etc/group", "w", encoding="ascii") as file:
            file.write("root:x:0:\nanna:x:1000:\n")
        with open(self.dir + "/tree/etc/passwd", "w", encoding="ascii") as file:
            file.write("root:x:0:0::/root:/bin/sh\nanna:x:1000:1000::/home/anna:/bin/sh\n")

    def stream(self):
        """Return: a socket, and its name in requests."""
        self.streams += 1
        name = f"s{self.streams}".encode()
        greeting = struct.pack(">I", len(name)) + name
        sock = self.connect(STREAMS)
        sock.sendall(greeting)
        same(receive(sock, len(greeting)), greeting, "answer to the greeting")
        return sock, "stream://" + name.decode()

    def observed(self):
        """What the observer says of vminitd, as a dictionary."""
        with self.connect(OBSERVER) as sock, sock.makefile() as file:
            return dict(line.rstrip("\n").split(":", 1) for line in file)

    def begin(self, args, exec_id="", stdin=None, **more):
        return Process(self, args, exec_id, stdin, more)

    def run(self, args, exec_id="", stdin=None, **more):
        return self.begin(args, exec_id, stdin, **more).end()


class Process:
    """A container's first process, or an exec: created, started, to be waited for."""

    def __init__(self, guest, args, exec_id, stdin, more):
        self.guest, self.exec_id = guest, exec_id
        terminal, keep = more.get("terminal", False), more.pop("keep", False)
        self.inp, names = None, ["", "", ""]
        if stdin is not None:
            self.inp, names[0] = guest.stream()
        self.out, names[1] = guest.stream()
        self.err = None
        if not terminal:
            self.err, names[2] = guest.stream()
        spec = process(args, **more)
        if exec_id:
            spec = message(_1="caisson.guest.v1.Process", _2=spec)
            guest.client.call("Exec", message(_1="c", _2=exec_id, _3=terminal, _4=names[0],
                                              _5=names[1], _6=names[2], _7=spec))
        else:
            root = message(_1="virtiofs", _2="caisson-root")
            spec = message(_1="caisson.guest.v1.Container",
                           _2=message(_1=spec, _2="box"))
            guest.client.call("Create", message(_1="c", _2="/bundle", _3=[root], _4=terminal,
                                                _5=names[0], _6=names[1], _7=names[2], _10=spec))
        self.wait = guest.client.begin("Wait", message(_1="c", _2=exec_id))
        guest.client.call("Start", message(_1="c", _2=exec_id))
        if stdin:
            self.inp.sendall(stdin)
        if stdin is not None and not keep:
            self.inp.shutdown(socket.SHUT_WR)

    def close(self):
        """End its stdin, and wait for it."""
        self.inp.shutdown(socket.SHUT_WR)
        return self.end()

    def end(self):
        """Return: status, stdout, stderr."""
        out = self.rest(self.out)
        err = self.rest(self.err) if self.err else b""
        status = self.guest.client.end(self.wait).get(1, [0])[0]
        self.guest.client.call("Delete", message(_1="c", _2=self.exec_id))
        for sock in (self.inp, self.out, self.err):
            if sock:
                sock.close()
        return status, out, err

    @staticmethod
    def rest(sock):
        data = bytearray()
        while True:
            more = sock.recv(1 << 20)
            if not more:
                return bytes(data)
            data += more


# The tests. Each gets a guest with no container in it, and leaves it so.

def first_process(guest):
    same(guest.run(["sh", "-c", "echo $$; hostname; id -u; echo err >&2; exit 7"]),
         (7, b"1\nbox\n0\n", b"err\n"), "a first process")
    same(guest.run(["sh", "-c", "set -- /proc/[0-9]*; echo $#; ls /init /rootfs 2>&1 | wc -l"])[1],
         b"1\n2\n", "what a container sees of others")


def failures(guest):
    for args, code, text in (
            (["foo"], NOT_FOUND, 'exec: "foo": executable file not found in $PATH'),
            (["/x"], NOT_FOUND, 'exec: "/x": stat /x: no such file or directory'),
            (["/etc"], 7, 'exec: "/etc": permission denied')):
        try:
            guest.begin(args)
            raise Failed(f"{args} was created")
        except Refused as error:
            same((error.code, error.text), (code, text), "the refusal")
    try:
        guest.client.call("Invent", message(_1="c"))
        raise Failed("there is such a method")
    except Refused as error:
        same(error.code, UNIMPLEMENTED, "code of a method that there is not")


def bytes_both_ways(guest):
    data = os.urandom(1 << 20) * 3
    run = guest.begin(["cat"], stdin=b"x", keep=True)
    feeder = threading.Thread(target=lambda: (run.inp.sendall(data),
                                              run.inp.shutdown(socket.SHUT_WR)))
    feeder.start()
    status, out, _ = run.end()
    feeder.join()
    check(status == 0 and out == b"x" + data, "what cat gave back")


def fifty_execs(guest):
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    runs = [guest.begin(["sh", "-c", f"read x; for i in 1 2 3 4 5; do echo {i} $i; done; exit {i}"],
                        f"e{i}", stdin=b"\n") for i in range(50)]
    for i, run in enumerate(runs):
        want = b"".join(b"%d %d\n" % (i, n) for n in range(1, 6))
        same(run.end(), (i, want, b""), f"exec {i}")
    same(holder.close()[0], 0, "status")


def users_change(guest):
    """Whom an exec runs as is what the files say now, though it was looked up before."""
    holder = guest.begin(["sh"], stdin=b"", keep=True)
    for uid in (1000, 1000, 2000, 1000):
        line = f"anna:x:{uid}:1000::/home/anna:/bin/sh"
        holder.inp.sendall(f"test $(id -u anna) = {uid} || echo {line} >/etc/passwd; echo\n".encode())
        same(receive(holder.out, 1), b"\n", "output")
        same(guest.run(["id", "-u"], "e", user="anna")[:2], (0, b"%d\n" % uid), "the user")
    holder.close()


def terminal(guest):
    run = guest.begin(["sh", "-c", "tty; test -t 1 && echo hello > /dev/console"], terminal=True)
    same(run.end()[:2], (0, b"/dev/pts/0\r\nhello\r\n"), "the terminal")


def fork_bomb(guest):
    """PID 1 outlives a container that takes all there is, and still ends it at a word."""
    run = guest.begin(["sh", "-c", "echo up; b() { b | b & }; b; while :; do :; done"])
    same(receive(run.out, 3), b"up\n", "output")
    guest.client.call("Connect", message(_1="c"))
    guest.client.call("Kill", message(_1="c", _3=9, _4=True))
    same(run.end()[0], 137, "status")
    first_process(guest)


def memory_hog(guest):
    """The kernel ends who takes the memory: a container, or just an exec in it; not PID 1."""
    hog = "x=0123456789; while :; do x=$x$x; done"
    same(guest.run(["sh", "-c", hog])[0], 137, "status")
    same(guest.run(["sh", "-c", "cat /dev/zero >/dev/shm/x; " + hog])[0], 137, "status")
    holder = guest.begin(["cat"], stdin=b"alive", keep=True)
    same(guest.run(["sh", "-c", hog], "e")[0], 137, "status of the exec")
    same(holder.close(), (0, b"alive", b""), "the container")
    first_process(guest)


def another_connection(guest):
    """A host that comes back finds vminitd listening."""
    again = Client(guest.connect(READY))
    guest.client.sock.close()
    guest.client = again
    first_process(guest)


def abandoned_streams(guest):
    """As many as there can be, twice: opened, and closed before anything has used them."""
    for _ in range(2):
        for sock, _ in [guest.stream() for _ in range(STREAMS_MAX)]:
            sock.close()
    same(guest.run(["echo", "alive"]), (0, b"alive\n", b""), "a container after that")


def switches(status):
    return int(status["voluntary_ctxt_switches"]) + int(status["nonvoluntary_ctxt_switches"])


def resting(guest):
    """What the observer says when vminitd has done all there was to do, and waits."""
    while True:
        status = guest.observed()
        call = status["syscall"].split()
        if call[0] == str(EPOLL_PWAIT):
            return status, call[1:]


def no_wake_ups(guest):
    """Idle, with a container, it waits without a deadline, and sleeps whatever else the guest does.

    It has no timers but the deadline of that one wait.
    """
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    status, call = resting(guest)
    same(int(call[3], 16) & 0xffffffff, 0xffffffff, "the milliseconds that vminitd waits")
    same(status["Threads"].strip(), "1", "vminitd's threads")
    # The host's last word on a stream may come late. What is periodic comes again.
    for _ in range(5):
        before = switches(status)
        for _ in range(100):
            status = guest.observed()
        if switches(status) == before:
            break
    same(switches(status), before, "vminitd's context switches")
    holder.close()


def many_execs(guest, count):
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    for i in range(count):
        same(guest.run(["/bin/echo", str(i)], f"e{i}"), (0, b"%d\n" % i, b""), f"exec {i}")
    holder.close()


def resident(guest):
    """Kilobytes, of 1024 bytes. VmRSS would not do: the kernel lets it lag by 64 pages."""
    status, _ = resting(guest)
    return int(status["Rss"].split()[0])


def little_memory(guest):
    many_execs(guest, 200)
    before = resident(guest)
    many_execs(guest, 1000)
    after = resident(guest)
    check(after <= 1000000 / 1024, f"resident: {after} kB")
    check(after <= before, f"resident: {before} kB, {after} kB after 1,000 execs")


def the_end(guest, ask, hears):
    """The VM ends at a word, of which a container hears first, or does not."""
    # A shell's read can miss a signal that comes just before; its wait cannot.
    run = guest.begin(["sh", "-c", "trap 'echo bye; exit' TERM; echo up; "
                       "while :; do sleep 1000 & wait; done"])
    same(receive(run.out, 3), b"up\n", "output")
    ask()
    guest.qemu.wait(LIMIT)
    same(guest.qemu.returncode, 0, "QEMU's status")
    same(run.rest(run.out), b"bye\n" if hears else b"", "last words")


def shutdown(guest):
    the_end(guest, lambda: guest.client.call("Shutdown", message(_1="c")), True)


def shutdown_now(guest):
    the_end(guest, lambda: guest.client.call("Shutdown", message(_1="c", _2=True)), False)


def ctrl_alt_del(guest):
    the_end(guest, lambda: guest.connect(INTERRUPT).close(), True)


def nobody_answers(vsockd, vminitd):
    """A host that does not listen."""
    with Guest(vsockd, vminitd) as guest:
        guest.ready.close()
        guest.qemu.wait(LIMIT)
        same(guest.qemu.returncode, 0, "QEMU's status")
        check("vminitd: fatal: the host does not answer on vsock port 1024: " in guest.console(),
              guest.story())


def dead_ends(vminitd):
    """Boots that lead nowhere say so, and end."""
    for word, said in (("caisson_probe=1", ""),
                       ("", "vminitd: fatal: cannot dial the host on vsock: No such device"),
                       ("caisson_port=x", "vminitd: fatal: cannot read the kernel command line")):
        with tempfile.TemporaryDirectory(prefix="caisson-test-guest.") as folder:
            boot = linux(folder, {"init": vminitd}, words=word)
            run = subprocess.run(qemu_line(folder, *boot, "-no-reboot"), check=False,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, timeout=LIMIT)
            same((run.returncode, run.stdout), (0, ""), "QEMU's status and words")
            console = text(folder + "/console")
            check(said in console and ("fatal: " in console) == bool(said), console)


# Figures; nothing fails on them.

def exec_times(guest, count):
    """Milliseconds of an exec each, after one that is not counted."""
    holder, times = guest.begin(["cat"], stdin=b"", keep=True), []
    for _ in range(count + 1):
        begin = time.monotonic()
        guest.run(["/bin/true"], "e")
        times.append(round((time.monotonic() - begin) * 1000, 2))
    holder.close()
    return times[1:]


def idle_wake_ups(guest, seconds):
    """Context switches of vminitd while a container waits for input."""
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    before, _ = resting(guest)
    ends = os.pidfd_open(guest.qemu.pid)
    ended, _, _ = select.select([ends], [], [], seconds)
    os.close(ends)
    check(not ended, "the guest ended: " + guest.story())
    after = guest.observed()
    holder.close()
    return switches(after) - switches(before)


def figures(vsockd, vminitd, observer, seconds="10"):
    with Guest(vsockd, vminitd, observer) as guest:
        guest.serve()
        result = {"boot_ms": round(guest.boot * 1000, 1), "resident_kb": {"fresh": resident(guest)}}
        for _ in range(100):
            same(guest.run(["/bin/echo", "hello"]), (0, b"hello\n", b""), "a container")
        result["resident_kb"]["after 100 containers"] = resident(guest)
        many_execs(guest, 100)
        result["resident_kb"]["and 100 execs"] = resident(guest)
        many_execs(guest, 900)
        result["resident_kb"]["and 1,000 execs"] = resident(guest)
        result["exec_ms"] = exec_times(guest, 50)
        result["idle_s"] = int(seconds)
        result["idle_wake_ups"] = idle_wake_ups(guest, int(seconds))
    print(json.dumps(result, indent=2))


TESTS = [first_process, failures, bytes_both_ways, fifty_execs, users_change, terminal, fork_bomb,
         memory_hog, another_connection, abandoned_streams, no_wake_ups, little_memory, shutdown]


def run(cases, *programs):
    with Guest(*programs) as guest:
        try:
            guest.serve()
            for case in cases:
                case(guest)
                print("ok", case.__name__, flush=True)
        except Exception:
            print("not ok", guest.story())
            raise


def test(vsockd, vminitd, observer):
    dead_ends(vminitd)
    print("ok dead_ends", flush=True)
    nobody_answers(vsockd, vminitd)
    print("ok nobody_answers", flush=True)
    for cases in (TESTS, [shutdown_now], [ctrl_alt_del]):
        run(cases, vsockd, vminitd, observer)


def main(args):
    if len(args) < 3:
        sys.exit(__doc__)
    if os.geteuid() != 0 or not os.path.exists(VIRTIOFSD):
        print("ok guest # SKIP virtiofsd needs root, and to be there")
        sys.exit(77)
    if args[0] == "--figures":
        figures(*args[1:])
    else:
        test(*args)


if __name__ == "__main__":
    main(sys.argv[1:])
