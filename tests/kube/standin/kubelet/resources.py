# SPDX-License-Identifier: Apache-2.0
"""What requests and limits become: cgroups' numbers, and the pod's class, which decides who is killed first."""

import os
from typing import Any

from standin.kubelet.quantity import milli, parse

Object = dict[str, Any]
PERIOD = 100_000
LEAST_SHARES, LEAST_QUOTA = 2, 1000


def _all(spec: Object) -> list[Object]:
    return spec.get("initContainers", []) + spec["containers"]


def qos(spec: Object) -> str:
    given = [each.get("resources", {}) for each in _all(spec)]
    if not any(each.get("requests") or each.get("limits") for each in given):
        return "BestEffort"
    for each in given:
        limits, requests = each.get("limits", {}), each.get("requests", {})
        if any(name not in limits or parse(requests.get(name, limits[name])) != parse(limits[name])
               for name in ("cpu", "memory")):
            return "Burstable"
    return "Guaranteed"


def _numbers(cpu_request: int, cpu_limit: int, memory_limit: int) -> Object:
    found: Object = {"cpu_period": PERIOD, "cpu_shares": max(cpu_request * 1024 // 1000, LEAST_SHARES)}
    if cpu_limit:
        found["cpu_quota"] = max(cpu_limit * PERIOD // 1000, LEAST_QUOTA)
    if memory_limit:
        found["memory_limit_in_bytes"] = memory_limit
    return found


def _amount(container: Object, kind: str, name: str) -> int:
    value = container.get("resources", {}).get(kind, {}).get(name, 0)
    return milli(value) if name == "cpu" else int(parse(value))


def _oom_score(spec: Object, container: Object) -> int:
    """The less of the machine's memory it has asked for, the sooner it goes."""
    fixed = {"Guaranteed": -997, "BestEffort": 1000}
    if (kind := qos(spec)) in fixed:
        return fixed[kind]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(max(1000 - 1000 * _amount(container, "requests", "memory") // memory, 3), 999)


def of_container(spec: Object, container: Object) -> Object:
    found = _numbers(_amount(container, "requests", "cpu"), _amount(container, "limits", "cpu"),
                     _amount(container, "limits", "memory"))
    return {**found, "oom_score_adj": _oom_score(spec, container)}


def _total(spec: Object, kind: str, name: str) -> int:
    """What the pod needs at most at one time; 0 is no limit, as soon as one container has none."""
    apps = [_amount(each, kind, name) for each in spec["containers"]]
    inits = [_amount(each, kind, name) for each in spec.get("initContainers", [])]
    if kind == "limits" and 0 in apps + inits:
        return 0
    return max([sum(apps), *inits])


def of_sandbox(spec: Object) -> Object:
    return _numbers(_total(spec, "requests", "cpu"), _total(spec, "limits", "cpu"), _total(spec, "limits", "memory"))


def overhead(spec: Object) -> Object:
    """Which the RuntimeClass says."""
    fixed = spec.get("overhead", {})
    return _numbers(milli(fixed.get("cpu", 0)), milli(fixed.get("cpu", 0)), int(parse(fixed.get("memory", 0))))
