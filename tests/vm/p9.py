#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""caisson-9pd with a real client: volumes that a Linux guest mounts by vsock.

    p9.py 9PD VSOCKD GUEST               run the tests
    p9.py --figures 9PD VSOCKD GUEST     measure, beside virtiofs, and print the figures as JSON

GUEST is made of guests/p9-guest.c.
"""

import json
import os
import shutil
import signal
import socket
import statistics
import struct
import sys
import tempfile

from guestlib import Failed, Machine, check, linux, listener, receive, same, text

PORT = 2001
OPTIONS = "msize=131072,cache=mmap,access=user"


class Guest(Machine):
    """One VM, and caisson-9pd, which serves the folder share."""

    def __init__(self, server, vsockd, guest, virtiofsd=None):
        super().__init__()
        self.share = tempfile.mkdtemp(prefix="caisson-test-p9.", dir="/var/tmp")
        self.mounts = 0
        for name in ("volumes", "volumes/0", "volumes/small", "volumes/fixed"):
            os.mkdir(f"{self.share}/{name}")
        os.chmod(f"{self.share}/volumes/0", 0o777)
        self.folder = f"{self.share}/volumes/0"
        try:
            self.boot(server, vsockd, guest, virtiofsd)
        except BaseException:
            self.__exit__()
            raise

    def boot(self, server, vsockd, guest, virtiofsd):
        self.start_server(server)
        more = self.start_virtiofsd(virtiofsd) if virtiofsd else []
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.start_vsock(vsockd, ours)
            self.start_qemu(theirs, *linux(self.dir, {"init": guest, "bin/busybox": shutil.which("busybox")},
                                           ["dev", "proc", "tmp", "bin"]), "-no-reboot", *more)
        self.shell = self.await_ready()

    def start_server(self, server):
        with listener(f"{self.dir}/v_{PORT}") as sock:
            # As the shim has it: in a mount namespace, with mounts that nobody else sees.
            self.server = self.start(
                ["unshare", "--mount", "sh", "-ec",
                 f"mount -t tmpfs -o size=256k,mode=777 test {self.share}/volumes/small; "
                 f"mount --bind -o ro {self.folder} {self.share}/volumes/fixed; "
                 f"exec {server} --root {self.share} --listen-fd {sock.fileno()}"], sock)

    def start_virtiofsd(self, program):
        path = self.dir + "/fs"
        with listener(path) as sock:
            sock.setblocking(True)
            self.start([program, f"--fd={sock.fileno()}", "-o", f"source={self.share}", "-o",
                        "xattr,sandbox=namespace,announce_submounts,killpriv_v2", "-o",
                        "cache=auto,timeout=0.02", "-f"], sock)
        return ["-chardev", f"socket,id=fs,path={path}", "-device",
                "vhost-user-fs-device,chardev=fs,tag=share"]

    def __exit__(self, *args):
        super().__exit__(*args)
        shutil.rmtree(self.share, ignore_errors=True)

    def ask(self, command):
        """Run it in the guest's shell. Return: status, output."""
        self.shell.sendall(struct.pack("<I", len(command)) + command.encode())
        status, size = struct.unpack("<II", receive(self.shell, 8))
        return status, receive(self.shell, size).decode(errors="replace")

    def run(self, command):
        status, output = self.ask(command)
        check(status == 0, f"`{command}` has status {status}: {output}{self.said(self.server)}")
        return output

    def mount(self, aname="volumes/0", options=OPTIONS):
        self.mounts += 1
        where = f"/m{self.mounts}"
        self.run(f"/init mount {PORT} {aname} {where} {options}")
        return where

    def host(self, name, content=None):
        """Write a file of the volume, or read it."""
        path = f"{self.folder}/{name}"
        if content is None:
            return text(path)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path


def test_files_both_ways(vm, where):
    vm.host("from-host", "hello\n")
    same(vm.run(f"cat {where}/from-host; echo bye >{where}/from-guest"), "hello\n", "what the guest reads")
    same(vm.host("from-guest"), "bye\n", "what the host reads")
    # At once, whoever changes it.
    for i in range(20):
        vm.host("from-host", f"{i}\n" * (i + 1))
        same(vm.run(f"cat {where}/from-host"), f"{i}\n" * (i + 1), "what the guest reads now")
    os.unlink(f"{vm.folder}/from-host")
    check("No such file" in vm.ask(f"cat {where}/from-host")[1], "a file that is gone is still there")


def test_swapped_links(vm, where):
    """As the kubelet does it with ConfigMaps."""
    for i in range(30):
        os.mkdir(f"{vm.folder}/..{i}")
        vm.host(f"..{i}/key", f"value {i}")
        os.symlink(f"..{i}", f"{vm.folder}/..tmp")
        os.rename(f"{vm.folder}/..tmp", f"{vm.folder}/..data")
        if i == 0:
            os.symlink("..data/key", f"{vm.folder}/key")
        same(vm.run(f"cat {where}/key"), f"value {i}", "what the link leads to")


def check_in_guest(name):
    def test(vm, where):
        os.makedirs(vm.folder, exist_ok=True)
        vm.run(f"/init {name} {where}")
    test.__name__ = f"test_{name}"
    return test


def test_locks_of_two_guests(vm, where):
    vm.run(f"/init locked {where} {vm.mount()}")


def test_other_ways_to_mount(vm, _):
    names = ["unlinked", "renamed", "appended", "emptied", "large", "special", "held"]
    # With the last one the client does not learn of modes that an access list has changed.
    for options, more in (("msize=65536,cache=none,access=client,posixacl", ["xattrs"]),
                          ("msize=1048576,cache=loose,access=user", [])):
        where = vm.mount(options=options)
        for name in names + more:
            vm.run(f"/init {name} {where}")


def test_mapped(vm, where):
    vm.run(f"/init mapped {where}")
    check(vm.host("mapped")[9000:9015] == "through the map", "the map's bytes are not there")


def test_owners(vm, where):
    vm.host("roots", "")
    vm.run(f"/init owned {where}")
    for name, mode, owner in (("file", 0o100755, (1234, 77)), ("folder", 0o40750, (4321, 8765)),
                              ("link", 0o120777, (1234, 77)), ("fifo", 0o10640, (1234, 77)),
                              ("hard", 0o100755, (1234, 77))):
        st = os.lstat(f"{vm.folder}/{name}")
        same((st.st_uid, st.st_gid), owner, f"owner of {name}")
        same(oct(st.st_mode), oct(mode), f"mode of {name}")


def test_single_file(vm, _):
    with open(f"{vm.share}/volumes/1", "w", encoding="utf-8") as file:
        file.write("alone\n")
    where = vm.mount("volumes/1")
    same(vm.run(f"ls {where}; cat {where}/1; touch /bound && mount --bind {where}/1 /bound && "
                "echo changed >/bound; cat /bound"), "1\nalone\nchanged\n", "the folder")
    same(text(f"{vm.share}/volumes/1"), "changed\n", "the file")
    check(vm.ask(f"touch {where}/2")[0] != 0, "there is a second one")


def test_several_at_once(vm, where):
    vm.run(f"cd {where}; for i in 1 2 3 4 5 6; do (mkdir p$i; for j in $(seq 40); do echo $i.$j >p$i/$j; "
           "cat p$i/$j >/dev/null; mv p$i/$j p$i/x$j; done; rm -r p$i) & done; wait")
    check(not [name for name in os.listdir(vm.folder) if name.startswith("p")], "something is left")


def test_folder_that_goes(vm, _):
    """The host takes it away, and another one comes by its name: the guest has the one that it mounted."""
    os.mkdir(f"{vm.share}/volumes/gone")
    where = vm.mount("volumes/gone")
    vm.run(f"echo x >{where}/x")
    os.rename(f"{vm.share}/volumes/gone", f"{vm.share}/volumes/kept")
    os.symlink("/etc", f"{vm.share}/volumes/gone")
    same(vm.run(f"ls {where}"), "x\n", "what is there")
    check(vm.ask(f"/init mount {PORT} volumes/gone /no {OPTIONS}")[0] != 0, "a link was mounted")
    shutil.rmtree(f"{vm.share}/volumes/kept")
    check(vm.ask(f"touch {where}/y")[0] != 0, "a file was made in a folder that is gone")
    same(vm.run(f"ls {where}"), "", "what is there")


def test_errors(vm, where):
    for command, words in ((f"cat {where}/nothing", "No such file"),
                           (f"mkdir -p {where}/d/e; rmdir {where}/d", "not empty"),
                           (f"touch {where}/$(printf %0256d 1)", "too long"),
                           (f"cat {where}", "Is a directory")):
        status, output = vm.ask(command)
        check(status != 0 and words in output, f"`{command}` has status {status}: {output}")


def test_full_volume(vm, where):
    small = vm.mount("volumes/small")
    status, output = vm.ask(f"dd if=/dev/zero of={small}/x bs=64k count=8")
    check(status != 0 and "No space left" in output, f"status {status}: {output}")
    vm.run(f"rm {small}/x && echo again >{small}/y && echo other >{where}/y")


def test_readonly_volume(vm, where):
    fixed = vm.mount("volumes/fixed")
    vm.host("seen", "seen\n")
    same(vm.run(f"cat {fixed}/seen"), "seen\n", "what is there")
    for command in (f"echo x >{fixed}/seen", f"touch {fixed}/new", f"rm {fixed}/seen", f"chmod 1 {fixed}/seen"):
        status, output = vm.ask(command)
        check(status != 0 and "Read-only file system" in output, f"`{command}`: {output}")
    vm.run(f"rm {where}/seen")


def test_no_connection_any_more(vm, where):
    """The server is gone: errors, and no process that hangs."""
    vm.server.terminate()
    same(vm.server.wait(), 0, "exit status")
    same(vm.said(vm.server), "", "its words")
    check(vm.ask(f"cat {where}/x")[0] != 0, "something was read")


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def memory_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


def test_memory_is_small(vm, _):
    pids = [vm.server.pid] + children(vm.server.pid)
    total = sum(memory_kb(pid) for pid in pids)
    check(total < 500 + 400 * (len(pids) - 1), f"{len(pids)} processes have {total} kB")


SIZE_MB = 48
FILES = 7000


def make_tree(top):
    for i in range(FILES // 100):
        os.makedirs(f"{top}/{i % 10}/{i}")
        for j in range(99):
            with open(f"{top}/{i % 10}/{i}/{j}", "wb"):
                pass


def seconds(vm, command):
    """How long it takes there, by the guest's own clock."""
    before, after = vm.run("cut -d ' ' -f 1 /proc/uptime; "
                           f"({command}) >/dev/null 2>&1; cut -d ' ' -f 1 /proc/uptime").split()
    return max(float(after) - float(before), 0.01)


def measure(vm, where):
    """MB/s, and files a second; nothing of it is in a cache of the guest's."""
    drop = "sync; echo 3 >/proc/sys/vm/drop_caches"
    vm.run(drop)
    write = seconds(vm, f"dd if=/dev/zero of={where}/big bs=1M count={SIZE_MB} conv=fsync")
    vm.run(drop)
    read = seconds(vm, f"dd if={where}/big of=/dev/null bs=1M")
    vm.run(f"{drop}; rm {where}/big")
    walk = seconds(vm, f"/init walked {where}/tree")
    vm.run(drop)
    look = seconds(vm, f"find {where}/tree -size +1")
    again = seconds(vm, f"find {where}/tree -size +1")
    return {"write_mb_s": SIZE_MB / write, "read_mb_s": SIZE_MB / read, "walk_s": walk, "find_size_s": look,
            "find_again_s": again, "question_us": float(vm.run(f"/init missed {where}"))}


def figures(server, vsockd, guest, rounds=5, options=OPTIONS):
    """Both in turn, after a warm-up of each, so that both see the same load."""
    with Guest(server, vsockd, guest, "/usr/lib/qemu/virtiofsd") as vm:
        make_tree(f"{vm.folder}/tree")
        places = {"9p": vm.mount(options=options), "9p_loose": vm.mount(options=options.replace("mmap", "loose")),
                  "virtiofs": "/v/volumes/0"}
        vm.run("mkdir /v && mount -t virtiofs share /v")
        samples = {name: [] for name in places}
        for at in range(int(rounds) + 1):
            for name, where in places.items():
                sample = measure(vm, where)
                if at > 0:
                    samples[name].append(sample)
        result = {name: {key: round(statistics.median(sample[key] for sample in all_), 2)
                         for key in all_[0]} for name, all_ in samples.items()}
        pids = [vm.server.pid] + children(vm.server.pid)
        result["pss_kb"] = {str(pid): memory_kb(pid) for pid in pids}
    print(json.dumps(result, indent=2))


TESTS = [
    test_files_both_ways, test_swapped_links,
    *map(check_in_guest, ["unlinked", "renamed", "xattrs", "appended", "emptied", "large", "special", "held"]),
    test_other_ways_to_mount, test_locks_of_two_guests, test_mapped, test_owners, test_single_file, test_several_at_once,
    test_folder_that_goes, test_errors, test_full_volume, test_readonly_volume,
    test_memory_is_small, test_no_connection_any_more,
]


def run(test, *args):
    try:
        test(*args)
    except (Failed, OSError) as error:
        print(f"not ok {test.__name__}: {error}", flush=True)
        return False
    print(f"ok {test.__name__}", flush=True)
    return True


def main(args):
    signal.alarm(600)
    if args[0] == "--figures":
        figures(*args[1:])
        return 0
    with Guest(*args) as vm:
        where = vm.mount()
        results = [run(test, vm, where) for test in TESTS]
        if not all(results):
            print(vm.story())
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
