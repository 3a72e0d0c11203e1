# SPDX-License-Identifier: Apache-2.0
"""A real dockerd of the benchmark's own, in a network namespace of its own, with caisson as a runtime."""

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import threading

from command import output

PATIENCE = 60


def usable():
    return all(shutil.which(name) for name in ("dockerd", "docker", "runc"))


class Dockerd:
    """Runs between enter and exit; @work: its folder; @image: an archive of an image."""

    def __init__(self, work, caisson, image):
        self.work, self.image, self.daemon = work, image, None
        self.host = f"unix://{work}/docker.sock"
        self.environ = {name: value for name, value in os.environ.items()
                        if name not in ("CAISSON_ROOT", "CAISSON_RUN")}
        self.environ.update(DOCKER_HOST=self.host, DOCKER_CONFIG=work + "/client")
        os.mkdir(work)
        with open(work + "/daemon.json", "w", encoding="ascii") as out:
            json.dump({"runtimes": {"caisson": {"path": caisson}}, "hosts": [self.host],
                       "data-root": work + "/docker", "exec-root": work + "/exec",
                       "pidfile": work + "/docker.pid"}, out)

    def __enter__(self):
        self.daemon = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", "dockerd",
             "--config-file", self.work + "/daemon.json"], env=self.environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for line in self.daemon.stderr:
            if "API listen on" in line:
                break
        else:
            raise OSError("dockerd does not start")
        # Or it would stop at a full pipe.
        threading.Thread(target=self.daemon.stderr.read, daemon=True).start()
        self.docker("load", "-q", "-i", self.image)
        return self

    def command(self, *words):
        return ["docker", "-H", self.host, *words]

    def docker(self, *words):
        return output(self.command(*words), env=self.environ)

    def __exit__(self, *_):
        with contextlib.suppress(subprocess.CalledProcessError):
            left = self.docker("ps", "-aq").split()
            if left:
                self.docker("rm", "-f", *left)
        with open(self.work + "/exec/containerd/containerd.pid", encoding="ascii") as file:
            containerd = os.pidfd_open(int(file.read()))
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(PATIENCE)
        select.select([containerd], [], [], PATIENCE)
        os.close(containerd)
        with open("/proc/self/mountinfo", encoding="utf-8") as file:
            mounts = [line.split()[4] for line in file if f" {self.work}/" in line]
        for mount in sorted(mounts, reverse=True):
            subprocess.run(["umount", "-l", mount], check=False)
