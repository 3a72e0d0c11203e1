# SPDX-License-Identifier: Apache-2.0
"""The kernel's command line, of which there are 2,048 bytes with the NUL at its end."""

from standin.version import default_cmdline

CAPACITY = 2048
SEPARATOR = " -- "


class TooLong(Exception):
    pass


def split(line):
    """At the first separator that is outside of quotes."""
    at = line.find(SEPARATOR)
    while at >= 0 and line.count('"', 0, at) % 2:
        at = line.find(SEPARATOR, at + 1)
    return (line, "") if at < 0 else (line[:at], line[at + len(SEPARATOR):])


class Cmdline:
    def __init__(self, boot_args):
        boot, init = split(default_cmdline() if boot_args is None else boot_args)
        self.boot, self.init = boot.strip(), init.strip()
        if self.size() > CAPACITY:
            raise TooLong("Invalid cmdline capacity provided.")

    def size(self):
        return len(self.text().encode()) + 1

    def text(self):
        return self.boot + (SEPARATOR + self.init if self.init else "")

    def copy(self):
        other = Cmdline("")
        other.boot, other.init = self.boot, self.init
        return other

    def insert(self, words):
        before = self.boot
        self.boot = f"{before} {words}" if before else words
        if self.size() > CAPACITY:
            self.boot = before
            raise TooLong("Inserting string would make command line too long.")
