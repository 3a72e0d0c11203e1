#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the processes of an OCI runtime's container count on the host, and how large its VM is."""

import os
import signal
import sys

from runtimelib import (bundle, caisson, check, clean, Container, ENV, Failed, GROUP, holds, reap, run_tests)


def groups_of(pid):
    """The folders of its control groups that are not the root: of version 1, or of 2."""
    with open(f"/proc/{pid}/cgroup", encoding="ascii") as file:
        lines = [line.rstrip("\n").split(":", 2) for line in file]
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        mounts = [line.split() for line in file if " - cgroup" in line]
    points = {word: mount[4] for mount in mounts for word in mount[-1].split(",") if mount[-3] == "cgroup"}
    points.update({"": mount[4] for mount in mounts if mount[-3] == "cgroup2"})
    return [points[name.split(",")[0]] + path for _, name, path in lines if path != "/"]


def limit_of(pid, *names):
    """What the first of these files says, in whichever of its groups one of them is."""
    for group in groups_of(pid):
        for name in names:
            if os.path.exists(f"{group}/{name}"):
                with open(f"{group}/{name}", encoding="ascii") as file:
                    return file.read().strip()
    raise Failed(f"{pid} has none of {names}")


def in_group(path, **resources):
    def change(config):
        config["linux"].update(cgroupsPath=path, resources=resources)
    return change


def name_of(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()


def gone(groups):
    check([group for group in groups if os.path.exists(group)], [], "control groups left")


def test_group():
    """All processes of the VM are in it; who else wants it is refused; it goes with the container."""
    path = GROUP + "/box"
    box = Container("grouped", "grep MemTotal /proc/meminfo; cat; cat /sys/fs/cgroup/memory.max",
                    in_group(path, memory={"limit": 96 << 20}, pids={"limit": 50},
                             cpu={"quota": 150000, "cpus": "0"}))
    box.start()
    kilobytes = int(box.line().split()[1])
    if not 110 << 10 < kilobytes < 160 << 10:
        raise Failed(f"the VM has {kilobytes} kB")
    groups = groups_of(box.pid)
    if not groups or not all(group.endswith(path) for group in groups):
        raise Failed(f"its groups are {groups}")
    for group in groups:
        with open(group + "/cgroup.procs", encoding="ascii") as file:
            found = sorted(name_of(pid) for pid in file.read().split())
        check(set(found), {"caisson-shim", "caisson-vsockd", "qemu-system-x86", "virtiofsd"}, f"{group}")
        check(found.count("caisson-shim"), 2, "shim and keeper")
    check(limit_of(box.pid, "memory.max", "memory.limit_in_bytes"), str((96 + 64 + 256) << 20))
    check(limit_of(box.pid, "pids.max"), str(50 + 512))
    check(limit_of(box.pid, "cpuset.cpus"), "0")
    caisson("update", "--memory", "80M", "--pids-limit", "-1", "--cpu-quota", "50000", box.name)
    check(limit_of(box.pid, "memory.max", "memory.limit_in_bytes"), str((96 + 64 + 256) << 20))
    check(limit_of(box.pid, "pids.max"), "max")
    check(limit_of(box.pid, "cpu.cfs_quota_us", "cpu.max").split()[0], "50000")
    holds(caisson("update", "--memory", "161M", box.name, status=1)[1],
          "more than the virtual machine's memory, 160 MiB")
    holds(caisson("update", "--memory", "much", box.name, status=1)[1], "--memory much: not a size")
    holds(caisson("update", box.name, status=1)[1], "which limits?")
    # What is allowed may be less by now than the VM was given.
    with open(ENV["CAISSON_CONFIG"], "w", encoding="ascii") as file:
        file.write('limit.memory = "72M"\n')
    holds(caisson("update", "--memory", "80M", box.name, status=1)[1],
          f"80M of memory are more than limit.memory in {ENV['CAISSON_CONFIG']} lets a VM have: 72M")
    os.truncate(ENV["CAISSON_CONFIG"], 0)
    other = bundle("other", "true", in_group(path))
    holds(caisson("create", "-b", other, "other", status=1)[1], "is somebody else's")
    os.close(box.stdin)
    check(box.line(), str(80 << 20))
    check(box.wait(), 0, "exit status")
    caisson("delete", box.name)
    gone(groups)
    clean()


def test_group_whoever_dies():
    """Of the keeper, the shim, both, the VMM; and of a container that was never started."""
    path = GROUP + "/box"
    for victims in [["keeper"], ["shim"], ["keeper", "shim"], ["qemu"], []]:
        box = Container("grouped", "cat", in_group(path))
        groups = groups_of(box.pid)
        if victims:
            box.start()
        with open(groups[0] + "/cgroup.procs", encoding="ascii") as file:
            numbers = [int(pid) for pid in file.read().split()]
        shims = [pid for pid in numbers if name_of(pid) == "caisson-shim"]
        found = {"keeper": box.pid, "shim": [pid for pid in shims if pid != box.pid][0],
                 "qemu": [pid for pid in numbers if name_of(pid).startswith("qemu")][0]}
        for victim in victims:
            os.kill(found[victim], signal.SIGKILL)
        caisson("delete", "-f", box.name)
        box.wait()
        if victims == ["keeper", "shim"]:
            reap(found["shim"])
        gone(groups)
        clean()


def test_group_without_a_path():
    box = Container(f"nopath-{os.getpid()}", "true", lambda config: config["linux"].pop("cgroupsPath"))
    groups = groups_of(box.pid)
    if not groups or not all(group.endswith("/" + box.name) for group in groups):
        raise Failed(f"its groups are {groups}")
    usage = int(limit_of(box.pid, "memory.current", "memory.usage_in_bytes"))
    if not 20 << 20 < usage < 512 << 20:
        raise Failed(f"the VM takes {usage} bytes")
    box.start()
    check(box.wait(), 0, "exit status")
    caisson("delete", box.name)
    gone(groups)
    clean()


def test_group_that_cannot_be():
    for path, text in [("/", "names no group"), ("/a/../b", '".."'), ("/" + "a" * 300, "too long a name"),
                       ("/a/" * 1000, "too long")]:
        said = caisson("create", "-b", bundle("bad", "true", in_group(path)), "bad", status=1)[1]
        holds(said, text)
    if not os.path.exists("/run/systemd/system"):
        folder = bundle("bad", "true", in_group("system.slice:caisson:bad"))
        holds(caisson("--systemd-cgroup", "create", "-b", folder, "bad", status=1)[1], "systemd does not run")
    clean()


def test_machine():
    """What an image says of its VM, if that names nothing of the host's."""
    def variables(*words):
        return lambda config: config["process"]["env"].extend(words)

    box = Container("machine", "grep MemTotal /proc/meminfo; grep -c ^processor /proc/cpuinfo",
                    variables("RUNCVM_MEM_SIZE=160M", "RUNCVM_CPUS=2"))
    box.start()
    kilobytes = int(box.line().split()[1])
    if not 120 << 10 < kilobytes < 160 << 10:
        raise Failed(f"the VM has {kilobytes} kB")
    check(box.line(), "2", "CPUs")
    os.close(box.stdin)
    check(box.wait(), 0, "exit status")
    caisson("delete", box.name)
    for word, text in [("RUNCVM_MEM_SIZE=1", "is no size from 64M"), ("RUNCVM_CPUS=0", "is no number from 1"),
                       ("RUNCVM_KERNEL=/etc/passwd", "is a path, and an image may have set it"),
                       ("RUNCVM_HYPERVISOR=bochs", "is not one of qemu")]:
        said = caisson("create", "-b", bundle("machine", "true", variables(word)), "machine", status=1)[1]
        holds(said, text)
    clean()


if __name__ == "__main__":
    sys.exit(run_tests(globals()))
