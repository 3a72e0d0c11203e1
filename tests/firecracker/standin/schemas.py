# SPDX-License-Identifier: Apache-2.0
"""The requests' bodies, by version: the fields in Firecracker's order."""

from standin import types as t
from standin.types import Struct, default, list_of, may, need
from standin.version import since

LEVELS = ("off", "trace", "debug", "info", "warn", "warning", "error")
TEMPLATES = ("C3", "T2", "T2S", "T2CL", "T2A", "V1N1", "None")


def is_mac(text):
    parts = text.split(":")
    digits = set("0123456789abcdefABCDEF")
    return len(parts) == 6 and all(len(p) == 2 and set(p) <= digits for p in parts)


def is_ipv4(text):
    parts = text.split(".")
    return len(parts) == 4 and all(p.isdigit() and len(p) <= 3 and int(p) < 256 for p in parts)


MAC = t.checked(is_mac, "The provided MAC address is invalid.")
IPV4 = t.checked(is_ipv4, "invalid IPv4 address syntax")
LEVEL = t.checked(lambda text: text.lower() in LEVELS, "Invalid LevelFilter")

BUCKET = Struct("TokenBucketConfig", {
    "size": need(t.U64), "one_time_burst": may(t.U64), "refill_time": need(t.U64),
}, loose=True)
LIMITER = Struct("RateLimiterConfig", {"bandwidth": may(BUCKET), "ops": may(BUCKET)})

ACTION = Struct("ActionBody", {
    "action_type": need(t.enum("FlushMetrics", "InstanceStart", "SendCtrlAltDel")),
})


def balloon():
    fields = {
        "amount_mib": need(t.U32), "deflate_on_oom": need(t.boolean),
        "stats_polling_interval_s": default(t.U16, 0),
    }
    if since(1, 14):
        fields["free_page_hinting"] = default(t.boolean, False)
        fields["free_page_reporting"] = default(t.boolean, False)
    return Struct("BalloonDeviceConfig", fields)


BALLOON = balloon()
BALLOON_UPDATE = Struct("BalloonUpdateConfig", {"amount_mib": need(t.U32)})
BALLOON_STATS = Struct("BalloonUpdateStatsConfig", {"stats_polling_interval_s": need(t.U16)})

BOOT_SOURCE = Struct("BootSourceConfig", {
    "kernel_image_path": need(t.STRING), "initrd_path": may(t.STRING),
    "boot_args": may(t.STRING),
})

CACHE = t.enum("Unsafe", "Writeback")
ENGINE = t.enum("Async", "Sync")


def drive():
    if not since(1, 6):
        return Struct("BlockDeviceConfig", {
            "drive_id": need(t.STRING), "path_on_host": need(t.STRING),
            "is_root_device": need(t.boolean), "partuuid": may(t.STRING),
            "is_read_only": need(t.boolean), "cache_type": default(CACHE, "Unsafe"),
            "rate_limiter": may(LIMITER), "io_engine": default(ENGINE, "Sync"),
        })
    return Struct("BlockDeviceConfig", {
        "drive_id": need(t.STRING), "partuuid": may(t.STRING), "is_root_device": need(t.boolean),
        "cache_type": default(CACHE, "Unsafe"), "is_read_only": may(t.boolean),
        "path_on_host": may(t.STRING), "rate_limiter": may(LIMITER), "io_engine": may(ENGINE),
        "socket": may(t.STRING),
    })


DRIVE = drive()
DRIVE_UPDATE = Struct("BlockDeviceUpdateConfig", {
    "drive_id": need(t.STRING), "path_on_host": may(t.STRING), "rate_limiter": may(LIMITER),
})

ENTROPY = Struct("EntropyDeviceConfig", {"rate_limiter": may(LIMITER)})


def logger():
    if not since(1, 5):
        return Struct("LoggerConfig", {
            "log_path": need(t.PATH), "level": default(LEVEL, "Warning"),
            "show_level": default(t.boolean, False), "show_log_origin": default(t.boolean, False),
        })
    fields = {
        "log_path": may(t.PATH), "level": may(LEVEL), "show_level": may(t.boolean),
        "show_log_origin": may(t.boolean),
    }
    if since(1, 6):
        fields["module"] = may(t.STRING)
    return Struct("LoggerConfig", fields)


LOGGER = logger()


def machine(update):
    def field(of, value=None):
        if update:
            return may(of)
        return need(of) if value is None else default(of, value)

    fields = {
        "vcpu_count": field(t.U8), "mem_size_mib": field(t.USIZE),
        "smt": field(t.boolean, False), "cpu_template": may(t.enum(*TEMPLATES)),
        "track_dirty_pages": field(t.boolean, False),
    }
    if since(1, 7):
        fields["huge_pages"] = field(t.enum("None", "2M"), "None")
    return Struct("MachineConfigUpdate" if update else "MachineConfig", fields)


MACHINE = machine(False)
MACHINE_UPDATE = machine(True)

METRICS = Struct("MetricsConfig", {"metrics_path": need(t.PATH)}, loose=True)


def mmds():
    fields = {
        "version": default(t.enum("V1", "V2"), "V1"),
        "network_interfaces": need(list_of(t.STRING)), "ipv4_address": may(IPV4),
    }
    if since(1, 13):
        fields["imds_compat"] = default(t.boolean, False)
    return Struct("MmdsConfig", fields)


MMDS = mmds()


def network():
    fields = {
        "iface_id": need(t.STRING), "host_dev_name": need(t.STRING), "guest_mac": may(MAC),
    }
    if since(1, 16):
        fields["mtu"] = may(t.U16)
    fields["rx_rate_limiter"] = fields["tx_rate_limiter"] = may(LIMITER)
    return Struct("NetworkInterfaceConfig", fields)


NETWORK = network()
NETWORK_UPDATE = Struct("NetworkInterfaceUpdateConfig", {
    "iface_id": need(t.STRING), "rx_rate_limiter": may(LIMITER), "tx_rate_limiter": may(LIMITER),
})

SERIAL = Struct("SerialConfig", {"serial_out_path": may(t.PATH), "rate_limiter": may(BUCKET)})


def snapshot_create():
    fields = {
        "snapshot_type": default(t.enum("Diff", "Full"), "Full"), "snapshot_path": need(t.PATH),
        "mem_file_path": need(t.PATH),
    }
    if not since(1, 6):
        fields["version"] = may(t.STRING)
    return Struct("CreateSnapshotParams", fields)


SNAPSHOT_CREATE = snapshot_create()
BACKEND = Struct("MemBackendConfig", {
    "backend_path": need(t.PATH), "backend_type": need(t.enum("File", "Uffd")),
})
OVERRIDE = Struct("NetworkOverride", {
    "iface_id": need(t.STRING), "host_dev_name": need(t.STRING),
}, loose=True)


def snapshot_load():
    fields = {
        "snapshot_path": need(t.PATH), "mem_file_path": may(t.PATH), "mem_backend": may(BACKEND),
        "enable_diff_snapshots": default(t.boolean, False),
    }
    if since(1, 13):
        fields["track_dirty_pages"] = default(t.boolean, False)
    fields["resume_vm"] = default(t.boolean, False)
    if since(1, 12):
        fields["network_overrides"] = default(list_of(OVERRIDE), [])
    if since(1, 16):
        fields["vsock_override"] = may(Struct("VsockOverride", {"uds_path": need(t.STRING)}))
        fields["clock_realtime"] = default(t.boolean, False)
    return Struct("LoadSnapshotConfig", fields)


SNAPSHOT_LOAD = snapshot_load()

VM = Struct("Vm", {"state": need(t.enum("Paused", "Resumed"))})
VSOCK = Struct("VsockDeviceConfig", {
    "vsock_id": may(t.STRING), "guest_cid": need(t.U32), "uds_path": need(t.STRING),
})

def anything(node, _):
    return node.value


# A configuration file. What it names and nobody knows is ignored, within its parts it is not.
CONFIG = Struct("VmmConfig", {
    **({"pmem": may(anything), "memory-hotplug": may(anything)} if since(1, 14) else {}),
    "balloon": may(BALLOON), "drives": need(list_of(DRIVE)), "boot-source": need(BOOT_SOURCE),
    "cpu-config": may(anything), "logger": may(LOGGER),
    "machine-config": may(MACHINE), "metrics": may(METRICS), "mmds-config": may(MMDS),
    "network-interfaces": default(list_of(NETWORK), []), "vsock": may(VSOCK),
    "entropy": may(ENTROPY),
}, loose=True)
