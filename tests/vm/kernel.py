#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tuned kernels, each with an init that is a few system calls. For aarch64 with vminitd, too.

    kernel.py x86_64
    kernel.py aarch64 VSOCKD VMINITD
"""

import json
import socket
import subprocess
import sys
import tempfile
import time

from guestlib import (LIMIT, STDIO, TOP, Console, Failed, Machine, cached_kernel, check, cpio,
                      kernel, qemu_line, same, tsc_khz)
from ttrpc import Client

DAY = 86400
# It is built here: the compiler for aarch64 may be younger than the build folder.
INIT = TOP + "/tests/vm/guests/kernel-init.c"
COMPILER = {"x86_64": ["gcc", "-m32", "-march=i686", "-fcf-protection=none"],
            "aarch64": ["aarch64-linux-gnu-gcc"]}
FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-nostdlib", "-static", "-fno-pic",
         "-no-pie", "-fno-stack-protector", "-Wl,--build-id=none"]


def x86_line(folder, processors, words):
    line = qemu_line(folder)
    line[line.index("-serial") + 1] = "chardev:console"
    line[line.index("-smp") + 1] = processors
    # As caisson starts it: under TCG several processors need to be told that the TSC can be relied on.
    return line + ["-no-reboot", "-kernel", kernel(), "-append",
                   f"console=ttyS0 panic=-1 quiet tsc=reliable tsc_early_khz={tsc_khz()} "
                   f"lapic_hz=1000000000 {words}"]


def arm_line(cpu, gic, words, serial="chardev:console"):
    return ["qemu-system-aarch64", "-nodefaults", "-no-user-config", "-nographic", "-accel", "tcg",
            "-M", f"virt,gic-version={gic},memory-backend=mem", "-cpu", cpu, "-m", "256", "-smp", 2,
            "-object", "memory-backend-memfd,id=mem,size=256M,share=on",
            "-global", "virtio-mmio.force-legacy=false", "-serial", serial, "-no-reboot",
            "-kernel", cached_kernel("aarch64", "Image"), "-append",
            f"console=ttyAMA0 panic=-1 quiet {words}"]


def write_initramfs(folder, init):
    with open(init, "rb") as file:
        archive = cpio([("init", 0o100755, file.read())])
    with open(folder + "/initramfs", "wb") as file:
        file.write(archive)


class Booted(Console):
    """The kernel with INIT and a disk. A context manager."""

    def __init__(self, folder, line, *devices):
        super().__init__([*line, *STDIO, "-initrd", folder + "/initramfs",
                          "-drive", f"if=none,id=disk,format=raw,readonly=on,file={folder}/disk",
                          "-device", "virtio-blk-device,drive=disk", *devices])

    def says(self, machine, processors):
        """What INIT finds in all machines."""
        self.expect(f"machine {machine} ")
        self.expect("-caisson\nseconds ")
        self.expect(f"\nprocessors {processors}\ndisk first line\n")
        told = self.console.split("\nseconds ")[1].split()[0]
        check(abs(int(told) - time.time()) < DAY, f"the guest's time is {told}")


def configuration(image):
    """What travels in the kernel says that it serves both VMMs, with nothing left to wish for."""
    for vmm in ("qemu", "firecracker"):
        run = subprocess.run([TOP + "/kernel/check.sh", "--for", vmm, image], check=False, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        same((run.returncode, run.stdout), (0, "complete\n"), f"the check for {vmm}")


def x86_is_fit(_folder):
    configuration(kernel())


def x86_runs_32_bit_programs(folder):
    """INIT is one, and old enough to ask for the time in 32 bits."""
    with Booted(folder, x86_line(folder, 2, "reboot=t")) as vm:
        vm.says("x86_64", 2)
        check("not ended" not in vm.end(), "it goes on")


def press(path):
    """Ctrl-Alt-Del on QEMU's keyboard."""
    keys = [{"type": "qcode", "data": key} for key in ("ctrl", "alt", "delete")]
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(LIMIT)
        sock.connect(path)
        with sock.makefile("rw") as lines:
            lines.readline()
            for command in ({"execute": "qmp_capabilities"},
                            {"execute": "send-key", "arguments": {"keys": keys}}):
                lines.write(json.dumps(command) + "\n")
                lines.flush()
                answer = {}
                while "return" not in answer:
                    answer = json.loads(lines.readline())
                    check("error" not in answer, f"{command}: {answer}")


def x86_hears_ctrl_alt_del(folder):
    """From the keyboard that Firecracker has, by whose controller the machine ends, too."""
    for words in ("", "acpi=off", "i8042.noaux i8042.nomux i8042.dumbkbd"):
        line = x86_line(folder, 1, f"reboot=k {words} -- wait")
        with Booted(folder, line, "-device", "i8042",
                    "-qmp", f"unix:{folder}/qmp,server=on,wait=off") as vm:
            vm.expect("\nwaiting\n")
            press(folder + "/qmp")
            vm.expect("signal 2\n")
            check("not ended" not in vm.end(), "it goes on")


def arm_is_fit(*_):
    configuration(cached_kernel("aarch64", "Image"))


def arm_boots(folder, *_):
    """Devices by the device tree, the time by the PL031, processors and the end by PSCI."""
    for cpu, gic, word in (("cortex-a57", 2, ""), ("max", 3, ""), ("max", 3, "poweroff")):
        with Booted(folder, arm_line(cpu, gic, f"-- {word}")) as vm:
            vm.says("aarch64", 2)
            check("not ended" not in vm.end(), "it goes on")


def arm_runs_vminitd(_folder, vsockd, vminitd):
    """It dials the host, answers, and ends the machine."""
    with Machine() as vm:
        write_initramfs(vm.dir, vminitd)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            vm.start_vsock(vsockd, ours)
            vm.qemu = vm.start([*arm_line("max", 3, "", f"file:{vm.dir}/console"),
                                "-initrd", vm.dir + "/initramfs",
                                "-chardev", f"socket,id=vs,fd={theirs.fileno()}",
                                "-device", "vhost-user-vsock-device,chardev=vs"], theirs)
        client = Client(vm.await_ready())
        info = client.call("Info", b"", service="caisson.guest.v1.System")
        check(info[2][0].startswith(b"6.") and info[2][0].endswith(b"-caisson"), f"it is {info}")
        client.call("Shutdown", b"")
        same(vm.qemu.wait(LIMIT), 0, "QEMU's status")


TESTS = {
    "x86_64": [x86_is_fit, x86_runs_32_bit_programs, x86_hears_ctrl_alt_del],
    "aarch64": [arm_is_fit, arm_boots, arm_runs_vminitd],
}


def main(arch, *more):
    with tempfile.TemporaryDirectory(prefix="caisson-test-kernel.") as folder:
        subprocess.run([*COMPILER[arch], *FLAGS, INIT, "-o", folder + "/init"], check=True)
        write_initramfs(folder, folder + "/init")
        with open(folder + "/disk", "wb") as file:
            file.write(b"first line\nsecond line\n".ljust(4096, b"\0"))
        for test in TESTS[arch]:
            try:
                test(folder, *more)
            except Failed as error:
                print(f"not ok {test.__name__}: {error}")
                sys.exit(1)
            print("ok", test.__name__, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
