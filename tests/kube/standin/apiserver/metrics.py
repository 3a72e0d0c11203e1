# SPDX-License-Identifier: Apache-2.0
"""`kubectl top`: what CRI counts, in the form of metrics-server."""

from typing import Any

from standin.kubelet.node import Node
from standin.store import now

Object = dict[str, Any]


def _usage(stats: Any, started: int) -> Object:
    """Of processors its average since it was started: there is no other that one reading gives."""
    lived = max(stats.cpu.timestamp - started, 1)
    nanocores = stats.cpu.usage_core_nano_seconds.value * 1_000_000_000 // lived
    return {"cpu": f"{nanocores}n", "memory": f"{stats.memory.working_set_bytes.value // 1024}Ki"}


def of_pods(node: Node, namespace: str, name: str) -> list[Object]:
    """Those whose containers run: all, or one."""
    stats = {each.attributes.id: each for each in node.containerd.call("ListContainerStats").stats}
    found = []
    for pod in node.running():
        if namespace not in ("", pod.namespace) or name not in ("", pod.name):
            continue
        usages = [{"name": each.name, "usage": _usage(stats[each.id], each.status.started_at)}
                  for each in pod.containers if each.id in stats and each.running]
        if usages:
            found.append({"kind": "PodMetrics", "apiVersion": "metrics.k8s.io/v1beta1", "timestamp": now(),
                          "window": "15s", "containers": usages,
                          "metadata": {"name": pod.name, "namespace": pod.namespace}})
    return found
