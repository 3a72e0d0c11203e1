#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the host asks a real guest as a whole: services System and Network.

    system.py VSOCKD VMINITD
"""

import os
import subprocess
import sys
import tempfile

from guest import VIRTIOFSD, Guest
from guestlib import Failed, check, receive, same
from ttrpc import Refused, message, parse

INVALID, NOT_FOUND, PRECONDITION = 3, 5, 9
SERVICE = "caisson.guest.v1.System"
NETWORK = "caisson.guest.v1.Network"
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
    check({b"direct", b"events", b"freeze", b"network"} <= set(have[4]), "the features")
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


def the_network_is_the_containers(guest):
    """Two NICs of the VMM's: they swap names, one has another MAC; then it is left alone."""
    macs = [bytes.fromhex(f"5254000000{n:02x}") for n in range(2)]
    other = bytes.fromhex("0242ac110002")
    v4, v6 = bytes([10, 0, 0, 2]), b"\xfd" + bytes(14) + b"\x02"
    addresses = [message(_1=v4, _2=24), message(_1=v6, _2=64)]
    first = message(_1=macs[1], _2="eth0", _3=other, _4=1400, _5=addresses)
    second = message(_1=macs[0], _2="eth1", _5=[message(_1=bytes([10, 1, 0, 2]), _2=16)])
    routes = [message(_1="eth0", _4=bytes([10, 0, 0, 1])),
              message(_1="eth0", _4=b"\xfd" + bytes(14) + b"\x01")]
    holder = guest.begin(["cat"], stdin=b"", keep=True, caps=ALL_CAPS)

    def shown(command):
        status, out, err = guest.run(["sh", "-c", f"mount -t proc none /proc; busybox {command}"],
                                     "n", caps=ALL_CAPS)
        same((status, err), (0, b""), command)
        return out.decode()

    def configure(*request):
        guest.client.call("Configure", message(_1=list(request), _2=routes), service=NETWORK)

    for request in (first, second), (second, first), (first,), (first, second):
        links = shown("ip link")
        if "eth1" in links:
            # Not only what was there before is taken away.
            shown("ip addr add 10.7.0.1/24 dev eth1")
            shown("ip link set eth1 up")
        configure(*request)
        eth0, links = shown("ip addr show eth0"), shown("ip link")
        for part in ("mtu 1400", "ether 02:42:ac:11:00:02", ",UP", "inet 10.0.0.2/24 brd 10.0.0.255",
                     "inet6 fd00::2/64"):
            check(part in eth0, f"{part} is not in {eth0}")
        same(eth0.count("inet"), 2, eth0)
        # What is not wanted is not seen.
        same(links.count("BROADCAST,MULTICAST"), len(request), links)
        if len(request) == 2:
            eth1 = shown("ip addr show eth1")
            check("ether 52:54:00:00:00:00" in eth1, eth1)
            same(eth1.count("inet 10.1.0.2/16"), 1, eth1)
            same(eth1.count("inet"), 1, eth1)
            check(",UP" in eth1, eth1)
        check("default via 10.0.0.1 dev eth0" in shown("ip route"), "the default route")
        check("default via fd00::1 dev eth0" in shown("ip -6 route"), "the default route of IPv6")
    lo = shown("ip addr show lo")
    check("127.0.0.1/8" in lo and "::1/128" in lo and ",UP" in lo, lo)
    refused(guest, NOT_FOUND, "interfaces[0].nic: there is no 02:42:ac:11:00:02", "Configure",
            message(_1=[message(_1=other, _2="eth0")]), service=NETWORK)
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


TESTS = [info, frozen_and_thawed, the_network_is_the_containers, the_time_is_set, random_numbers_are_reseeded,
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
        # Nothing is at the other end of them.
        nics = [word for n in range(2) for word in (
            "-netdev", f"hubport,id=n{n},hubid={n}",
            "-device", f"virtio-net-device,netdev=n{n},mac=52:54:00:00:00:{n:02x}")]
        with Guest(*args[:2], devices=drive + nics) as guest:
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
