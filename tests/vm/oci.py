#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Several containers in one VM: vminitd with crun, bundles and mounts, and a client of this test's.

    oci.py VSOCKD VMINITD ESCAPE [CASE...]

ESCAPE is made of guests/guest-escape.c. The tree that virtiofsd serves is mounted once; each container has it below an overlay of its own.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

import guest as plain
from control import Events, figures
from guestlib import Failed, Machine, check, linux, listener, receive, same
from ttrpc import Client, Refused, message

BUNDLE, MOUNT = "caisson.guest.v1.Bundle", "caisson.guest.v1.Mount"
PROCESS = "types.containerd.io/opencontainers/runtime-spec/1/Process"
INVALID, NOT_FOUND, EXISTS, DENIED, EXHAUSTED, PRECONDITION = 3, 5, 6, 7, 8, 9
CAPS = ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID", "CAP_SETGID"]
POWERS = ["CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_DAC_OVERRIDE", "CAP_MKNOD", "CAP_SYS_PTRACE"]


def crun_files():
    """crun and its libraries, as they are in the initramfs."""
    path = shutil.which("crun")
    said = subprocess.run(["ldd", path], check=True, text=True, stdout=subprocess.PIPE).stdout
    files = {"usr/bin/crun": path}
    for library in re.findall(r"(/\S+) \(0x", said):
        files[library[1:]] = library
    return files


def folders(files):
    """All folders above these files, outermost first."""
    found = []
    for name in files:
        parts = name.split("/")[:-1]
        for i in range(len(parts)):
            above = "/".join(parts[:i + 1])
            if above not in found:
                found.append(above)
    return found


def oci_process(args, terminal=False, uid=0):
    return {"terminal": terminal, "user": {"uid": uid, "gid": uid}, "args": args, "cwd": "/",
            "env": ["PATH=/bin"], "noNewPrivileges": True,
            "capabilities": {kind: CAPS for kind in ("bounding", "effective", "permitted")}}


def config(name, args, **more):
    """A config.json as a host sends it."""
    rules = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
             "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}
    return {
        "ociVersion": "1.0.2", "hostname": name, "root": {"path": "rootfs"},
        "process": oci_process(args, **more),
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                    "options": ["nosuid", "mode=755"]},
                   {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                    "options": ["newinstance", "ptmxmode=0666", "mode=0620"]},
                   {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["ro"]},
                   {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup",
                    "options": ["ro"]}],
        "linux": {
            "cgroupsPath": "/" + name, "seccomp": rules,
            "namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts", "cgroup")],
            "resources": {"memory": {"limit": 64 << 20}, "pids": {"limit": 100}},
            "maskedPaths": ["/proc/cpuinfo"], "readonlyPaths": ["/proc/sys"]},
    }


def without_pids(spec):
    spaces = spec["linux"]["namespaces"]
    spec["linux"]["namespaces"] = [space for space in spaces if space["type"] != "pid"]


class Guest(plain.Guest):
    """A VM with vminitd and crun."""

    def __init__(self, vsockd, vminitd):
        Machine.__init__(self)
        self.streams = 0
        self.tree()
        os.mkdir(self.dir + "/tree/mnt")
        programs = {"init": vminitd, **crun_files()}
        names = ["dev", "proc", "sys", "run", "tmp", "mnt"] + folders(programs)
        boot = linux(self.dir, programs, names)
        self.begun, self.boot, self.client = time.monotonic(), None, None
        ours, theirs = socket.socketpair()
        with ours, theirs, listener(self.dir + "/fs") as share:
            self.start_vsock(vsockd, ours)
            share.setblocking(True)
            self.start([plain.VIRTIOFSD, f"--fd={share.fileno()}", "-o",
                        f"source={self.dir}/tree,sandbox=chroot,xattr,cache=always"], share)
            self.start_qemu(theirs, *boot, "-no-reboot",
                            "-drive", f"if=none,id=disk,format=raw,file={self.disk()}",
                            "-device", "virtio-blk-device,drive=disk,serial=data",
                            "-chardev", f"socket,id=fs,path={self.dir}/fs",
                            "-device", "vhost-user-fs-device,chardev=fs,tag=caisson-root")

    def disk(self):
        """A file system with one folder in it."""
        os.makedirs(self.dir + "/content/folder")
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", self.dir + "/content",
                        self.dir + "/disk", "8M"], check=True, stdout=subprocess.DEVNULL)
        return self.dir + "/disk"

    def bundle(self, name, files):
        entries = [message(_1=key, _2=value) for key, value in files]
        return self.client.call("Create", message(_1=name, _2=entries), service=BUNDLE)

    def mount(self, *mounts):
        wanted = [message(_1=kind, _2=source, _3=target, _4=list(options))
                  for kind, source, target, *options in mounts]
        self.client.call("MountAll", message(_1=wanted), service=MOUNT)

    def unmount(self, target):
        self.client.call("Unmount", message(_1=target), service=MOUNT)

    def begin(self, args, exec_id="", stdin=None, **more):
        return Process(self, args, exec_id, stdin, more)

    def delete(self, name, exec_id=""):
        return self.client.call("Delete", message(_1=name, _2=exec_id))

    def kill(self, name, signo, everybody=False):
        self.client.call("Kill", message(_1=name, _3=signo, _4=everybody))


class Process(plain.Process):
    """A container's first process, or an exec."""

    def __init__(self, guest, args, exec_id, stdin, more):
        self.guest, self.exec_id = guest, exec_id
        self.name = more.pop("name", "c")
        start = more.pop("start", True)
        change = more.pop("change", lambda spec: None)
        keep = more.pop("keep", False)
        terminal = more.get("terminal", False)
        self.inp, names = None, ["", "", ""]
        if stdin is not None:
            self.inp, names[0] = guest.stream()
        self.out, names[1] = guest.stream()
        self.err = None
        if not terminal:
            self.err, names[2] = guest.stream()
        if exec_id:
            spec = message(_1=PROCESS, _2=json.dumps(oci_process(args, **more)))
            guest.client.call("Exec", message(_1=self.name, _2=exec_id, _3=terminal, _4=names[0],
                                              _5=names[1], _6=names[2], _7=spec))
        else:
            self.create(args, names, terminal, more, change)
        if start:
            self.start()
        if stdin:
            self.inp.sendall(stdin)
        if stdin is not None and not keep:
            self.inp.shutdown(socket.SHUT_WR)

    def create(self, args, names, terminal, more, change):
        spec = config(self.name, args, **more)
        change(spec)
        made = self.guest.bundle(self.name, [("config.json", json.dumps(spec))])
        upper = f"/run/mounts/{self.name}"
        self.guest.mount(("tmpfs", "tmpfs", upper))
        root = message(_1="overlay", _2="overlay", _4=["lowerdir=/run/mounts/tree:" + upper])
        answer = self.guest.client.call(
            "Create", message(_1=self.name, _2=made[1][0].decode(), _3=[root], _4=terminal,
                              _5=names[0], _6=names[1], _7=names[2]))
        self.pid = answer[1][0]

    def start(self):
        self.wait = self.guest.client.begin("Wait", message(_1=self.name, _2=self.exec_id))
        self.guest.client.call("Start", message(_1=self.name, _2=self.exec_id))

    def end(self):
        out = self.rest(self.out)
        err = self.rest(self.err) if self.err else b""
        status = self.guest.client.end(self.wait).get(1, [0])[0]
        self.guest.delete(self.name, self.exec_id)
        if not self.exec_id:
            self.guest.unmount(f"/run/mounts/{self.name}")
        for sock in (self.inp, self.out, self.err):
            if sock:
                sock.close()
        return status, out, err


def refused(code, text, what):
    try:
        what()
    except Refused as error:
        check(error.code == code and text in error.text,
              f"the refusal is {error}, not {code}: ...{text}...")
        return
    raise Failed(f"not refused: {text}")


# The tests. Each gets a guest with no container in it, and leaves it so.

def first_process(guest):
    same(guest.run(["sh", "-c", "echo $$; hostname; id -u; echo err >&2; exit 7"]),
         (7, b"1\nc\n0\n", b"err\n"), "a first process")
    same(guest.run(["ls", "/proc/self/fd"])[1], b"0\n1\n2\n3\n", "descriptors, and of ls one")
    for status in (0, 1, 126, 255):
        same(guest.run(["sh", "-c", f"exit {status}"])[0], status, "status")


def failures(guest):
    for args, code, text in (
            (["foo"], NOT_FOUND, 'exec: "foo": executable file not found in $PATH'),
            (["/x"], NOT_FOUND, 'exec: "/x": stat /x: no such file or directory'),
            (["/etc"], DENIED, "exec: permission denied"),
            (["/etc/passwd"], DENIED, "exec: permission denied")):
        refused(code, text, lambda args=args: guest.begin(args))
        guest.unmount("/run/mounts/c")
    nothing_left(guest)


def nothing_left(guest, *but):
    """What a container of all of the VM's files sees of others. There is no other way to look."""
    def everything(spec):
        spec["linux"]["namespaces"] = [{"type": "mount"}, {"type": "uts"}]
        spec["linux"]["cgroupsPath"] = "/look"
        spec["mounts"].append({"destination": "/mnt", "type": "bind", "source": "/",
                               "options": ["rbind"]})
    look = guest.begin(["sh", "-c", "cd /mnt; ls run/bundles run/crun run/oci; echo ==; "
                        "ls -d sys/fs/cgroup/*/; echo ==; grep run/bundles proc/1/mounts"],
                       name="look", change=everything)
    status, out, err = look.end()
    same((status, err), (0, b""), "looking")
    files, groups, mounted = out.decode().split("==\n")
    names = [line for line in files.split("\n") if line and not line.endswith(":")]
    same(sorted(set(n for n in names if "." not in n)), sorted(["look", *but]), "what is left")
    same(groups.split(), sorted(f"sys/fs/cgroup/{n}/" for n in ["look", *but]), "groups")
    same(sorted(line.split()[1] for line in mounted.splitlines()),
         sorted(f"/run/bundles/{n}/rootfs" for n in ["look", *but]), "mounts")


def features(guest):
    info = guest.client.call("Info", b"", service="caisson.guest.v1.System")
    check({b"direct", b"bundle", b"mount", b"oci"} <= set(info[4]), "the features")


def confinement(guest):
    """seccomp, capabilities, masked and read-only paths are those of config.json."""
    run = guest.begin(["sh", "-c", "grep -E 'Seccomp:|NoNewPrivs|CapBnd' /proc/self/status; "
                       "mkdir /tmp/x; wc -c </proc/cpuinfo; echo x >/proc/sys/kernel/domainname; "
                       "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /proc/self/cgroup"])
    status, out, err = run.end()
    same(status, 0, "status")
    same(out, b"CapBnd:\t00000000000000e1\nNoNewPrivs:\t1\nSeccomp:\t2\n0\n67108864\n100\n0::/\n",
         "confinement")
    check(b"Operation not supported" in err or b"not supported" in err, err)
    check(b"Read-only file system" in err, err)


def two_containers(guest):
    """One is killed while the other one goes on."""
    one = guest.begin(["sh", "-c", "echo $$; hostname; cat; echo bye"], name="one", stdin=b"",
                      keep=True)
    two = guest.begin(["sh", "-c", "echo $$; hostname; sleep 1000"], name="two")
    same(receive(one.out, 6), b"1\none\n", "the one")
    same(receive(two.out, 6), b"1\ntwo\n", "the other")
    pids = [guest.client.call("Pids", message(_1=name))[1] for name in ("one", "two")]
    check(pids[0] and pids[1] and not set(pids[0]) & set(pids[1]), pids)
    refused(EXISTS, "already exists", lambda: guest.bundle("one", []))
    refused(EXISTS, "already exists: one", lambda: guest.client.call(
        "Create", message(_1="one", _2="/run/bundles/one")))
    refused(EXHAUSTED, "this VM belongs to another container: ", lambda: plain.Process(
        guest, ["true"], "", None, {}))
    guest.kill("two", 9, True)
    same(two.end()[0], 137, "status of the one that was killed")
    nothing_left(guest, "one")
    one.inp.sendall(b"alive\n")
    same(receive(one.out, 6), b"alive\n", "the other's echo")
    same(one.close(), (0, b"bye\n", b""), "the end of the other")
    refused(NOT_FOUND, "does not exist", lambda: guest.kill("one", 9))
    nothing_left(guest)


def powerful(spec):
    """What it takes to mount, and nothing that confines it."""
    spec["process"]["capabilities"] = {
        kind: CAPS + POWERS for kind in ("bounding", "effective", "permitted")}
    for name in ("seccomp", "readonlyPaths", "maskedPaths"):
        del spec["linux"][name]


def no_way_out(guest):
    """One that may mount leaves its root, and finds nothing: neither crun nor another container."""
    other = guest.begin(["cat"], name="other", stdin=b"", keep=True)
    run = guest.begin(["/bin/escape"], change=powerful)
    status, out, err = run.end()
    same((status, err), (0, b""), "the way out")
    found = [line.partition(":") for line in out.decode().splitlines()]
    own = {"bin", "dev", "etc", "mnt", "proc", "sys", "tmp"}
    for how, _, names in found:
        if how.startswith("climbed"):
            same(set(names.split()) & own, own, how)
        else:
            same(names, "", how)
    same(len(found), 6, "ways out")
    # And crun is what it was.
    same(guest.run(["echo", "fine"])[:2], (0, b"fine\n"), "the next container")
    same(other.close()[0], 0, "status of the other one")
    nothing_left(guest)


def execs(guest):
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    same(guest.run(["sh", "-c", "echo out; echo err >&2; exit 3"], "e"), (3, b"out\n", b"err\n"),
         "an exec")
    same(guest.run(["cat"], "e", stdin=b"some input")[1], b"some input", "what cat gave back")
    same(guest.run(["id", "-u"], "e", uid=1000)[1], b"1000\n", "its user")
    for args, code, text in (
            (["foo"], NOT_FOUND, 'exec: "foo": executable file not found in $PATH'),
            (["/etc"], DENIED, "exec: permission denied")):
        refused(code, text, lambda args=args: guest.begin(args, "bad"))
        guest.delete("c", "bad")
    runs = [guest.begin(["sh", "-c", f"echo {i}; exit {i}"], f"e{i}") for i in range(30)]
    for i, run in enumerate(runs):
        same(run.end(), (i, b"%d\n" % i, b""), f"exec {i}")
    sleeper = guest.begin(["sleep", "1000"], "s")
    guest.client.call("Kill", message(_1="c", _2="s", _3=15))
    same(sleeper.end()[0], 143, "status of one that was ended")
    same(holder.close()[0], 0, "status")
    refused(NOT_FOUND, "does not exist", lambda: guest.begin(["true"], "late"))


def without_one(guest):
    """A terminal is asked for that config.json does not mention: there is no such container then."""
    def no_terminal(spec):
        spec["process"]["terminal"] = False

    refused(INVALID, "\"process.terminal\" is not true", lambda: guest.begin(
        ["cat"], terminal=True, change=no_terminal))
    refused(NOT_FOUND, "does not exist", lambda: guest.delete("c"))
    guest.unmount("/run/mounts/c")


def terminals(guest):
    run = guest.begin(["sh", "-c", "tty; read x; stty size; echo $x"], terminal=True, start=False,
                      stdin=b"", keep=True)
    guest.client.call("ResizePty", message(_1="c", _3=77, _4=33))
    run.start()
    run.inp.sendall(b"typed\n")
    status, out, _ = run.end()
    # What is typed before anybody reads is echoed at once.
    same((status, sorted(out.split())), (0, sorted(b"typed /dev/pts/0 33 77 typed".split())),
         "a terminal")
    without_one(guest)
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    run = guest.begin(["stty", "size"], "e", terminal=True, start=False)
    guest.client.call("ResizePty", message(_1="c", _2="e", _3=66, _4=22))
    run.start()
    same(run.end()[:2], (0, b"22 66\r\n"), "an exec's terminal")
    # Nobody sees it before its program runs: so that waits.
    run = guest.begin(["sh", "-c", "read x; stat -c %u $(tty); exec 3<>$(tty) && echo opened"], "u",
                      terminal=True, uid=1000, stdin=b"", keep=True)
    run.inp.sendall(b"\n")
    same(run.end()[:2], (0, b"\r\n1000\r\nopened\r\n"), "an exec's terminal that is its user's")
    holder.close()


def signals(guest):
    run = guest.begin(["sh", "-c", "trap 'echo got; exit 9' TERM; echo up; "
                       "while :; do sleep 1000 & wait; done"])
    same(receive(run.out, 3), b"up\n", "output")
    guest.kill("c", 15)
    same(run.end()[:2], (9, b"got\n"), "the end")
    run = guest.begin(["sleep", "1000"], start=False)
    run.wait = guest.client.begin("Wait", message(_1="c"))
    guest.delete("c")
    same(guest.client.end(run.wait).get(1), [137], "status of one that never began")
    guest.unmount("/run/mounts/c")
    nothing_left(guest)


def fork_bomb(guest):
    """PID 1, and crun, outlive a container that takes all there is, and end it at a word."""
    def unlimited(spec):
        del spec["linux"]["resources"]

    holder = guest.begin(["cat"], name="other", stdin=b"", keep=True)
    run = guest.begin(["sh", "-c", "echo up; b() { b | b & }; b; while :; do :; done"],
                      change=unlimited)
    same(receive(run.out, 3), b"up\n", "output")
    guest.client.call("Connect", message(_1="c"))
    guest.kill("c", 9, True)
    same(run.end()[0], 137, "status")
    holder.inp.sendall(b"alive")
    same(receive(holder.out, 5), b"alive", "the other container's echo")
    same(holder.close(), (0, b"", b""), "the end of the other one")
    first_process(guest)
    nothing_left(guest)


def execs_end_first(guest):
    """Without a PID namespace the kernel does not see to it."""
    events = Events(guest)
    holder = guest.begin(["cat"], stdin=b"", keep=True, change=without_pids)
    sleepers = [guest.begin(["sleep", "1000"], f"e{i}") for i in range(3)]
    # Nobody knows this one but the control group; its output stays open as long as it is there.
    orphan = guest.begin(["sh", "-c", "sleep 1000 &"], "o")
    same(guest.client.end(orphan.wait).get(1, [0]), [0], "status of its parent")
    guest.kill("c", 9)
    same([run.end()[0] for run in sleepers], [137] * 3, "statuses of execs")
    same(orphan.rest(orphan.out), b"", "what the orphan says until it ends")
    guest.delete("c", "o")
    orphan.out.close()
    orphan.err.close()
    same(holder.end()[0], 137, "status")
    exits = []
    while exits[-1:] != [b"c"]:
        topic, event = events.next()
        if topic == "/tasks/exit":
            exits.append(event[2][0])
    same(sorted(exits[:-1]), [b"e0", b"e1", b"e2", b"o"], "who exited before")
    nothing_left(guest)


def control(guest):
    """Control groups are crun's containers' too: they stop, go on, and are counted."""
    run = guest.begin(["sh", "-c", "while :; do :; done & cat; kill $!"], stdin=b"", keep=True)
    guest.client.call("Pause", message(_1="c"))
    same(guest.client.call("State", message(_1="c"))[4], [4], "status")
    run.inp.sendall(b"x")
    refused(PRECONDITION, "paused", lambda: guest.begin(["true"], "e"))
    same(len({figures(guest)[1][1][0] for _ in range(100)}), 1, "figures while paused")
    before = figures(guest)[1][1][0]
    guest.client.call("Resume", message(_1="c"))
    same(receive(run.out, 1), b"x", "the echo")
    while figures(guest)[1][1][0] == before:
        pass
    check(b"Metrics" in guest.client.call("Stats", message(_1="c"))[1][0], "no figures")
    same(run.close(), (0, b"", b""), "the end")
    nothing_left(guest)


def bundles(guest):
    """Names that lead elsewhere are refused, and nothing is left of what could not be made."""
    for name in ("", ".", "..", "a/b", "../../etc/x", "a\\b", "a\nb", "x" * 256, "/abs"):
        refused(INVALID, "not a plain name of a file", lambda name=name: guest.bundle(
            "b", [("config.json", "{}"), (name, "x")]))
    for name in ("", ".", "..", "a/b", "../x", "x" * 77):
        refused(INVALID, "not a valid id", lambda name=name: guest.bundle(name, []))
    refused(EXISTS, "already exists", lambda: guest.bundle("b", [("one", "1"), ("one", "2")]))
    refused(EXHAUSTED, "at most 64 files", lambda: guest.bundle(
        "b", [(f"f{i}", "x") for i in range(65)]))
    guest.bundle("b", [("config.json", "not JSON")])
    refused(EXISTS, "already exists", lambda: guest.bundle("b", []))
    for bundle in ("", "/", "/run/bundles", "/run/bundles/../bundles/b", "/run/bundles/b/"):
        refused(INVALID, "bundle: not what Bundle.Create made", lambda bundle=bundle:
                guest.client.call("Create", message(_1="b", _2=bundle)))
    refused(13, "crun: ", lambda: guest.client.call(
        "Create", message(_1="b", _2="/run/bundles/b")))
    for code, text, more in ((NOT_FOUND, "no such stream", {"_6": "stream://999"}),
                             (INVALID, "a terminal needs a stream", {"_4": True}),
                             (NOT_FOUND, "container x does not exist", {"_8": "x"}),
                             (12, "root file system: mount type \"nfs\"",
                              {"_3": [message(_1="nfs")]}),
                             (INVALID, "type not supported: x", {"_10": message(_1="x")})):
        guest.bundle("b", [])
        refused(code, text, lambda more=more: guest.client.call(
            "Create", message(_1="b", _2="/run/bundles/b", **more)))
    nothing_left(guest)


def mounts(guest):
    for target in ("", "/", "/etc", "/run/mounts", "/run/mounts/", "/run/mounts/../x",
                   "/run/mounts/a/../../x", "/run/mounts//a", "/run/bundles/x", "relative"):
        refused(INVALID, "cannot mount on", lambda target=target: guest.mount(
            ("tmpfs", "tmpfs", target)))
    for n in (0, 2):
        refused(INVALID, f"one mount at a time, not {n}", lambda n=n: guest.client.call(
            "MountAll", message(_1=[message(_1="tmpfs")] * n, _2="c"), service=MOUNT))
    refused(12, 'mount type "nfs"', lambda: guest.mount(("nfs", "x", "/run/mounts/x")))
    refused(INVALID, 'mount option "frobnicate" of type tmpfs', lambda: guest.mount(
        ("tmpfs", "tmpfs", "/run/mounts/first"),
        ("tmpfs", "tmpfs", "/run/mounts/x", "size=1m", "frobnicate")))
    refused(NOT_FOUND, "cannot unmount", lambda: guest.unmount("/run/mounts/first"))
    for source in ("/", "/etc", "/run/mounts/../crun", "/run/crun"):
        refused(INVALID, "is not below /run/mounts", lambda source=source: guest.mount(
            ("bind", source, "/run/mounts/x")))
    refused(INVALID, 'overlay: "/usr" is no folder', lambda: guest.mount(
        ("overlay", "overlay", "/run/mounts/x", "lowerdir=/run/mounts/tree:/usr")))
    guest.mount(("tmpfs", "tmpfs", "/run/mounts/a", "size=1m", "ro"),
                ("bind", "/run/mounts/tree", "/run/mounts/b", "ro", "nosuid"))
    guest.mount(("ext4", "serial:data", "/run/mounts/disk", "ro"),
                ("bind", "/run/mounts/disk/folder", "/run/mounts/folder"))
    refused(13, "cannot mount \"serial:data\" of type erofs", lambda: guest.mount(
        ("erofs", "serial:data", "/run/mounts/x")))
    refused(INVALID, "not \"serial:\" and a disk's serial", lambda: guest.mount(
        ("ext4", "/dev/vda", "/run/mounts/x")))
    refused(5, "there is no disk with the serial \"other\"", lambda: guest.mount(
        ("ext4", "serial:other", "/run/mounts/x")))
    # Of a port where nobody is, and what is no port at all.
    refused(13, "cannot mount \"vsock:9999\" of type 9p", lambda: guest.mount(
        ("9p", "vsock:9999", "/run/mounts/x")))
    for source in ("share", "vsock:", "vsock:0", "vsock:1028x"):
        refused(INVALID, 'not "vsock:" and a port', lambda source=source: guest.mount(
            ("9p", source, "/run/mounts/x")))
    for name in ("a", "b", "folder", "disk"):
        guest.unmount("/run/mounts/" + name)


def all_undone(guest):
    for first in (0, 150):
        guest.mount(*[("tmpfs", "tmpfs", f"/run/mounts/many {i}")
                      for i in range(first, first + 150)])
    guest.client.call("UnmountAll", b"", service=MOUNT)
    refused(NOT_FOUND, "cannot unmount", lambda: guest.unmount("/run/mounts/tree"))
    refused(NOT_FOUND, "cannot unmount", lambda: guest.unmount("/run/mounts/many 0"))


def disks_are_clean(guest):
    """The last case: the VM ends with a container in it whose root holds the disk."""
    guest.mount(("virtiofs", "caisson-root", "/run/mounts/tree"),
                ("ext4", "serial:data", "/run/mounts/disk"),
                ("tmpfs", "tmpfs", "/run/mounts/c"))
    made = guest.bundle("c", [("config.json", json.dumps(config("c", ["sleep", "1000"])))])
    lower = "lowerdir=/run/mounts/tree:/run/mounts/disk"
    guest.client.call("Create", message(_1="c", _2=made[1][0].decode(), _3=[
        message(_1="overlay", _2="overlay", _4=[lower])]))
    guest.client.call("Start", message(_1="c"))
    guest.client.call("Shutdown", message(_3=True))
    guest.qemu.wait()
    said = subprocess.run(["dumpe2fs", "-h", guest.dir + "/disk"], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    check("has_journal" in said, "the disk has no journal")
    check("needs_recovery" not in said, "the disk is not clean")


def bundles_have_an_end(guest):
    for i in range(64):
        guest.bundle(f"b{i}", [])
    refused(EXHAUSTED, "there are 64 bundles", lambda: guest.bundle("more", []))
    for i in range(64):
        refused(NOT_FOUND, "does not exist", lambda i=i: guest.client.call(
            "Create", message(_1=f"b{i}", _2=f"/run/bundles/b{i}", _8="x")))
    guest.bundle("b0", [])
    refused(NOT_FOUND, "does not exist", lambda: guest.client.call(
        "Create", message(_1="b0", _2="/run/bundles/b0", _8="x")))


TESTS = [first_process, failures, features, confinement, two_containers, no_way_out, execs,
         terminals, signals, fork_bomb, execs_end_first, control, bundles, bundles_have_an_end,
         mounts, all_undone,
         disks_are_clean]


def run(vsockd, vminitd, escape, *cases):
    with Guest(vsockd, vminitd) as guest:
        shutil.copy(escape, guest.dir + "/tree/bin/escape")
        try:
            guest.serve()
            guest.mount(("virtiofs", "caisson-root", "/run/mounts/tree"))
            for case in TESTS:
                if cases and case.__name__ not in cases:
                    continue
                case(guest)
                print("ok", case.__name__, flush=True)
        except Exception:
            print("not ok", guest.story())
            raise


def main(args):
    if len(args) < 3:
        sys.exit(__doc__)
    if os.geteuid() != 0 or not os.path.exists(plain.VIRTIOFSD) or not shutil.which("crun"):
        print("ok oci # SKIP virtiofsd and crun need root, and to be there")
        sys.exit(77)
    run(*args)


if __name__ == "__main__":
    main(sys.argv[1:])
