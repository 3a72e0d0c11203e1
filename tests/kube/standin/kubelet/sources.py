# SPDX-License-Identifier: Apache-2.0
"""The files of volumes that show what the cluster knows: configMap, secret, downwardAPI, projected."""

from typing import Any

from standin.kubelet import downward, environment
from standin.kubelet.atomic import File
from standin.kubelet.errors import Waits
from standin.store import Store

Object = dict[str, Any]
Files = dict[str, File]
MODE = 0o644
OWNERS = 0o600


def _items(values: dict[str, bytes], source: Object) -> Files:
    """All, or those that are named."""
    mode = source.get("defaultMode", MODE)
    if not source.get("items"):
        return {name: File(value, mode) for name, value in values.items()}
    found = {}
    for item in source["items"]:
        if item["key"] in values:
            found[item["path"]] = File(values[item["key"]], item.get("mode", mode))
        elif not source.get("optional"):
            raise Waits("FailedMount", f"references non-existent key: {item['key']}")
    return found


def _data(resource: str, store: Store, pod: Object, source: Object) -> Files:
    ref = {**source, "name": source.get("name") or source.get("secretName")}
    return _items(environment.data(store, resource, pod["metadata"]["namespace"], ref) or {}, source)


def _config_map(store: Store, pod: Object, source: Object) -> Files:
    return _data("configmaps", store, pod, source)


def _secret(store: Store, pod: Object, source: Object) -> Files:
    return _data("secrets", store, pod, source)


def _downward(_: Store, pod: Object, source: Object) -> Files:
    found = {}
    for item in source.get("items", []):
        if "fieldRef" in item:
            value = downward.field(pod, item["fieldRef"]["fieldPath"])
        else:
            value = downward.resource(pod, {}, item["resourceFieldRef"])
        found[item["path"]] = File(value.encode(), item.get("mode", source.get("defaultMode", MODE)))
    return found


def _token(_: Store, pod: Object, source: Object) -> Files:
    """For root, unless the pod says who else reads it."""
    context = pod["spec"].get("securityContext", {})
    mode = MODE if {"runAsUser", "fsGroup"} & set(context) else OWNERS
    return {source["path"]: File(f"token of {pod['spec']['serviceAccountName']}".encode(), mode)}


def _projected(store: Store, pod: Object, source: Object) -> Files:
    found: Files = {}
    for part in source["sources"]:
        for kind, inner in part.items():
            found |= KINDS[kind](store, pod, inner)
    return found


KINDS = {"configMap": _config_map, "secret": _secret, "downwardAPI": _downward,
         "serviceAccountToken": _token, "projected": _projected}
