#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Events, limits, figures and pauses of a container in a real guest.

    control.py VSOCKD VMINITD
"""

import os
import struct
import sys

from guest import VIRTIOFSD, Guest
from guestlib import Failed, check, receive, same
from ttrpc import Client, Refused, message, parse

INVALID, NOT_FOUND, PRECONDITION, UNIMPLEMENTED = 3, 5, 9, 12
PAUSED, RUNNING = 4, 2
READY = 1024
HOG = "x=0123456789; while :; do x=$x$x; done"


class Events:
    """A subscription, on a connection of its own."""

    def __init__(self, guest):
        self.sock = guest.connect(READY)
        client = Client(self.sock)
        # What follows on this connection is answered after the subscription has been made.
        client.stream("caisson.guest.v1.Events", "Stream")
        try:
            client.call("State", message(_1="nobody"))
        except Refused as error:
            same(error.code, NOT_FOUND, "the code")

    def next(self):
        """Return: topic, fields of the event."""
        size, _, kind, _ = struct.unpack(">IIBB", receive(self.sock, 10))
        same(kind, 3, "type of the frame")
        envelope = parse(receive(self.sock, size))
        event = parse(envelope[4][0])
        return envelope[3][0].decode(), parse(event[2][0]) if 2 in event else {}

    def expect(self, topic, **fields):
        have, event = self.next()
        same(have, topic, "the topic")
        for name, value in fields.items():
            same(event.get(int(name[1:]), [None])[0], value, f"field {name[1:]} of {topic}")


def refused(guest, code, part, method, request):
    try:
        guest.client.call(method, request)
    except Refused as error:
        same(error.code, code, f"code of {method}")
        check(part in error.text, f"{part!r} is not in {error.text!r}")
        return
    raise Failed(f"{method} was not refused")


def resources(**files):
    rows = [message(_1=name.replace("_", "."), _2=value) for name, value in files.items()]
    return message(_1="c", _2=message(_1="caisson.guest.v1.Resources", _2=message(_1=rows)))


def shell(guest, command, exec_id="x"):
    return guest.run(["sh", "-c", command], exec_id)


def state(guest):
    return guest.client.call("State", message(_1="c"))[4][0]


def figures(guest):
    """Return: the messages of cgroup v2's metrics: pids, cpu, memory, events."""
    stats = parse(guest.client.call("Stats", message(_1="c"))[1][0])
    same(stats[1][0], b"io.containerd.cgroups.v2.Metrics", "the type")
    metrics = parse(stats[2][0])
    return [parse(metrics[number][0]) for number in (1, 2, 4, 8)]


def a_life_in_events(guest):
    events = Events(guest)
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    same(shell(guest, "exit 3")[0], 3, "status of the exec")
    refused(guest, PRECONDITION, "running", "Start", message(_1="c"))
    same(holder.close()[0], 0, "status")
    events.expect("/tasks/create", _1=b"c", _2=b"/bundle")
    events.expect("/tasks/start", _1=b"c")
    events.expect("/tasks/exec-added", _1=b"c", _2=b"x")
    events.expect("/tasks/exec-started", _1=b"c", _2=b"x")
    events.expect("/tasks/exit", _1=b"c", _2=b"x", _4=3)
    events.expect("/tasks/exit", _1=b"c", _2=b"c", _4=None)
    events.expect("/tasks/delete", _1=b"c", _3=None)


def execs_exit_before_their_container(guest):
    events = Events(guest)
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    runs = [guest.begin(["sleep", "1000"], f"e{i}") for i in range(10)]
    guest.client.call("Kill", message(_1="c", _3=9))
    for run in runs:
        same(run.end()[0], 137, "status of an exec")
    same(holder.end()[0], 137, "status")
    exits = []
    while "/tasks/delete" not in exits[-1:]:
        topic, event = events.next()
        if topic == "/tasks/exit":
            exits.append(event[2][0])
        elif topic == "/tasks/delete":
            exits.append(topic)
    same(exits[-2], b"c", "the last to exit")
    same(sorted(exits[:-2]), sorted(b"e%d" % i for i in range(10)), "the others")


def a_subscriber_that_does_not_read(guest):
    """It misses events, learns how many, and holds nobody up."""
    lazy, awake = Events(guest), Events(guest)
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    count = 0
    # As many as fill all buffers on the way twice over.
    while count < 12000:
        guest.client.call("Exec", message(_1="c", _2=f"e{count}" + "x" * 60, _7=message(
            _1="caisson.guest.v1.Process", _2=message(_1=["true"]))))
        guest.client.call("Delete", message(_1="c", _2=f"e{count}" + "x" * 60))
        count += 1
        if count == 1:
            awake.expect("/tasks/create", _1=b"c")
            awake.expect("/tasks/start", _1=b"c")
        awake.expect("/tasks/exec-added", _1=b"c")
    same(holder.close()[0], 0, "status")
    awake.expect("/tasks/exit", _2=b"c")
    seen = lost = 0
    topic = ""
    while topic != "/caisson/events/lost":
        topic, event = lazy.next()
        seen += topic == "/tasks/exec-added"
    lost = event[1][0]
    check(lost > 0, "nothing was lost")
    # Create and start came first; exit and delete are among the lost.
    same(2 + seen + lost, count + 4, "events seen and lost")


def paused_and_resumed(guest):
    events = Events(guest)
    run = guest.begin(["sh", "-c", "while :; do :; done & cat; kill $!"], stdin=b"", keep=True)
    guest.client.call("Pause", message(_1="c"))
    same(state(guest), PAUSED, "the state")
    run.inp.sendall(b"late")
    refused(guest, PRECONDITION, "paused container", "Exec", message(
        _1="c", _2="x", _7=message(_1="caisson.guest.v1.Process", _2=message(_1=["true"]))))
    refused(guest, PRECONDITION, "paused", "Pause", message(_1="c"))
    same(len({figures(guest)[1][1][0] for _ in range(100)}), 1, "figures while paused")
    before = figures(guest)[1][1][0]
    guest.client.call("Resume", message(_1="c"))
    same(state(guest), RUNNING, "the state")
    same(receive(run.out, 4), b"late", "output")
    while figures(guest)[1][1][0] == before:
        pass
    refused(guest, PRECONDITION, "not paused", "Resume", message(_1="c"))
    guest.client.call("Pause", message(_1="c"))
    guest.client.call("Kill", message(_1="c", _3=9))
    same(run.end()[0], 137, "status of one killed while paused")
    for topic in ("create", "start", "paused", "resumed", "paused", "exit", "delete"):
        events.expect("/tasks/" + topic, _1=b"c")


def killed_while_it_is_being_paused(guest):
    """Whichever comes first, it has ended then, and can be deleted."""
    for _ in range(20):
        run = guest.begin(["sh", "-c", "while :; do :; done"])
        calls = [guest.client.begin("Pause", message(_1="c")),
                 guest.client.begin("Kill", message(_1="c", _3=9))]
        for call in calls:
            try:
                guest.client.end(call)
            except Refused as error:
                same(error.code, NOT_FOUND, "the code")
        same(run.end()[0], 137, "status")


def limited(guest):
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    guest.client.call("Update", resources(memory_max="25165824", pids_max="20",
                                          cpu_max="50000 100000"))
    same(shell(guest, "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max")[1],
         b"25165824\n20\n50000 100000\n", "what the container sees")
    pids, _, memory, _ = figures(guest)
    same(pids[2][0], 20, "limit of processes")
    same(memory[33][0], 25165824, "limit of memory")
    refused(guest, UNIMPLEMENTED, "cgroup.procs", "Update", resources(cgroup_procs="1"))
    refused(guest, UNIMPLEMENTED, "../x", "Update", message(_1="c", _2=message(
        _1="caisson.guest.v1.Resources", _2=message(_1=[message(_1="../x", _2="1")]))))
    refused(guest, INVALID, "memory.max", "Update", resources(pids_max="30", memory_max="lots"))
    same(shell(guest, "cat /sys/fs/cgroup/pids.max")[1], b"20\n", "the limit after a refusal")
    refused(guest, INVALID, "the request has no", "Update", message(_1="c"))
    same(holder.close()[0], 0, "status")


def memory_runs_out(guest):
    events = Events(guest)
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    guest.client.call("Update", resources(memory_max="16777216"))
    same(shell(guest, HOG)[0], 137, "status of the hog")
    topics = [events.next()[0] for _ in range(6)]
    check("/tasks/oom" in topics, f"no /tasks/oom in {topics}")
    same(figures(guest)[3][5][0], 1, "processes killed")
    same(holder.close()[0], 0, "status")


def true_figures(guest):
    """Against what the kernel says at the same time, through the container's own eyes."""
    holder = guest.begin(["sh", "-c", "head -c 8000000 /dev/zero >/dev/shm/x; echo up; cat"],
                         stdin=b"", keep=True)
    same(receive(holder.out, 3), b"up\n", "output")
    before = figures(guest)
    out = shell(guest, "cd /sys/fs/cgroup; head -1 cpu.stat; cat memory.current; "
                       "grep ^shmem memory.stat; cat pids.current")[1].split()
    after = figures(guest)
    check(before[1][1][0] <= int(out[1]) <= after[1][1][0], "processor time")
    same(before[0][1][0], 1, "processes")
    check(before[2][6][0] >= 8000000, "shared memory")
    same(int(out[4]), before[2][6][0], "shared memory")
    check(before[2][32][0] >= before[2][6][0], "memory")
    same(holder.close()[0], 0, "status")
    refused(guest, NOT_FOUND, "does not exist", "Stats", message(_1="c"))


TESTS = [a_life_in_events, execs_exit_before_their_container, paused_and_resumed,
         killed_while_it_is_being_paused, limited,
         memory_runs_out, true_figures, a_subscriber_that_does_not_read]


def main(args):
    if len(args) < 2:
        sys.exit(__doc__)
    if os.geteuid() != 0 or not os.path.exists(VIRTIOFSD):
        print("ok control # SKIP virtiofsd needs root, and to be there")
        sys.exit(77)
    with Guest(*args[:2]) as guest:
        try:
            guest.serve()
            for case in TESTS:
                if not args[2:] or case.__name__ in args[2:]:
                    case(guest)
                    print("ok", case.__name__, flush=True)
        except Exception:
            print("not ok", guest.story())
            raise


if __name__ == "__main__":
    main(sys.argv[1:])
