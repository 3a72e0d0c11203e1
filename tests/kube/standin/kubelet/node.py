# SPDX-License-Identifier: Apache-2.0
"""The node: has a thread for each pod, and tells them what has happened."""

import threading
from typing import Any, NamedTuple

from standin.cri.containerd import Containerd
from standin.kubelet import cgroups
from standin.kubelet.pod import Pod
from standin.store import Change, Store

Object = dict[str, Any]


class Place(NamedTuple):
    """Where a node keeps what it has, and what others know it by."""
    root: str
    cgroup: str
    address: str
    backoff: float


class Watcher(threading.Thread):
    """Without which no pod would hear of anything."""


class Node:
    name = "standin"

    def __init__(self, store: Store, containerd: Containerd, place: Place) -> None:
        self.store, self.containerd = store, containerd
        self.root, self.cgroup, self.address, self.backoff = place
        self.changed = threading.Condition()
        self.pods: dict[str, Pod] = {}
        self.over = False

    def start(self) -> None:
        Watcher(target=self._watch_objects, daemon=True).start()
        Watcher(target=self._watch_ends, daemon=True).start()

    def running(self) -> list[Pod]:
        with self.changed:
            return list(self.pods.values())

    def pod(self, found: Object) -> Pod | None:
        with self.changed:
            return self.pods.get(found["metadata"]["uid"])

    def _watch_objects(self) -> None:
        for change in self.store.watch({"pods", "configmaps", "secrets"}):
            if change.key.resource == "pods":
                self._pod_changed(change)
            else:
                self._wake_all(change.key.namespace)

    def _pod_changed(self, change: Change) -> None:
        uid = change.object["metadata"]["uid"]
        with self.changed:
            pod = self.pods.get(uid)
            if pod is None and change.type == "ADDED":
                self.pods[uid] = Pod(self, change.object)
                self.pods[uid].start()
        if pod:
            pod.wake()

    def _wake_all(self, namespace: str) -> None:
        for pod in self.running():
            if namespace in ("", pod.namespace):
                pod.wake()

    def _watch_ends(self) -> None:
        for ended in self.containerd.ended():
            if ended is None:
                self._wake_all("")
            for pod in self.running():
                if ended and ended in pod.known():
                    pod.wake(ended)

    def forget(self, pod: Pod) -> None:
        with self.changed:
            del self.pods[pod.uid]
            self.changed.notify_all()

    def settle(self) -> None:
        """Returns when nothing is left of pods that are gone."""
        with self.changed:
            self.changed.wait_for(lambda: not set(self.pods) - self.store.uids("pods"))

    def stop(self) -> None:
        """Returns when no pod is left."""
        self.over = True
        for pod in self.running():
            pod.wake()
            pod.join()
        cgroups.remove(self.cgroup)

