# SPDX-License-Identifier: Apache-2.0
"""What processes of caisson take: those with a word, NAME=VALUE, in their environment."""

import collections
import contextlib
import os
import re

GUEST_MEMORY = "guest memory"


def processes(mark):
    """All of them: (program, number)."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/environ", "rb") as file:
                if mark.encode() not in file.read().split(b"\0"):
                    continue
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                yield file.read().strip(), pid


def cpu_time(pid):
    """Milliseconds."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e6


def memory(mark):
    """Proportional set sizes, in MB, by programs; what they share of the VM's memory is a row of its own."""
    sizes = collections.defaultdict(float)
    for program, pid in processes(mark):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps", encoding="utf-8") as file:
            owner = program
            for line in file:
                if re.match("[0-9a-f]+-", line):
                    owner = GUEST_MEMORY if "memfd:memory-backend" in line else program
                elif line.startswith("Pss:"):
                    sizes[owner] += int(line.split()[1]) * 1024 / 1e6
    return sizes
