# SPDX-License-Identifier: Apache-2.0
"""What a server does with pods before they are kept: defaults, the RuntimeClass, and how they go."""

from typing import Any

from standin.apiserver.http import Refused, Request
from standin.store import Key, Store, now

Object = dict[str, Any]
NODE = "standin"
TOKEN = "kube-api-access"
TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
POD = {"restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
       "serviceAccountName": "default", "nodeName": NODE, "enableServiceLinks": True}
CONTAINER = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
             "imagePullPolicy": "IfNotPresent"}
# But for the time that an answer may take: guests that are emulated are in no hurry.
PROBE = {"timeoutSeconds": 30, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
PROBES = ["startupProbe", "livenessProbe", "readinessProbe"]
LISTS = ["initContainers", "containers", "ephemeralContainers"]


def _defaults(found: Object, values: Object) -> None:
    for name, value in values.items():
        found.setdefault(name, value)


def complete_container(container: Object) -> None:
    _defaults(container, CONTAINER)
    container.setdefault("resources", {})
    resources = container["resources"]
    if "limits" in resources:
        resources["requests"] = {**resources["limits"], **resources.get("requests", {})}
    for name in PROBES:
        if name in container:
            _defaults(container[name], PROBE)


def _runtime_class(spec: Object, store: Store) -> None:
    """Its overhead becomes the pod's."""
    name = spec.get("runtimeClassName")
    if not name:
        return
    found = store.get(Key("runtimeclasses", "", name))
    if found is None:
        raise Refused(422, f"pod rejected: RuntimeClass \"{name}\" not found")
    if "overhead" in found:
        spec["overhead"] = found["overhead"]["podFixed"]


def _token(spec: Object) -> None:
    """Which every container gets that does not say otherwise."""
    if spec.get("automountServiceAccountToken") is False:
        return
    sources = [{"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
               {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}}]
    spec.setdefault("volumes", []).append({"name": TOKEN, "projected": {"sources": sources}})
    for container in spec.get("initContainers", []) + spec["containers"]:
        mounts = container.setdefault("volumeMounts", [])
        if not any(mount["mountPath"] == TOKEN_PATH for mount in mounts):
            mounts.append({"name": TOKEN, "readOnly": True, "mountPath": TOKEN_PATH})


def complete(pod: Object, store: Store) -> None:
    spec = pod.setdefault("spec", {})
    if not spec.get("containers"):
        raise Refused(422, f"Pod \"{pod['metadata']['name']}\" is invalid: spec.containers: Required value")
    _defaults(spec, POD)
    _runtime_class(spec, store)
    for which in LISTS:
        for container in spec.get(which, []):
            if not container.get("image"):
                raise Refused(422, f"spec.{which}[{container.get('name')}].image: Required value")
            complete_container(container)
    _token(spec)
    pod["status"] = {"phase": "Pending"}


def delete(store: Store, pod: Object, options: Object, request: Request) -> Object:
    """With grace its kubelet does it; without any it is gone here and now."""
    key = Key("pods", pod["metadata"]["namespace"], pod["metadata"]["name"])
    grace = request.number("gracePeriodSeconds")
    if grace is None:
        grace = options.get("gracePeriodSeconds")
    if grace is None:
        grace = pod["spec"]["terminationGracePeriodSeconds"]
    if grace == 0:
        return store.remove(key) or pod

    def mark(found: Object) -> None:
        found["metadata"].setdefault("deletionTimestamp", now())
        found["metadata"]["deletionGracePeriodSeconds"] = grace

    return store.change(key, mark) or pod
