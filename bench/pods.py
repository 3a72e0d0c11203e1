#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Pods of a real containerd's CRI plugin: what bench/run asks for, line by line, is answered as JSON.

It runs in a network and a mount namespace of its own, and with Debian's Python, which has grpc.

usage: pods.py FOLDER
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path[:0] = [os.path.join(TOP, "tests/kube"), os.path.join(TOP, "bench")]
# pylint: disable=wrong-import-position # they are found there
import processes
from command import output
from standin.cri.containerd import Containerd
from ticker import INTERVAL, Ticker

IMAGE = "docker.io/library/busybox:latest"
PATIENCE = 60
STAYS = ["sh", "-c", "echo up; exec sleep 100000"]

def network(work):
    """CNI's: a bridge, as most nodes have."""
    address = {"type": "host-local", "dataDir": work + "/addresses", "ranges": [[{"subnet": "10.88.0.0/24"}]],
               "routes": [{"dst": "0.0.0.0/0"}]}
    return {"cniVersion": "0.4.0", "name": "caisson-bench",
            "plugins": [{"type": "bridge", "bridge": "caisson0", "isGateway": True, "ipam": address}]}


class Node:
    """A containerd of its own; @mark: in the environment of all that it starts."""

    def __init__(self, work):
        self.work, self.mark = work, f"BENCH_PODS={work}"
        self.address, self.daemon = work + "/containerd.sock", None
        for folder in ("cni", "logs"):
            os.mkdir(f"{work}/{folder}")
        with (open(TOP + "/tests/kube/containerd.toml", encoding="ascii") as template,
              open(work + "/containerd.toml", "w", encoding="ascii") as out):
            out.write(template.read().replace("@WORK@", work).replace("@RUNTIME@", "caisson"))
        with open(work + "/cni/10-bench.conflist", "w", encoding="ascii") as out:
            json.dump(network(work), out)

    def start(self):
        environ = {**os.environ, "BENCH_PODS": self.work}
        for name in ("CAISSON_ROOT", "CAISSON_RUN"):
            environ.pop(name, None)
        environ["PATH"] = f"{TOP}/build/bin:{environ['PATH']}"
        self.daemon = subprocess.Popen(["containerd", "-c", self.work + "/containerd.toml"], env=environ,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                       stderr=subprocess.PIPE, text=True)
        for line in self.daemon.stderr:
            if "Start streaming server" in line:
                break
        else:
            raise OSError("containerd does not start")
        # Or it would stop at a full pipe.
        threading.Thread(target=self.daemon.stderr.read, daemon=True).start()

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        self.daemon.wait(PATIENCE)

    def load_images(self):
        for name in ("busybox", "pause"):
            archive = f"{self.work}/{name}.tar"
            output([TOP + "/tests/lib/make-image", name, "docker-archive:" + archive])
            output(["ctr", "-a", self.address, "-n", "k8s.io", "image", "import", archive])

    def __enter__(self):
        # containerd's namespace is the same for all pods of a machine: these are nobody else's.
        for name in ("caisson", "containerd"):
            os.makedirs(f"/run/{name}", exist_ok=True)
            output(["mount", "-t", "tmpfs", name, f"/run/{name}"])
        # In a namespace that was just made: others made in it see what is mounted later, as on any host.
        output(["mount", "--bind", self.work, self.work])
        output(["mount", "--make-shared", self.work])
        output(["ip", "link", "set", "lo", "up"])
        # CRI knows the images that it finds when it begins.
        self.start()
        self.load_images()
        self.stop()
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


class Pod:
    """@times: when what was over, by the monotonic clock."""

    def __init__(self, node, cri, name, runtime="caisson"):
        self.node, self.cri, self.name = node, cri, name
        self.logs = f"{node.work}/logs/{name}"
        os.makedirs(self.logs, exist_ok=True)
        self.config = {"metadata": {"name": name, "namespace": "bench", "uid": name}, "hostname": name,
                       "log_directory": self.logs, "linux": {"cgroup_parent": f"/bench-{os.getpid()}"}}
        self.began = time.monotonic()
        self.id = cri.call("RunPodSandbox", config=self.config, runtime_handler=runtime).pod_sandbox_id
        self.ready = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.cri.call("StopPodSandbox", pod_sandbox_id=self.id)
        self.cri.call("RemovePodSandbox", pod_sandbox_id=self.id)

    def run(self, name, command):
        """Return: its name for CRI, and when it was created, started, and has said something."""
        log = f"{self.logs}/{name}"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(log)
        os.mkfifo(log)
        reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
        config = {"metadata": {"name": name}, "image": {"image": IMAGE}, "command": command, "log_path": name}
        new = self.cri.call("CreateContainer", pod_sandbox_id=self.id, config=config,
                            sandbox_config=self.config).container_id
        created = time.monotonic()
        self.cri.call("StartContainer", container_id=new)
        started = time.monotonic()
        if not select.select([reader], [], [], PATIENCE)[0]:
            raise OSError(f"container {name} says nothing")
        said = time.monotonic()
        os.close(reader)
        return new, created, started, said


def milliseconds(*times):
    return [(after - before) * 1000 for before, after in zip(times, times[1:])]


def starts(node, cri, runtime):
    """Of one pod: what it took to be ready, step by step, and of a second container of it."""
    with Pod(node, cri, "start", runtime) as pod:
        first = pod.run("first", STAYS)[1:]
        begin = time.monotonic()
        second = pod.run("second", STAYS)[1:]
    return {"first": milliseconds(pod.began, pod.ready, *first), "second": milliseconds(begin, *second)}


def ask(cri, container):
    answer = cri.exec(container, ["true"], 10)
    if answer.exit_code != 0:
        raise OSError(f"a probe ended with {answer.exit_code}")


def probe(cri, container, ticker, late):
    for due in ticker:
        ask(cri, container)
        late.append((time.monotonic() - due) * 1000)


def probes(node, cri, runtime, pods, seconds):
    """How long after they were due probes were answered, and how many were missed as the one before took too long."""
    pods, seconds = int(pods), int(seconds)
    late = []
    with contextlib.ExitStack() as stack:
        there = [stack.enter_context(Pod(node, cri, f"probed-{i}", runtime)) for i in range(pods)]
        containers = [pod.run("main", STAYS)[0] for pod in there]
        # The first exec of a VM takes much longer than any later one.
        for container in containers:
            ask(cri, container)
        begin = time.monotonic() + INTERVAL
        # Not all at the same moment, as those of a kubelet are not.
        tickers = [Ticker(begin + i * INTERVAL / pods, seconds) for i in range(pods)]
        threads = [threading.Thread(target=probe, args=(cri, container, ticker, late))
                   for container, ticker in zip(containers, tickers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    missed = sum(ticker.missed for ticker in tickers)
    if len(late) + missed != pods * seconds:
        raise OSError(f"of {pods * seconds} probes {len(late)} were answered and {missed} missed")
    return {"late": late, "missed": missed}


def memory(node, cri, runtime, containers, times):
    """Of a pod that is alone: what its processes take, in MB, with one container, with two and so on, each of which has been
    probed so many times."""
    sizes = []
    with Pod(node, cri, "alone", runtime) as pod:
        for i in range(int(containers)):
            container = pod.run(f"container-{i}", STAYS)[0]
            for _ in range(int(times)):
                ask(cri, container)
            sizes.append({name: size for name, size in processes.memory(node.mark).items() if name != "containerd"})
    return sizes


def main():
    work, requests = sys.argv[1], {"starts": starts, "probes": probes, "memory": memory}
    with Node(work) as node:
        cri = Containerd(node.address, "/usr/bin/containerd")
        print(json.dumps("up"), flush=True)
        # A line each, so that something else can be measured in between.
        for line in sys.stdin:
            name, *words = line.split()
            print(json.dumps(requests[name](node, cri, *words)), flush=True)


if __name__ == "__main__":
    main()
