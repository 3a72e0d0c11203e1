# SPDX-License-Identifier: Apache-2.0
"""What happens to a pod, as `kubectl describe` and `kubectl events` show it."""

import hashlib
from typing import Any

from standin.store import Key, Store, now

Object = dict[str, Any]


def record(store: Store, pod: Object, reason: str, message: str, container: str = "", type_: str = "Normal") -> None:
    """The same again is counted."""
    metadata = pod["metadata"]
    about = {"kind": "Pod", "apiVersion": "v1", "namespace": metadata["namespace"], "name": metadata["name"],
             "uid": metadata["uid"]}
    if container:
        about["fieldPath"] = f"spec.containers{{{container}}}"
    what = "\0".join([metadata["uid"], container, reason, message])
    name = f"{metadata['name']}.{hashlib.sha256(what.encode()).hexdigest()[:16]}"
    key = Key("events", metadata["namespace"], name)
    event = {"involvedObject": about, "reason": reason, "message": message, "type": type_, "count": 1,
             "firstTimestamp": now(), "lastTimestamp": now(), "source": {"component": "kubelet"},
             "reportingComponent": "kubelet", "metadata": {}}
    if not store.add(key, event):
        store.change(key, lambda old: {**old, "count": old["count"] + 1, "lastTimestamp": now()})


def warn(store: Store, pod: Object, reason: str, message: str, container: str = "") -> None:
    record(store, pod, reason, message, container, "Warning")
