#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the suites and adds up what they report.

A suite is a list of steps. A step is a command whose output has TAP-like lines, "ok NAME" and
"not ok NAME" with lines "  | why", "ok NAME # SKIP why", or a meson test run, whose log is read. CAISSON_TEST_STRICT=1
turns skips into failures.
"""

import json
import os
import platform
import re
import subprocess
import sys
import time
from concurrent import futures

import real

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
JOBS = str(os.cpu_count() or 2)
MACHINE = platform.machine()
MESON_SKIP = 77
DETAIL = "  | "
DETAIL_LINES = 8
LINE = re.compile(r"^\s*(not ok|ok)\b(?:\s+\d+)?(?:\s+-)?\s*(.*?)(?:\s*#\s*SKIP\s*(.*))?$", re.I)


class Tally:
    def __init__(self):
        self.passed, self.failures, self.skips = 0, [], []
        self.details = {}

    def line(self, suite, text):
        if text.startswith(DETAIL) and self.failures:
            self.details.setdefault(self.failures[-1], []).append(text)
        found = LINE.match(text)
        if not found:
            return False
        verdict, name, skip = found.groups()
        if verdict == "not ok":
            self.failures.append(f"{suite}: {name}")
        elif skip is not None:
            self.skips.append(f"{suite}: {name}: {skip}")
        else:
            self.passed += 1
        return True


def run(argv, **more):
    return subprocess.run(argv, cwd=TOP, check=False, **more)


def configure(build, *options):
    if not os.path.exists(os.path.join(TOP, build, "build.ninja")):
        run(["meson", "setup", *options, build], stdout=subprocess.DEVNULL).check_returncode()
    return run(["ninja", "-C", build, "--quiet"]).returncode == 0


def meson_results(log):
    with open(log, encoding="utf-8") as file:
        for text in file:
            yield json.loads(text)


def meson(tally, suite, build, *arguments, options=()):
    """A meson test run; each test's own "ok" lines count, or the test as one."""
    if not configure(build, *options):
        tally.failures.append(f"{suite}: {build} does not build")
        return
    wrapper = "-valgrind" if "--wrap" in arguments else ""
    log = os.path.join(TOP, build, "meson-logs", f"testlog{wrapper}.json")
    if os.path.exists(log):
        os.remove(log)
    run(["meson", "test", "-C", build, "--no-rebuild", "--num-processes", JOBS, *arguments])
    if not os.path.exists(log):
        tally.failures.append(f"{suite}: no test ran")
        return
    for result in meson_results(log):
        lines = (result.get("stdout") or "").splitlines()
        known = len(tally.failures)
        counted = sum(tally.line(suite, line) for line in lines)
        if result["returncode"] == MESON_SKIP:
            why = lines[-1] if lines else "no reason given"
            tally.skips.append(f"{suite}: {result['name']}: {why}")
        elif result["result"] not in ("OK", "EXPECTEDFAIL"):
            if len(tally.failures) == known:
                tally.failures.append(f"{suite}: {result['name']}: {result['result']}")
            sys.stdout.write((result.get("stdout") or "")[-4000:])
            sys.stdout.write((result.get("stderr") or "")[-4000:])
        elif counted == 0:
            tally.passed += 1


def suite_unit(tally):
    meson(tally, "unit", "build/host", "--suite", "unit", "--suite", "fuzz")


def suite_sanitize(tally):
    meson(tally, "sanitize", "build/sanitize", "--suite", "unit", "--suite", "fuzz",
          "--suite", "image", "--suite", "sanitized", "-t", "4",
          options=["-Db_sanitize=address,undefined", "-Db_lundef=false"])


def suite_valgrind(tally):
    wrap = "valgrind --quiet --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite"
    meson(tally, "valgrind", "build/host", "--suite", "guest", "--wrap", wrap, "-t", "20")


def suite_interop(tally):
    meson(tally, "interop", "build/host", "--suite", "interop")


def suite_image(tally):
    meson(tally, "image", "build/host", "--suite", "image")


class Kernels:
    """The tuned kernels, from the cache, or built in turn while suites run, of what they leave of the processors."""

    def __init__(self):
        self.queue, self.builds, self.child = futures.ThreadPoolExecutor(max_workers=1), {}, None

    @staticmethod
    def log(arch):
        return os.path.join(TOP, f"build/kernel-{arch}.log")

    def build(self, arch):
        with open(self.log(arch), "wb") as log:
            # pylint: disable-next=consider-using-with # end() ends it
            self.child = subprocess.Popen(["chrt", "--idle", "0", "build/bin/caisson", "kernel", "build",
                                           "--arch", arch], cwd=TOP, stdout=log, stderr=log)
        return self.child.wait() == 0

    def begin(self, arch):
        if arch not in self.builds:
            self.builds[arch] = self.queue.submit(self.build, arch)

    def ready(self, arch):
        self.begin(arch)
        if self.builds[arch].result():
            return True
        run(["cat", self.log(arch)])
        return False

    def end(self):
        self.queue.shutdown(wait=False, cancel_futures=True)
        if self.child:
            self.child.terminate()


KERNELS = Kernels()


def suite_vm(tally):
    if not KERNELS.ready(MACHINE):
        tally.failures.append("vm: the kernel was not built")
        return
    meson(tally, "vm", "build/host", "--suite", "vm")


def suite_aarch64(tally):
    if not KERNELS.ready("aarch64") or run(["cross/aarch64", "build/aarch64"]).returncode != 0:
        tally.failures.append("aarch64: the kernel or vminitd was not built")
        return
    meson(tally, "aarch64", "build/host", "--suite", "aarch64")


def suite_firecracker(tally):
    """Of the others, what has to do with Firecracker; of a real one not what tests the stand-in."""
    suites = ["firecracker"] if real.VARIABLE in os.environ else ["firecracker", "standin"]
    if not KERNELS.ready(MACHINE):
        tally.failures.append("firecracker: the kernel was not built")
        return
    meson(tally, "firecracker", "build/host",
          *(word for suite in suites for word in ("--suite", suite)))


def suite_lint(tally):
    meson(tally, "lint", "build/host", "--suite", "lint", "-t", "4")


SUITES = {
    "lint": suite_lint,
    "unit": suite_unit,
    "sanitize": suite_sanitize,
    "valgrind": suite_valgrind,
    "interop": suite_interop,
    "image": suite_image,
    "vm": suite_vm,
    "aarch64": suite_aarch64,
}
PARTS = {"firecracker": suite_firecracker}
# Which they wait for, in the order in which they do.
NEEDED_KERNELS = {"vm": MACHINE, "firecracker": MACHINE, "aarch64": "aarch64"}


def report(tally):
    strict = os.environ.get("CAISSON_TEST_STRICT") == "1"
    for skip in tally.skips:
        print(f"{'FAILED' if strict else 'skipped'}: {skip}")
    for failure in tally.failures:
        print("\n".join([f"FAILED: {failure}", *tally.details.get(failure, [])[-DETAIL_LINES:]]))
    failed = len(tally.failures) + (len(tally.skips) if strict else 0)
    print(f"{tally.passed} passed, {failed} failed, {len(tally.skips)} skipped")
    return 1 if failed or tally.passed == 0 else 0


def main(names):
    if names == ["firecracker", "--real"]:
        names = names[:1]
        lack = real.lacking()
        if lack:
            print(lack, file=sys.stderr)
            return 1
        os.environ[real.VARIABLE] = "real"
    suites = {**SUITES, **PARTS}
    unknown = [name for name in names if name not in suites]
    if unknown:
        print(f"unknown suite {unknown[0]}: one of {', '.join(suites)}", file=sys.stderr)
        return 2
    tally, wanted = Tally(), names or SUITES
    try:
        for suite, arch in NEEDED_KERNELS.items():
            if suite in wanted:
                KERNELS.begin(arch)
        for name in wanted:
            begin = time.monotonic()
            print(f"== {name}", flush=True)
            suites[name](tally)
            print(f"== {name}: {time.monotonic() - begin:.0f} s", flush=True)
    finally:
        KERNELS.end()
    return report(tally)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
