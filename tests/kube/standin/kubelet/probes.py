# SPDX-License-Identifier: Apache-2.0
"""Probes: each is asked again and again, by a thread of its own, until its container has ended."""

import http.client
import socket
import threading
from typing import TYPE_CHECKING, Any

import grpc

from standin.cri.containerd import gone, text

if TYPE_CHECKING:
    from standin.kubelet.container import Container

Object = dict[str, Any]


def _exec(container: "Container", how: Object, timeout: int) -> str:
    answer = container.pod.node.containerd.exec(container.id, how["command"], timeout)
    if answer.exit_code == 0:
        return ""
    return (answer.stdout + answer.stderr).decode(errors="replace") or f"exit status {answer.exit_code}"


def _port(container: "Container", port: int | str) -> int:
    if isinstance(port, int):
        return port
    return next(each["containerPort"] for each in container.spec["ports"] if each.get("name") == port)


def _http(container: "Container", how: Object, timeout: int) -> str:
    host = how.get("host") or container.pod.sandbox.ip
    connection = http.client.HTTPConnection(host, _port(container, how["port"]), timeout=timeout)
    headers = {each["name"]: each["value"] for each in how.get("httpHeaders", [])}
    try:
        connection.request("GET", how.get("path", "/"), headers={"User-Agent": "kube-probe/1", **headers})
        status = connection.getresponse().status
    finally:
        connection.close()
    return "" if 200 <= status < 400 else f"HTTP probe failed with statuscode: {status}"


def _tcp(container: "Container", how: Object, timeout: int) -> str:
    where = (how.get("host") or container.pod.sandbox.ip, _port(container, how["port"]))
    socket.create_connection(where, timeout=timeout).close()
    return ""


# By the field that says how to ask.
KINDS = {"exec": _exec, "httpGet": _http, "tcpSocket": _tcp}


class Prober(threading.Thread):
    """What its answers mean is said by startup(), liveness() or readiness()."""

    def __init__(self, container: "Container", kind: str, probe: Object) -> None:
        super().__init__(daemon=True)
        self.container, self.kind, self.probe = container, kind, probe
        self.id = container.id
        self.over = threading.Event()

    @staticmethod
    def start_all(container: "Container") -> list["Prober"]:
        found = [Prober(container, kind, container.spec[kind + "Probe"])
                 for kind in ("startup", "liveness", "readiness") if kind + "Probe" in container.spec]
        for prober in found:
            prober.start()
        return found

    def end(self) -> None:
        self.over.set()

    def _ask(self) -> str | None:
        """What is wrong, if anything is; None if it could not be asked."""
        try:
            for name, ask in KINDS.items():
                if name in self.probe:
                    return ask(self.container, self.probe[name], self.probe["timeoutSeconds"])
        except grpc.RpcError as error:
            return None if gone(error) else text(error)
        except (OSError, http.client.HTTPException) as error:
            return str(error) or type(error).__name__
        return f"this kind of probe is not known here: {', '.join(self.probe)}"

    def run(self) -> None:
        successes = failures = 0
        delay = self.probe.get("initialDelaySeconds", 0)
        while not self.over.wait(delay):
            delay = self.probe["periodSeconds"]
            if self.kind != "startup" and not self.container.started:
                continue
            wrong = self._ask()
            if wrong is None or self.over.is_set():
                continue
            successes, failures = (0, failures + 1) if wrong else (successes + 1, 0)
            if wrong:
                self.container.pod.warn("Unhealthy", f"{self.kind.capitalize()} probe failed: {wrong}",
                                        self.container.name)
            if failures >= self.probe["failureThreshold"]:
                getattr(self, self.kind)(False)
                failures = 0
            elif successes >= self.probe["successThreshold"]:
                getattr(self, self.kind)(True)

    def startup(self, good: bool) -> None:
        if not good:
            self._kill()
            return
        self.container.started = True
        self.container.ready = "readinessProbe" not in self.container.spec
        self.end()
        self.container.pod.wake()

    def liveness(self, good: bool) -> None:
        if not good:
            self._kill()

    def readiness(self, good: bool) -> None:
        if self.container.ready != good:
            self.container.ready = good
            self.container.pod.wake()

    def _kill(self) -> None:
        """The pod starts it again, as after any end."""
        pod = self.container.pod
        pod.event("Killing", f"Container {self.container.name} failed {self.kind} probe, will be restarted",
                  self.container.name)
        self.end()
        pod.node.containerd.stop(self.id, pod.spec["terminationGracePeriodSeconds"])
