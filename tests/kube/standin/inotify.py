# SPDX-License-Identifier: Apache-2.0
"""Waiting for a file to grow: inotify(7), which Python does not have."""

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)
# Attributes: at the end somebody sets its time.
IN_MODIFY, IN_ATTRIB = 0x2, 0x4
EVENTS = 1 << 16


class Growing:
    """A descriptor that can be read each time that the file has been written to, or touched."""

    def __init__(self, path: str) -> None:
        self.fd = LIBC.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        if LIBC.inotify_add_watch(self.fd, os.fsencode(path), IN_MODIFY | IN_ATTRIB) < 0:
            error = ctypes.get_errno()
            os.close(self.fd)
            raise OSError(error, os.strerror(error), path)

    def fileno(self) -> int:
        return self.fd

    def clear(self) -> None:
        os.read(self.fd, EVENTS)

    def close(self) -> None:
        os.close(self.fd)
