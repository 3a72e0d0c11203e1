# SPDX-License-Identifier: Apache-2.0
"""What a pod gets to know of itself: fieldRef and resourceFieldRef."""

import json
import math
import re
from typing import Any

from standin.kubelet import quantity
from standin.kubelet.errors import Waits

Object = dict[str, Any]
SUBSCRIPT = re.compile(r"^metadata\.(labels|annotations)\['(.*)'\]$")
PATHS = {
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.podIP",
}


def _all(values: dict[str, str]) -> str:
    return "\n".join(f"{name}={json.dumps(value)}" for name, value in sorted(values.items()))


def field(pod: Object, path: str) -> str:
    if found := SUBSCRIPT.match(path):
        return pod["metadata"].get(found[1], {}).get(found[2], "")
    if path in ("metadata.labels", "metadata.annotations"):
        return _all(pod["metadata"].get(path.split(".")[1], {}))
    if path not in PATHS:
        raise Waits("CreateContainerConfigError", f"fieldPath \"{path}\" is not known here")
    first, second = path.split(".")
    return str(pod.get(first, {}).get(second, ""))


def resource(pod: Object, container: Object, ref: Object) -> str:
    """In whole units of the divisor, rounded up."""
    named = ref.get("containerName")
    if named:
        container = next(each for each in pod["spec"]["containers"] if each["name"] == named)
    kind, name = ref["resource"].split(".", 1)
    value = quantity.parse(container["resources"].get(kind, {}).get(name, 0))
    divisor = quantity.parse(ref.get("divisor") or 1) or 1
    return str(math.ceil(value / divisor))
