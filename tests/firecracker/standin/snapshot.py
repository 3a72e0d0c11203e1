# SPDX-License-Identifier: Apache-2.0
"""Machines on files: what they are made of and QEMU's state in one, their memory in another."""

import json
import os
import re

from standin.errors import Fault, os_text
from standin.version import SNAPSHOT_FORMAT, TEXT, since

MAGIC = b"caisson's stand-in for Firecracker: a machine\n"
HEADER_MAX = 1 << 20
CHUNK = 1 << 20


def create_error(text):
    return Fault(f"Create snapshot error: {text}")


def load_error(text):
    """Firecracker ends with it."""
    return Fault("Load snapshot error: Failed to restore from snapshot: " + text, fatal=True)


def open_new(path, what):
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise create_error(f"Cannot perform open on the {what} backing file: "
                           + os_text(error)) from error


def copy(source, target, size):
    """What is not there is left out."""
    os.ftruncate(target, size)
    at = 0
    while at < size:
        try:
            at = os.lseek(source, at, os.SEEK_DATA)
        except OSError:
            return
        end = min(os.lseek(source, at, os.SEEK_HOLE), size)
        while at < end:
            at += os.pwrite(target, os.pread(source, min(CHUNK, end - at), at), at)


def write_header(fd, parts):
    """Return: where QEMU's state begins."""
    data = json.dumps({**parts, "format": SNAPSHOT_FORMAT[TEXT]}).encode()
    os.write(fd, MAGIC + len(data).to_bytes(4, "big") + data)
    return len(MAGIC) + 4 + len(data)


def bad_state(text):
    return load_error("Failed to get snapshot state from file: Failed to load snapshot state from "
                      f"file: {text}")


def read_header(path):
    """Return: (what the machine is made of, a descriptor, at the beginning of QEMU's state)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise load_error("Failed to get snapshot state from file: Failed to open snapshot file: "
                         + os_text(error)) from error
    head = os.read(fd, len(MAGIC) + 4)
    size = int.from_bytes(head[len(MAGIC):], "big")
    if not head.startswith(MAGIC) or size > HEADER_MAX:
        raise bad_state("Invalid magic value")
    try:
        parts = json.loads(os.read(fd, size))
    except ValueError as error:
        raise bad_state("An error occurred during deserialization") from error
    ours = SNAPSHOT_FORMAT[TEXT]
    if not usable(parts["format"]):
        raise bad_state(f"Invalid data version: {parts['format']}, this is for {ours}")
    return parts, fd


def usable(text):
    """Of the same major version, which is older or the same; before 1.7 formats had no versions."""
    have, ours = ([int(n) for n in re.findall(r"\d+", word)]
                  for word in (text, SNAPSHOT_FORMAT[TEXT]))
    return have[0] == ours[0] and have <= ours


def read_memory(path, mib):
    """Return: a descriptor of a copy, for QEMU and caisson-vsockd, who share it."""
    size = mib << 20
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise load_error("Failed to load guest memory: Error creating guest memory from file: "
                         + os_text(error)) from error
    if os.fstat(fd).st_size < size:
        raise load_error("Failed to load guest memory: Error creating guest memory from file: The "
                         "file is smaller than the memory")
    memory = os.memfd_create("memory")
    copy(fd, memory, size)
    os.close(fd)
    return memory


def override(parts, body):
    """What Firecracker lets be other than it was."""
    nics = {nic["iface_id"]: nic for nic in parts["network-interfaces"]}
    for item in body.get("network_overrides", []):
        if item["iface_id"] not in nics:
            raise load_error(f"Unknown Network Device: {item['iface_id']}" if since(1, 13)
                             else "Unknown Network Device.")
        nics[item["iface_id"]]["host_dev_name"] = item["host_dev_name"]
    if body.get("vsock_override"):
        if not parts["vsock"]:
            raise load_error("Unknown Vsock Device.")
        parts["vsock"]["uds_path"] = body["vsock_override"]["uds_path"]


def keeps_diffs(body):
    return body["enable_diff_snapshots"] or body.get("track_dirty_pages")


