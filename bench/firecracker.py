# SPDX-License-Identifier: Apache-2.0
"""What caisson itself does until Firecracker, or the tests' stand-in for it, has all of a VM and is to start it."""

import contextlib
import os
import signal
import subprocess

# The last part of a VM that Firecracker is told of; when that gets no answer, nothing is started.
LAST = "/entropy"


def processes(work):
    """Those of caisson below a folder: (program, number)."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/environ", "rb") as file:
                if f"CAISSON_RUN={work}/run".encode() not in file.read().split(b"\0"):
                    continue
            with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
                program = file.read().strip()
            if program.startswith("caisson"):
                yield program, pid


def used(pid):
    """Milliseconds of a processor."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e6


class Firecracker:
    """Starts that get as far as that, and no further."""

    def __init__(self, work, top, image):
        self.work, self.image = work, image
        self.caisson = os.path.join(top, "build/bin/caisson")
        self.env = {**os.environ, "PATH": os.path.join(top, "tests/firecracker") + ":" + os.environ["PATH"],
                    "STANDIN_FAULT": f"PUT {LAST}:never"}
        self.log = f"{work}/run/begun/firecracker/firecracker.log"
        # The image's disk, and what is tried once.
        subprocess.run([*self.command("once"), "true"], check=True, stdin=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, env={**self.env, "STANDIN_FAULT": ""})

    def command(self, name):
        return [self.caisson, "run", "--rm", "--name", name, "--hypervisor", "firecracker", self.image]

    def await_all(self):
        """Until the log, which is not there yet, has its line."""
        with subprocess.Popen(["tail", "-n", "+1", "-F", self.log], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, errors="replace") as tail:
            while f'"{LAST}"' not in tail.stdout.readline():
                pass
            tail.kill()

    def own_time(self):
        """Of caisson's processes until then."""
        with subprocess.Popen([*self.command("begun"), "true"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=self.env) as client:
            self.await_all()
            total = sum(used(pid) for program, pid in processes(self.work) if program != "caisson-vsockd")
            client.send_signal(signal.SIGTERM)
        return total
