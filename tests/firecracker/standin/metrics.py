# SPDX-License-Identifier: Apache-2.0
"""One line of JSON for each flush."""

import json
import os
import time

from standin.errors import os_text
from standin.files import open_sink

PERIOD = 60  # seconds


class Metrics:
    def __init__(self):
        self.fd, self.requests, self.failures = None, {}, {}

    def open(self, path):
        """Return: what is wrong, or None."""
        try:
            fd = open_sink(path)
        except OSError as error:
            return os_text(error)
        if self.fd is not None:
            os.close(fd)
            return "Reinitialization of metrics not allowed."
        self.fd = fd
        return None

    def count(self, method, failed):
        name = f"{method.lower()}_api_requests"
        self.requests[name] = self.requests.get(name, 0) + 1
        self.failures[name] = self.failures.get(name, 0) + failed

    def flush(self):
        """Nothing happens where there is no file."""
        if self.fd is None:
            return
        line = {"utc_timestamp_ms": time.time_ns() // 10**6}
        for name in ("get_api_requests", "put_api_requests", "patch_api_requests"):
            line[name] = {"count": self.requests.pop(name, 0), "fails": self.failures.pop(name, 0)}
        try:
            os.write(self.fd, json.dumps(line, separators=(",", ":")).encode() + b"\n")
        except BlockingIOError:
            pass  # A FIFO that nobody reads.


metrics = Metrics()
