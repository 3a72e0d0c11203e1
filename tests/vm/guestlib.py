# SPDX-License-Identifier: Apache-2.0
"""What tests with guests of their own share: the machine, its devices' sockets, and small checks."""

import codecs
import functools
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIMIT = 120  # seconds that anything may take at most; nothing waits that long when all is well
READY = 1024  # the vsock port that guests dial when they serve
# Emulated, a guest goes without what makes Linux copy byte by byte, which is slow there.
ACCEL = os.environ.get("CAISSON_TEST_ACCEL", "tcg")
CPU = "max,-erms,-fsrm" if ACCEL == "tcg" else "max"


class Failed(Exception):
    pass


def check(value, what):
    if not value:
        raise Failed(what)


def same(have, want, what):
    check(have == want, f"{what} is {have!r}, not {want!r}")


@functools.cache
def cached_kernel(arch, image):
    run = subprocess.run([os.path.join(TOP, "kernel/build.sh"), "--arch", arch, "--key"],
                         check=True, text=True, stdout=subprocess.PIPE)
    cache = os.environ.get("CAISSON_CACHE", "/var/cache/caisson")
    return os.path.join(cache, "kernels", run.stdout.strip(), image)


def kernel():
    """The tuned kernel, as `caisson kernel build` left it; $CAISSON_TEST_KERNEL is another one."""
    return os.environ.get("CAISSON_TEST_KERNEL") or cached_kernel("x86_64", "vmlinux")


def tsc_khz():
    with open("/proc/cpuinfo", encoding="ascii") as info:
        for line in info:
            if line.startswith("cpu MHz"):
                return int(float(line.split(":")[1]) * 1000)
    return 0


def cpio(files):
    """An initramfs: [(name, mode, bytes)]."""
    out = b""
    for number, (name, mode, data) in enumerate(files + [("TRAILER!!!", 0, b"")]):
        raw = name.encode() + b"\0"
        fields = [number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(raw), 0]
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + raw
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return out


def linux(folder, programs, folders=(), words=""):
    """Boot Linux with programs, {name: path}, in its initramfs. Return: words for QEMU."""
    files = [(name, 0o40755, b"") for name in folders]
    for name, path in programs.items():
        with open(path, "rb") as file:
            files.append((name, 0o100755, file.read()))
    with open(folder + "/initramfs", "wb") as file:
        file.write(cpio(files))
    return ["-kernel", kernel(), "-initrd", folder + "/initramfs", "-append",
            f"console=ttyS0 reboot=t panic=-1 quiet tsc_early_khz={tsc_khz()} {words}".rstrip()]


def qemu_line(folder, *more):
    return [
        "qemu-system-x86_64", "-nodefaults", "-no-user-config", "-nographic",
        "-M", "microvm,x-option-roms=off,pit=off,pic=off,rtc=on,isa-serial=on,memory-backend=mem",
        "-accel", ACCEL, "-cpu", CPU, "-m", "256", "-smp", "1",
        "-global", "virtio-mmio.force-legacy=false",
        "-object", "memory-backend-memfd,id=mem,size=256M,share=on",
        "-serial", f"file:{folder}/console", *more,
    ]


# The end of a console that is a Console's.
STDIO = ["-chardev", "stdio,id=console,signal=off"]


class Console:
    """A QEMU whose console is ours. A context manager."""

    def __init__(self, line):
        # pylint: disable-next=consider-using-with # it ends with us
        self.qemu = subprocess.Popen([str(word) for word in line], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.console, self.seen = "", 0
        # Half of a character may come by itself.
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.qemu.kill()
        self.qemu.wait()
        self.qemu.stdin.close()
        self.qemu.stdout.close()

    def read(self, deadline):
        """More of the console. Return: was there any?"""
        left = max(0, deadline - time.monotonic())
        ready, _, _ = select.select([self.qemu.stdout], [], [], left)
        check(ready, f"nothing more for {LIMIT} s on the console: {self.console}")
        data = os.read(self.qemu.stdout.fileno(), 65536)
        self.console += self.decoder.decode(data).replace("\r", "")
        return bool(data)

    def expect(self, text):
        """Wait until the console shows it, behind what was waited for before."""
        deadline = time.monotonic() + LIMIT
        while (at := self.console.find(text, self.seen)) < 0:
            if not self.read(deadline):
                raise Failed(f"the end before {text!r}: {self.console}")
        self.seen = at + len(text)

    def type(self, line):
        self.qemu.stdin.write(line.encode() + b"\n")
        self.qemu.stdin.flush()

    def end(self):
        """Wait for QEMU. Return: all that the console has shown."""
        deadline = time.monotonic() + LIMIT
        while self.read(deadline):
            pass
        status = self.qemu.wait(LIMIT)
        check(status == 0, f"QEMU's status is {status}: {self.console}")
        return self.console


def text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def listener(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(path)
    sock.listen(4096)
    sock.settimeout(LIMIT)
    return sock


def receive(sock, size):
    data = bytearray()
    while len(data) < size:
        more = sock.recv(min(1 << 20, size - len(data)))
        if not more:
            raise Failed(f"the end after {len(data)} of {size} bytes")
        data += more
    return bytes(data)


def number(sock):
    return struct.unpack("<Q", receive(sock, 8))[0]


class Machine:
    """One VM, and the programs behind its devices; a context manager.

    What the programs say is kept in files, and shown when something fails.
    """

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="caisson-test-guest.")
        self.logs = {}
        self.ready = self.listen(READY)
        self.vsockd = self.qemu = None

    def start(self, words, *socks):
        with open(f"{self.dir}/log.{len(self.logs)}", "wb") as log:
            child = subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL,
                                     stdout=log, stderr=log, pass_fds=[s.fileno() for s in socks])
        self.logs[child] = log.name
        return child

    def start_vsock(self, vsockd, sock):
        """Start vsockd, with its end of QEMU's socket."""
        with listener(self.dir + "/v") as uds:
            self.vsockd = self.start(
                [vsockd, "--vhost-fd", sock.fileno(), "--uds-fd", uds.fileno(),
                 "--uds-path-base", self.dir + "/v", "--cid", 3], sock, uds)

    def start_qemu(self, sock, *more):
        """Start QEMU, with its end of vsockd's socket."""
        device = ["-chardev", f"socket,id=vs,fd={sock.fileno()}",
                  "-device", "vhost-user-vsock-device,chardev=vs"]
        self.qemu = self.start(qemu_line(self.dir, *device, *more), sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.logs):
            child.kill()
            child.wait()
        self.ready.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def said(self, child):
        return text(self.logs[child])

    def story(self):
        """What everybody said, for when something has failed."""
        return "".join(self.said(child) for child in self.logs) + self.console()

    def console(self):
        return text(self.dir + "/console")[-3000:]

    def listen(self, port):
        return listener(f"{self.dir}/v_{port}")

    def await_ready(self):
        """The guest serves. Return: the connection that it made."""
        ends = os.pidfd_open(self.qemu.pid)
        readable, _, _ = select.select([self.ready, ends], [], [], LIMIT)
        os.close(ends)
        check(self.ready in readable, "the guest never got ready: " + self.story())
        conn, _ = self.ready.accept()
        conn.settimeout(LIMIT)
        return conn

    def plain(self, name="v"):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(LIMIT)
        sock.connect(f"{self.dir}/{name}")
        return sock

    def connect(self, port):
        sock = self.plain()
        sock.sendall(b"CONNECT %d\n" % port)
        line = b""
        while not line.endswith(b"\n"):
            byte = sock.recv(1)
            if not byte:
                sock.close()
                raise Failed(f"nobody on port {port}")
            line += byte
        check(line.startswith(b"OK "), f"answer {line!r}")
        return sock

    def qmp(self, *commands):
        with self.plain("qmp") as sock, sock.makefile("rw") as lines:
            lines.readline()
            for command in ("qmp_capabilities",) + commands:
                lines.write(json.dumps({"execute": command}) + "\n")
                lines.flush()
                while "return" not in json.loads(lines.readline()):
                    pass
