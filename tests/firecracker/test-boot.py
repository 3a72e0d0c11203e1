#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Guests in the stand-in for Firecracker, outside of a jail and in one.

    test-boot.py GUEST VSOCKD [TEST...]     guest.c, built; caisson-vsockd
"""

import contextlib
import ctypes
import json
import os
import select
import shutil
import socket
import stat
import subprocess
import sys
import time

from fclib import (FIRECRACKER, JAILER, LIMIT, TOO_LATE, TOP, Failed, Firecracker, check, run,
                   run_tests, same)

sys.path.insert(0, os.path.join(TOP, "tests/vm"))
from guestlib import cpio, kernel  # noqa: E402  pylint: disable=wrong-import-position

GUEST, VSOCKD = (os.path.abspath(path) for path in sys.argv[1:3])
WORDS = "console=ttyS0 8250.nr_uarts=1 reboot=k panic=-1 quiet rdinit=/init"
START = {"action_type": "InstanceStart"}
SECTOR = 512
JAIL_USER = 31071
CLONE_NEWNET = 0x40000000


class Guest:
    """The connection that the guest makes."""

    def __init__(self, listener):
        listener.settimeout(LIMIT)
        self.sock, _ = listener.accept()
        self.sock.settimeout(LIMIT)
        self.data = b""
        same(self.lines(), ["here"], "the guest's first words")

    def lines(self):
        while not self.data.endswith(b".\n"):
            more = self.sock.recv(4096)
            check(more, f"the guest is gone after {self.data!r}")
            self.data += more
        text, self.data = self.data.decode(), b""
        return text.splitlines()[:-1]

    def send(self, word):
        self.sock.sendall(word.encode() + b"\n")

    def ask(self, word):
        self.send(word)
        return self.lines()


class Booted(Firecracker):
    """A Firecracker with all that a guest needs, not started yet."""

    def __init__(self, *words, **more):
        super().__init__(*words, CAISSON_VSOCKD=VSOCKD, **more)
        self.listener = self.guest = None

    def files(self, folder=""):
        """The kernel, and an initramfs."""
        with open(GUEST, "rb") as file:
            guest = file.read()
        folders = [(name, 0o40755, b"") for name in ("dev", "proc", "sys")]
        self.write(folder + "initrd", cpio([*folders, ("init", 0o100755, guest)]))
        shutil.copy(kernel(), self.path(folder + "kernel"))

    def __enter__(self):
        self.files()
        return super().__enter__()

    def configure(self, vcpus=1):
        self.ok("PUT", "/boot-source", {"kernel_image_path": "kernel", "initrd_path": "initrd",
                                        "boot_args": WORDS})
        self.ok("PUT", "/machine-config", {"vcpu_count": vcpus, "mem_size_mib": 128})
        self.ok("PUT", "/vsock", {"guest_cid": 3, "uds_path": "v"})
        self.listen()

    def listen(self, folder=""):
        self.listener = socket.socket(socket.AF_UNIX)
        here = os.getcwd()
        os.chdir(self.path(folder))
        self.listener.bind("v_1024")
        os.chdir(here)
        self.listener.listen()

    def boot(self):
        begun = time.monotonic()
        self.ok("PUT", "/actions", START)
        print(f"# started within {(time.monotonic() - begun) * 1000:.0f} ms")
        self.meet()
        print(f"# the guest is there after {(time.monotonic() - begun) * 1000:.0f} ms")

    def meet(self):
        self.guest = Guest(self.listener)

    def drive(self, name, size, **more):
        """A file of so many sectors, which begins with its name; as a drive."""
        data = name.encode() + b"\n"
        self.write(name, data.ljust(size * SECTOR, b"\0") if size else b"")
        self.ok("PUT", f"/drives/{name}", {"drive_id": name, "path_on_host": name,
                                           "is_root_device": False, **more})

    def serial(self, name):
        info = os.stat(self.path(name))
        return f"{info.st_dev}{info.st_rdev}{info.st_ino}"[:20]

    def processes(self):
        """What it has started, and what that has."""
        found, queue = [], [self.child.pid]
        while queue:
            pid = queue.pop()
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
                queue += (below := [int(word) for word in file.read().split()])
            found += below
        return found

    def __exit__(self, *details):
        for sock in (self.listener, self.guest.sock if self.guest else None):
            if sock:
                sock.close()
        super().__exit__(*details)


def gone(pids):
    """Wait until none of them is there any more."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            fd = os.pidfd_open(pid)
            check(select.select([fd], [], [], LIMIT)[0], f"process {pid} is still there")
            os.close(fd)


def test_life():
    with Booted() as fc:
        fc.configure(vcpus=3)
        fc.boot()
        same(fc.ok("GET", "/")["state"], "Running", "the state")
        for method, path, body in (("PUT", "/actions", START),
                                   ("PUT", "/vsock", {"guest_cid": 4, "uds_path": "w"}),
                                   ("PATCH", "/machine-config", {"vcpu_count": 2})):
            fc.refused(TOO_LATE, method, path, body)
        for state, word in (("Paused", "Paused"), ("Paused", "Paused"), ("Resumed", "Running"),
                            ("Resumed", "Running")):
            fc.ok("PATCH", "/vm", {"state": state})
            same(fc.ok("GET", "/")["state"], word, "the state")
        same(fc.guest.ask("cpus"), ["0-2"], "the CPUs")
        words = fc.guest.ask("cmdline")[0]
        check(f" {WORDS} pci=off virtio_mmio.device=" in words, words)
        fc.await_output("hello")
        fc.guest.send("reset")
        same(fc.status(), 0, "the status after a reset")
        check("Firecracker exiting successfully. exit_code=0" in fc.text(), fc.text())


def test_versions():
    """Older ones say pci=off only if they are told to."""
    for version, there in (("1.4.1", False), ("1.7.0", False), ("1.16.0", True)):
        with Booted(version=version) as fc:
            fc.configure()
            fc.boot()
            same(" pci=off" in fc.guest.ask("cmdline")[0], there, f"pci=off in {version}")


def test_console_in_a_file():
    with Booted(version="1.16.0") as fc:
        fc.ok("PUT", "/serial", {"serial_out_path": "console"})
        fc.configure()
        fc.boot()
        fc.guest.send("reset")
        same(fc.status(), 0, "the status")
        with open(fc.path("console"), encoding="utf-8") as file:
            check("hello\n" in file.read(), "nothing in the file")
        check("hello" not in fc.text(), fc.text())


def test_power_off_does_not_end_it():
    """Neither where QEMU could not tell, nor where it does."""
    for drives, words in ((0, "System halted"), (8, "Power down")):
        with Booted() as fc:
            for i in range(drives):
                fc.drive(f"d{i}", 1)
            fc.configure()
            fc.boot()
            pids = fc.processes()
            fc.guest.send("poweroff")
            fc.await_output(words)
            for state, word in (("Paused", "Paused"), ("Resumed", "Running")) * 20:
                fc.ok("PATCH", "/vm", {"state": state})
                same(fc.ok("GET", "/")["state"], word, "the state")
            fc.child.terminate()
            same(fc.status(), -15, "the status")
            gone(pids)


def test_whatever_dies_first():
    for which in ("itself", "the room", "QEMU", "vsockd"):
        with Booted() as fc:
            fc.configure()
            fc.boot()
            pids = fc.processes()
            same(len(pids), 3, "the number of processes")
            names = {}
            for pid in pids:
                with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                    names[file.read().strip()[:4]] = pid
            victim = {"itself": fc.child.pid, "QEMU": names["qemu"], "vsockd": names["cais"],
                      "the room": next(pid for name, pid in names.items()
                                       if name not in ("qemu", "cais"))}[which]
            os.kill(victim, 9)
            same(fc.status(), -9 if which == "itself" else 1, f"the status without {which}")
            gone(pids)


def test_drives():
    with Booted() as fc:
        fc.drive("first", 4)
        fc.drive("second", 8, is_read_only=True)
        fc.drive("root", 2, is_root_device=True, partuuid="0eaa91a0-01")
        fc.write("odd", b"odd\n".ljust(3 * SECTOR + 100, b"\0"))
        fc.ok("PUT", "/drives/odd", {"drive_id": "odd", "path_on_host": "odd",
                                     "is_root_device": False, "is_read_only": True})
        fc.configure()
        fc.boot()
        wanted = [f"vda {fc.serial('root')} 2 0", f"vdb {fc.serial('first')} 4 0",
                  f"vdc {fc.serial('second')} 8 1", f"vdd {fc.serial('odd')} 3 1"]
        same(fc.guest.ask("disks"), wanted, "the disks")
        check(" root=PARTUUID=0eaa91a0-01 rw " in fc.guest.ask("cmdline")[0], "the root's words")
        same(fc.guest.ask("write"), ["vda", "vdb"], "the disks that can be written to")
        for name, begin in (("root", b"by the guest"), ("second", b"second")):
            with open(fc.path(name), "rb") as file:
                check(file.read().startswith(begin), f"what is in {name}")


def test_placeholders():
    """A drive gets another file, and the guest is told of the size; may it be written to or not.

    Linux says nothing of disks that were empty or become it.
    """
    with Booted() as fc:
        for name, read_only in (("upper", False), ("lower", True)):
            fc.drive(name, 1, is_read_only=read_only)
        fc.configure()
        fc.boot()
        same([line.split()[2] for line in fc.guest.ask("disks")], ["1", "1"], "the sizes")
        for disk, name, size in (("vda", "upper", 16), ("vdb", "lower", 24), ("vda", "upper", 4)):
            fc.write("new" + name, f"new{name}{size}\n".encode().ljust(size * SECTOR, b"\0"))
            fc.ok("PATCH", f"/drives/{name}", {"drive_id": name, "path_on_host": "new" + name})
            same(fc.guest.ask("resize"), [disk], "the disk that was resized")
            line = next(line for line in fc.guest.ask("disks") if line.startswith(disk))
            same(line.split()[2], str(size), f"the size of {name}")
        same(fc.guest.ask("read"), ["vda newupper4", "vdb newlower24"], "what is on the disks")
        same(fc.guest.ask("write"), ["vda"], "the disks that can be written to")
        with open(fc.path("newupper"), "rb") as file:
            check(file.read().startswith(b"by the guest"), "what is in the new file")
        check("Device not found" in fc.fault("PATCH", "/drives/none", {
            "drive_id": "none", "path_on_host": "upper"}), "a drive that is not there")
        check("(os error 2) gone" in fc.fault("PATCH", "/drives/upper", {
            "drive_id": "upper", "path_on_host": "gone"}), "a file that is not there")
        same(fc.ok("GET", "/vm/config")["drives"][0]["path_on_host"], "newupper", "the path")


def test_more_devices():
    """More than QEMU has without ACPI, and up to Firecracker's limit."""
    with Booted() as fc:
        for i in range(17):
            fc.drive(f"d{i}", i + 1)
        fc.ok("PUT", "/entropy", {})
        fc.configure(vcpus=2)
        fc.boot()
        same(fc.guest.ask("cpus"), ["0-1"], "the CPUs")
        same([line.split()[2] for line in fc.guest.ask("disks")],
             [str(i + 1) for i in range(17)], "the sizes")
        same(fc.guest.ask("rng"), ["virtio_rng.0"], "the source of randomness")
        fc.guest.send("reset")
        same(fc.status(), 0, "the status")
    with Booted() as fc:
        for i in range(19):
            fc.drive(f"d{i}", i + 1)
        fc.configure()
        check("The requested resource is not available" in fc.fault("PUT", "/actions", START),
              "too many devices")


def test_balloon():
    with Booted() as fc:
        fc.ok("PUT", "/balloon", {"amount_mib": 0, "deflate_on_oom": True,
                                  "stats_polling_interval_s": 1})
        fc.configure()
        fc.boot()
        fc.ok("PATCH", "/balloon", {"amount_mib": 16})
        same(fc.ok("GET", "/balloon")["amount_mib"], 16, "the balloon")
        stats = fc.ok("GET", "/balloon/statistics")
        same((stats["target_mib"], stats["target_pages"]), (16, 4096), "the balloon's target")
        check("should be less than" in fc.fault("PATCH", "/balloon", {"amount_mib": 129}), "more")
        check("cannot be enabled/disabled" in fc.fault("PATCH", "/balloon/statistics", {
            "stats_polling_interval_s": 0}), "statistics switched off")


def test_configuration_file():
    with Booted("--no-api", "--config-file", "vm", socket_name=None) as fc:
        fc.child.wait()
        fc.write("vm", json.dumps({
            "boot-source": {"kernel_image_path": "kernel", "initrd_path": "initrd",
                            "boot_args": WORDS},
            "drives": [], "vsock": {"guest_cid": 3, "uds_path": "v"}}).encode())
        fc.listen()
        fc.child.stdout.close()
        fc.start()
        fc.meet()
        fc.guest.send("reset")
        same(fc.status(), 0, "the status")


def saved(fc, state="state", memory="memory"):
    fc.ok("PATCH", "/vm", {"state": "Paused"})
    fc.ok("PUT", "/snapshot/create", {"snapshot_path": state, "mem_file_path": memory})


def loading(state="state", memory="memory", **more):
    return {"snapshot_path": state, "mem_backend": {"backend_type": "File",
                                                    "backend_path": memory}, **more}


class Saved(Booted):
    """A machine with a disk that was asked twice, then saved; its folder stays until the end."""

    def __enter__(self):
        super().__enter__()
        self.drive("disk", 4)
        self.ok("PUT", "/entropy", {})
        self.configure()
        self.boot()
        same([self.guest.ask("count") for _ in range(2)], [["1"], ["2"]], "what was counted")
        saved(self)
        return self

    def again(self, **more):
        """A context manager: Firecracker once more, in the same folder, with what was saved."""
        other = Booted(**more)
        shutil.rmtree(other.dir)
        other.dir, other.files = self.path("again"), lambda: None
        os.makedirs(other.dir)
        for name in ("disk", "state", "memory"):
            shutil.copy(self.path(name), other.path(name))
        return other


def test_snapshot_goes_on():
    """Who is saved may go on; its connections do not, as Firecracker resets them."""
    with Saved() as fc:
        fc.ok("PUT", "/snapshot/create", {"snapshot_path": "s2", "mem_file_path": "m2"})
        same(fc.ok("GET", "/")["state"], "Paused", "the state")
        fc.ok("PATCH", "/vm", {"state": "Resumed"})
        fc.meet()
        same(fc.guest.ask("count"), ["3"], "what was counted")
        check("unavailable while running" in fc.fault("PUT", "/snapshot/create", {
            "snapshot_path": "s", "mem_file_path": "m"}), "saved while it runs")
        fc.guest.send("reset")
        same(fc.status(), 0, "the status")


def test_snapshot_loads():
    """As often as one likes."""
    with Saved() as fc:
        for count in ("3", "3"):
            with fc.again() as other:
                other.listen()
                other.ok("PUT", "/snapshot/load", loading(resume_vm=True))
                same(other.ok("GET", "/")["state"], "Running", "the state")
                other.meet()
                same(other.guest.ask("count"), [count], "what was counted")
                same(other.guest.ask("write"), ["vda"], "the disks that can be written to")
                other.guest.send("reset")
                same(other.status(), 0, "the status")
                with open(other.path("disk"), "rb") as file:
                    check(file.read().startswith(b"by the guest"), "what is on the disk")
            shutil.rmtree(other.dir, ignore_errors=True)


def test_snapshot_waits():
    """Without resume_vm it stands still."""
    with Saved() as fc, fc.again() as other:
        other.listen()
        other.ok("PUT", "/snapshot/load", loading())
        same(other.ok("GET", "/")["state"], "Paused", "the state")
        same(other.ok("GET", "/vm/config")["vsock"]["uds_path"], "v", "the path")
        other.ok("PATCH", "/vm", {"state": "Resumed"})
        other.meet()


def test_snapshot_is_refused():
    """With the end of the process, unless it is the order of requests."""
    cut = {"memory": "smaller", "state": "state from file"}
    with Saved() as fc:
        for name, why in cut.items():
            with fc.again() as other:
                os.truncate(other.path(name), 5000)
                check(why in other.fault("PUT", "/snapshot/load", loading()), f"{name} cut off")
                same(other.status(), 1, "the status")
            shutil.rmtree(other.dir, ignore_errors=True)
        for name in ("disk", "state", "memory"):
            with fc.again() as other:
                os.unlink(other.path(name))
                check("os error 2" in other.fault("PUT", "/snapshot/load", loading()), name)
                same(other.status(), 1, "the status")
            shutil.rmtree(other.dir, ignore_errors=True)
        with fc.again(version="1.16.0") as other:
            check("Invalid data version" in other.fault("PUT", "/snapshot/load", loading()),
                  "another version")
            same(other.status(), 1, "the status")


class Net:
    """A network namespace with a tap, and a socket that sees its frames; a context manager."""

    def __enter__(self):
        libc, home = ctypes.CDLL(None), os.open("/proc/self/ns/net", os.O_RDONLY)
        check(libc.unshare(CLONE_NEWNET) == 0, "no network namespace can be made")
        try:
            for words in (["tuntap", "add", "tap0", "mode", "tap", "vnet_hdr"],
                          ["link", "set", "tap0", "up"]):
                subprocess.run(["ip", *words], check=True)
            self.frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.frames.bind(("tap0", 0))
            self.frames.settimeout(LIMIT)
            self.space = os.open("/proc/self/ns/net", os.O_RDONLY)
        finally:
            check(libc.setns(home, CLONE_NEWNET) == 0, "there is no way back")
            os.close(home)
        return self

    @property
    def path(self):
        return f"/proc/{os.getpid()}/fd/{self.space}"

    def frame_from(self, mac):
        """Wait for one with this source."""
        while self.frames.recv(2048)[6:12] != bytes.fromhex(mac.replace(":", "")):
            pass

    def __exit__(self, *_):
        self.frames.close()
        os.close(self.space)


class Jailed(Booted):
    """In a jail, with another user."""

    def __init__(self, *words, jailer=(), **more):
        super().__init__(**more)
        self.id = f"test-{os.getpid()}"
        self.words = [JAILER, "--id", self.id, "--exec-file", FIRECRACKER, "--uid",
                      str(JAIL_USER), "--gid", str(JAIL_USER), "--chroot-base-dir", self.dir,
                      *jailer, "--", "--level", "Info", *words]
        self.root = f"firecracker/{self.id}/root/"
        self.api = self.root + "run/firecracker.socket"

    def __enter__(self):
        os.chmod(self.dir, 0o700)
        os.makedirs(self.path(self.root))
        self.files(self.root)
        for name in ("kernel", "initrd"):
            os.chown(self.path(self.root + name), JAIL_USER, JAIL_USER)
        return super(Booted, self).__enter__()

    def listen(self, folder=""):
        super().listen(self.root)
        os.chown(self.path(self.root + "v_1024"), JAIL_USER, JAIL_USER)


def test_jail():
    with Jailed() as fc:
        root = fc.path(fc.root)
        for name, kind in (("run", stat.S_ISDIR), ("dev/kvm", stat.S_ISCHR), ("dev", stat.S_ISDIR),
                           ("dev/net/tun", stat.S_ISCHR), ("dev/urandom", stat.S_ISCHR),
                           ("run/firecracker.socket", stat.S_ISSOCK)):
            info = os.stat(root + name)
            check(kind(info.st_mode), f"{name} is {info.st_mode:o}")
            same((info.st_uid, info.st_gid), (JAIL_USER, JAIL_USER), f"the owner of {name}")
        with open(root + "firecracker.pid", encoding="ascii") as file:
            same(file.read(), str(fc.child.pid), "the pid")
        same(os.readlink(f"/proc/{fc.child.pid}/root"), root.rstrip("/"), "the root")
        with open(f"/proc/{fc.child.pid}/environ", "rb") as file:
            names = {word.split(b"=")[0] for word in file.read().split(b"\0")} - {b""}
        same(names, {b"STANDIN_VERSION", b"STANDIN_JAIL", b"CAISSON_VSOCKD"}, "the environment")
        with open(root + "secret", "wb"):
            os.fchmod(os.open(root + "secret", os.O_RDONLY), 0o600)
        for path, why in (("/secret", "Permission denied (os error 13)"), (
                fc.path("outside"), "No such file or directory (os error 2)")):
            fc.write("outside")
            check(why in fc.fault("PUT", "/drives/a", {
                "drive_id": "a", "path_on_host": path, "is_root_device": False}), path)
        fc.configure()
        same(os.stat(root + "v").st_uid, JAIL_USER, "the owner of the vsock's socket")
        fc.boot()
        for pid in fc.processes():
            with open(f"/proc/{pid}/comm", encoding="ascii") as file:
                if file.read().startswith(("qemu", "caisson")):
                    same(os.stat(f"/proc/{pid}").st_uid in (0, JAIL_USER), True, "the user")
        fc.guest.send("reset")
        same(fc.status(), 0, "the status")


def test_network():
    mac = "06:00:ac:10:00:02"
    nic = {"iface_id": "eth0", "host_dev_name": "tap0", "guest_mac": mac}
    with Net() as net, Jailed(jailer=["--netns", net.path]) as fc:
        fc.ok("PUT", "/network-interfaces/eth0", nic)
        taken = fc.fault("PUT", "/network-interfaces/eth1", {**nic, "iface_id": "eth1",
                                                             "guest_mac": "06:00:ac:10:00:03"})
        check("Error while creating ifreq structure: Resource busy (os error 16)." in taken, taken)
        fc.refused(f"Network config error: The MAC address is already in use: {mac}", "PUT",
                   "/network-interfaces/eth1", {**nic, "iface_id": "eth1"})
        fc.ok("PUT", "/network-interfaces/eth0", nic)
        fc.configure()
        fc.boot()
        same(fc.guest.ask("net"), [f"eth0 {mac}"], "the guest's interface")
        same(fc.guest.ask("up"), [], "what the guest says")
        net.frame_from(mac)
        limit = {"bandwidth": {"size": 1000, "refill_time": 100}}
        fc.ok("PATCH", "/network-interfaces/eth0", {"iface_id": "eth0", "rx_rate_limiter": limit})
        fc.ok("PATCH", "/network-interfaces/eth0", {
            "iface_id": "eth0", "rx_rate_limiter": {"ops": {"size": 2, "refill_time": 3}}})
        same(fc.ok("GET", "/vm/config")["network-interfaces"][0]["rx_rate_limiter"], {
            "bandwidth": {"size": 1000, "one_time_burst": None, "refill_time": 100},
            "ops": {"size": 2, "one_time_burst": None, "refill_time": 3}}, "the limits")


def test_jail_twice():
    """A jail that was used is of no use, as jailer makes its devices itself."""
    with Jailed() as fc:
        done = run(fc.words, fc.env, fc.dir)
        same(done.returncode, 1, "the status")
        check("Failed to create /dev/net/tun via mknod inside the jail: File exists (os error 17)"
              in done.stdout, done.stdout)


def test_jail_in_new_pid_namespace():
    with Jailed(jailer=["--new-pid-ns", "--resource-limit", "no-file=1024", "--resource-limit",
                        "fsize=1048576"]) as fc:
        same(fc.child.wait(LIMIT), 0, "the status of jailer")
        with open(fc.path(fc.root + "firecracker.pid"), encoding="ascii") as file:
            pid = int(file.read())
        with open(f"/proc/{pid}/limits", encoding="ascii") as file:
            limits = {line[:26].strip(): line[26:].split()[0] for line in file}
        same((limits["Max open files"], limits["Max file size"]), ("1024", "1048576"), "limits")
        fc.configure()
        fc.boot()
        watch = os.pidfd_open(pid)
        fc.guest.send("reset")
        while fc.read():
            pass
        os.close(watch)


def main(names):
    return run_tests(names, {name: value for name, value in globals().items()
                             if name.startswith("test_")})


if __name__ == "__main__":
    with contextlib.suppress(Failed):
        sys.exit(main(sys.argv[3:]))
