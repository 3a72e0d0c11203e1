# SPDX-License-Identifier: Apache-2.0
"""When a kubelet asks its probes."""

import threading
import time

INTERVAL = 1


class Ticker:
    """Go's, once an interval: while somebody is busy with a tick it keeps one more, and drops those after that."""

    def __init__(self, begin, ticks, clock=time.monotonic, wait=None):
        self.begin, self.ticks, self.clock, self.missed = begin, ticks, clock, 0
        self.wait = wait or threading.Event().wait

    def __iter__(self):
        """When each was due that is taken, as soon as it can be."""
        tick = 0
        while tick < self.ticks:
            due = self.begin + tick * INTERVAL
            self.wait(max(0, due - self.clock()))
            taken = int((self.clock() - self.begin) / INTERVAL)
            yield due
            # The first one after it was taken is kept; those between the two found the place taken.
            after = max(tick, taken) + 1
            self.missed += min(after, self.ticks) - tick - 1
            tick = after
