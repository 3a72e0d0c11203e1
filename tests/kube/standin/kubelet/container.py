# SPDX-License-Identifier: Apache-2.0
"""One container of a pod: its runs, one after the other, each of which is a container of CRI's."""

import os
import time
from typing import TYPE_CHECKING, Any

import grpc

from standin.cri.containerd import gone, text
from standin.kubelet import environment, resources, security, status
from standin.kubelet.errors import Waits
from standin.kubelet.probes import Prober

if TYPE_CHECKING:
    from standin.kubelet.pod import Pod

Object = dict[str, Any]
CREATED, RUNNING, EXITED = range(3)
LONGEST_DELAY = 300
MESSAGE, MESSAGE_OF_LOG, LINES_OF_LOG = 4096, 2048, 80
INIT, SIDECAR, APP, EPHEMERAL = "init", "sidecar", "app", "ephemeral"


class Container:
    def __init__(self, pod: "Pod", kind: str, spec: Object) -> None:
        self.pod, self.kind, self.spec = pod, kind, spec
        self.name: str = spec["name"]
        self.ids: list[str] = []
        self.attempt = -1
        # What CRI said last; its predecessor's end.
        self.status: Any = None
        self.last: Object = {}
        self.waiting, self.message = "", ""
        self.not_before = self.delay = 0.0
        self.started = self.ready = False
        self.probers: list[Prober] = []

    @property
    def id(self) -> str:
        return self.ids[-1] if self.ids else ""

    @property
    def running(self) -> bool:
        return self.status is not None and self.status.state == RUNNING

    @property
    def ended(self) -> bool:
        return self.status is not None and self.status.state == EXITED

    def has_ended(self, attempt: int) -> bool:
        return attempt < self.attempt or self.ended

    def log_path(self, attempt: int) -> str:
        return os.path.join(self.pod.logs, self.name, f"{attempt}.log")

    def _message_path(self) -> str:
        return os.path.join(self.pod.folder, "containers", self.name, f"{self.attempt}.message")

    def again(self) -> bool:
        """Should it run, where it does not? After its end, as the pod's policy says."""
        if not self.ended:
            return not self.running
        policy = self.pod.spec["restartPolicy"]
        failed = self.status.exit_code != 0
        return {INIT: failed and policy != "Never", SIDECAR: True, EPHEMERAL: False,
                APP: policy == "Always" or (policy == "OnFailure" and failed)}[self.kind]

    def _mounts(self, known: dict[str, str]) -> list[Object]:
        found = self.pod.volumes.mounts(self.spec, known)
        message = self._message_path()
        os.makedirs(os.path.dirname(message), exist_ok=True)
        with open(message, "wb") as file:
            os.fchmod(file.fileno(), 0o666)
        own = [{"container_path": self.spec["terminationMessagePath"], "host_path": message}]
        if not any(each["container_path"] == "/etc/hosts" for each in found):
            own.append({"container_path": "/etc/hosts", "host_path": os.path.join(self.pod.folder, "etc-hosts")})
        return found + own

    def _linux(self) -> Object:
        target = next((each.id for each in self.pod.containers
                       if each.name == self.spec.get("targetContainerName")), "")
        return {"resources": resources.of_container(self.pod.spec, self.spec),
                "security_context": security.of_container(self.pod.spec, self.spec, target)}

    def _config(self) -> Object:
        known = environment.variables(self.pod.node.store, self.pod.known_object(), self.spec)
        words = {name: [environment.expand(word, known) for word in self.spec.get(name, [])]
                 for name in ("command", "args")}
        labels = {**self.pod.labels, "io.kubernetes.container.name": self.name}
        annotations = {"io.kubernetes.container.restartCount": str(self.attempt),
                       "io.kubernetes.container.terminationMessagePath": self.spec["terminationMessagePath"],
                       "io.kubernetes.pod.terminationGracePeriod": str(self.pod.spec["terminationGracePeriodSeconds"])}
        return {"metadata": {"name": self.name, "attempt": self.attempt}, "image": {"image": self.spec["image"]},
                **words, "working_dir": self.spec.get("workingDir", ""), "labels": labels, "annotations": annotations,
                "envs": [{"key": name, "value": value} for name, value in known.items()],
                "mounts": self._mounts(known), "devices": self.pod.volumes.devices(self.spec), "log_path": f"{self.name}/{self.attempt}.log",
                "stdin": self.spec.get("stdin", False), "stdin_once": self.spec.get("stdinOnce", False),
                "tty": self.spec.get("tty", False), "linux": self._linux()}

    def start(self) -> None:
        """Once more."""
        containerd = self.pod.node.containerd
        image = self.spec["image"]
        if not containerd.has_image(image):
            raise Waits("ErrImageNeverPull", f"Container image \"{image}\" is not present: nothing is pulled here")
        self.pod.event("Pulled", f"Container image \"{image}\" already present on machine", self.name)
        self.attempt += 1
        try:
            config = self._config()
            os.makedirs(os.path.dirname(self.log_path(self.attempt)), exist_ok=True)
            new = containerd.call("CreateContainer", pod_sandbox_id=self.pod.sandbox.id, config=config,
                                  sandbox_config=self.pod.sandbox.config).container_id
        except grpc.RpcError as error:
            self.attempt -= 1
            if gone(error):
                raise
            raise Waits("CreateContainerError", text(error)) from None
        except Waits:
            self.attempt -= 1
            raise
        self._begin(new)

    def _begin(self, new: str) -> None:
        if self.ended:
            self.last = status.terminated(self)
        self.ids.append(new)
        self.waiting = self.message = ""
        self.started, self.status = "startupProbe" not in self.spec, None
        self.pod.event("Created", f"Created container {self.name}", self.name)
        try:
            self.pod.node.containerd.call("StartContainer", container_id=new)
            self.pod.event("Started", f"Started container {self.name}", self.name)
        except grpc.RpcError as error:
            if gone(error):
                raise
            self.pod.warn("Failed", f"Error: {text(error)}", self.name)
        self._forget_oldest()
        self.refresh()
        if self.running:
            self.probers = Prober.start_all(self)
            self.ready = self.started and "readinessProbe" not in self.spec

    def _forget_oldest(self) -> None:
        """But for the last one that has ended, whose log somebody may want."""
        while len(self.ids) > 2:
            self.pod.node.containerd.call("RemoveContainer", container_id=self.ids.pop(0))

    def refresh(self) -> None:
        """What CRI knows of it."""
        if not self.id or self.ended:
            return
        self.status = self.pod.node.containerd.call("ContainerStatus", container_id=self.id).status
        if self.ended:
            self._has_ended()

    def _has_ended(self) -> None:
        self.ready = self.started = False
        for prober in self.probers:
            prober.end()
        self.message = self._last_words()
        self.not_before = time.monotonic() + self.delay
        self.delay = min(max(self.pod.node.backoff, self.delay * 2), LONGEST_DELAY)
        # Whoever follows it wakes up.
        if os.path.exists(self.log_path(self.attempt)):
            os.utime(self.log_path(self.attempt))

    def _last_words(self) -> str:
        with open(self._message_path(), "rb") as file:
            words = file.read(MESSAGE)
        fallback = self.spec["terminationMessagePolicy"] == "FallbackToLogsOnError"
        if not words and fallback and self.status.exit_code != 0:
            with open(self.log_path(self.attempt), "rb") as file:
                lines = file.read().splitlines()[-LINES_OF_LOG:]
            words = b"".join(line.split(b" ", 3)[3] + b"\n" for line in lines)[-MESSAGE_OF_LOG:]
        return words.decode(errors="replace") or self.status.message

    def begin_anew(self) -> None:
        """As if it had never run; in a new sandbox all are."""
        if self.ended:
            self.last = status.terminated(self)
        self.ids.clear()
        self.status, self.waiting, self.not_before = None, "", 0.0

    def stop(self, grace: int) -> None:
        """Returns when it has ended."""
        if not self.running:
            return
        self.pod.event("Killing", f"Stopping container {self.name}", self.name)
        hook = self.spec.get("lifecycle", {}).get("preStop", {}).get("exec")
        if hook and grace:
            self.pod.node.containerd.exec(self.id, hook["command"], grace)
        self.pod.node.containerd.stop(self.id, grace)
