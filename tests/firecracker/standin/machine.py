# SPDX-License-Identifier: Apache-2.0
"""The running machine: QEMU in the place of KVM, caisson-vsockd in that of Firecracker's vsock."""

import mmap
import os
import socket

from standin import cmdline, files, qmp
from standin.errors import Fault, os_text
from standin.room import FD_BASE
from standin.version import since

ELF = b"\x7fELF"
# Interrupts that Firecracker has for devices.
DEVICES_MAX = 19
# Without ACPI, QEMU has these places for devices, but for the one whose interrupt is the clock's;
# with ACPI it has tables, last place first. The interrupt of place 0 does not come through there.
PLAIN_PLACES = (0, 1, 2, 4, 5, 6, 7)
ACPI_PLACES = range(23, 23 - DEVICES_MAX, -1)
MMIO_BASE, MMIO_SIZE, MMIO_IRQ = 0xFEB00000, 0x200, 5
# Firecracker's own, of which the length counts.
FC_MMIO_BASE, FC_MMIO_SIZE = 0xC0001000, 0x1000
NAMES_WITHIN = 4 << 20
VSOCKD = "../../../build/libexec/caisson/caisson-vsockd"
VHOST = "../../../build/host/tests/firecracker/standin-vhost.so"
BALLOON = "/machine/peripheral/balloon0"
# The memory is a file already, and what becomes of it is to be told.
CAPABILITIES = [{"capability": name, "state": True} for name in ("x-ignore-shared", "events")]


def beside(path):
    """Of a path from this folder."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), path)


# Seen before a jail is entered, where it cannot be seen.
VHOST_IS_THERE = os.path.exists(beside(VHOST))


def start_error(text):
    return Fault(f"Start microvm error: {text}" if since(1, 5) else text)


def check_kernel(fd):
    if os.pread(fd, 4, 0) == ELF:
        return
    wrong = ("Cannot load kernel due to invalid memory configuration or invalid kernel image: "
             "Kernel Loader: failed to load ELF kernel image")
    if since(1, 8):
        wrong += ": Kernel Loader: Invalid Elf magic number"
    raise start_error(f"System configuration error: {wrong}" if since(1, 12) else wrong)


def tsc_khz():
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        for line in info:
            if line.startswith("cpu MHz"):
                return int(float(line.split(":")[1]) * 1000)
    return 0


def knows(fd, word):
    """Whether the kernel has that parameter; the names of all are together, near its end."""
    with mmap.mmap(fd, 0, prot=mmap.PROT_READ) as image:
        return image.rfind(word, max(len(image) - NAMES_WITHIN, 0)) >= 0


class Line:
    """The kernel's command line as Firecracker makes it, which is measured, and as QEMU gets it."""

    def __init__(self, boot, pci_off):
        self.line, self.words, self.devices = boot.copy(), [boot.boot], 0
        if pci_off:
            self.insert("pci=off")

    def insert(self, words):
        try:
            self.line.insert(words)
        except cmdline.TooLong as error:
            raise start_error(f"Invalid kernel command line: {error}") from error
        self.words.append(words)

    def add_device(self):
        at = self.devices
        if at == DEVICES_MAX:
            raise self.no_device("Failed to allocate requested resource: The requested resource "
                                 "is not available.")
        try:
            self.line.insert(f"virtio_mmio.device=4K@{FC_MMIO_BASE + at * FC_MMIO_SIZE:#x}:"
                             f"{MMIO_IRQ + at}")
        except cmdline.TooLong as error:
            raise self.no_device(f"Failed to allocate requested resourc: {error}") from error
        self.devices += 1

    @staticmethod
    def no_device(text):
        if since(1, 13):
            return start_error(f"Could not attach device: MMIO transport error: {text}")
        return start_error("Cannot initialize a MMIO Device or add a device to the MMIO Bus or "
                           f"cmdline: {text}")

    @property
    def is_plain(self):
        return self.devices <= len(PLAIN_PLACES)

    def places(self):
        """Where QEMU has the devices, in their order."""
        return (PLAIN_PLACES if self.is_plain else ACPI_PLACES)[:self.devices]

    def text(self, extra):
        """For QEMU: with its own addresses, and extra words if they fit."""
        words = self.words + [
            f"virtio_mmio.device={MMIO_SIZE}@{MMIO_BASE + at * MMIO_SIZE:#x}:{MMIO_IRQ + at}"
            for at in self.places() if self.is_plain]
        line = self.line.copy()
        for candidate in (extra + words, words):
            line.boot = " ".join(word for word in candidate if word)
            if line.size() <= cmdline.CAPACITY:
                break
        return line.text()


def driver_of(fd):
    """Firecracker takes no locks."""
    return "driver=host_device" if files.is_block_device(fd) else "driver=file,locking=off"


def cut_off(fd):
    """QEMU would show the rest of a file that ends within a sector."""
    size = files.disk_size(fd)
    return {} if size == os.lseek(fd, 0, os.SEEK_END) else {"size": size}


class Plan:
    """QEMU's arguments and descriptors, device by device."""

    def __init__(self, line):
        self.line, self.fds, self.devices = line, [], []
        self.front, self.memory, self.env = None, None, {}

    def inherit(self, fd):
        self.fds.append(fd)
        return FD_BASE + len(self.fds) - 1

    def device(self, model, *before):
        """The next one; before: other arguments that it needs."""
        self.line.add_device()
        self.devices.append((model, before))

    def arguments(self):
        words = []
        for (model, before), at in zip(self.devices, self.line.places()):
            words += [*before, "-device", f"{model},bus=virtio-mmio-bus.{at}"]
        return words

    def balloon(self, config):
        oom = "on" if config["deflate_on_oom"] else "off"
        free = "on" if config.get("free_page_reporting") else "off"
        self.device(f"virtio-balloon-device,id=balloon0,deflate-on-oom={oom},free-page-reporting={free}")

    def drive(self, index, drive):
        config = drive.config
        if drive.is_root:
            part = config["partuuid"]
            self.line.insert(f"root=PARTUUID={part}" if part else "root=/dev/vda")
            self.line.insert("ro" if config["is_read_only"] else "rw")
        read_only = "on" if config["is_read_only"] else "off"
        self.device(
            f"virtio-blk-device,id=blk{index},drive=disk{index},"
            f"serial={files.disk_serial(drive.fd)},werror=report",
            "-add-fd", f"fd={self.inherit(drive.fd)},set={index}", "-blockdev",
            f"node-name=file{index}.0,filename=/dev/fdset/{index},{driver_of(drive.fd)},"
            f"read-only={read_only}",
            "-blockdev", f"driver=raw,node-name=disk{index},file=file{index}.0,"
            f"read-only={read_only}" + "".join(f",{k}={v}" for k, v in cut_off(drive.fd).items()))

    def nic(self, index, nic):
        mac = nic.config["guest_mac"]
        self.device(f"virtio-net-device,netdev=net{index}" + (f",mac={mac}" if mac else ""),
                    "-netdev", f"tap,id=net{index},fd={self.inherit(nic.fd)}")

    def vsock(self, front, cid):
        """QEMU takes it for the kernel's (vhost.c). The socket is closed with the plan."""
        if not VHOST_IS_THERE:
            raise start_error("the stand-in's preload is not built: "
                              "ninja -C build/host tests/firecracker/standin-vhost.so")
        self.front = front
        fd = self.inherit(front.fileno())
        self.env = {"LD_PRELOAD": beside(VHOST), "STANDIN_VHOST": f"{fd},{self.memory}"}
        self.device(f"vhost-vsock-device,vhostfd={fd},guest-cid={cid},event_idx=off,"
                    "indirect_desc=off,queue_reset=off,seqpacket=off")

    def entropy(self):
        self.device("virtio-rng-device,rng=rng0", "-object", "rng-builtin,id=rng0")


def console(resources, plan):
    """On standard output, unless PUT /serial named a file."""
    path = resources.serial and resources.serial["serial_out_path"]
    if path is None:
        return ["-chardev", "stdio,id=console,signal=off"]
    try:
        fd = plan.inherit(files.open_sink(path))
    except OSError as error:
        raise start_error("Failed to open serial output file: " + os_text(error)) from error
    return ["-chardev", f"file,id=console,path=/proc/self/fd/{fd},append=on"]


def boot_words(kernel, plan, words):
    argv = ["-kernel", f"/proc/self/fd/{plan.inherit(kernel.fd)}", "-append", words]
    if kernel.initrd is not None:
        argv += ["-initrd", f"/proc/self/fd/{plan.inherit(kernel.initrd)}"]
    return argv


def qemu_line(resources, plan, monitor, boot):
    """boot: what it begins with."""
    machine = resources.machine
    memory = f"{machine['mem_size_mib']}M"
    acpi = "off" if plan.line.is_plain else "on"
    argv = [
        "qemu-system-x86_64", "-name", "firecracker", "-no-user-config", "-nodefaults",
        "-nographic", "-no-reboot", "-no-shutdown", "-machine",
        f"microvm,x-option-roms=off,pit=off,pic=off,rtc=on,isa-serial=on,acpi={acpi},"
        f"ioapic2={acpi},auto-kernel-cmdline=off,memory-backend=mem",
        "-global", "virtio-mmio.force-legacy=false", "-accel", "tcg,tb-size=128",
        "-cpu", "max,-erms,-fsrm", "-smp", str(machine["vcpu_count"]), "-m", memory,
        "-object", f"memory-backend-file,id=mem,size={memory},share=on,"
                   f"mem-path=/proc/self/fd/{plan.memory}",
        # It is what a reset is asked of. Its mouse has an interrupt that no device has.
        "-device", "i8042,mouse-irq=13",
        *boot,
        *console(resources, plan), "-serial", "chardev:console",
        "-chardev", f"socket,id=qmp,fd={plan.inherit(monitor)}",
        "-mon", "chardev=qmp,mode=control",
    ]
    return argv + plan.arguments()


class Machine:
    """door: where programs are started; khz: the rate of the time stamp counter."""

    def __init__(self, door, khz):
        self.door, self.khz = door, khz
        self.monitor, self.state = None, "Not started"
        self.is_off = False  # as QEMU sees it, which does not go on then
        self.resources, self.generation, self.polling = None, 0, 0
        self.memory, self.pci = None, False
        self.saved = None  # QEMU's state, to begin with again; None: it is as it was saved, or never was

    def start(self, resources, pci):
        if not resources.kernel:
            raise start_error("Cannot start microvm without kernel configuration.")
        check_kernel(resources.kernel.fd)
        self.pci = pci
        self.memory = self.door.memory(resources.machine["mem_size_mib"] << 20)
        try:
            self.run(resources, lambda plan: boot_words(resources.kernel, plan, plan.line.text(
                self.emulated(resources.kernel.fd))))
            self.set_up_balloon(resources.balloon)
        except qmp.QmpError as error:
            raise start_error(f"Internal error while starting microVM: {error}") from error
        self.state = "Running"

    def run(self, resources, boot):
        """QEMU, and what goes with it. boot: its arguments for what it begins with, of the plan."""
        plan = Plan(Line(resources.line, since(1, 13) and not self.pci))
        plan.memory = plan.inherit(self.memory)
        back_end = self.plan_devices(resources, plan)
        ours, theirs = socket.socketpair()
        argv = qemu_line(resources, plan, theirs.fileno(), boot(plan))
        if back_end:
            self.start_vsock(resources.vsock, back_end)
        self.door.start(argv, plan.fds, read_stdin=os.isatty(0), env=plan.env)
        for sock in (theirs, plan.front):
            if sock:
                sock.close()
        self.monitor = qmp.Qmp(ours)
        self.resources = resources
        self.monitor.greet()
        for index in range(len(resources.drives)):
            self.monitor.command("remove-fd", **{"fdset-id": index})
        for index, drive in enumerate(resources.drives):
            if drive.config["rate_limiter"]:
                self.limit_disk(index, drive.config["rate_limiter"])

    def emulated(self, kernel):
        """What an emulated guest cannot measure it is told."""
        words = [f"tsc_early_khz={self.khz}", "tsc=reliable", "noreplace-smp"]
        return words + (["lapic_hz=1000000000"] if knows(kernel, b"lapic_hz") else [])

    @staticmethod
    def plan_devices(resources, plan):
        """In Firecracker's order. Return: vsockd's end of the socket to QEMU, or None."""
        back_end = None
        if resources.balloon:
            plan.balloon(resources.balloon)
        for index, drive in enumerate(resources.drives):
            plan.drive(index, drive)
        for index, nic in enumerate(resources.nics):
            plan.nic(index, nic)
        if resources.vsock:
            front, back_end = socket.socketpair()
            plan.vsock(front, resources.vsock.cid)
        if resources.entropy:
            plan.entropy()
        return back_end

    def start_vsock(self, vsock, back_end):
        """It calls its folder ".", which may have no name that it could use."""
        folder, name = os.path.split(vsock.path)
        program = os.environ.get("CAISSON_VSOCKD") or beside(VSOCKD)
        at = os.open(folder or ".", os.O_PATH | os.O_CLOEXEC)
        self.door.start([program, "--vhost-fd", str(FD_BASE), "--uds-fd", str(FD_BASE + 1),
                         "--uds-path-base", f"./{name}", "--cid", str(vsock.cid)],
                        [back_end.fileno(), vsock.listener.fileno()], folder=at)
        os.close(at)
        back_end.close()

    def events(self):
        """Names and reasons of what has happened, and whether QEMU is still there."""
        events, alive = self.monitor.pending()
        names = [(e["event"], e.get("data", {}).get("reason")) for e in events]
        self.is_off = self.is_off or any(name == "SHUTDOWN" for name, _ in names)
        return names, alive

    def ask(self, name, **arguments):
        try:
            return self.monitor.command(name, **arguments)
        except qmp.QmpError as error:
            raise Fault(f"Internal VMM error: {error}") from error

    def pause(self):
        if self.state == "Running":
            self.ask("stop")
        self.state = "Paused"

    def resume(self):
        if self.state == "Paused":
            if self.saved is not None:
                self.load_again()
            self.go_on()
        self.state = "Running"

    def go_on(self):
        """Where the guest is off there is nothing that would."""
        try:
            if not self.is_off:
                self.monitor.command("cont")
        except qmp.QmpError as error:
            if not any(event["event"] == "SHUTDOWN" for event in self.monitor.events):
                raise Fault(f"Internal VMM error: {error}") from error

    def save(self, fd):
        """To a file, from where it is; QEMU goes on from a copy of that, as a machine that was loaded.

        So the connections of its vsock are reset, which Firecracker does to a machine that it saves.
        """
        if self.saved is not None:
            os.lseek(self.saved, 0, os.SEEK_SET)
            self.pour(self.saved, fd)
            return
        at = os.lseek(fd, 0, os.SEEK_CUR)
        self.monitor.command("migrate-set-capabilities", capabilities=CAPABILITIES)
        self.monitor.command("getfd", [fd], fdname="state")
        self.monitor.command("migrate", uri="fd:state")
        if self.monitor.await_event("MIGRATION", ("completed", "failed")) == "failed":
            raise qmp.QmpError("the machine cannot be saved")
        self.saved = os.memfd_create("state")
        os.lseek(fd, at, os.SEEK_SET)
        self.pour(fd, self.saved)

    @staticmethod
    def pour(source, target):
        while data := os.read(source, 1 << 20):
            os.write(target, data)

    def load(self, resources, state, memory, pci):
        """From QEMU's state, and memory that is ours from here on. It stands still."""
        self.memory, self.pci = memory, pci
        self.run(resources, lambda _: ["-S", "-incoming", "defer"])
        self.monitor.command("migrate-set-capabilities", capabilities=CAPABILITIES)
        self.monitor.command("getfd", [state], fdname="state")
        self.monitor.command("migrate-incoming", uri="fd:state")
        if self.monitor.await_event("MIGRATION", ("completed", "failed")) == "failed":
            raise qmp.QmpError("the machine cannot be loaded")
        self.state = "Paused"

    def load_again(self):
        self.door.stop()
        self.monitor.sock.close()
        os.lseek(self.saved, 0, os.SEEK_SET)
        self.load(self.resources, self.saved, self.memory, self.pci)
        os.close(self.saved)
        self.saved = None

    def ctrl_alt_del(self):
        self.ask("send-key", keys=[{"type": "qcode", "data": key}
                                   for key in ("ctrl", "alt", "delete")])

    def set_up_balloon(self, config):
        if config and config["amount_mib"]:
            self.set_balloon(config["amount_mib"])
        if config and config["stats_polling_interval_s"]:
            self.set_polling(config["stats_polling_interval_s"])

    def set_balloon(self, mib):
        memory = self.resources.machine["mem_size_mib"]
        self.monitor.command("balloon", value=max(memory - mib, 1) << 20)

    def set_polling(self, seconds):
        self.monitor.command("qom-set", path=BALLOON, property="guest-stats-polling-interval",
                             value=seconds)

    def balloon_stats(self):
        held = self.resources.machine["mem_size_mib"] - (
            self.monitor.command("query-balloon")["actual"] >> 20)
        stats = self.monitor.command("qom-get", path=BALLOON, property="guest-stats")["stats"]
        return held, {key: value for key, value in stats.items() if 0 <= value < (1 << 64) - 1}

    def limit_disk(self, index, limiter):
        """None: not at all. Of a network interface QEMU can limit nothing: that is kept only."""
        rates = {}
        for name, key in (("bandwidth", "bps"), ("ops", "iops")):
            bucket = (limiter or {}).get(name)
            rates[key] = bucket["size"] * 1000 // bucket["refill_time"] if bucket else 0
            rates[key + "_rd"] = rates[key + "_wr"] = 0
        self.monitor.command("block_set_io_throttle", id=f"blk{index}", **rates)

    def replace_disk(self, index, fd, read_only):
        """Another file behind a drive, maybe of another size, of which the guest is told.

        QEMU tells a guest of a new size when an image is resized, and resizes none that it may not
        write to. So, while the machine stands still, a file in memory of the new size takes the
        place, is "resized", and gives way to the real one.
        """
        size = files.disk_size(fd)
        memory = os.memfd_create("size")
        os.ftruncate(memory, size)
        self.generation += 1
        step, final = f"file{index}.s{self.generation}", f"file{index}.{self.generation}"
        self.monitor.command("stop")
        try:
            old = self.child_of(index)
            self.add_node(step, memory, False)
            self.add_node(final, fd, read_only)
            self.reopen(index, step, False, {})
            self.monitor.command("block_resize", **{"node-name": f"disk{index}", "size": size})
            self.reopen(index, final, read_only, cut_off(fd))
            for node in (old, step):
                self.monitor.command("blockdev-del", **{"node-name": node})
        finally:
            os.close(memory)
            if self.state == "Running":
                self.go_on()

    def add_node(self, name, fd, read_only):
        fdset = self.monitor.command("add-fd", fds=[fd])["fdset-id"]
        options = dict(word.split("=") for word in driver_of(fd).split(","))
        self.monitor.command("blockdev-add", **options, **{
            "node-name": name, "filename": f"/dev/fdset/{fdset}", "read-only": read_only})
        self.monitor.command("remove-fd", **{"fdset-id": fdset})

    def child_of(self, index):
        for node in self.monitor.command("query-named-block-nodes", flat=True):
            name = node["node-name"]
            if name.startswith(f"file{index}."):
                return name
        raise qmp.QmpError("a drive without a file")

    def reopen(self, index, child, read_only, more):
        self.monitor.command("blockdev-reopen", options=[
            {"driver": "raw", "node-name": f"disk{index}", "file": child, "read-only": read_only,
             **more}])
