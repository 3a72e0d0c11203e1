# SPDX-License-Identifier: Apache-2.0
"""What goes wrong, in Firecracker's words."""

import errno
import os

# Firecracker's releases are linked with musl, which has its own words for some.
MUSL = {
    errno.EADDRINUSE: "Address in use",
    errno.EADDRNOTAVAIL: "Address not available",
    errno.EBUSY: "Resource busy",
    errno.ELOOP: "Symbolic link loop",
    errno.ENAMETOOLONG: "Filename too long",
}


class Fault(Exception):
    """An answer that is a refusal; fatal: the process ends after it."""

    def __init__(self, message, status=400, fatal=False):
        super().__init__(message)
        self.message, self.status, self.fatal = message, status, fatal


class Exit(Exception):
    """The end of the process, with this status."""

    def __init__(self, status, message=None):
        super().__init__(message or status)
        self.status, self.message = status, message


def os_text(error):
    """An OSError as Rust's standard library shows it."""
    if error.errno is None:
        return str(error)
    text = MUSL.get(error.errno) or os.strerror(error.errno)
    return f"{text} (os error {error.errno})"
