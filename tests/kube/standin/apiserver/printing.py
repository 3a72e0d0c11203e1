# SPDX-License-Identifier: Apache-2.0
"""Tables, which `kubectl get` asks for: the server says what is printed of an object."""

import datetime
from typing import Any

Object = dict[str, Any]
NAME = {"name": "Name", "type": "string", "format": "name"}


def _age(found: Object) -> str:
    since = datetime.datetime.strptime(found["metadata"]["creationTimestamp"], "%Y-%m-%dT%H:%M:%S%z")
    seconds = int((datetime.datetime.now(datetime.timezone.utc) - since).total_seconds())
    return f"{seconds}s" if seconds < 120 else f"{seconds // 60}m"


def _pod_status(pod: Object) -> str:
    """The reason of what does not run, as Kubernetes prints it."""
    if "deletionTimestamp" in pod["metadata"]:
        return "Terminating"
    status = pod.get("status", {})
    for each in status.get("initContainerStatuses", []):
        ended = each["state"].get("terminated")
        if ended and ended["exitCode"]:
            return f"Init:{ended['reason']}"
    for each in status.get("containerStatuses", []):
        (state,) = each["state"].values()
        if state.get("reason") not in (None, "PodInitializing", "ContainerCreating"):
            return state["reason"]
    return status.get("reason") or status.get("phase", "Pending")


def _pod(pod: Object) -> list[Any]:
    statuses = pod.get("status", {}).get("containerStatuses", [])
    ready = sum(each["ready"] for each in statuses)
    restarts = sum(each["restartCount"] for each in statuses)
    return [f"{ready}/{len(pod['spec']['containers'])}", _pod_status(pod), restarts]


def _event(event: Object) -> list[Any]:
    about = event["involvedObject"]
    return [event["type"], event["reason"], f"{about['kind'].lower()}/{about['name']}", event["message"]]


# By kind: the names of columns between that of the object and its age, and what makes them.
COLUMNS = {
    "Pod": (["Ready", "Status", "Restarts"], _pod),
    "Event": (["Type", "Reason", "Object", "Message"], _event),
    "RuntimeClass": (["Handler"], lambda found: [found["handler"]]),
    "ConfigMap": (["Data"], lambda found: [len(found.get("data", {}))]),
}


def table(kind: str, version: str, objects: list[Object]) -> Object:
    names, cells = COLUMNS.get(kind, ([], lambda found: []))
    columns = [NAME] + [{"name": name, "type": "string", "format": ""} for name in [*names, "Age"]]
    rows = [{"cells": [found["metadata"]["name"], *cells(found), _age(found)], "object": found}
            for found in objects]
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": version},
            "columnDefinitions": columns, "rows": rows}
