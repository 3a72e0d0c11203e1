# SPDX-License-Identifier: Apache-2.0
"""What caisson itself does until Firecracker, or the tests' stand-in for it, has all of a VM and is to start it, and
takes beside it then."""

import os
import signal
import subprocess

from command import output
from processes import cpu_time, memory, processes

# What Firecracker is asked last, to start; when that gets no answer, nothing is started.
LAST = "/actions"
# Where there is a stand-in, that has started this in place of Firecracker's own vsock.
NOT_OURS = "caisson-vsockd"


def is_ours(program):
    return program.startswith("caisson") and program != NOT_OURS


class Firecracker:
    """Starts, and those that get as far as that and no further."""

    def __init__(self, work, top, image):
        self.image, self.mark = image, f"CAISSON_RUN={work}/run"
        self.caisson = os.path.join(top, "build/bin/caisson")
        self.env = {**os.environ, "PATH": os.path.join(top, "tests/firecracker") + ":" + os.environ["PATH"]}
        self.log = f"{work}/run/begun/firecracker/firecracker.log"
        self.volume = f"{work}/firecracker"
        os.mkdir(self.volume)
        # The image's disk, and what is tried once.
        output([*self.command("once"), "true"], env=self.env)

    def command(self, name, *options):
        return [self.caisson, "run", "--rm", "--name", name, "--hypervisor", "firecracker", *options, self.image]

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
                              stderr=subprocess.DEVNULL,
                              env={**self.env, "STANDIN_FAULT": f"PUT {LAST}:undone"}) as client:
            self.await_all()
            total = sum(cpu_time(pid) for program, pid in processes(self.mark) if is_ours(program))
            client.send_signal(signal.SIGTERM)
        return total

    def own_memory(self, *options):
        """MB, once something was done in the container."""
        output([*self.command("box", "-d", *options), "sleep", "100000"], env=self.env)
        try:
            output([self.caisson, "exec", "box", "find", self.volume if options else "/"])
            return sum(size for program, size in memory(self.mark).items() if is_ours(program))
        finally:
            output([self.caisson, "delete", "-f", "box"])

    def own_memory_with_volume(self):
        return self.own_memory("-v", f"{self.volume}:{self.volume}")
