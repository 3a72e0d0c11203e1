# SPDX-License-Identifier: Apache-2.0
"""Many containers, started at once or one after the other."""

import os
import subprocess
import time

SIZE = 50


def busy_seconds():
    """What all CPUs of this machine have done, VMs included."""
    with open("/proc/stat", encoding="ascii") as stat:
        user, nice, system, _, _, irq, softirq = [int(word) for word in stat.readline().split()[1:8]]
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


class Fleet:
    """Containers, of which each is up when its command returns."""

    def __init__(self, start, remove, running):
        self.start, self.remove, self.running, self.lost, self.busy = start, remove, running, 0, 0

    def measured(self, start_all):
        names = [f"fleet-{i}" for i in range(SIZE)]
        begin, busy = time.monotonic(), busy_seconds()
        start_all([self.start(name) for name in names])
        taken, self.busy = time.monotonic() - begin, busy_seconds() - busy
        self.lost += SIZE - len(self.running())
        subprocess.run([*self.remove, *names], check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        return taken

    def at_once(self):
        def start_all(commands):
            started = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                       for command in commands]
            for one in started:
                one.wait()

        return self.measured(start_all)

    def in_row(self):
        def start_all(commands):
            for command in commands:
                subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

        return self.measured(start_all)
