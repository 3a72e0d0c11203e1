# SPDX-License-Identifier: Apache-2.0
"""What there is, by group and version, and what the server says of it to those who ask first."""

from typing import Any, NamedTuple

Object = dict[str, Any]
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


class Resource(NamedTuple):
    group: str
    version: str
    name: str
    kind: str
    short: list[str]
    namespaced: bool = True
    verbs: list[str] = VERBS

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def path(self) -> str:
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"


RESOURCES = [
    Resource("", "v1", "pods", "Pod", ["po"]),
    Resource("", "v1", "configmaps", "ConfigMap", ["cm"]),
    Resource("", "v1", "secrets", "Secret", []),
    Resource("", "v1", "events", "Event", ["ev"]),
    Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", ["pvc"]),
    Resource("", "v1", "persistentvolumes", "PersistentVolume", ["pv"], namespaced=False),
    Resource("", "v1", "namespaces", "Namespace", ["ns"], namespaced=False),
    Resource("", "v1", "nodes", "Node", ["no"], namespaced=False),
    Resource("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", [], namespaced=False),
    Resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics", [], verbs=["get", "list"]),
]
# What is below a pod: its kind, and what can be done with it.
SUBRESOURCES = {
    "log": ("Pod", ["get"]),
    "exec": ("PodExecOptions", ["create", "get"]),
    "attach": ("PodAttachOptions", ["create", "get"]),
    "portforward": ("PodPortForwardOptions", ["create", "get"]),
    "ephemeralcontainers": ("Pod", ["get", "patch", "update"]),
}
GROUPS = sorted({(each.group, each.version) for each in RESOURCES if each.group})


def of_path(path: str) -> list[Resource]:
    return [each for each in RESOURCES if each.path == path]


def _described(each: Resource) -> Object:
    return {"name": each.name, "singularName": each.kind.lower(), "namespaced": each.namespaced,
            "kind": each.kind, "shortNames": each.short, "verbs": each.verbs}


def _list(path: str) -> Object:
    found = of_path(path)
    below = [{"name": f"pods/{name}", "singularName": "", "namespaced": True, "kind": kind, "verbs": verbs}
             for name, (kind, verbs) in SUBRESOURCES.items() if path == "/api/v1"]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": found[0].api_version,
            "resources": [_described(each) for each in found] + below}


def _group(group: str, version: str) -> Object:
    one = {"groupVersion": f"{group}/{version}", "version": version}
    return {"name": group, "versions": [one], "preferredVersion": one}


def _openapi(path: str) -> Object:
    """No more than that the server itself looks at the fields of what it is given: kubectl needs not."""
    paths = {}
    for each in of_path(path):
        place = "namespaces/{namespace}/" if each.namespaced else ""
        gvk = {"group": each.group, "version": each.version, "kind": each.kind}
        patch = {"x-kubernetes-group-version-kind": gvk, "x-kubernetes-action": "patch",
                 "parameters": [{"name": "fieldValidation", "in": "query", "schema": {"type": "string"}}],
                 "responses": {}}
        paths[f"{path}/{place}{each.name}/{{name}}"] = {"patch": patch}
    return {"openapi": "3.0.0", "info": {"title": "stand-in", "version": "v1"}, "paths": paths}


def _documents(version: str) -> dict[str, Object]:
    places = sorted({each.path for each in RESOURCES})
    major, minor = version.split(".")
    found: dict[str, Object] = {
        "/version": {"major": major, "minor": minor, "gitVersion": f"v{version}.0", "platform": "stand-in"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
        "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(*each) for each in GROUPS]},
        "/openapi/v3": {"paths": {place[1:]: {"serverRelativeURL": "/openapi/v3" + place} for place in places}},
    }
    for place in places:
        found[place] = _list(place)
        found["/openapi/v3" + place] = _openapi(place)
    return found


class Discovery:
    """What is at each such path, for a server that says to be of that version."""

    def __init__(self, version: str) -> None:
        self.documents = _documents(version)

    def get(self, path: str) -> Object | None:
        return self.documents.get(path.rstrip("/"))
