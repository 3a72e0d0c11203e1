# SPDX-License-Identifier: Apache-2.0
"""Many containers, started at once or one after the other."""

import subprocess
import time

SIZE = 50


class Fleet:
    """Containers, of which each is up when its command returns."""

    def __init__(self, start, remove, running):
        self.start, self.remove, self.running, self.lost = start, remove, running, 0

    def measured(self, start_all):
        names = [f"fleet-{i}" for i in range(SIZE)]
        begin = time.monotonic()
        start_all([self.start(name) for name in names])
        taken = time.monotonic() - begin
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
