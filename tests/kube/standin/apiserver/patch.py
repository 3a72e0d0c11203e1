# SPDX-License-Identifier: Apache-2.0
"""Patches as kubectl sends them: JSON merge patches, and strategic ones, which know that lists are tables."""

import copy
from typing import Any

Object = dict[str, Any]
# By which field of an element it is known, for each list that is not replaced as a whole.
KEYS = dict.fromkeys(["containers", "initContainers", "ephemeralContainers", "volumes", "env", "imagePullSecrets"],
                     "name")
KEYS |= {"volumeMounts": "mountPath", "volumeDevices": "devicePath", "ports": "containerPort",
         "hostAliases": "ip", "conditions": "type"}
ORDER, KEEP, REMOVE, DIRECTIVE = "$setElementOrder/", "$retainKeys", "$deleteFromPrimitiveList/", "$patch"


def merge(old: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    new = dict(old) if isinstance(old, dict) else {}
    for name, value in patch.items():
        if value is None:
            new.pop(name, None)
        else:
            new[name] = merge(new.get(name), value)
    return new


def _merge_list(name: str, old: list, patch: list) -> list:
    key = KEYS.get(name)
    if key is None or not all(isinstance(each, dict) for each in patch):
        return patch
    if any(each.get(DIRECTIVE) == "replace" for each in patch):
        return [each for each in patch if DIRECTIVE not in each]
    new = {each[key]: each for each in old}
    for each in patch:
        if each.get(DIRECTIVE) == "delete":
            new.pop(each[key], None)
        else:
            new[each[key]] = strategic(new.get(each[key], {}), each)
    return list(new.values())


def _ordered(name: str, found: list, order: list) -> list:
    """As the patch says; what it does not name comes after."""
    key = KEYS.get(name)
    place = {(each[key] if isinstance(each, dict) else each): number for number, each in enumerate(order)}
    return sorted(found, key=lambda each: place.get(each[key] if isinstance(each, dict) else each, len(place)))


def _merge_field(new: Object, name: str, value: Any) -> None:
    if value is None:
        new.pop(name, None)
    elif isinstance(value, dict):
        new[name] = strategic(new.get(name) or {}, value)
    elif isinstance(value, list):
        new[name] = _merge_list(name, new.get(name) or [], value)
    else:
        new[name] = value


def strategic(old: Object, patch: Object) -> Object:
    if patch.get(DIRECTIVE) == "replace":
        return {name: value for name, value in patch.items() if name != DIRECTIVE}
    new = copy.deepcopy(old)
    if KEEP in patch:
        new = {name: value for name, value in new.items() if name in patch[KEEP]}
    for name, value in patch.items():
        if not name.startswith("$"):
            _merge_field(new, name, value)
        elif name.startswith(REMOVE):
            field = name[len(REMOVE):]
            new[field] = [each for each in new.get(field, []) if each not in value]
    for name, value in patch.items():
        if name.startswith(ORDER) and name[len(ORDER):] in new:
            new[name[len(ORDER):]] = _ordered(name[len(ORDER):], new[name[len(ORDER):]], value)
    return new


BY_TYPE = {
    "application/merge-patch+json": merge,
    "application/strategic-merge-patch+json": strategic,
}
