# SPDX-License-Identifier: Apache-2.0
"""Firecracker's log: lines on standard output, or in the file that was named."""

import os
import time

from standin.files import open_sink
from standin.version import since

OFF, ERROR, WARN, INFO, DEBUG, TRACE = range(6)
LEVELS = {"off": OFF, "error": ERROR, "warn": WARN, "warning": WARN, "info": INFO,
          "debug": DEBUG, "trace": TRACE}
NAMES = ("OFF", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")
VMM, API = "main", "fc_api"


def default_level():
    return INFO if since(1, 5) else WARN


class Log:
    def __init__(self):
        self.instance, self.fd = "anonymous-instance", None
        self.level, self.show_level, self.show_origin = default_level(), False, False

    def update(self, config):
        """A LoggerConfig. OSError: its file cannot be opened."""
        level = config.get("level")
        self.level = LEVELS[level.lower()] if level else default_level()
        if config.get("log_path") is not None:
            fd = open_sink(config["log_path"])
            if self.fd is not None:
                os.close(self.fd)
            self.fd = fd
        if config.get("show_level") is not None:
            self.show_level = config["show_level"]
        if config.get("show_log_origin") is not None:
            self.show_origin = config["show_log_origin"]

    def write(self, level, message, thread):
        if level > self.level:
            return
        now = time.time_ns()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now // 10**9))
        shown = ":" + NAMES[level] if self.show_level else ""
        shown += ":src/standin.rs:1" if self.show_origin else ""
        line = f"{stamp}.{now % 10**9:09} [{self.instance}:{thread}{shown}] {message}\n"
        try:
            os.write(1 if self.fd is None else self.fd, line.encode("utf-8", "backslashreplace"))
        except OSError:
            pass  # Counted as missed, nothing more.

    def info(self, message, thread=VMM):
        self.write(INFO, message, thread)

    def warn(self, message, thread=VMM):
        self.write(WARN, message, thread)

    def error(self, message, thread=VMM):
        self.write(ERROR, message, thread)


log = Log()
