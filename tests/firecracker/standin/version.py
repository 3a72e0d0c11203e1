# SPDX-License-Identifier: Apache-2.0
"""Which Firecracker this plays, and what depends on that."""

import os

DEFAULT = "1.13.1"
KNOWN = ("1.4.1", "1.7.0", "1.13.1", "1.16.0")

TEXT = os.environ.get("STANDIN_VERSION", DEFAULT)
NUMBERS = tuple(int(part) for part in TEXT.split(".")) if TEXT in KNOWN else None

# When boot_args is absent; the newest that applies.
CMDLINES = (
    ((1, 13), "reboot=k panic=1 nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux i8042.dumbkbd "
              "swiotlb=noforce"),
    ((1, 12), "reboot=k panic=1 pci=off nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux "
              "i8042.dumbkbd"),
    ((1, 5), "reboot=k panic=1 pci=off nomodule 8250.nr_uarts=0 i8042.noaux i8042.nomux "
             "i8042.nopnp i8042.dumbkbd"),
    ((0, 0), "reboot=k panic=1 pci=off nomodules 8250.nr_uarts=0 i8042.noaux i8042.nomux "
             "i8042.nopnp i8042.dumbkbd"),
)

# Of `--snapshot-version`, and what 1.4 says beside its version.
SNAPSHOT_FORMAT = {"1.4.1": "1.4.0", "1.7.0": "1.0.0", "1.13.1": "8.0.0", "1.16.0": "10.0.0"}


def since(*numbers):
    """Whether this plays that version or a later one."""
    return NUMBERS >= numbers


def default_cmdline():
    return next(line for first, line in CMDLINES if since(*first))
