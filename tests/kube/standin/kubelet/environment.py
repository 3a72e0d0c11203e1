# SPDX-License-Identifier: Apache-2.0
"""A container's environment, and what "$(NAME)" in its command, arguments and values becomes."""

import base64
import re
from typing import Any

from standin.kubelet import downward
from standin.kubelet.errors import Waits
from standin.store import Key, Store

Object = dict[str, Any]
REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


def expand(text: str, known: dict[str, str]) -> str:
    """ "$$" is a dollar; what is not known stays as it is."""
    def value(found: re.Match[str]) -> str:
        return "$" if found[1] is None else known.get(found[1], found[0])
    return REFERENCE.sub(value, text)


def data(store: Store, resource: str, namespace: str, ref: Object) -> dict[str, bytes] | None:
    """What a ConfigMap or a Secret holds; None if there need not be one."""
    found = store.get(Key(resource, namespace, ref["name"]))
    if found is None:
        if ref.get("optional"):
            return None
        raise Waits("CreateContainerConfigError", f"{resource[:-1]} \"{ref['name']}\" not found")
    if resource == "configmaps":
        plain = {name: value.encode() for name, value in found.get("data", {}).items()}
        return plain | {name: base64.b64decode(value) for name, value in found.get("binaryData", {}).items()}
    plain = {name: value.encode() for name, value in found.get("stringData", {}).items()}
    return {name: base64.b64decode(value) for name, value in found.get("data", {}).items()} | plain


REFERENCES = {"configMapKeyRef": "configmaps", "secretKeyRef": "secrets",
              "configMapRef": "configmaps", "secretRef": "secrets"}


def _of_key(store: Store, pod: Object, kind: str, ref: Object) -> str | None:
    values = data(store, REFERENCES[kind], pod["metadata"]["namespace"], ref)
    if values is not None and ref["key"] in values:
        return values[ref["key"]].decode()
    if values is None or ref.get("optional"):
        return None
    raise Waits("CreateContainerConfigError", f"couldn't find key {ref['key']} in {REFERENCES[kind]} {ref['name']}")


def _from(store: Store, pod: Object, container: Object, source: Object) -> str | None:
    ((kind, ref),) = source.items()
    if kind == "fieldRef":
        return downward.field(pod, ref["fieldPath"])
    if kind == "resourceFieldRef":
        return downward.resource(pod, container, ref)
    return _of_key(store, pod, kind, ref)


def variables(store: Store, pod: Object, container: Object) -> dict[str, str]:
    """In the order they are given: later ones may name earlier ones."""
    found: dict[str, str] = {}
    for each in container.get("envFrom", []):
        for kind in ("configMapRef", "secretRef"):
            if kind in each:
                values = data(store, REFERENCES[kind], pod["metadata"]["namespace"], each[kind]) or {}
                found |= {each.get("prefix", "") + name: value.decode() for name, value in values.items()}
    for each in container.get("env", []):
        if "valueFrom" not in each:
            found[each["name"]] = expand(each.get("value", ""), found)
        elif (value := _from(store, pod, container, each["valueFrom"])) is not None:
            found[each["name"]] = value
    return found
