# SPDX-License-Identifier: Apache-2.0
"""The server: which request goes where. It listens on loopback, at a port that the kernel chooses."""

import threading
from http.server import ThreadingHTTPServer
from typing import Any

from standin.apiserver import logs, metrics, pods, resources, streams
from standin.apiserver.http import Refused, Request
from standin.apiserver.objects import Objects
from standin.apiserver.patch import strategic
from standin.apiserver.resources import Resource
from standin.kubelet.node import Node

Object = dict[str, Any]
# What no other server has: answered when nothing is left of pods that are gone.
SETTLED = "/standin/settled"
METHODS = {"GET": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


def _split(place: str) -> tuple[list[Resource], list[str]]:
    """The resources of its group, and what comes after that."""
    parts = place.strip("/").split("/")
    length = 2 if parts[0] == "api" else 3
    return resources.of_path("/" + "/".join(parts[:length])), parts[length:]


class Handler(Request):
    node: Node
    discovery: resources.Discovery

    def route(self) -> None:
        if document := self.discovery.get(self.place):
            self.answer(document)
            return
        if self.place == "/openapi/v2":
            # Nothing is known of any type: that is no reason to refuse one.
            self.answer_bytes(b"", "application/octet-stream")
            return
        if self.place == SETTLED:
            self.node.settle()
            self.answer({})
            return
        known, rest = _split(self.place)
        namespace = ""
        if len(rest) > 2 and rest[0] == "namespaces":
            namespace, rest = rest[1], rest[2:]
        found = [each for each in known if rest and each.name == rest[0]]
        if not found:
            raise Refused(404, f"the server could not find {self.place}")
        if found[0].kind == "PodMetrics":
            self._metrics(namespace, rest[1:])
        elif len(rest) > 2:
            self._below(found[0], namespace, *rest[1:3])
        else:
            self._objects(Objects(self.node.store, self, found[0], namespace), rest[1:])

    def _objects(self, objects: Objects, name: list[str]) -> None:
        if name:
            method = METHODS.get(self.command)
        else:
            method = {"GET": "list", "POST": "create"}.get(self.command)
        if method is None:
            raise Refused(405, f"{self.command} of {self.place} is not done here")
        getattr(objects, method)(*name)

    def _below(self, resource: Resource, namespace: str, name: str, what: str) -> None:
        if resource.kind != "Pod" or what not in resources.SUBRESOURCES:
            raise Refused(404, f"the server could not find {self.place}")
        objects = Objects(self.node.store, self, resource, namespace)
        if what == "ephemeralcontainers":
            self._ephemeral(objects, name)
            return
        pod = self.node.pod(objects.found(name))
        if pod is None:
            raise Refused(400, f"pod {name} is not on the node yet")
        if what == "log":
            logs.answer(self, pod)
        else:
            streams.answer(self, pod, what)

    def _ephemeral(self, objects: Objects, name: str) -> None:
        if self.command == "GET":
            objects.get(name)
            return
        change = self.body()

        def how(pod: Object) -> Object:
            new = strategic(pod, change) if self.command == "PATCH" else change
            # Before 1.22 it was no pod that came.
            given = new.get("spec", new).get("ephemeralContainers", [])
            for container in given:
                pods.complete_container(container)
            return {**pod, "spec": {**pod["spec"], "ephemeralContainers": given}}

        objects.replace(name, how)

    def _metrics(self, namespace: str, name: list[str]) -> None:
        found = metrics.of_pods(self.node, namespace, name[0] if name else "")
        if not name:
            self.answer({"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1",
                         "metadata": {}, "items": found})
        elif found:
            self.answer(found[0])
        else:
            raise Refused(404, f"there are no metrics of pod \"{name[0]}\" yet")


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class Server:
    def __init__(self, node: Node, version: str, websockets: bool) -> None:
        fields = {"node": node, "discovery": resources.Discovery(version), "websockets": websockets}
        self.http = Listener(("127.0.0.1", 0), type("Handler", (Handler,), fields))
        self.port = self.http.server_port

    def start(self) -> None:
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
