#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`./test firecracker --real` where something that it needs is not there: one sentence, a failure, nothing built."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import real

PREFIX = "test: a real Firecracker cannot be tested here: "
DOCTOR = """#!/bin/sh
echo '{"checks":[{"check":"kvm","level":"%s","text":"no guest runs"}]}'
"""


def script(folder, name, text="#!/bin/sh\n"):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    os.chmod(path, 0o755)
    return path


def run_test(path, *words):
    return subprocess.run([os.path.join(real.TOP, "test"), *words], env={**os.environ, "PATH": path},
                          capture_output=True, text=True, check=False)


def is_refused(result, status, pattern):
    assert result.returncode == status, result
    assert result.stdout == "", result.stdout
    assert re.fullmatch(pattern + "\n", result.stderr), result.stderr


def test_the_command(bare):
    """As people type it; of KVM the rest depends on the machine."""
    is_refused(run_test(bare, "firecracker", "--real"), 1,
               re.escape(PREFIX) + r"there is no firecracker in \$PATH(; [^\n]+)?")
    for words in (["--real"], ["unit", "--real"], ["firecracker", "--real", "--real"], ["--real", "firecracker"]):
        is_refused(run_test(bare, *words), 2, "test: --real goes with firecracker alone: .*")
    is_refused(run_test(bare, "firecracker", "--reel"), 2, 'test: there is no suite "--reel".*')


def test_each(bare):
    no_doctor = os.path.join(bare, "no-caisson")
    works, fails = script(bare, "works", DOCTOR % "ok"), script(bare, "fails", DOCTOR % "lacks")
    assert real.lacking(bare, "/dev/null", works).startswith(PREFIX + "there is no firecracker in $PATH")
    script(bare, "firecracker")
    if os.geteuid() == 0:
        assert real.lacking(bare, "/dev/null", works) == PREFIX + "there is no jailer in $PATH"
    script(bare, "jailer")
    assert real.lacking(bare, "/dev/null", works) is None
    assert real.lacking(bare, "/dev/null", no_doctor) is None
    assert real.lacking(bare, "/dev/none", works) == PREFIX + "there is no KVM: /dev/none cannot be opened"
    assert real.lacking(bare, "/dev/null", fails) == PREFIX + "KVM does not do: no guest runs"
    assert real.lacking(real.STANDINS, "/dev/null", works).startswith(
        PREFIX + "the firecracker in $PATH is the stand-in for it")


def main():
    with tempfile.TemporaryDirectory() as bare:
        for name in ("sh", "dirname", "python3"):
            os.symlink(shutil.which(name), os.path.join(bare, name))
        test_the_command(bare)
        print("ok test_the_command")
        test_each(bare)
        print("ok test_each")


if __name__ == "__main__":
    sys.exit(main())
