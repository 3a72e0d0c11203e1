#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the stand-in for jailer refuses, as jailer does.

    test-jailer.py [TEST...]
"""

import os
import shutil
import tempfile

from fclib import FIRECRACKER, JAILER, check, environment, main, run, same


class Base:
    """A folder for jails; a context manager."""

    def __init__(self, version="1.13.1"):
        self.dir = tempfile.mkdtemp(prefix="caisson-test-jail.")
        self.env = environment(STANDIN_VERSION=version)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def run(self, *words, **options):
        """jailer with what it needs, and other options instead."""
        options = {"id": "a-1", "exec_file": FIRECRACKER, "uid": "1000", "gid": "1001",
                   "chroot_base_dir": self.dir, **options}
        line = [JAILER, *words]
        for name, value in options.items():
            if value is not None:
                line += ["--" + name.replace("_", "-"), value]
        return run(line, self.env)

    def refused(self, want, *words, **options):
        done = self.run(*words, **options)
        same(done.returncode, 1, f"the status of {words} {options}")
        same(done.stdout.splitlines()[0], want, f"what is said to {words} {options}")


def test_arguments():
    with Base() as base:
        wrong = "Failed to parse arguments: "
        for name in ("id", "exec_file", "uid", "gid"):
            base.refused(f"{wrong}Argument '{name.replace('_', '-')}' required, but not found.",
                         **{name: None})
        base.refused(wrong + "Found argument 'x' which wasn't expected, or isn't valid in this "
                     "context.", "--x")
        base.refused("Invalid instance ID: Invalid char (_) at position 1", id="a_b")
        base.refused("Invalid instance ID: Invalid len (65);  the length must be between 1 and 64",
                     id="a" * 65)
        for text in ("-1", "x", "", str(1 << 32)):
            base.refused(f"Invalid uid: {text}", uid=text)
            base.refused(f"Invalid gid: {text}", gid=text)
        same(os.listdir(base.dir), [], "what is left of it all")


def test_paths():
    with Base() as base:
        gone = base.dir + "/gone"
        missing = "No such file or directory (os error 2)"
        base.refused(f"Failed to canonicalize path {gone}: {missing}", exec_file=gone)
        base.refused(f"{base.dir} is not a file", exec_file=base.dir)
        base.refused(f"Failed to canonicalize path {gone}: {missing}", chroot_base_dir=gone)
        base.refused(f"{FIRECRACKER} is not a directory", chroot_base_dir=FIRECRACKER)


def test_name_of_the_program():
    with Base("1.4.1") as base:
        program = shutil.copy(FIRECRACKER, base.dir + "/vmm")
        base.refused('Invalid filename. The filename of `--exec-file` option must contain '
                     '"firecracker": vmm', exec_file=program)


def test_limits_and_groups():
    with Base() as base:
        base.refused("Invalid format for resources limits: no-file", resource_limit="no-file")
        base.refused("Invalid resource argument: cpu", resource_limit="cpu=1")
        check(base.run(resource_limit="fsize=x").stdout.startswith(
            "Invalid limit value for resource: x: "), "a limit that is no number")
        parent = "Parent cgroup path is invalid. Path should not be absolute or contain '..' or '.'"
        for path in ("/a", "a/../b", "./a"):
            base.refused(parent, parent_cgroup=path)
        base.refused("x is an invalid cgroup version specifier", cgroup_version="x")
        for text in ("cpu.shares", "cpu.shares=", "a=b=c"):
            base.refused(f"Invalid format for cgroups: {text}", cgroup=text)
        base.refused("Cgroup invalid file: ../a.b=1", cgroup="../a.b=1")
        base.refused("Controller nothing is unavailable", cgroup="nothing.here=1")
        base.refused("Hierarchy not found: No hierarchy found for this cgroup version.",
                     cgroup="cpu.max=1", cgroup_version="3")


def test_network_namespace_that_is_none():
    with Base() as base:
        base.refused(f"Failed to open file {base.dir}/net: No such file or directory (os error 2)",
                     netns=base.dir + "/net")
        with open(base.dir + "/net", "wb"):
            pass
        base.refused("Failed to join network namespace: netns: Invalid argument (os error 22)",
                     netns=base.dir + "/net")
        copy = f"{base.dir}/firecracker/a-1/root/firecracker"
        check(os.access(copy, os.X_OK), "the program was not copied before")
    with Base("1.16.0") as base:
        os.symlink("/proc/self/ns/net", base.dir + "/link")
        base.refused(f"Failed to open file {base.dir}/link: Symbolic link loop (os error 40)",
                     netns=base.dir + "/link")
        root = f"{base.dir}/firecracker/a-1/root"
        os.link(root + "/firecracker", base.dir + "/second")
        base.refused(f"Detected hard link at: {root}/firecracker")


if __name__ == "__main__":
    main(globals())
