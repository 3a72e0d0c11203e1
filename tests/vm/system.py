#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the host asks a real guest as a whole: service System.

    system.py VSOCKD VMINITD
"""

import os
import subprocess
import sys
import tempfile

from guest import VIRTIOFSD, Guest
from guestlib import Failed, check, receive, same
from ttrpc import Refused, message, parse

INVALID, PRECONDITION = 3, 9
SERVICE = "caisson.guest.v1.System"
ALL_CAPS = 0


def call(guest, method, request=b""):
    return guest.client.call(method, request, service=SERVICE)


def refused(guest, code, part, method, request=b"", **more):
    try:
        guest.client.call(method, request, **more)
    except Refused as error:
        same(error.code, code, f"code of {method}")
        check(part in error.text, f"{part!r} is not in {error.text!r}")
        return
    raise Failed(f"{method} was not refused")


def info(guest):
    have = call(guest, "Info")
    check(have[1][0] and have[2][0].startswith(b"6."), "the versions")
    same(have[3], [b"cpu", b"cpuset", b"io", b"memory", b"pids"], "the controllers")
    check({b"direct", b"events", b"freeze"} <= set(have[4]), "the features")
    check(0 < have[5][0] < 1000, f"resident: {have[5][0]} kB")
    check(have[6][0] > 0, "context switches")
    again = call(guest, "Info")
    check(again[6][0] >= have[6][0], "context switches go back")
    same(parse(again[7][0]), {}, "a supervisor that there is not")


def frozen_and_thawed(guest):
    same(call(guest, "FreezeFilesystems"), {}, "frozen without a disk")
    call(guest, "ThawFilesystems")
    holder = guest.begin(["sh", "-c", "mknod /tmp/disk b 254 0 && mkdir -p '/tmp/a b' && "
                          "mount -t ext4 /tmp/disk '/tmp/a b' && echo up; cat"],
                         stdin=b"", keep=True, caps=ALL_CAPS)
    same(receive(holder.out, 3), b"up\n", "output")
    same(call(guest, "FreezeFilesystems")[1], [b"/tmp/a b"], "what is frozen")
    same(call(guest, "FreezeFilesystems"), {}, "frozen twice")
    # vminitd itself waits for no disk.
    check(call(guest, "Info")[1][0], "the version, meanwhile")
    writer = guest.begin(["sh", "-c", "echo $$; echo x > '/tmp/a b/file'; echo written"], "w")
    pid = b""
    while not pid.endswith(b"\n"):
        pid += receive(writer.out, 1)
    waits = f"until grep -q '^State:.D' /proc/{int(pid)}/status; do :; done"
    same(guest.run(["sh", "-c", waits], "x")[0], 0, "a writer that waits")
    call(guest, "ThawFilesystems")
    same(writer.end(), (0, b"written\n", b""), "the writer")
    same(holder.close()[0], 0, "status")


def the_time_is_set(guest):
    holder = guest.begin(["cat"], stdin=b"", keep=True)
    call(guest, "SetTime", message(_1=message(_1=2000000000, _2=5)))
    seconds = int(guest.run(["date", "+%s"], "x")[1])
    check(2000000000 <= seconds < 2000000000 + 1000, f"the time is {seconds}")
    refused(guest, INVALID, "no time", "SetTime", service=SERVICE)
    refused(guest, INVALID, "now", "SetTime", message(_1=message(_1=5, _2=1000000000)),
            service=SERVICE)
    same(holder.close()[0], 0, "status")


def random_numbers_are_reseeded(guest):
    call(guest, "Reseed", message(_1=os.urandom(32)))
    call(guest, "Reseed", message(_1=os.urandom(512)))
    refused(guest, INVALID, "seed: it has 31 bytes", "Reseed", message(_1=os.urandom(31)),
            service=SERVICE)
    refused(guest, INVALID, "seed: it has 513", "Reseed", message(_1=os.urandom(513)),
            service=SERVICE)


def nothing_begins_before_the_end(guest):
    holder = guest.begin(["cat"], stdin=b"alive", keep=True)
    # One that is refused, since a thaw may be under way, changes nothing.
    thaw = guest.client.begin("ThawFilesystems", b"", service=SERVICE)
    sync = guest.client.begin("PrepareShutdown", b"", service=SERVICE)
    guest.client.end(thaw)
    try:
        guest.client.end(sync)
    except Refused as error:
        same(error.code, PRECONDITION, "the code")
        same(guest.run(["true"], "y")[0], 0, "an exec after a refusal")
    call(guest, "PrepareShutdown")
    refused(guest, PRECONDITION, "being shut down", "Exec", message(
        _1="c", _2="x", _7=message(_1="caisson.guest.v1.Process", _2=message(_1=["true"]))))
    same(holder.close()[:2], (0, b"alive"), "who was there before")


TESTS = [info, frozen_and_thawed, the_time_is_set, random_numbers_are_reseeded,
         nothing_begins_before_the_end]


def main(args):
    if len(args) < 2:
        sys.exit(__doc__)
    if os.geteuid() != 0 or not os.path.exists(VIRTIOFSD):
        print("ok system # SKIP virtiofsd needs root, and to be there")
        sys.exit(77)
    with tempfile.NamedTemporaryFile(prefix="caisson-test-disk.") as disk:
        subprocess.run(["mke2fs", "-q", "-t", "ext4", disk.name, "16M"], check=True)
        drive = ["-drive", f"id=disk,if=none,format=raw,file={disk.name}",
                 "-device", "virtio-blk-device,drive=disk"]
        with Guest(*args[:2], devices=drive) as guest:
            try:
                guest.serve()
                for case in TESTS:
                    case(guest)
                    print("ok", case.__name__, flush=True)
            except Exception:
                print("not ok", guest.story())
                raise


if __name__ == "__main__":
    main(sys.argv[1:])
