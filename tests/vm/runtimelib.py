# SPDX-License-Identifier: Apache-2.0
"""For tests of the commands of an OCI runtime: containers of bundles, as engines make them.

We are the subreaper of what they leave behind: the process in the pid file stands for the container.
"""

import ctypes
import glob
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback

PR_SET_CHILD_SUBREAPER = 36
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CAISSON = os.path.join(TOP, "build/bin/caisson")
WORK = tempfile.mkdtemp(prefix="caisson-test.")
ENV = {**os.environ, "CAISSON_CONFIG": WORK + "/caisson.conf"}
ROOT = WORK + "/root"
LOG = WORK + "/log.json"
PATIENCE = 120
GROUP = f"/caisson-test-{os.getpid()}"


class Failed(Exception):
    pass


def check(have, want, what="value"):
    if have != want:
        raise Failed(f"{what} is {have!r}, not {want!r}")


def holds(text, part):
    if part not in text:
        raise Failed(f"{part!r} is not in {text!r}")


def caisson(*words, status=0, log=None, **more):
    """Run a command; as engines do, with nothing of ours open but what it is given."""
    options = ["--root", ROOT] + (["--log", log, "--log-format", "json"] if log else [])
    more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
    run = subprocess.run([CAISSON, *options, *words], check=False, env=ENV, timeout=PATIENCE, **more)
    text = run.stderr.decode() if run.stderr else ""
    if run.returncode != status:
        raise Failed(f"{words}: status {run.returncode}, not {status}: {text}")
    return run.stdout.decode() if run.stdout else "", text


def bundle(name, script, change=None):
    """A folder with a root file system of busybox's, which it may write to."""
    folder = f"{WORK}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder + "/rootfs/bin")
    os.makedirs(folder + "/rootfs/tmp")
    shutil.copy("/bin/busybox", folder + "/rootfs/bin/busybox")
    for word in ["sh", "cat", "id", "ls", "sleep", "stty", "tty", "echo", "true", "touch", "ip", "nc", "grep"]:
        os.symlink("busybox", folder + "/rootfs/bin/" + word)
    subprocess.run(["crun", "spec"], cwd=folder, check=True)
    with open(folder + "/config.json", encoding="utf-8") as file:
        config = json.load(file)
    config["process"].update(terminal=False, args=["sh", "-c", script])
    config["root"]["readonly"] = False
    # Apart from what others on this machine call by the same name.
    config["linux"]["cgroupsPath"] = f"{GROUP}/{name}"
    if change:
        change(config)
    with open(folder + "/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    return folder


class Container:
    """Created, with pipes at its standard streams."""

    def __init__(self, name, script, change=None, options=(), stdin=None):
        self.name, self.folder = name, bundle(name, script, change)
        pipes = [os.pipe() for _ in range(3)]
        mine = [pipes[0][1], pipes[1][0], pipes[2][0]]
        theirs = [pipes[0][0], pipes[1][1], pipes[2][1]]
        self.stdin, self.stdout, self.stderr = mine
        if stdin is not None:
            os.write(self.stdin, stdin)
        try:
            caisson("create", "--bundle", self.folder, "--pid-file", self.folder + "/pid", *options, name,
                    log=LOG, stdin=theirs[0], stdout=theirs[1], stderr=theirs[2])
        finally:
            for fd in theirs:
                os.close(fd)
        with open(self.folder + "/pid", encoding="ascii") as file:
            text = file.read()
        check(text.strip(), text, "the pid file")
        self.pid = int(text)

    def start(self):
        caisson("start", self.name)

    def state(self):
        return json.loads(caisson("state", self.name)[0])

    def output(self):
        """All that comes until nobody has the other end any more."""
        read = []
        for fd in (self.stdout, self.stderr):
            with os.fdopen(fd, "rb") as file:
                read.append(file.read().decode())
        return read

    def line(self):
        """The next line of its output."""
        text = b""
        while not text.endswith(b"\n"):
            byte = os.read(self.stdout, 1)
            if not byte:
                raise Failed(f"the output ends: {text!r}")
            text += byte
        return text.decode().rstrip("\n")

    def wait(self):
        return reap(self.pid)


def reap(pid):
    """Exit status of what was left to us, as an engine makes it out."""
    signal.alarm(PATIENCE)
    _, status = os.waitpid(pid, 0)
    signal.alarm(0)
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


def clean():
    """Nothing of a container is left that is gone."""
    left = os.listdir(ROOT + "/containers") if os.path.exists(ROOT + "/containers") else []
    check(left, [], "containers")
    # What was killed may be on its way out; what is not would never be.
    signal.alarm(PATIENCE)
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        signal.alarm(0)
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line for line in file if WORK in line]
    check(mounts, [], "mounts")


def run_tests(functions):
    """Those that are named test_*, or which the command line names. Return: exit status."""
    if not shutil.which("crun"):
        print(f"ok {os.path.basename(sys.argv[0])} # SKIP there is no crun")
        return 77
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with open(ENV["CAISSON_CONFIG"], "w", encoding="ascii"):
        pass
    failed = 0
    for name, function in list(functions.items()):
        if not name.startswith("test_") or (sys.argv[1:] and name not in sys.argv[1:]):
            continue
        begun = time.monotonic()
        try:
            function()
            print(f"ok {name} ({time.monotonic() - begun:.1f} s)", flush=True)
        except (Failed, OSError, ValueError, KeyError, subprocess.SubprocessError):
            failed = 1
            print(f"not ok {name}\n" + textwrap.indent(traceback.format_exc(), "  | "), flush=True)
            for box in os.listdir(ROOT + "/containers") if os.path.exists(ROOT + "/containers") else []:
                subprocess.run([CAISSON, "--root", ROOT, "delete", "-f", box], env=ENV, check=False)
    # The one above stays: as with other runtimes it is the engine's.
    for folder in glob.glob("/sys/fs/cgroup" + GROUP) + glob.glob("/sys/fs/cgroup/*" + GROUP):
        os.rmdir(folder)
    shutil.rmtree(WORK, ignore_errors=True)
    return failed
