#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many execs in a real guest, and what one of them costs.

    load.py VSOCKD VMINITD OBSERVER SPAWN                 run the tests
    load.py --figures VSOCKD VMINITD OBSERVER SPAWN RUNS  measure execs, and print the figures as JSON

OBSERVER is made of guests/guest-observer.c, SPAWN of guests/guest-spawn.c.
"""

import json
import os
import shutil
import sys
import time

from control import Events
from guest import VIRTIOFSD, Guest, process, resident
from guestlib import check, same
from ttrpc import message

EXECS, AT_A_TIME = 1000, 100
# Each prints what no other one does.
SCRIPT = "read x; seq {0} {1}; echo error {0} >&2; exit {2}"


class Many:
    """Execs that wait for a word, all of them at the same time; then that have all ended."""

    def __init__(self, guest, first, count):
        self.numbers = range(first, first + count)
        self.runs = [guest.begin(["sh", "-c", SCRIPT.format(i, i + 9, i % 200)], f"e{i}", stdin=b"",
                                 keep=True) for i in self.numbers]

    def end(self):
        for run in self.runs:
            run.inp.sendall(b"\n")
        for i, run in zip(self.numbers, self.runs):
            out = b"".join(b"%d\n" % n for n in range(i, i + 10))
            same(run.end(), (i % 200, out, b"error %d\n" % i), f"exec {i}")


def check_events(events, numbers):
    """Three of each exec, and no other."""
    seen = {}
    for _ in range(3 * len(numbers)):
        topic, event = events.next()
        seen.setdefault(event[2][0], []).append((topic, event.get(4, [0])[0]))
    for i in numbers:
        topics = [topic for topic, _ in seen[b"e%d" % i]]
        same(topics, ["/tasks/exec-added", "/tasks/exec-started", "/tasks/exit"], f"events of {i}")
        same(seen[b"e%d" % i][2][1], i % 200, f"status in the event of {i}")


def many_execs(guest):
    """Neither bytes, statuses nor events are lost, and memory is where it was."""
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    events = Events(guest)
    for first in range(0, EXECS + AT_A_TIME, AT_A_TIME):
        many = Many(guest, first, AT_A_TIME)
        many.end()
        check_events(events, many.numbers)
        if first == 0:
            before = resident(guest)
    after = resident(guest)
    check(abs(after - before) * 1.024 <= 100, f"resident: {before} kB, {after} kB after all execs")
    same(holder.close()[0], 0, "status")


# Figures; nothing fails on them.

TRUE = message(_1="caisson.guest.v1.Process", _2=process(["/bin/true"]))
EXEC = message(_1="c", _2="e", _7=TRUE)
ONE = message(_1="c", _2="e")


def milliseconds(do):
    begin = time.monotonic()
    do()
    return round((time.monotonic() - begin) * 1000, 3)


def exec_together(client):
    """Its requests sent in one piece, and no answer waited for but that of its end."""
    begin = time.monotonic()
    added, ended, started = client.begin_all(("Exec", EXEC), ("Wait", ONE), ("Start", ONE))
    client.end(ended)
    took = time.monotonic() - begin
    client.end(added)
    client.end(started)
    client.call("Delete", ONE)
    return round(took * 1000, 3)


def exec_in_turn(client):
    for method, request in (("Exec", EXEC), ("Start", ONE), ("Wait", ONE), ("Delete", ONE)):
        client.call(method, request)


def figures(runs, *programs):
    with Guest(*programs[:3]) as guest:
        shutil.copy(programs[3], guest.dir + "/tree/bin/spawn")
        guest.serve()
        holder = guest.begin(["cat"], stdin=b"", keep=True)
        client, found = guest.client, {"round_trip": [], "together": [], "in_turn": [], "spawn": []}
        # Of files that are seconds old, execs remember nothing: no image is that young.
        while time.monotonic() - guest.begun < 4:
            exec_in_turn(client)
        for _ in range(runs):
            times = {
                "round_trip": milliseconds(lambda: client.call("State", message(_1="c"))),
                "together": exec_together(client),
                "in_turn": milliseconds(lambda: exec_in_turn(client)),
                # The first of the two finds nothing in caches.
                "spawn": float(guest.run(["/bin/spawn", "2", "/bin/true"], "s")[1].split()[1]) / 1000,
            }
            for name in times:
                found[name].append(times[name])
        holder.close()
    print(json.dumps(found, indent=2))


def main(args):
    if len(args) < 4:
        sys.exit(__doc__)
    if os.geteuid() != 0 or not os.path.exists(VIRTIOFSD):
        print("ok load # SKIP virtiofsd needs root, and to be there")
        sys.exit(77)
    if args[0] == "--figures":
        figures(int(args[5]), *args[1:5])
        return
    with Guest(*args[:3]) as guest:
        try:
            guest.serve()
            many_execs(guest)
            print("ok many_execs", flush=True)
        except Exception:
            print("not ok", guest.story())
            raise


if __name__ == "__main__":
    main(sys.argv[1:])
