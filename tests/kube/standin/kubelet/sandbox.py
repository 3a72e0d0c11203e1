# SPDX-License-Identifier: Apache-2.0
"""A pod's sandbox: what its containers share, and what CRI is told of the pod as a whole."""

from typing import TYPE_CHECKING, Any, NamedTuple

from standin.kubelet import resources, security
from standin.store import Key

if TYPE_CHECKING:
    from standin.kubelet.pod import Pod

Object = dict[str, Any]
READY = 0


class Sandbox(NamedTuple):
    id: str
    ip: str
    config: Object


def _linux(pod: "Pod") -> Object:
    context = pod.spec.get("securityContext", {})
    return {"cgroup_parent": pod.cgroup, "security_context": security.of_sandbox(pod.spec),
            "sysctls": {each["name"]: each["value"] for each in context.get("sysctls", [])},
            "resources": resources.of_sandbox(pod.spec), "overhead": resources.overhead(pod.spec)}


def _ports(spec: Object) -> list[Object]:
    return [{"container_port": port["containerPort"], "host_port": port.get("hostPort", 0)}
            for container in spec["containers"] for port in container.get("ports", [])]


def _config(pod: "Pod", attempt: int) -> Object:
    metadata = pod.object["metadata"]
    return {"metadata": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid, "attempt": attempt},
            "hostname": pod.hostname, "log_directory": pod.logs, "labels": {**metadata.get("labels", {}), **pod.labels},
            "dns_config": {"servers": [pod.node.address], "searches": [f"{pod.namespace}.svc.cluster.local"],
                           "options": ["ndots:5"]},
            "annotations": metadata.get("annotations", {}), "port_mappings": _ports(pod.spec), "linux": _linux(pod)}


def _handler(pod: "Pod") -> str:
    name = pod.spec.get("runtimeClassName")
    found = pod.node.store.get(Key("runtimeclasses", "", name)) if name else None
    return found["handler"] if found else ""


def run(pod: "Pod", attempt: int) -> Sandbox:
    config = _config(pod, attempt)
    new = pod.node.containerd.call("RunPodSandbox", config=config, runtime_handler=_handler(pod)).pod_sandbox_id
    status = pod.node.containerd.call("PodSandboxStatus", pod_sandbox_id=new).status
    return Sandbox(new, status.network.ip, config)


def is_ready(pod: "Pod") -> bool:
    return pod.node.containerd.call("PodSandboxStatus", pod_sandbox_id=pod.sandbox.id).status.state == READY
