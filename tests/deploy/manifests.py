#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What deploy/ tells Kubernetes: that kubectl takes it, and that it fits together."""

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile

import yaml

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import api  # pylint: disable=wrong-import-position

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MESON_SKIP = 77
DEPLOY = os.path.join(TOP, "deploy")

# The fields that there may be, of those that we use; a list is one of such objects, None anything.
SOME_LABELS = {None: None}
META = {"name": None, "namespace": None, "labels": SOME_LABELS}
CONTAINER = {"name": None, "image": None, "command": None,
             "env": [{"name": None, "valueFrom": {"fieldRef": {"fieldPath": None}}}],
             "securityContext": {"privileged": None},
             "resources": {"requests": {"cpu": None, "memory": None}, "limits": {"memory": None}},
             "volumeMounts": [{"name": None, "mountPath": None}]}
POD = {"serviceAccountName": None, "hostPID": None, "nodeSelector": SOME_LABELS,
       "tolerations": [{"operator": None}], "terminationGracePeriodSeconds": None,
       "initContainers": [CONTAINER], "containers": [CONTAINER],
       "volumes": [{"name": None, "hostPath": {"path": None, "type": None}}]}
KINDS = {
    "Namespace": {},
    "ServiceAccount": {},
    "ClusterRole": {"rules": [{"apiGroups": None, "resources": None, "verbs": None}]},
    "ClusterRoleBinding": {"roleRef": {"apiGroup": None, "kind": None, "name": None},
                           "subjects": [{"kind": None, "name": None, "namespace": None}]},
    "ValidatingAdmissionPolicy": {"spec": {
        "failurePolicy": None, "matchConditions": [{"name": None, "expression": None}],
        "matchConstraints": {"resourceRules": [
            {"apiGroups": None, "apiVersions": None, "operations": None, "resources": None}]},
        "variables": [{"name": None, "expression": None}],
        "validations": [{"expression": None, "message": None}]}},
    "ValidatingAdmissionPolicyBinding": {"spec": {"policyName": None, "validationActions": None}},
    "RuntimeClass": {"handler": None, "overhead": {"podFixed": {"memory": None}},
                     "scheduling": {"nodeSelector": SOME_LABELS}},
    "DaemonSet": {"spec": {"selector": {"matchLabels": SOME_LABELS}, "updateStrategy": {"type": None},
                           "template": {"metadata": {"labels": SOME_LABELS}, "spec": POD}}},
}


def check(condition, what):
    if not condition:
        print(f"not ok {what}")
        sys.exit(1)


def check_fields(have, known, where):
    if isinstance(known, list):
        check(isinstance(have, list), f"{where} is a list")
        for i, item in enumerate(have):
            check_fields(item, known[0], f"{where}[{i}]")
    elif isinstance(known, dict):
        check(isinstance(have, dict), f"{where} is an object")
        for key, value in have.items():
            check(key in known or None in known, f"{where}.{key} is a field")
            check_fields(value, known.get(key), f"{where}.{key}")


@functools.cache
def objects(folder):
    made = subprocess.run(["kubectl", "kustomize", os.path.join(DEPLOY, folder)], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return list(yaml.safe_load_all(made))


def only(folder, kind):
    found = [o for o in objects(folder) if o["kind"] == kind]
    check(len(found) == 1, f"one {kind} in deploy/{folder}")
    return found[0]


def test_fields():
    for folder in ("", "uninstall"):
        for o in objects(folder):
            where = f"{o['kind']} {o['metadata']['name']}"
            check(o["kind"] in KINDS, f"{where} is known")
            check(o["apiVersion"] in api.KINDS and o["kind"] in api.KINDS[o["apiVersion"]],
                  f"{where} has its version")
            namespaced = api.KINDS[o["apiVersion"]][o["kind"]][1]
            check(("namespace" in o["metadata"]) == namespaced, f"{where} is where it belongs")
            check_fields(o, {"apiVersion": None, "kind": None, "metadata": META, **KINDS[o["kind"]]}, where)


def test_daemonsets():
    for folder in ("", "uninstall"):
        spec = only(folder, "DaemonSet")["spec"]
        pod = spec["template"]["spec"]
        labels = spec["template"]["metadata"]["labels"]
        check(spec["selector"]["matchLabels"].items() <= labels.items(), f"{folder}: pods are selected")
        check(pod["serviceAccountName"] == only(folder, "ServiceAccount")["metadata"]["name"],
              f"{folder}: the account is there")
        volumes = {v["name"] for v in pod["volumes"]}
        for c in pod["initContainers"] + pod["containers"]:
            check({m["name"] for m in c.get("volumeMounts", [])} <= volumes, f"{c['name']}: volumes")
            check(re.fullmatch(r"\S+/caisson-node:\S+", c["image"]), f"{c['name']}: the image's name")
    names = {only(folder, "DaemonSet")["metadata"]["name"] for folder in ("", "uninstall")}
    check(len(names) == 2, "the two are none of each other's")


def test_access():
    account = only("", "ServiceAccount")["metadata"]
    binding = only("", "ClusterRoleBinding")
    check(binding["subjects"] == [{"kind": "ServiceAccount", "name": account["name"],
                                   "namespace": account["namespace"]}], "who may")
    check(binding["roleRef"]["name"] == only("", "ClusterRole")["metadata"]["name"], "what he may")
    check(only("", "ClusterRole")["rules"] == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch"]}],
          "no more than that")


def test_policy():
    """What RBAC leaves open: it is about that account, refuses, and knows of the label that node.sh sets."""
    for folder in ("", "uninstall"):
        account = only(folder, "ServiceAccount")["metadata"]
        policy = only(folder, "ValidatingAdmissionPolicy")
        binding = only(folder, "ValidatingAdmissionPolicyBinding")["spec"]
        check(binding == {"policyName": policy["metadata"]["name"], "validationActions": ["Deny"]}, "it is in force")
        spec = policy["spec"]
        (who,) = spec["matchConditions"]
        check(f"'system:serviceaccount:{account['namespace']}:{account['name']}'" in who["expression"], "whose")
        check(spec["failurePolicy"] == "Fail", "what it does not understand is refused")
        (rules,) = only(folder, "ClusterRole")["rules"]
        (about,) = spec["matchConstraints"]["resourceRules"]
        check(set(rules["resources"]) <= set(about["resources"]), "what is allowed is looked at")
        known = {v["name"] for v in spec["variables"]}
        for each in spec["validations"]:
            used = set(re.findall(r"variables\.(\w+)", each["expression"]))
            check(used <= known, f"{used} are variables")
            check(each["expression"].count("(") == each["expression"].count(")"), "parentheses")
        (label,) = only("", "RuntimeClass")["scheduling"]["nodeSelector"]
        check(f"'{label}'" in spec["validations"][1]["expression"], "the label")


def test_what_is_named():
    """The names that node.sh, the image and the manifests have to agree on."""
    with open(os.path.join(DEPLOY, "node.sh"), encoding="utf-8") as file:
        script = file.read()
    with open(os.path.join(DEPLOY, "Containerfile"), encoding="utf-8") as file:
        image = file.read()
    runtime_class = only("", "RuntimeClass")
    check(f".runtimes.{runtime_class['handler']}]" in script, "the handler is what containerd is told")
    (label,) = runtime_class["scheduling"]["nodeSelector"]
    check(f'\\"{label}\\":' in script, "the label")
    for folder in ("", "uninstall"):
        (container,) = only(folder, "DaemonSet")["spec"]["template"]["spec"]["initContainers"]
        check(container["command"][0] in image, f"{container['command'][0]} is in the image")
        check(container["command"][1] == (folder or "install"), "it does what it is for")
        check(container["env"][0]["name"] in script, "the node's name")


def test_kubectl():
    """kubectl itself, as far as it goes without changing anything."""
    with api.Server() as server, tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "HOME": home, "KUBECONFIG": "/dev/null"}
        for folder in ("", "uninstall"):
            done = subprocess.run(
                ["kubectl", f"--server=http://127.0.0.1:{server.port}", f"--cache-dir={home}", "apply",
                 "--dry-run=client", "--validate=false", "-o", "name", "-k", os.path.join(DEPLOY, folder)],
                check=False, env=env, timeout=60, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            check(done.returncode == 0, f"kubectl apply -k deploy/{folder}: {done.stderr}")
            check(len(done.stdout.split()) == len(objects(folder)), f"all of it: {done.stdout}")


def main():
    if not shutil.which("kubectl"):
        print("there is no kubectl")
        return MESON_SKIP
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"ok {name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
