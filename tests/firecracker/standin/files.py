# SPDX-License-Identifier: Apache-2.0
"""Opening what requests name, as the process that is in the jail."""

import fcntl
import os
import socket
import stat
import struct

from standin.errors import os_text
from standin.version import since

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
SUN_PATH = 108
SECTOR = 512
ID_BYTES = 20


def open_sink(path):
    """A file or FIFO for the log or the metrics."""
    flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(path, flags | (os.O_CREAT if since(1, 15) else 0), 0o666)


def open_disk(path, read_only):
    return os.open(path, (os.O_RDONLY if read_only else os.O_RDWR) | os.O_CLOEXEC)


def disk_size(fd):
    return os.lseek(fd, 0, os.SEEK_END) // SECTOR * SECTOR


def is_block_device(fd):
    return stat.S_ISBLK(os.fstat(fd).st_mode)


def disk_serial(fd):
    """What the guest reads as the disk's serial."""
    info = os.fstat(fd)
    return f"{info.st_dev}{info.st_rdev}{info.st_ino}"[:ID_BYTES]


def open_tap(name):
    """A tap by its name, made if there is none. ValueError: no name of an interface."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    raw = name.encode()
    if len(raw) >= 16:
        os.close(fd)
        raise ValueError(name)
    try:
        fcntl.ioctl(fd, TUNSETIFF,
                    struct.pack("16sH22x", raw, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
    except OSError as error:
        os.close(fd)
        raise error
    return fd


def listen(path):
    """Bind and listen; the path must not exist. Return: a socket."""
    raw = os.fsencode(path)
    if len(raw) >= SUN_PATH:
        raise OSError(None, "path must be shorter than SUN_LEN")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(raw)
    except OSError:
        sock.close()
        raise
    sock.listen(128)
    return sock


def text(error):
    """os_text() for listen()'s errors as well."""
    return os_text(error) if error.errno is not None else error.args[1]
