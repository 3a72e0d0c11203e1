#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What of the stand-in for Kubernetes can be wrong without anybody seeing it: tables of what goes in and comes out."""

import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
# pylint: disable=wrong-import-position # they are found there
from standin.apiserver import logs, patch, selectors
from standin.kubelet import atomic, downward, environment, quantity, resources
from standin.store import Key, Store


def test_quantities() -> None:
    for text, value in (("100m", 100), ("1", 1000), ("1.5", 1500), ("1Ki", 1024000), ("2M", 2_000_000_000),
                        ("1e3", 1_000_000), (0, 0)):
        assert quantity.milli(text) == value, text


def test_selectors() -> None:
    pod = {"metadata": {"name": "a", "labels": {"app": "x", "tier": "1"}}, "spec": {"nodeName": "n"}}
    for fields, labels, wanted in (
            ("", "", True), ("metadata.name=a", "", True), ("metadata.name=b", "", False),
            ("metadata.name!=b,spec.nodeName==n", "", True), ("status.phase!=Running", "", True),
            ("", "app=x", True), ("", "app!=x", False), ("", "none!=x", True), ("", "app", True), ("", "!app", False),
            ("", "app in (w, x),tier=1", True), ("", "app notin (x)", False), ("", "other notin (x)", True)):
        assert selectors.matches(pod, fields, labels) == wanted, (fields, labels)


def test_patches() -> None:
    assert patch.merge({"a": {"b": 1, "c": 2}, "l": [1]}, {"a": {"b": None}, "l": [2]}) == {"a": {"c": 2}, "l": [2]}
    old = {"containers": [{"name": "a", "image": "i"}, {"name": "b"}], "args": [1, 2]}
    for change, new in (
            ({"containers": [{"name": "a", "image": "j"}]},
             {"containers": [{"name": "a", "image": "j"}, {"name": "b"}], "args": [1, 2]}),
            ({"containers": [{"name": "a", "$patch": "delete"}]}, {"containers": [{"name": "b"}], "args": [1, 2]}),
            ({"containers": [{"$patch": "replace"}, {"name": "c"}]}, {"containers": [{"name": "c"}], "args": [1, 2]}),
            ({"containers": [{"name": "c"}], "$setElementOrder/containers": [{"name": "c"}, {"name": "b"}, {"name": "a"}]},
             {"containers": [{"name": "c"}, {"name": "b"}, {"name": "a", "image": "i"}], "args": [1, 2]}),
            ({"args": [3]}, {"containers": old["containers"], "args": [3]}),
            ({"$deleteFromPrimitiveList/args": [1]}, {"containers": old["containers"], "args": [2]}),
            ({"$retainKeys": ["args"], "args": None}, {}),
            ({"$patch": "replace", "x": 1}, {"x": 1})):
        assert patch.strategic(old, change) == new, change
    assert old["args"] == [1, 2]


def test_words() -> None:
    known = {"A": "a$(B)", "B": "b"}
    for text, wanted in (("$(A)", "a$(B)"), ("$$(A)", "$(A)"), ("$$$(B)", "$b"), ("$(C)$", "$(C)$"), ("$A", "$A"),
                         ("$(", "$("), ("", ""), ("$()", "$()"), ("$($$)", "$($$)"), ("$x$(B)", "$xb"), ("$((B))", "$((B))"),
                         ("$$$$", "$$"), ("$(B)$(B", "b$(B")):
        assert environment.expand(text, known) == wanted, text


def test_environment() -> None:
    store = Store()
    store.add(Key("configmaps", "n", "words"), {"data": {"x": "1"}})
    store.add(Key("secrets", "n", "s"), {"data": {"k": "djE="}})
    pod = {"metadata": {"name": "p", "namespace": "n", "labels": {"a": "l"}}, "spec": {"containers": []}}
    container = {"envFrom": [{"configMapRef": {"name": "words"}, "prefix": "P"}], "resources": {"limits": {"cpu": "1500m"}},
                 "env": [{"name": "A", "value": "$(Px)"}, {"name": "K", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
                         {"name": "C", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}},
                         {"name": "N", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "k", "optional": True}}}]}
    assert (have := environment.variables(store, pod, container)) == {"Px": "1", "A": "1", "K": "v1", "C": "2"}, have
    assert downward.field(pod, "metadata.labels['a']") == "l"
    assert downward.field(pod, "metadata.labels") == 'a="l"'


def test_classes() -> None:
    def of(*given: dict) -> dict:
        return {"containers": [{"resources": each} for each in given]}
    both = {"cpu": "1", "memory": "1Gi"}
    full = {"limits": both, "requests": both}
    for spec, wanted in ((of({}), "BestEffort"), (of(full), "Guaranteed"), (of(full, {}), "Burstable"),
                         (of({"requests": {"cpu": "1"}}), "Burstable"), (of({"limits": both}), "Guaranteed"),
                         (of({"limits": both, "requests": {"cpu": "500m"}}), "Burstable")):
        assert resources.qos(spec) == wanted, spec
    assert resources.of_sandbox(of(full, full)) == {"cpu_period": 100000, "cpu_shares": 2048, "cpu_quota": 200000,
                                                   "memory_limit_in_bytes": 2 << 30}
    # One that has no limit leaves the pod without any.
    assert resources.of_sandbox(of(full, {})) == {"cpu_period": 100000, "cpu_shares": 1024}


def test_log_lines() -> None:
    entries = [logs.parse(line) for line in (b"T1 stdout F one", b"T2 stdout P tw", b"T3 stdout F o", b"T4 stderr F ",
                                             b"T5 stdout P unfinished")]
    for count, wanted in ((0, []), (1, [4]), (2, [3, 4]), (3, [1, 2, 3, 4]), (4, [0, 1, 2, 3, 4]), (9, [0, 1, 2, 3, 4])):
        assert logs.last_lines(entries, count) == [entries[each] for each in wanted], count


def test_atomic_folder() -> None:
    with tempfile.TemporaryDirectory() as work:
        folder = os.path.join(work, "v")
        atomic.write(folder, {"a": atomic.File(b"1", 0o644), "d/b": atomic.File(b"2", 0o600)})
        first = os.readlink(os.path.join(folder, "..data"))
        atomic.write(folder, {"a": atomic.File(b"1", 0o644), "d/b": atomic.File(b"2", 0o600)})
        assert os.readlink(os.path.join(folder, "..data")) == first
        assert os.readlink(os.path.join(folder, "d")) == "..data/d"
        assert os.stat(os.path.join(folder, "d/b")).st_mode & 0o777 == 0o600
        atomic.write(folder, {"c": atomic.File(b"3", 0o644)})
        second = os.readlink(os.path.join(folder, "..data"))
        assert sorted(os.listdir(folder)) == sorted(["..data", second, "c"]) and second != first


def main() -> None:
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"ok {name}", flush=True)


if __name__ == "__main__":
    main()
