# SPDX-License-Identifier: Apache-2.0
"""securityContext, a pod's and a container's, in CRI's terms."""

from typing import Any

Object = dict[str, Any]
MASKED = ["/proc/asound", "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
          "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
PROFILES = {"RuntimeDefault": "RuntimeDefault", "Unconfined": "Unconfined", "Localhost": "Localhost"}


def namespaces(spec: Object, target: str = "") -> Object:
    found = {"network": "NODE" if spec.get("hostNetwork") else "POD",
             "ipc": "NODE" if spec.get("hostIPC") else "POD", "pid": "CONTAINER"}
    if spec.get("hostPID"):
        found["pid"] = "NODE"
    elif spec.get("shareProcessNamespace"):
        found["pid"] = "POD"
    elif target:
        found |= {"pid": "TARGET", "target_id": target}
    return found


def _seccomp(context: Object) -> Object:
    profile = context.get("seccompProfile", {"type": "Unconfined"})
    return {"profile_type": PROFILES[profile["type"]], "localhost_ref": profile.get("localhostProfile", "")}


def _identity(context: Object) -> Object:
    names = {"run_as_user": "runAsUser", "run_as_group": "runAsGroup"}
    return {ours: {"value": context[theirs]} for ours, theirs in names.items() if theirs in context}


def _groups(spec: Object) -> list[int]:
    context = spec.get("securityContext", {})
    return context.get("supplementalGroups", []) + ([context["fsGroup"]] if "fsGroup" in context else [])


def of_sandbox(spec: Object) -> Object:
    context = spec.get("securityContext", {})
    privileged = any(each.get("securityContext", {}).get("privileged", False) for each in spec["containers"])
    return {**_identity(context), "namespace_options": namespaces(spec), "privileged": privileged,
            "supplemental_groups": _groups(spec), "seccomp": _seccomp(context)}


def of_container(spec: Object, container: Object, target: str) -> Object:
    context = {**spec.get("securityContext", {}), **container.get("securityContext", {})}
    privileged = context.get("privileged", False)
    found = {**_identity(context), "namespace_options": namespaces(spec, target), "privileged": privileged,
             "supplemental_groups": _groups(spec), "seccomp": _seccomp(context),
             "readonly_rootfs": context.get("readOnlyRootFilesystem", False),
             "no_new_privs": context.get("allowPrivilegeEscalation") is False}
    if not privileged:
        capabilities = context.get("capabilities", {})
        found["capabilities"] = {"add_capabilities": capabilities.get("add", []),
                                 "drop_capabilities": capabilities.get("drop", [])}
        if context.get("procMount") != "Unmasked":
            found |= {"masked_paths": MASKED, "readonly_paths": READ_ONLY}
    return found
