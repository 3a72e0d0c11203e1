#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The commands of an OCI runtime, as conmon and containerd's runc shim call them.

We are the subreaper of what they leave behind: the process in the pid file stands for the container.
"""

import array
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time

from runtimelib import (bundle, caisson, CAISSON, check, clean, Container, ENV, Failed, holds, LOG, reap, ROOT,
                        run_tests, TOP, WORK)


def test_life():
    box = Container("life", 'cat; echo words >&2; echo file >/made; exit 7', stdin=b"typed\n")
    state = box.state()
    check((state["status"], state["pid"], state["bundle"]), ("created", box.pid, box.folder), "state")
    # Whoever takes the number for the container finds the container's files, not the host's.
    check(sorted(os.listdir(f"/proc/{box.pid}/root")), sorted(os.listdir(box.folder + "/rootfs")), "its root")
    os.close(box.stdin)
    box.start()
    check(box.output(), ["typed\n", "words\n"], "output")
    check(box.wait(), 7, "exit status")
    state = box.state()
    check((state["status"], state["pid"]), ("stopped", 0), "state")
    with open(box.folder + "/rootfs/made", encoding="ascii") as file:
        check(file.read(), "file\n", "what it wrote")
    caisson("delete", box.name)
    clean()


def test_words_that_callers_look_for():
    box = Container("words", "sleep 1000")
    said = [
        (["create", "-b", box.folder, box.name], 1, "container with given ID already exists"),
        (["resume", box.name], 1, "not paused"),
        (["state", "nobody"], 1, "does not exist"),
        (["kill", "nobody", "9"], 1, "does not exist"),
        (["delete", "nobody"], 1, "does not exist"),
        (["start", "nobody"], 1, "does not exist"),
    ]
    for words, status, text in said:
        holds(caisson(*words, status=status)[1], text)
    check(caisson("delete", "--force", "nobody"), ("", ""), "what delete --force says")
    box.start()
    holds(caisson("start", box.name, status=1)[1], "cannot start")
    # What only an engine knows is not answered by nothing.
    for words in (["diff", box.name], ["commit", box.name, "x"]):
        holds(caisson(*words, status=1)[1], "only its engine knows")
    holds(caisson("logs", box.name, status=1)[1], "goes to the engine that created it")
    # What was never started is not running.
    other = Container("other", "true")
    caisson("delete", other.name)
    other.wait()
    holds(caisson("delete", box.name, status=1)[1], "that is not stopped: running")
    caisson("kill", box.name, "KILL")
    check(box.wait(), 137, "exit status")
    holds(caisson("kill", box.name, "15", status=1)[1], "container not running")
    caisson("kill", "--all", box.name, "9")
    holds(caisson("start", box.name, status=1)[1], "cannot start a container that has stopped")
    holds(caisson("exec", "--process", "/dev/null", box.name, status=255)[1], "/dev/null")
    with open(WORK + "/process", "w", encoding="ascii") as file:
        json.dump({"args": ["true"], "cwd": "/"}, file)
    holds(caisson("exec", "--process", WORK + "/process", box.name, status=255)[1],
          "cannot exec in a stopped container")
    caisson("delete", box.name)
    clean()


def test_list_and_ps():
    box = Container("listed", "sleep 1000")
    told, = json.loads(caisson("list", "--format=json")[0])
    check({x: told[x] for x in ["ociVersion", "id", "pid", "status", "bundle", "rootfs", "owner"]},
          {"ociVersion": "1.0.2", "id": "listed", "pid": box.pid, "status": "created", "bundle": box.folder,
           "rootfs": box.folder + "/rootfs", "owner": ""})
    time.strptime(told["created"], "%Y-%m-%dT%H:%M:%SZ")
    box.start()
    caisson("pause", box.name)
    check(json.loads(caisson("list", "-f", "json")[0])[0]["status"], "paused", "status")
    check(json.loads(caisson("ps", "--format", "json", box.name)[0]), [box.pid], "numbers")
    check(os.path.exists(sockets()), True, "a folder for sockets")
    holds(caisson("ps", box.name)[0], "sleep 1000")
    caisson("kill", box.name, "KILL")
    check(box.wait(), 137, "exit status")
    check(json.loads(caisson("list", "-f", "json")[0])[0]["status"], "stopped", "status")
    check(caisson("ps", "--format", "json", box.name)[0], "null\n", "numbers")
    caisson("delete", box.name)
    clean()


def sockets():
    """The folder that goes with ours, as src/cmd/global.c has it."""
    value = 0xcbf29ce484222325
    for byte in ROOT.encode():
        value = (value ^ byte) * 0x100000001b3 % (1 << 64)
    return f"/run/caisson/@{(value ^ value >> 32) % (1 << 32):08x}"


def test_reboot():
    """What was there before is not there any more, and its name is free."""
    box = Container("before", "true")
    box.start()
    check(box.wait(), 0, "exit status")
    check(caisson("list", "-q")[0], "before\n", "the list")
    with open(ROOT + "/containers/before/boot", "w", encoding="ascii") as file:
        file.write("another")
    box = Container("before", "true")
    caisson("delete", box.name)
    box.wait()
    check(os.path.exists(sockets()), False, "a folder for sockets")
    clean()


def test_errors_in_the_log():
    """Podman parses the whole file: there is one object in it, and nothing where all went well."""
    folder = bundle("log", "true", lambda c: c["process"].update(args=["nonesuch"]))
    log = WORK + "/one.json"
    box = subprocess.run([CAISSON, "--root=" + ROOT, "--log=" + log, "--log-format=json", "create", "-b",
                          folder, "log"], env=ENV, check=False, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if box.returncode == 0:
        holds(caisson("start", "log", status=1, log=log)[1], "nonesuch")
    with open(log, encoding="utf-8") as file:
        told = json.load(file)
    check(told["level"], "error", "level")
    holds(told["msg"], "executable file not found in $PATH")
    caisson("delete", "--force", "log")
    clean()


def test_pause_and_kill():
    box = Container("pause", "trap 'echo term; exit 3' TERM; echo up; while :; do sleep 0.1; done")
    box.start()
    check(box.line(), "up")
    caisson("pause", box.name)
    check(box.state()["status"], "paused", "status")
    holds(caisson("pause", box.name, status=1)[1], "pause")
    caisson("resume", box.name)
    check(box.state()["status"], "running", "status")
    # Podman and CRI-O send signals to the number that they were given, too.
    os.kill(box.pid, signal.SIGTERM)
    check(box.line(), "term")
    check(box.wait(), 3, "exit status")
    caisson("delete", box.name)
    clean()


def test_update():
    box = Container("update", "while read x; do cat /sys/fs/cgroup/memory.max; done",
                    lambda c: c["linux"].update(resources={"memory": {"limit": 64 << 20}}))
    box.start()
    os.write(box.stdin, b"x\n")
    check(box.line(), str(64 << 20))
    caisson("update", "--resources=-", box.name, stdin=None, input=b'{"memory": {"limit": 100663296}}')
    os.write(box.stdin, b"x\n")
    check(box.line(), "100663296")
    holds(caisson("update", "-r", "-", box.name, status=1, stdin=None, input=b"[]")[1], "resources")
    os.close(box.stdin)
    check(box.wait(), 0, "exit status")
    caisson("delete", box.name)
    clean()


def test_options_before_the_command():
    holds(caisson("create", "--preserve-fds", "1", "x", status=1)[1], "descriptors cannot be passed into a VM")
    for option in ["--pid-file", "--console-socket"]:
        holds(caisson("exec", option, "/x", "x", "true", status=125)[1], option + " goes with --detach only")
    for words, text in [(["--log-format", "xml", "list"], "must be text or json"), (["--root"], "needs a value"),
                        (["--rootless=true", "list"], "need root"), (["--debug=1", "list"], "takes no value")]:
        run = subprocess.run([CAISSON, *words], check=False, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        check(run.returncode, 125, "status")
        holds(run.stderr.decode(), text)
    log = WORK + "/text.log"
    subprocess.run([CAISSON, "--log", log, "--root", ROOT, "state", "nobody"], check=False,
                   stderr=subprocess.DEVNULL)
    with open(log, encoding="utf-8") as file:
        holds(file.read(), 'level=error msg="container \\"nobody\\" does not exist')


def test_features():
    told = json.loads(caisson("features")[0])
    check(told["ociVersionMax"], "1.0.2", "version")
    check(caisson("--version")[0].splitlines()[1], "spec: 1.0.2")


def test_killed_before_start():
    box = Container("early", "true")
    caisson("kill", box.name, "KILL")
    check(box.wait(), 137, "exit status")
    state = box.state()
    check((state["status"], state["pid"]), ("stopped", 0), "state")
    holds(caisson("start", box.name, status=1)[1], "cannot start a container that has stopped")
    check(box.output(), ["", ""], "output")
    caisson("delete", box.name)
    clean()


VICTIMS = ["keeper", "shim", "qemu-system", "virtiofsd", "vsockd"]


def test_killed():
    """Whoever is killed, and when, the number's end is seen, and nothing stays."""
    whens = ["running", "created", "paused", "running", "paused"]
    for victim, when in [*zip(VICTIMS, whens), *zip(VICTIMS, reversed(whens[1:]))]:
        box = Container("killed", "echo up; sleep 1000")
        if when != "created":
            box.start()
            check(box.line(), "up")
        if when == "paused":
            caisson("pause", box.name)
        pid = box.pid if victim == "keeper" else find(box.pid, victim)
        os.kill(pid, signal.SIGKILL)
        check(box.wait(), 137, f"exit status of one that is {when} without {victim}")
        box.output()
        caisson("delete", "--force", box.name)
        clean()


def test_killed_while_it_is_created():
    """A hook does that, as it is run in the midst of it."""
    script = ("pid=$(grep -o '\"pid\":[0-9]*' | cut -d: -f2); shim=$(cat /proc/$pid/task/$pid/children); "
              "case $0 in keeper) kill -9 $pid; exit;; shim) kill -9 $shim; exit;; esac; "
              "for i in $(cat /proc/${shim% }/task/${shim% }/children); do "
              "grep -q $0 /proc/$i/cmdline && kill -9 $i && exit; done; exit 1")
    for victim in VICTIMS:
        def kills(config, victim=victim):
            config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": ["sh", "-c", script, victim]}]}
        said = caisson("create", "-b", bundle("killed", "true", kills), "killed", status=1)[1]
        if "createRuntime" in said:
            raise Failed(f"the hook did not kill {victim}: {said}")
        clean()


def test_hooks():
    """Each gets the state, in order; one that fails is told, and undoes the create."""
    told = WORK + "/told"

    def hook(stage, script=""):
        return {"path": "/bin/sh", "args": ["hook", "-c", f'{{ echo {stage} $A; cat; echo; }} >>{told}; {script}'],
                "env": ["A=b"], "timeout": 60}

    def change(config):
        config["hooks"] = {x: [hook(x)] for x in ["prestart", "createRuntime", "poststart", "poststop"]}
        config["annotations"] = {"org.example": "said=1"}

    box = Container("hooks", "cat", change)
    box.start()
    os.close(box.stdin)
    check(box.wait(), 0, "exit status")
    caisson("delete", box.name)
    with open(told, encoding="ascii") as file:
        lines = file.read().splitlines()
    states = {lines[i].split()[0]: json.loads(lines[i + 1]) for i in range(0, len(lines), 2)}
    check(lines[::2], [x + " b" for x in ["prestart", "createRuntime", "poststart", "poststop"]], "stages")
    check([x["status"] for x in states.values()], ["creating", "creating", "running", "stopped"], "states")
    check([x["pid"] for x in states.values()], [box.pid, box.pid, box.pid, 0], "numbers")
    check([x["annotations"] for x in states.values()], 4 * [{"org.example": "said=1"}], "annotations")
    # Docker's looks for the network by the number: it is not to find the host's.
    def looks(config):
        config["hooks"] = {"prestart": [{"path": "/bin/sh", "args": ["sh", "-c", "pid=$(grep -o '\"pid\":[0-9]*' "
                           f"| cut -d: -f2); readlink /proc/$pid/ns/net >{told}"]}]}
    for _ in range(5):
        box = Container("hooks", "true", looks)
        with open(told, encoding="ascii") as file:
            check(file.read().strip(), os.readlink(f"/proc/{box.pid}/ns/net"), "the namespace that a hook saw")
        if os.readlink(f"/proc/{box.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
            raise Failed("the container has the host's network namespace")
        caisson("delete", box.name)
        box.wait()
    for script, text in [("echo a lot; echo why >&2; exit 3", "status 3: why"), ("sleep 100", "in its time"),
                         ("yes | head -c 1000000; echo end >&2; exit 1", "status 1: end")]:
        def bad(config, script=script):
            timeout = 1 if script.startswith("sleep") else 60
            config["hooks"] = {"createRuntime": [{**hook("x", script), "timeout": timeout}]}
        holds(caisson("create", "-b", bundle("hooks", "true", bad), "hooks", status=1)[1], text)
        clean()
    os.unlink(told)
    def after(config):
        config["hooks"] = {"poststop": [hook("first", "exit 1"), hook("second", "exit 2")]}
    box = Container("hooks", "true", after)
    holds(caisson("delete", box.name)[1], "ended with status 1")
    box.wait()
    with open(told, encoding="ascii") as file:
        check(file.read().splitlines()[::2], ["first b", "second b"], "hooks behind one that failed")
    # What was begun is undone by hooks, too; it may be that of the guest that fails.
    for begun, text in [({"createRuntime": [hook("x", "exit 3")]}, "status 3"), ({}, "/none")]:
        os.unlink(told)

        def fails(config, begun=begun):
            config["hooks"] = {**begun, "poststop": [hook("poststop")]}
            config["process"]["args"] = ["/none"]
            config["process"]["cwd"] = "/proc/none"
        caisson("create", "-b", bundle("hooks", "true", fails), "hooks", status=1)
        with open(told, encoding="ascii") as file:
            lines = file.read().splitlines()
        check(lines[-2], "poststop b", f"the last hook with {text}")
        check(json.loads(lines[-1])["status"], "stopped", "the state that it got")
        clean()
    for stage in ["createContainer", "startContainer"]:
        def late(config, stage=stage):
            config["hooks"] = {stage: [hook("x")]}
        holds(caisson("create", "-b", bundle("hooks", "true", late), "hooks", status=1)[1], f"hooks.{stage}: ")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(x) for x in file.read().split()]


def find(keeper, name):
    """The shim, or one of those that it has started."""
    shim, = children(keeper)
    if name == "shim":
        return shim
    for pid in children(shim):
        with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
            if name in file.read():
                return pid
    raise Failed(f"there is no {name}")


def test_volumes():
    os.makedirs(WORK + "/vol")
    for name in ["vol/one", "alone", "neighbour"]:
        with open(f"{WORK}/{name}", "w", encoding="ascii") as file:
            file.write(name)

    server = socket.socket(socket.AF_UNIX)
    server.bind(WORK + "/sock")
    server.listen()
    threading.Thread(target=lambda: server.accept()[0].sendall(b"from the socket\n"), daemon=True).start()
    subprocess.run(["gcc", "-static", "-o", WORK + "/client", TOP + "/tests/vm/guests/unix-client.c"], check=True)

    def change(config):
        for where, source, how in [("/ro", "vol", "ro"), ("/rw", "vol", "rw"), ("/etc/alone", "alone", "rw"),
                                   ("/run/host.sock", "sock", "rw"), ("/client", "client", "ro")]:
            config["mounts"].append({"destination": where, "type": "bind", "source": f"{WORK}/{source}",
                                     "options": ["rbind", how]})

    script = "/client /run/host.sock </dev/null; cat /ro/one /etc/alone; ls /etc; (touch /ro/x) 2>&1; touch /rw/x; echo new >/etc/alone; ls /ro; cat"
    box = Container("volumes", script, change)
    box.start()
    for want in ["from the socket", "vol/onealonealone", "touch: /ro/x: Read-only file system", "one", "x"]:
        check(box.line(), want)
    for path in [WORK + "/alone", f"/proc/{box.pid}/root/etc/alone"]:
        with open(path, encoding="ascii") as file:
            check(file.read(), "new\n", "what it wrote")
    os.close(box.stdin)
    check(box.wait(), 0, "exit status")
    caisson("delete", box.name)
    clean()


def test_without_a_pid_namespace():
    """The VM's: whose first process takes no harm, and ends all in good order if it is asked to."""
    def shared(config):
        config["linux"]["namespaces"] = [x for x in config["linux"]["namespaces"] if x["type"] != "pid"]
        for which in config["process"]["capabilities"].values():
            which.append("CAP_KILL")
    box = Container("pids", "cat /proc/1/comm; for s in KILL STOP SEGV HUP USR1 ABRT; do kill -$s 1; done; "
                    "for i in 2 3 4 5; do kill -KILL $i; done; echo lives; cat; kill -TERM 1; cat /dev/zero", shared)
    box.start()
    check([box.line(), box.line()], ["init", "lives"], "output")
    check(caisson("exec", box.name, "echo", "inside")[0], "inside\n", "output of an exec")
    os.close(box.stdin)
    check(box.wait(), 128 + 15, "exit status")
    caisson("delete", box.name)
    clean()


def execute(box, process, options=(), **more):
    """A detached one. Return: its number."""
    with open(WORK + "/process", "w", encoding="utf-8") as file:
        json.dump({"cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}, **process}, file)
    caisson("exec", "--process", WORK + "/process", "--detach", "--pid-file", WORK + "/exec.pid", *options,
            box.name, log=LOG, **more)
    with open(WORK + "/exec.pid", encoding="ascii") as file:
        return int(file.read())


def test_execs():
    box = Container("execs", "echo up; sleep 1000")
    box.start()
    check(box.line(), "up")
    out, err = os.pipe(), os.pipe()
    pid = execute(box, {"args": ["sh", "-c", "id; echo err >&2; exit 9"],
                        "user": {"uid": 5, "gid": 6, "additionalGids": [7, 8]}}, stdout=out[1], stderr=err[1])
    os.close(out[1])
    os.close(err[1])
    with os.fdopen(out[0]) as file, os.fdopen(err[0]) as errors:
        check(file.read(), "uid=5 gid=6 groups=7,8\n", "output")
        check(errors.read(), "err\n", "errors")
    check(reap(pid), 9, "exit status")
    # In the foreground, as CRI-O does.
    with open(WORK + "/process", "w", encoding="utf-8") as file:
        json.dump({"cwd": "/tmp", "args": ["sh", "-c", "cat; exit 4"], "env": ["PATH=/bin"]}, file)
    said = caisson("exec", "--process", WORK + "/process", box.name, status=4, stdin=None, input=b"typed")
    check(said, ("typed", ""), "output")
    try:
        execute(box, {"args": ["nonesuch"]})
    except Failed as error:
        holds(str(error), "status 255")
        holds(str(error), "executable file not found in $PATH")
    else:
        raise Failed("what is not there was executed")
    pid = execute(box, {"args": ["sleep", "1000"]}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    caisson("delete", "--force", box.name)
    check(box.wait(), 137, "exit status")
    if reap(pid) == 0:
        raise Failed("an exec of a container that is gone has ended well")
    clean()


class Terminal:
    """Who listens on a console socket."""

    def __init__(self):
        self.path = WORK + "/console"
        if os.path.exists(self.path):
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(1)

    def take(self):
        conn, _ = self.listener.accept()
        fds = array.array("i")
        name, ancillary, _, _ = conn.recvmsg(100, socket.CMSG_LEN(fds.itemsize))
        fds.frombytes(ancillary[0][2])
        conn.close()
        self.listener.close()
        if not name.startswith(b"/dev/pts/"):
            raise Failed(f"the terminal is called {name}")
        return fds[0]


def read_until(fd, word):
    text = b""
    while word not in text:
        text += os.read(fd, 1000)
    return text.decode()


def resize(fd, rows, columns):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def test_terminals():
    terminal = Terminal()
    script = ("trap 'stty size' WINCH; tty; stty size; echo up; "
              "while :; do read x && echo \"got $x\" && [ \"$x\" = end ] && exit 5; done")

    def change(config):
        config["process"].update(terminal=True, consoleSize={"height": 30, "width": 100})

    holds(caisson("create", "-b", bundle("tty", script, change), "tty", status=1)[1], "--console-socket")
    box = Container("tty", script, change, ["--console-socket", terminal.path])
    fd = terminal.take()
    box.start()
    text = read_until(fd, b"up\r\n")
    holds(text, "/dev/pts/0\r\n")
    holds(text, "30 100")
    resize(fd, 40, 120)
    os.write(fd, b"line\r")
    text = read_until(fd, b"got line\r\n")
    # A shell that is about to read when the signal comes hears of it with the next line.
    while "40 120" not in text:
        os.write(fd, b"more\r")
        text += read_until(fd, b"got more\r\n")
    terminal = Terminal()
    # The size and what is typed come by ways of their own.
    pid = execute(box, {"args": ["sh", "-c", "tty; read x; until stty size | grep '50 130'; do :; done; exit 6"],
                        "terminal": True},
                  ["--console-socket", terminal.path])
    other = terminal.take()
    read_until(other, b"/dev/pts/1\r\n")
    resize(other, 50, 130)
    os.write(other, b"x\r")
    holds(read_until(other, b"130"), "50 130")
    check(reap(pid), 6, "exit status of the exec")
    os.write(fd, b"end\r")
    check(box.wait(), 5, "exit status")
    caisson("delete", box.name)
    clean()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
