#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How far building and unpacking have come, as a terminal shows it.

    progress.py [TEST...]
"""

import fcntl
import io
import os
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import tempfile
import termios
import time

from guestlib import LIMIT, Failed, check
from imagelib import run

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + "/tests/lib")
from ociimage import Image, Layer  # pylint: disable=wrong-import-position

CAISSON = TOP + "/build/bin/caisson"
MEGABYTE = 1000000
# The program looks at its clock when something passes: so long after that it draws.
INTERVAL = 0.1


def tar_of(*sizes):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for i, size in enumerate(sizes):
            info = tarfile.TarInfo(f"file{i}")
            info.size = size
            tar.addfile(info, io.BytesIO(os.urandom(size)))
    return data.getvalue()


class Screen:
    """What a terminal would show: its lines, and each state that its last line has had."""

    def __init__(self, columns):
        self.columns, self.lines, self.column, self.states = columns, [""], 0, []

    def put(self, text):
        line = self.lines[-1].ljust(self.column)
        self.lines[-1] = line[:self.column] + text + line[self.column + len(text):]
        self.column += len(text)
        check(self.column < self.columns, f"the line is full: {self.lines[-1]!r}")

    def feed(self, data):
        for part in re.findall(r"\r\n|\r|\x1b\[K|[ -~]+|.", data, re.S):
            if part == "\r\n":
                self.lines.append("")
                self.column = 0
            elif part == "\r":
                self.column = 0
            elif part == "\x1b[K":
                self.lines[-1] = self.lines[-1][:self.column]
                self.states.append(self.lines[-1])
            else:
                check(part.isprintable(), f"{part!r} in {data!r}")
                self.put(part)


class Terminal:
    """A program in a terminal of its own. A context manager."""

    def __init__(self, *words, columns=80, term="xterm", stdin=None):
        self.screen, self.began, self.status = Screen(columns or 80), time.monotonic(), None
        ours, theirs = os.openpty()
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.pid, self.fd = os.fork(), ours
        if self.pid == 0:
            os.login_tty(theirs)
            if stdin is not None:
                os.dup2(stdin, 0)
            os.execve(words[0], words, dict(os.environ, TERM=term))
        os.close(theirs)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def read(self, limit=LIMIT):
        """One piece. Return: was there one?"""
        if not select.select([self.fd], [], [], limit)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.screen.feed(data.decode("ascii"))
        return bool(data)

    def until(self, pattern):
        """Until a line looked like that."""
        while not any(re.fullmatch(pattern, line) for line in self.screen.states):
            check(self.read(), f"no {pattern!r} in {self.screen.states}")

    def end(self):
        """Return: its exit status."""
        while self.read():
            pass
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.status


class Case:
    """A folder, with caisson's own folders in it."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="caisson-test-progress.")
        self.out = self.dir + "/out"
        os.environ.update(CAISSON_ROOT=self.dir + "/root", CAISSON_RUN=self.dir + "/run")
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def layers(self, *layers):
        Image([Layer(layer, None) for layer in layers]).write_oci(self.dir + "/image")
        return f"oci:{self.dir}/image"

    def build(self, *words, **more):
        return Terminal(CAISSON, "image", "build", "-o", self.out, *words, **more)

    def left(self):
        return sorted(set(os.listdir(self.dir)) - {"image", "root", "run"})


class Pipe:
    """Standard input whose bytes come when the test wants them. A context manager."""

    def __enter__(self):
        self.theirs, self.fd = os.pipe()
        os.set_inheritable(self.theirs, True)
        return self

    def __exit__(self, *_):
        self.close()
        os.close(self.theirs)

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1

    def write(self, data):
        while data:
            data = data[os.write(self.fd, data):]


def step_by_step(terminal, step, pattern):
    """Stopped before it has got far, it draws again as soon as its clock says so."""
    terminal.until(step + ".*")
    os.kill(terminal.pid, signal.SIGSTOP)
    os.waitpid(terminal.pid, os.WUNTRACED)
    while terminal.read(INTERVAL):
        pass
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.until(pattern)


def layers_with_a_total():
    with Case() as case:
        image = case.layers(tar_of(60 * MEGABYTE), tar_of(60 * MEGABYTE))
        with case.build(image) as terminal:
            step_by_step(terminal, "unpacking layer 1 of 2",
                         r"unpacking layer [12] of 2  \[=* *\]  [ \d]{3} %  \d+ MB/s")
            check(terminal.end() == 0, "status")
            check(terminal.screen.lines == [""], terminal.screen.lines)
            seconds, drawn = time.monotonic() - terminal.began, len(terminal.screen.states) - 1
            check(drawn <= seconds / INTERVAL + 1, f"drawn {drawn} times in {seconds} s")
            shares = [int(x) for state in terminal.screen.states
                      for x in re.findall(r"of 1 .* (\d+) %", state)]
            check(shares == sorted(shares), shares)


def no_total():
    """A pipe, and a folder: what has passed."""
    with Case() as case, Pipe() as pipe:
        data = tar_of(30 * MEGABYTE)
        with case.build("-", stdin=pipe.theirs) as terminal:
            terminal.until("reading the tar")
            pipe.write(data[:20 * MEGABYTE])
            # Nothing is drawn twice within that time.
            terminal.read(INTERVAL)
            pipe.write(data[20 * MEGABYTE:21 * MEGABYTE])
            terminal.until(r"reading the tar  (19|2\d) MB  \d+ MB/s")
            pipe.write(data[21 * MEGABYTE:])
            pipe.close()
            check(terminal.end() == 0, "status")
            check(terminal.screen.lines == [""], terminal.screen.lines)
        os.mkdir(case.dir + "/image")
        with open(case.dir + "/image/file", "wb") as file:
            file.write(data)
        with case.build("dir:" + case.dir + "/image") as terminal:
            terminal.until("reading the folder")
            check(terminal.end() == 0, "status")
            check(terminal.screen.lines == [""], terminal.screen.lines)


def archive():
    """One that is compressed is decompressed before there are layers."""
    with Case() as case:
        path = case.dir + "/archive"
        Image([Layer(tar_of(60 * MEGABYTE), None)]).write_docker_archive(path)
        run("gzip", "-1", path)
        with case.build(f"docker-archive:{path}.gz") as terminal:
            step_by_step(terminal, "decompressing the archive",
                         r"decompressing the archive  \[=* *\]  [ \d]{3} %  \d+ MB/s")
            check(terminal.end() == 0, "status")
            check(terminal.screen.lines == [""], terminal.screen.lines)


def any_width():
    """No line is so long that the terminal would begin another."""
    with Case() as case:
        image = case.layers(tar_of(MEGABYTE), tar_of(20 * MEGABYTE))
        for columns in (0, 1, 2, 5, 20, 40, 60, 100, 300):
            with case.build(image, columns=columns) as terminal:
                check(terminal.end() == 0, "status")
                check(terminal.screen.lines == [""], terminal.screen.lines)
                check(terminal.screen.states, "nothing was drawn")


def interrupted():
    """What the terminal shows of Ctrl-C is gone, too."""
    with Case() as case, Pipe() as pipe:
        with case.build("-", stdin=pipe.theirs) as terminal:
            pipe.write(tar_of(MEGABYTE)[:MEGABYTE])
            terminal.until("reading the tar.*")
            os.write(terminal.fd, b"\x03")
            check(terminal.end() == 128 + signal.SIGINT, f"status {terminal.status}")
            check(terminal.screen.lines == ["caisson: -: interrupted", ""], terminal.screen.lines)
            check(case.left() == [], case.left())


def error():
    """A message has a line of its own."""
    with Case() as case, Pipe() as pipe:
        with case.build("-", stdin=pipe.theirs, columns=200) as terminal:
            pipe.write(tar_of(MEGABYTE)[:MEGABYTE // 2])
            terminal.until("reading the tar.*")
            pipe.close()
            check(terminal.end() == 1, f"status {terminal.status}")
            check(len(terminal.screen.lines) == 2, terminal.screen.lines)
            check(terminal.screen.lines[0].startswith("caisson: -: "), terminal.screen.lines)


def in_the_background():
    """Nothing is drawn over what someone types."""
    with Case() as case:
        image = case.layers(tar_of(MEGABYTE))
        line = f"set -m; '{CAISSON}' image build -o '{case.out}' '{image}' & wait $!"
        with Terminal("/bin/bash", "-c", line, columns=500) as terminal:
            check(terminal.end() == 0, "status")
            check(terminal.screen.states == [], terminal.screen.states)


def no_terminal():
    """Neither there nor where the cursor cannot move is anything but text."""
    with Case() as case:
        image = case.layers(tar_of(MEGABYTE))
        for term in ("dumb", ""):
            with case.build(image, term=term) as terminal:
                check(terminal.end() == 0, "status")
                check(terminal.screen.lines == [""], terminal.screen.lines)
                check(terminal.screen.states == [], terminal.screen.states)
        done = subprocess.run([CAISSON, "image", "build", "-o", case.out, image], check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env=dict(os.environ, TERM="xterm"))
        check((done.returncode, done.stdout) == (0, b""), done)


def others_unpack():
    """What else unpacks has the same line; it goes before the message, and becomes lines elsewhere."""
    for words, after, status in (["run"], ["true"], 125), (["image", "import"], [], 1):
        with Case() as case:
            image = case.layers(tar_of(60 * MEGABYTE), b"no tar" * 100)
            with Terminal(CAISSON, *words, image, *after, columns=300) as terminal:
                step_by_step(terminal, "unpacking layer 1 of 2",
                             r"unpacking layer 1 of 2  \[=* *\]  [ \d]{3} %  \d+ MB/s")
                check(terminal.end() == status, f"status {terminal.status}")
                check(len(terminal.screen.lines) == 2, terminal.screen.lines)
                check("layer 2 of 2" in terminal.screen.lines[0], terminal.screen.lines)
            done = subprocess.run([CAISSON, *words, image, *after], check=False, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            check(done.stderr.splitlines()[:2] == ["caisson: unpacking layer 1 of 2",
                                                   "caisson: unpacking layer 2 of 2"], done.stderr)


TESTS = [layers_with_a_total, no_total, archive, any_width, interrupted, error,
         in_the_background, no_terminal, others_unpack]


def main(names):
    status = 0
    for test in TESTS:
        if names and test.__name__ not in names:
            continue
        if test is others_unpack and os.geteuid() != 0:
            print("ok others_unpack # SKIP images are unpacked by root")
            continue
        try:
            test()
            print(f"ok {test.__name__}", flush=True)
        except (Failed, OSError) as failure:
            status = 1
            print(f"not ok {test.__name__}\n  | {failure}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
