# SPDX-License-Identifier: Apache-2.0
"""The cgroups above those of containers, which a runtime makes and nobody else removes."""

import os


def _places() -> list[str]:
    """Where hierarchies are mounted."""
    with open("/proc/self/mountinfo", encoding="ascii", errors="surrogateescape") as mounts:
        return [line.split()[4] for line in mounts if " - cgroup" in line]


def remove(name: str) -> None:
    for place in _places():
        for folder, _, _ in os.walk(place + name, topdown=False):
            os.rmdir(folder)
