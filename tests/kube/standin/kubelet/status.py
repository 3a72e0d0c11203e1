# SPDX-License-Identifier: Apache-2.0
"""What kubectl gets to see of a pod: its status, made of what CRI says of its containers."""

import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from standin.kubelet.container import Container
    from standin.kubelet.pod import Pod

Object = dict[str, Any]
LISTS = {"initContainerStatuses": ("init", "sidecar"), "containerStatuses": ("app",),
         "ephemeralContainerStatuses": ("ephemeral",)}


def _time(nanoseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(nanoseconds / 1e9, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def terminated(container: "Container") -> Object:
    """Of one that has ended."""
    said = container.status
    found = {"exitCode": said.exit_code, "reason": said.reason or ("Error" if said.exit_code else "Completed"),
             "startedAt": _time(said.started_at), "finishedAt": _time(said.finished_at),
             "containerID": f"containerd://{said.id}"}
    if container.message:
        found["message"] = container.message
    return found


def _state(container: "Container") -> Object:
    if container.running:
        return {"running": {"startedAt": _time(container.status.started_at)}}
    if container.waiting:
        return {"waiting": {"reason": container.waiting, "message": container.message}}
    if container.ended:
        return {"terminated": terminated(container)}
    starting = "PodInitializing" if any(each.kind == "init" for each in container.pod.containers) else "ContainerCreating"
    return {"waiting": {"reason": starting}}


def _last(container: "Container") -> Object:
    if container.ended and container.waiting:
        return {"terminated": terminated(container)}
    return {"terminated": container.last} if container.last else {}


def _of_container(container: "Container") -> Object:
    said = container.status
    return {"name": container.name, "image": container.spec["image"], "imageID": said.image_ref if said else "",
            "containerID": f"containerd://{container.id}" if container.id else "",
            "restartCount": max(container.attempt, 0), "started": container.running and container.started,
            "ready": container.ready if container.kind in ("app", "sidecar") else _succeeded(container),
            "state": _state(container), "lastState": _last(container)}


def _succeeded(container: "Container") -> bool:
    return container.ended and container.status.exit_code == 0


def initialized(pod: "Pod") -> bool:
    return all(_succeeded(each) if each.kind == "init" else each.started
               for each in pod.containers if each.kind in ("init", "sidecar"))


def phase(pod: "Pod") -> str:
    """Succeeded and Failed are for ever."""
    apps = [each for each in pod.containers if each.kind == "app"]
    inits = [each for each in pod.containers if each.kind == "init"]
    if any(each.ended and not _succeeded(each) and not each.again() for each in inits):
        return "Failed"
    if all(each.ended and not each.again() for each in apps):
        return "Succeeded" if all(_succeeded(each) for each in apps) else "Failed"
    return "Running" if initialized(pod) and all(each.ids for each in apps) else "Pending"


def _conditions(pod: "Pod", old: list[Object], now: str) -> list[Object]:
    ready = all(each.ready for each in pod.containers if each.kind in ("app", "sidecar"))
    values = {"Initialized": initialized(pod), "Ready": ready, "ContainersReady": ready, "PodScheduled": True}
    since = {each["type"]: each for each in old}
    found = []
    for name, value in values.items():
        status = str(value)
        before = since.get(name, {})
        changed = before["lastTransitionTime"] if before.get("status") == status else now
        found.append({"type": name, "status": status, "lastProbeTime": None, "lastTransitionTime": changed})
    return found


def of_pod(pod: "Pod", old: Object, now: str) -> Object:
    ip = pod.sandbox.ip if pod.sandbox else ""
    found = {"phase": phase(pod), "hostIP": pod.node.address, "qosClass": pod.qos, "startTime": old.get("startTime", now),
             "conditions": _conditions(pod, old.get("conditions", []), now)}
    if ip:
        found |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    for name, kinds in LISTS.items():
        statuses = [_of_container(each) for each in pod.containers if each.kind in kinds]
        if statuses:
            found[name] = statuses
    return found
