#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What of the benchmarks would give wrong figures without anybody seeing it. Nothing is measured, and no VM booted."""

import contextlib
import importlib.machinery
import importlib.util
import io
import os
import subprocess
import sys
import types

BENCH = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, BENCH)
# pylint: disable=wrong-import-position # they are found there
from report import Report, ratio_of_neighbours
from ticker import Ticker


def program():
    """bench/run as a module."""
    loader = importlib.machinery.SourceFileLoader("run", os.path.join(BENCH, "run"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("run", loader))
    loader.exec_module(module)
    return module


def figures(report):
    return {row["name"]: row["value"] for row in report.rows}


def bench(**more):
    """What a benchmark's function needs of its object."""
    return types.SimpleNamespace(report=Report(), runs=3, **more)


def test_ratio_of_neighbours():
    # The machine was slow in the second round: the medians' ratio would be 2.5.
    assert ratio_of_neighbours([4, 40, 5], [2, 20, 2.5]) == 2
    assert ratio_of_neighbours([4, 40, 8], [2, 20, 1]) == 2
    try:
        ratio_of_neighbours([1, 2], [1])
    except ValueError:
        return
    raise AssertionError("a sample has no neighbour")


def test_nothing_measured():
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        Report().print()
    assert shown.getvalue().count("\n") == 1, shown.getvalue()


def test_kubectl_by_rounds():
    told = "".join(f"caisson into {ours}\nrunc into {runc}\ncaisson out {2 * ours}\nrunc out {runc}\n"
                   for ours, runc in ((100, 50), (900, 300), (120, 90)))
    run = program()
    run.output, run.shutil = lambda argv: told, types.SimpleNamespace(which=lambda name: name)
    made = bench(copied=1 << 20, random_file=lambda name: name)
    run.Bench.bench_kubectl(made)
    found = figures(made.report)
    ratios = [value for name, value in found.items() if name.startswith("ratio")]
    assert ratios == [0.5, 0.25], found
    assert round(found["kubectl cp into a pod"], 2) == 8.74, found


def test_memory_of_pods():
    def pod(more, *shims):
        return [{"caisson-shim": size, "qemu-system-x86": 100 + more + i} for i, size in enumerate(shims)]

    made = bench()
    program().Bench.pod_memory(made, [pod(0, 2, 3, 3.5), pod(9, 1, 2.5, 8), pod(1, 2.5, 3.25, 3.75)])
    assert [(row["name"], row["value"]) for row in made.report.rows] == [
        ("a pod alone, its container probed: caisson-shim's", 2), ("qemu-system-x86", 101), ("all together", 103),
        ("more with a second container: caisson-shim's", 1), ("all together", 2),
        ("more with a third container: caisson-shim's", 0.75), ("all together", 1.75)], made.report.rows


class Clock:
    """What passes on it is what somebody waits or takes."""

    def __init__(self):
        self.now = 0

    def passes(self, seconds):
        self.now += seconds


def ticks(begin, takes):
    """Of a probe a second, of which each takes so long. Return: (when each was due, and begun), how many were missed."""
    clock, seen = Clock(), []
    ticker = Ticker(begin, len(takes), lambda: clock.now, clock.passes)
    for due in ticker:
        seen.append((due - begin, clock.now - begin))
        clock.passes(takes[len(seen) - 1])
    return seen, ticker.missed


def test_probes_as_of_a_kubelet():
    for begin in 5, 0.1, 74565.7:
        for takes, seen, missed in (
                ([0.5, 0.5, 0.5], [(0, 0), (1, 1), (2, 2)], 0),
                # The next one is late, and begun at once; the one after that is in time.
                ([1.5, 0.25, 0.5], [(0, 0), (1, 1.5), (2, 2)], 0),
                ([1.5, 1, 0.5, 0.5], [(0, 0), (1, 1.5), (2, 2.5), (3, 3)], 0),
                # Two of them are due meanwhile, or three: only the first is kept.
                ([2.5, 0.25, 0, 0], [(0, 0), (1, 2.5), (3, 3)], 1),
                ([3.5, 0.75, 0, 0, 0, 0], [(0, 0), (1, 3.5), (4, 4.25), (5, 5)], 2),
                ([3.5, 2.25, 0, 0, 0, 0, 0], [(0, 0), (1, 3.5), (4, 5.75), (6, 6)], 3),
                # What would be due after the last one is no probe of these.
                ([0, 9.5, 0, 0], [(0, 0), (1, 1), (2, 10.5)], 1)):
            found = ticks(begin, takes)
            assert [(round(due, 6), round(begun, 6)) for due, begun in found[0]] == seen, (begin, takes, found)
            assert found[1] == missed, (begin, takes, found)


def kubectl_cp(*words):
    return subprocess.run([os.path.join(BENCH, "kubectl-cp.sh"), *words], capture_output=True, text=True, check=False)


def test_words_of_kubectl_cp():
    for word in ("-h", "--help"):
        told = kubectl_cp(word)
        assert told.returncode == 0 and told.stderr == "", told
        assert told.stdout.startswith("kubectl-cp.sh FILE ROUNDS") and told.stdout.endswith("milliseconds.\n"), told
    for words in ((), (__file__,), ("/nonesuch", "1"), (__file__, "0"), (__file__, "x"), (__file__, "1", "2")):
        told = kubectl_cp(*words)
        assert told.returncode == 2 and told.stdout == "" and told.stderr.count("\n") == 1, told


def test_figures_come_last():
    report, shown = Report(), io.StringIO()
    report.samples("the last figure", "ms", [7])
    machine = {"load": [0], "cpus": 2, "model": "", "qemu": "", "accelerator": "", "kernel": ""}
    with contextlib.redirect_stdout(shown):
        program().show(machine, 1, report, "notes of a run\n")
    lines = shown.getvalue().splitlines()
    assert "notes of a run" in lines and lines[-1].startswith("  the last figure  "), lines


def main():
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"ok {name}", flush=True)


if __name__ == "__main__":
    main()
