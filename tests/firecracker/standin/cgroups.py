# SPDX-License-Identifier: Apache-2.0
"""The jail's control group, version 1 or 2: what jailer writes where, and what it refuses."""

import os
import re

from standin.errors import os_text

# As jailer reads /proc/mounts.
MOUNT = re.compile(r"^[a-z2]* (?P<dir>.*) cgroup(?P<version>2?) (?P<options>.*) 0 0$")


class CgroupError(Exception):
    pass


def leads_away(path):
    """Whether a relative path is not just names."""
    return path.startswith("/") or any(part in (".", "..") for part in path.split("/"))


def controller_of(name):
    if "." not in name:
        raise CgroupError(f"Cgroup invalid file: {name}")
    return name.split(".")[0]


def write(path, value):
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"{value}\n")
    except OSError as error:
        raise CgroupError(f"Failed to write to {path}: {os_text(error)}") from error


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()[:-1]
    except OSError as error:
        raise CgroupError(f"Failed to read file {path} into a string: {os_text(error)}") from error


def make(path):
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise CgroupError(f"Failed to create directory {path}: {os_text(error)}") from error


class Hierarchies:
    def __init__(self, version):
        self.version, self.mounts = version, []
        with open("/proc/mounts", encoding="utf-8") as mounts:
            for line in mounts:
                found = MOUNT.match(line.rstrip("\n"))
                if found and found["version"] == ("2" if version == 2 else ""):
                    self.mounts.append((found["dir"], found["options"].split(",")))
        if version not in (1, 2) or not self.mounts:
            raise CgroupError("Hierarchy not found: No hierarchy found for this cgroup version.")

    def path(self, controller):
        if self.version == 2:
            return self.mounts[0][0]
        for folder, options in self.mounts:
            if controller in options:
                return folder
        raise CgroupError(f"Controller {controller} is unavailable")


class Group:
    """One folder of the machine, and the files to write there."""

    def __init__(self, folder):
        self.folder, self.files = folder, []


class Cgroups:
    def __init__(self, version, parent, name):
        self.hierarchies, self.version = Hierarchies(version), version
        self.parent, self.name, self.groups = parent, name, {}

    def add(self, text):
        """FILE=VALUE."""
        parts = text.split("=")
        if len(parts) != 2 or not parts[1]:
            raise CgroupError(f"Invalid format for cgroups: {text}")
        if leads_away(parts[0]):
            raise CgroupError(f"Cgroup invalid file: {text}")
        controller = controller_of(parts[0])
        top = self.hierarchies.path(controller)
        if self.version == 2 and controller not in self.available(top):
            raise CgroupError(f"Controller {controller} is unavailable")
        key = controller if self.version == 1 else "unified"
        group = self.groups.setdefault(key, Group(os.path.join(top, self.parent, self.name)))
        group.files.append(tuple(parts))

    @staticmethod
    def available(top):
        try:
            return read(top + "/cgroup.controllers").split(" ")
        except CgroupError:
            return []

    def set_up(self):
        for group in self.groups.values():
            make(group.folder)
            for name, value in group.files:
                self.prepare(group.folder, name)
                write(f"{group.folder}/{name}", value)
        procs = "tasks" if self.version == 1 else "cgroup.procs"
        for group in self.groups.values():
            write(f"{group.folder}/{procs}", os.getpid())

    def prepare(self, folder, name):
        if self.version == 1:
            self.inherit(folder, name, len([p for p in self.parent.split("/") if p]))
        else:
            self.enable(os.path.dirname(folder), controller_of(name))

    def inherit(self, folder, name, depth):
        """Of version 1: what the folder above has, which may have to inherit it first."""
        above = os.path.dirname(folder)
        line = read(f"{above}/{name}")
        if not line and depth:
            try:
                self.inherit(above, name, depth - 1)
            except CgroupError:
                pass
            line = read(f"{above}/{name}")
        if not line:
            raise CgroupError(f"Failed to inherit cgroups configurations from file {name} in path "
                              f"{folder}")
        write(f"{folder}/{name}", line)

    def enable(self, folder, controller):
        """Of version 2: in all folders above."""
        path = folder + "/cgroup.subtree_control"
        if not os.path.exists(path):
            return
        if folder != "/":
            self.enable(os.path.dirname(folder), controller)
        write(path, f"+{controller}")


def move(parent):
    """Version 2 and no file to write: into the parent's group, if there is one."""
    folder = os.path.join(Hierarchies(2).path(""), parent)
    if os.path.exists(folder):
        try:
            with open(folder + "/cgroup.procs", "w", encoding="ascii") as file:
                file.write(str(os.getpid()))
        except OSError as error:
            raise CgroupError(f"Failed to write to cgroups file: {os_text(error)}") from error
