# SPDX-License-Identifier: Apache-2.0
"""One pod: a thread that brings what is nearer to what should be, each time that something happens."""

import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import grpc

from standin.cri.containerd import gone, text
from standin.kubelet import cgroups, container, events, resources, sandbox, status
from standin.kubelet.container import Container
from standin.kubelet.errors import Waits
from standin.kubelet.sandbox import Sandbox
from standin.kubelet.volumes import Volumes
from standin.store import Key, now

if TYPE_CHECKING:
    from standin.kubelet.node import Node

Object = dict[str, Any]
# How long after the end of a process CRI may not know of it: it tells nobody when it does.
LAG = 0.02
AGAIN = 0.2
OVER = ("Succeeded", "Failed")


class Pod(threading.Thread):
    def __init__(self, node: "Node", found: Object) -> None:
        super().__init__(daemon=True)
        self.node, self.object = node, found
        metadata = found["metadata"]
        self.name, self.namespace, self.uid = metadata["name"], metadata["namespace"], metadata["uid"]
        self.spec: Object = found["spec"]
        self.hostname = self.spec.get("hostname", self.name)
        self.qos = resources.qos(self.spec)
        self.cgroup = f"{node.cgroup}/{self.qos.lower()}/pod{self.uid}"
        self.folder = os.path.join(node.root, "pods", self.uid)
        self.logs = os.path.join(node.root, "logs", f"{self.namespace}_{self.name}_{self.uid}")
        self.labels = {"io.kubernetes.pod.name": self.name, "io.kubernetes.pod.namespace": self.namespace,
                       "io.kubernetes.pod.uid": self.uid}
        self.volumes = Volumes(node.store, self.folder)
        self.containers: list[Container] = []
        self.sandbox: Sandbox | None = None
        self.attempt = 0
        # What has happened: processes of these have ended. When to look again without that.
        self.wakes: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.ended: set[str] = set()
        self.due: float | None = None
        self.over = False

    @property
    def key(self) -> Key:
        return Key("pods", self.namespace, self.name)

    def known(self) -> set[str]:
        """What it has of CRI's, by name."""
        return {each.id for each in self.containers} | ({self.sandbox.id} if self.sandbox else set())

    def known_object(self) -> Object:
        """With its address, which others see later."""
        return {**self.object, "status": {"podIP": self.sandbox.ip, "hostIP": self.node.address}}

    def event(self, reason: str, message: str, name: str = "") -> None:
        events.record(self.node.store, self.object, reason, message, name)

    def warn(self, reason: str, message: str, name: str = "") -> None:
        events.warn(self.node.store, self.object, reason, message, name)

    def wake(self, ended: str = "") -> None:
        self.wakes.put(ended)

    def _again(self, delay: float) -> None:
        due = time.monotonic() + delay
        self.due = min(self.due or due, due)

    def _wait(self) -> None:
        try:
            left = None if self.due is None else max(self.due - time.monotonic(), 0)
            self.ended.add(self.wakes.get(timeout=left))
            while True:
                self.ended.add(self.wakes.get_nowait())
        except queue.Empty:
            self.due = None

    def run(self) -> None:
        self.event("Scheduled", f"Successfully assigned {self.namespace}/{self.name} to {self.node.name}")
        while not self.over:
            try:
                self._step()
            except Waits as why:
                self.warn(why.reason, str(why))
                self._again(self.node.backoff)
            except grpc.RpcError as error:
                if not gone(error):
                    self.warn("FailedSync", text(error))
                self._again(AGAIN)
            if not self.over:
                self._wait()
        self.node.forget(self)

    def _step(self) -> None:
        found = self.node.store.get(self.key)
        forced = found is None or found["metadata"]["uid"] != self.uid or self.node.over
        if not forced:
            self.object, self.spec = found, found["spec"]
        self._know_containers()
        for each in self.containers:
            each.refresh()
            if each.running and each.id in self.ended:
                self._again(LAG)
        if forced or "deletionTimestamp" in found["metadata"]:
            self._end(0 if forced else found["metadata"]["deletionGracePeriodSeconds"])
            return
        if status.phase(self) not in OVER:
            self._go_on()
        if status.phase(self) in OVER:
            self._stop(self.spec["terminationGracePeriodSeconds"])
        self._publish()

    def _know_containers(self) -> None:
        """Ephemeral ones may come at any time."""
        known = {each.name for each in self.containers}
        for which, kind in (("initContainers", container.INIT), ("containers", container.APP),
                            ("ephemeralContainers", container.EPHEMERAL)):
            for spec in self.spec.get(which, []):
                if spec["name"] not in known:
                    sidecar = kind == container.INIT and spec.get("restartPolicy") == "Always"
                    self.containers.append(Container(self, container.SIDECAR if sidecar else kind, spec))

    def _go_on(self) -> None:
        self.volumes.prepare(self.object)
        if self.sandbox and self.sandbox.id in self.ended:
            if sandbox.is_ready(self):
                self._again(LAG)
                return
            self._lose_sandbox()
        if status.phase(self) == "Failed":
            return
        if not self.sandbox:
            self._run_sandbox()
        for each in self.containers:
            if each.kind in (container.INIT, container.SIDECAR) and not self._is_through(each):
                return
        for each in self.containers:
            if each.kind in (container.APP, container.EPHEMERAL):
                self._keep(each)

    def _is_through(self, each: Container) -> bool:
        """May what comes after it be started?"""
        if each.kind == container.SIDECAR:
            self._keep(each)
            return each.running and each.started
        if each.ended and each.status.exit_code == 0:
            return True
        self._keep(each)
        return False

    def _keep(self, each: Container) -> None:
        """Running, if it should."""
        if not each.again():
            return
        left = each.not_before - time.monotonic()
        if left > 0:
            if each.ended and each.waiting != "CrashLoopBackOff":
                self.warn("BackOff", f"Back-off restarting failed container {each.name}", each.name)
                each.waiting = "CrashLoopBackOff"
            self._again(left)
            return
        try:
            each.start()
        except Waits as why:
            each.waiting, each.message = why.reason, str(why)
            each.not_before = time.monotonic() + self.node.backoff
            self.warn("Failed", f"Error: {why}", each.name)
            self._again(self.node.backoff)

    def _run_sandbox(self) -> None:
        os.makedirs(self.logs, exist_ok=True)
        try:
            self.sandbox = sandbox.run(self, self.attempt)
        except grpc.RpcError as error:
            if gone(error):
                raise
            raise Waits("FailedCreatePodSandBox", f"Failed to create pod sandbox: {text(error)}") from None
        self.attempt += 1
        hosts = f"127.0.0.1\tlocalhost\n::1\tlocalhost\n{self.sandbox.ip}\t{self.hostname}\n"
        with open(os.path.join(self.folder, "etc-hosts"), "w", encoding="ascii") as file:
            file.write(hosts)

    def _lose_sandbox(self) -> None:
        """All of them begin anew in another, if they may; until containerd can remove it, that is tried again."""
        lost = self.sandbox
        self._stop(0)
        if self.spec["restartPolicy"] != "Never":
            self.node.containerd.call("RemovePodSandbox", pod_sandbox_id=lost.id)
            for each in self.containers:
                each.begin_anew()
            self.sandbox = None
        self.event("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
        self.ended.discard(lost.id)

    def _publish(self) -> None:
        self.node.store.change(self.key, self._with_status)

    def _with_status(self, found: Object) -> None:
        found["status"] = status.of_pod(self, found.get("status", {}), now())

    def _stop(self, grace: int) -> None:
        """All containers, sidecars last, then what they share."""
        for sidecars in (False, True):
            stopping = [threading.Thread(target=each.stop, args=(grace,)) for each in self.containers
                        if each.running and (each.kind == container.SIDECAR) == sidecars]
            for thread in stopping:
                thread.start()
            for thread in stopping:
                thread.join()
        if self.sandbox:
            self.node.containerd.call("StopPodSandbox", pod_sandbox_id=self.sandbox.id)
        for each in self.containers:
            each.refresh()

    def _end(self, grace: int) -> None:
        self._stop(grace)
        self._publish()
        if self.sandbox:
            # Its containers too.
            self.node.containerd.call("RemovePodSandbox", pod_sandbox_id=self.sandbox.id)
        self.volumes.remove()
        cgroups.remove(self.cgroup)
        self.node.store.remove(self.key, self.uid)
        self.over = True
