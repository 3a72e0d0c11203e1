# SPDX-License-Identifier: Apache-2.0
"""What the machine is to be made of: checked and opened when it is named, as Firecracker does."""

import os

from standin import cmdline, files
from standin.errors import os_text
from standin.log import log
from standin.metrics import metrics
from standin.version import since

VCPUS_MAX = 32


class Refused(Exception):
    """area: which part of the configuration."""

    def __init__(self, area, text):
        super().__init__(text)
        self.area, self.text = area, text


MEMORY_BALLOON = "Firecracker's huge pages support is incompatible with memory ballooning."
BAD_MEMORY = ("The memory size (MiB) is either 0, or not a multiple of the configured page size."
              if since(1, 5) else "The memory size (MiB) is invalid.")
BAD_VCPUS = ("The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even "
             "number if SMT is enabled." if since(1, 5) else
             "The vCPU number is invalid! The vCPU number can only be 1 or an even number when SMT "
             "is enabled.")


def bucket_in_use(bucket):
    return bucket if bucket and bucket["size"] and bucket["refill_time"] else None


def limiter_shown(limiter):
    """What is left of a rate limiter: buckets that limit nothing are none."""
    if not limiter:
        return None
    kept = {name: bucket_in_use(limiter[name]) for name in ("bandwidth", "ops")}
    return kept if any(kept.values()) else None


def limiter_patched(old, new):
    """The buckets that the request names replace those that there are."""
    if not new:
        return old
    merged = dict(old or {"bandwidth": None, "ops": None})
    merged.update({name: bucket for name, bucket in new.items() if bucket})
    return limiter_shown(merged)


class Drive:
    def __init__(self, config):
        self.config = dict(config)
        self.fd = None
        if config["path_on_host"] is None or config.get("socket") is not None:
            raise Refused("drive", self.unusable(config))
        self.config["is_read_only"] = bool(config["is_read_only"])
        self.config["io_engine"] = config["io_engine"] or "Sync"
        self.config["rate_limiter"] = limiter_shown(config["rate_limiter"])
        self.open(config["path_on_host"])

    @staticmethod
    def unusable(config):
        wrong = "Unable to create the virtio block device: "
        if (config.get("socket") is not None and config["path_on_host"] is None
                and config["is_read_only"] is None):
            return wrong + "Vhost user backend error: not in the stand-in"
        return wrong + "Invalid block config."

    def backing(self, path):
        """Open it. Return: a descriptor."""
        try:
            fd = files.open_disk(path, self.config["is_read_only"])
        except OSError as error:
            raise Refused("drive", "Virtio backend error: Error manipulating the backing file: "
                          f"{os_text(error)} {path}") from error
        if os.lseek(fd, 0, os.SEEK_END) % files.SECTOR:
            log.warn(f"Disk size {os.lseek(fd, 0, os.SEEK_END)} is not a multiple of sector size "
                     "512; the remainder will not be visible to the guest.")
        return fd

    def open(self, path):
        try:
            self.fd = self.backing(path)
        except Refused as refused:
            raise Refused("drive", "Unable to create the virtio block device: "
                          + refused.text) from refused

    def close(self):
        os.close(self.fd)

    @property
    def is_root(self):
        return self.config["is_root_device"]


class Nic:
    def __init__(self, config):
        self.config = dict(config)
        for name in ("rx_rate_limiter", "tx_rate_limiter"):
            self.config[name] = limiter_shown(config[name])
        name = config["host_dev_name"]
        wrong = "Could not create the network device: Open tap device failed: "
        try:
            self.fd = files.open_tap(name)
        except ValueError as error:
            raise Refused("net", wrong + "Invalid interface name") from error
        except OSError as error:
            if error.filename:
                raise Refused("net", f"{wrong}Couldn't open /dev/net/tun: {os_text(error)}"
                              ) from error
            raise Refused("net", f"{wrong}Error while creating ifreq structure: {os_text(error)}. "
                          f"Invalid TUN/TAP Backend provided by {name}. Check our documentation on "
                          "setting up the network devices.") from error

    def close(self):
        os.close(self.fd)


class Vsock:
    def __init__(self, config):
        self.cid, self.path = config["guest_cid"], config["uds_path"]
        try:
            self.listener = files.listen(self.path)
        except OSError as error:
            raise Refused("vsock", "Cannot create backend for vsock device: Error binding to the "
                          f"host-side Unix socket: {files.text(error)}") from error

    @property
    def config(self):
        return {"guest_cid": self.cid, "uds_path": self.path}


class Kernel:
    """The boot source, its files open."""

    def __init__(self, config):
        self.config = config
        try:
            self.fd = os.open(config["kernel_image_path"], os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise Refused("boot", f"The kernel file cannot be opened: {os_text(error)}") from error
        self.initrd = None
        if config["initrd_path"] is not None:
            try:
                self.initrd = os.open(config["initrd_path"], os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                os.close(self.fd)
                raise Refused("boot", "The initrd file cannot be opened due to invalid path or "
                              f"invalid permissions. {os_text(error)}") from error
        try:
            self.line = cmdline.Cmdline(config["boot_args"])
        except cmdline.TooLong as error:
            raise Refused("boot", f"The kernel command line is invalid: {error}") from error

    def close(self):
        for fd in (self.fd, self.initrd):
            if fd is not None:
                os.close(fd)


class Resources:
    def __init__(self):
        self.machine = {"vcpu_count": 1, "mem_size_mib": 128, "smt": False,
                        "cpu_template": None, "track_dirty_pages": False}
        if since(1, 7):
            self.machine["huge_pages"] = "None"
        self.kernel = self.vsock = self.balloon = self.entropy = self.serial = None
        self.loaded_line = None
        self.drives, self.nics = [], []

    def set_logger(self, config):
        try:
            log.update(config)
        except OSError as error:
            raise Refused("logger", f"Failed to open target file: {os_text(error)}") from error

    def set_metrics(self, config):
        wrong = metrics.open(config["metrics_path"])
        if wrong:
            raise Refused("metrics", "Cannot initialize the metrics system due to bad user input: "
                          + wrong)

    def set_machine(self, update):
        wanted = dict(self.machine)
        wanted.update({key: value for key, value in update.items() if value is not None})
        if wanted["cpu_template"] == "None":
            wanted["cpu_template"] = None
        vcpus, memory = wanted["vcpu_count"], wanted["mem_size_mib"]
        if not 1 <= vcpus <= VCPUS_MAX or (wanted["smt"] and vcpus > 1 and vcpus % 2):
            raise Refused("machine", BAD_VCPUS)
        huge = wanted.get("huge_pages", "None") != "None"
        if memory == 0 or (huge and memory % 2):
            raise Refused("machine", BAD_MEMORY)
        if self.balloon and memory < self.balloon["amount_mib"]:
            raise Refused("machine", "The memory size (MiB) is smaller than the previously set "
                          "balloon device target size.")
        if self.balloon and huge and not since(1, 14):
            raise Refused("machine", MEMORY_BALLOON)
        self.machine = wanted

    def set_balloon(self, config):
        if config["amount_mib"] > self.machine["mem_size_mib"]:
            raise Refused("balloon", "Amount of pages requested is too large.")
        if self.machine.get("huge_pages", "None") != "None" and not since(1, 14):
            raise Refused("balloon", MEMORY_BALLOON)
        self.balloon = config

    def set_boot_source(self, config):
        kernel = Kernel(config)
        if self.kernel:
            self.kernel.close()
        self.kernel = kernel

    @property
    def line(self):
        """The kernel's command line."""
        return self.kernel.line if self.kernel else self.loaded_line

    def set_drive(self, config):
        """The root device is first, whenever it comes."""
        at = next((i for i, d in enumerate(self.drives)
                   if d.config["drive_id"] == config["drive_id"]), None)
        has_root = bool(self.drives) and self.drives[0].is_root
        if config["is_root_device"] and has_root and at != 0:
            raise Refused("drive", "A root block device already exists!")
        drive = Drive(config)
        if at is None:
            self.drives.insert(0 if drive.is_root else len(self.drives), drive)
            return
        self.drives[at].close()
        self.drives[at] = drive
        if at and drive.is_root:
            self.drives[0], self.drives[at] = self.drives[at], self.drives[0]

    def set_nic(self, config):
        mac, name = config["guest_mac"], config["iface_id"]
        for nic in self.nics:
            other = nic.config["guest_mac"]
            if mac and other and mac.lower() == other.lower() and nic.config["iface_id"] != name:
                raise Refused("net", f"The MAC address is already in use: {mac.lower()}")
        at = next((i for i, n in enumerate(self.nics) if n.config["iface_id"] == name), None)
        if at is not None:
            last = self.nics.pop()
            gone = last if at == len(self.nics) else self.nics[at]
            if gone is not last:
                self.nics[at] = last
            gone.close()
        self.nics.append(Nic(config))

    def set_vsock(self, config):
        if self.vsock:
            old, self.vsock = self.vsock, None
            old.listener.close()
            try:
                os.unlink(old.path)
            except OSError as error:
                raise Refused("vsock", "Cannot create backend for vsock device: Error binding to "
                              f"the host-side Unix socket: {os_text(error)}") from error
        self.vsock = Vsock(config)

    def set_entropy(self, config):
        self.entropy = {"rate_limiter": limiter_shown(config["rate_limiter"])}

    def set_serial(self, config):
        self.serial = config

    def load(self, config):
        """A whole configuration file, in Firecracker's order."""
        for name, setter in (("logger", self.set_logger), ("metrics", self.set_metrics),
                             ("machine-config", self.set_machine)):
            if config[name] is not None:
                setter(config[name])
        if config["cpu-config"] is not None:
            raise Refused("cpu", "the stand-in has no custom CPU templates")
        if config.get("pmem") or config.get("memory-hotplug"):
            raise Refused("machine", "the stand-in has no pmem and no memory hotplug")
        self.set_boot_source(config["boot-source"])
        for drive in config["drives"]:
            self.set_drive(drive)
        for nic in config["network-interfaces"]:
            self.set_nic(nic)
        if config["mmds-config"] is not None:
            raise Refused("mmds", "the stand-in has no MMDS")
        for name, setter in (("vsock", self.set_vsock), ("balloon", self.set_balloon),
                             ("entropy", self.set_entropy)):
            if config[name] is not None:
                setter(config[name])

    def kept(self):
        """What a snapshot says of it: the devices, not what it was booted from."""
        return {"machine-config": self.machine, "balloon": self.balloon,
                "drives": [drive.config for drive in self.drives],
                "network-interfaces": [nic.config for nic in self.nics],
                "vsock": self.vsock.config if self.vsock else None, "entropy": self.entropy,
                "line": self.line.text()}

    def take(self, kept):
        """The reverse. Refused: something is not there any more."""
        self.machine, self.balloon = kept["machine-config"], kept["balloon"]
        self.entropy = kept["entropy"]
        self.loaded_line = cmdline.Cmdline(kept["line"])
        self.drives = [Drive(config) for config in kept["drives"]]
        self.nics = [Nic(config) for config in kept["network-interfaces"]]
        if kept["vsock"]:
            self.vsock = Vsock(kept["vsock"])

    def machine_shown(self):
        """GET /machine-config: without a template where there is none."""
        return {k: v for k, v in self.machine.items() if k != "cpu_template" or v}

    def shown(self):
        """GET /vm/config."""
        boot = self.kernel.config if self.kernel else {
            "kernel_image_path": "", "initrd_path": None, "boot_args": None}
        return {
            "balloon": self.balloon, "drives": [drive.config for drive in self.drives],
            "boot-source": boot, "cpu-config": None, "logger": None,
            "machine-config": self.machine_shown(), "metrics": None, "mmds-config": None,
            "network-interfaces": [nic.config for nic in self.nics],
            "vsock": self.vsock.config if self.vsock else None, "entropy": self.entropy,
        }
