# SPDX-License-Identifier: Apache-2.0
"""What tests of Firecracker's stand-in share: the process, and a client that sends exactly what
it is told.
"""

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import textwrap
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
FIRECRACKER = os.path.join(HERE, "firecracker")
JAILER = os.path.join(HERE, "jailer")
LIMIT = 60  # seconds that anything may take at most; nothing waits that long when all is well
TOO_LATE = "The requested operation is not supported after starting the microVM."
TOO_EARLY = "The requested operation is not supported before starting the microVM."


class Failed(Exception):
    pass


def check(value, what):
    if not value:
        raise Failed(what)


def same(have, want, what):
    check(have == want, f"{what} is {have!r}, not {want!r}")


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith("STANDIN_")}
    return {**env, **more}


def run(words, env, folder=None):
    """Run it to its end. Return: its status and all that it says, in stdout."""
    return subprocess.run(words, check=False, cwd=folder, env=env, text=True, timeout=LIMIT,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)


class Client:
    """One connection."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(path)
        self.data = b""

    def send(self, data):
        self.sock.sendall(data)

    def more(self):
        data = self.sock.recv(65536)
        self.data += data
        return bool(data)

    def answer(self):
        """Return: (status, header lines, body), or None at the end of the connection."""
        while b"\r\n\r\n" not in self.data:
            if not self.more():
                return None
        head, _, self.data = self.data.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        size = next((int(line.split(":")[1]) for line in lines
                     if line.startswith("Content-Length:")), 0)
        while len(self.data) < size:
            check(self.more(), "the answer ends within its body")
        body, self.data = self.data[:size], self.data[size:]
        return int(lines[0].split()[1]), lines[1:], body.decode()

    def ask(self, method, path, body=None):
        """Return: (status, what the body says)."""
        data = b"" if body is None else (body if isinstance(body, bytes)
                                         else json.dumps(body).encode())
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        self.send(head.encode() + b"\r\n" + data)
        answer = self.answer()
        check(answer, f"no answer to {method} {path}")
        return answer[0], json.loads(answer[2]) if answer[2] else None

    def close(self):
        self.sock.close()

    def is_closed(self):
        return self.data == b"" and not self.more()


class Firecracker:
    """A process in a folder of its own; a context manager. words: more of its command line."""

    def __init__(self, *words, version="1.13.1", socket_name="api", **env):
        self.dir = tempfile.mkdtemp(prefix="caisson-test-fc.")
        self.words = [FIRECRACKER, "--level", "Info", *words]
        if socket_name:
            self.words += ["--api-sock", socket_name]
        self.env = environment(STANDIN_VERSION=version, **env)
        self.api, self.child, self.client = socket_name, None, None
        self.output = b""

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, data=b""):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return name

    def start(self):
        self.child = subprocess.Popen(self.words, cwd=self.dir, env=self.env,
                                      stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT)
        return self

    def __enter__(self):
        self.start()
        if self.api:
            self.await_output("API server started.")
            self.client = self.connect()
        return self

    def connect(self):
        here = os.getcwd()
        os.chdir(self.dir)  # Its path may be too long.
        try:
            return Client(self.api)
        finally:
            os.chdir(here)

    def read(self):
        """Some more of the output; False at its end."""
        ready, _, _ = select.select([self.child.stdout], [], [], LIMIT)
        check(ready, f"nothing more is said after {self.text()}")
        data = os.read(self.child.stdout.fileno(), 65536)
        self.output += data
        return bool(data)

    def text(self):
        return self.output.decode("utf-8", "replace")

    def await_output(self, words):
        while words not in self.text():
            check(self.read(), f"{words!r} is not in {self.text()}")

    def status(self):
        """Wait for the end."""
        while self.read():
            pass
        return self.child.wait(LIMIT)

    def __exit__(self, kind, *_):
        try:
            if self.client:
                self.client.close()
            if self.child:
                self.end(kind)
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)

    def end(self, show):
        """Kill it; show what it said when something has failed."""
        self.child.kill()
        while show and self.read():
            pass
        if show:
            print(textwrap.indent(self.text(), "# "), flush=True)
        self.child.wait()
        self.child.stdout.close()

    def ok(self, method, path, body=None):
        status, answer = self.client.ask(method, path, body)
        check(status in (200, 204), f"{method} {path} {body}: {status} {answer}")
        same(status, 204 if answer is None else 200, f"the status of {method} {path}")
        return answer

    def fault(self, method, path, body=None):
        """The fault message of a request that is to be refused."""
        status, answer = self.client.ask(method, path, body)
        check(status == 400 and answer and "fault_message" in answer,
              f"{method} {path} {body}: {status} {answer}")
        return answer["fault_message"]

    def refused(self, want, method, path, body=None):
        same(self.fault(method, path, body), want, f"the fault of {method} {path}")


def run_tests(names, functions):
    """All test_* or those that are named. Return: an exit status."""
    failed = 0
    for name, function in list(functions.items()):
        if not name.startswith("test_") or (names and name not in names):
            continue
        try:
            function()
            print(f"ok {name}", flush=True)
        except (Failed, OSError, ValueError, KeyError, subprocess.SubprocessError):
            failed = 1
            print(f"not ok {name}\n" + textwrap.indent(traceback.format_exc(), "  | "), flush=True)
    return failed


def main(functions):
    sys.exit(run_tests(sys.argv[1:], functions))
