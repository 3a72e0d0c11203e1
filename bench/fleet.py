# SPDX-License-Identifier: Apache-2.0
"""Many containers, started at once or one after the other."""

import concurrent.futures
import subprocess
import time

SIZE = 50


def run(command):
    subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


class Fleet:
    """Containers, of which each is up when its command returns."""

    def __init__(self, start, remove, running):
        self.start, self.remove, self.running, self.lost = start, remove, running, 0

    def started(self, rows):
        """Seconds; @rows: so many go on side by side, in each of which one waits for the one before."""
        names = [f"fleet-{i}" for i in range(SIZE)]
        with concurrent.futures.ThreadPoolExecutor(rows) as threads:
            begin = time.monotonic()
            list(threads.map(run, [self.start(name) for name in names]))
            taken = time.monotonic() - begin
        self.lost += SIZE - len(self.running())
        subprocess.run([*self.remove, *names], check=False, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        return taken
