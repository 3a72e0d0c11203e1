#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `./test firecracker --real` needs: says in one sentence which of it is not there."""

import json
import os
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CAISSON = os.path.join(TOP, "build/bin/caisson")
STANDINS = os.path.join(TOP, "tests/firecracker")
VARIABLE = "CAISSON_TEST_FIRECRACKER"


def no_program(name, path):
    found = shutil.which(name, path=path)
    if not found:
        return f"there is no {name} in $PATH"
    if os.path.dirname(os.path.realpath(found)) == STANDINS:
        return f"the {name} in $PATH is the stand-in for it"
    return None


def no_kvm(device, caisson):
    """The device first: caisson, which tries a guest, may not be built yet."""
    if not os.access(device, os.R_OK | os.W_OK):
        return f"there is no KVM: {device} cannot be opened"
    if not os.path.exists(caisson):
        return None
    told = subprocess.run([caisson, "doctor", "--json"], stdout=subprocess.PIPE, check=False)
    checks = {check["check"]: check for check in json.loads(told.stdout)["checks"]}
    kvm = checks["kvm"]
    return None if kvm["level"] == "ok" else f"KVM does not do: {kvm['text']}"


def lacking(path=None, device="/dev/kvm", caisson=CAISSON):
    """The sentence, or None if all is there."""
    lacks = [no_program("firecracker", path)]
    if os.geteuid() == 0:
        lacks.append(no_program("jailer", path))
    lacks.append(no_kvm(device, caisson))
    lacks = [lack for lack in lacks if lack]
    return "test: a real Firecracker cannot be tested here: " + "; ".join(lacks) if lacks else None


if __name__ == "__main__":
    sys.exit(lacking())
