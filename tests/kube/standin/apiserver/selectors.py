# SPDX-License-Identifier: Apache-2.0
"""Field and label selectors: "metadata.name=a,status.phase!=Running", "app in (a,b),!old"."""

import re
from collections.abc import Callable
from typing import Any

Object = dict[str, Any]
# Commas within brackets separate no terms.
TERM = re.compile(r",(?![^(]*\))")
COMPARED = re.compile(r"^([^=!]+?)\s*(==|=|!=)\s*(.*)$")
SET = re.compile(r"^(\S+)\s+(in|notin)\s+\((.*)\)$")


def _field(found: Object, path: str) -> str:
    value: Any = found
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return "" if value is None else str(value)


def _label(found: Object, name: str) -> str | None:
    return found["metadata"].get("labels", {}).get(name)


def _matches(term: str, value: Callable[[str], str | None]) -> bool:
    if compared := COMPARED.match(term):
        name, operator, wanted = compared.groups()
        return (value(name) == wanted) == (operator != "!=")
    if found := SET.match(term):
        name, operator, among = found.groups()
        return (value(name) in re.split(r"\s*,\s*", among.strip())) == (operator == "in")
    return (value(term.lstrip("!")) is None) == term.startswith("!")


def matches(found: Object, fields: str, labels: str) -> bool:
    return (all(_matches(term.strip(), lambda name: _field(found, name)) for term in TERM.split(fields) if term)
            and all(_matches(term.strip(), lambda name: _label(found, name)) for term in TERM.split(labels) if term))
