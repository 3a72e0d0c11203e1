#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""caisson-vsockd with a real guest: QEMU, a Linux kernel, guests/vsock-init.c as its init.

    vsock.py VSOCKD INIT HOSTILE               run the tests
    vsock.py --figures VSOCKD INIT [ROUNDS]    measure, and print the figures as JSON

INIT and HOSTILE are made of guests/vsock-init.c and guests/vsock-hostile.c.
"""

import json
import os
import select
import signal
import socket
import statistics
import struct
import sys
import threading
import time

from guestlib import LIMIT, Failed, Machine, check, linux, number, receive, same, text

PERIOD = 65521
BLOCK = bytes((i * 7 + (i >> 8)) & 0xff for i in range(PERIOD))
PATTERN = BLOCK * 17
ECHO, SINK, DIAL, LATE, SOURCE, RESET = 7, 9, 10, 11, 19, 99
LATE_TO = 5000


class Vsock(Machine):
    """One QEMU and one vsockd; boot() gives QEMU's words for what runs in it."""

    def __init__(self, vsockd, boot, reboots=False):
        super().__init__()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self.start_vsock(vsockd, ours)
            self.start_qemu(
                theirs, *boot(self.dir), *([] if reboots else ["-no-reboot"]),
                "-chardev", f"socket,id=port,path={self.dir}/serial,server=on,wait=off",
                "-device", "virtio-serial-device",
                "-device", "virtserialport,chardev=port,name=echo",
                "-qmp", f"unix:{self.dir}/qmp,server=on,wait=off")

    def dial(self, port, count):
        """Have the guest open connections to a port of ours. Return: a function for the failures."""
        sock = self.connect(DIAL)
        sock.sendall(struct.pack("<QQ", port, count))

        def failures():
            with sock:
                return number(sock)
        return failures


def with_init(init):
    return lambda folder: linux(folder, {"init": init}, ["dev"])


def alone(program):
    """A guest without a kernel."""
    return lambda folder: ["-kernel", program]


def await_greeting(vm):
    with vm.await_ready() as conn:
        same(number(conn), 0, "greeting")


def in_background(func, *args):
    thread = threading.Thread(target=func, args=args, daemon=True)
    thread.start()
    return thread


def send_pattern(sock, size):
    """A multiple of PERIOD bytes."""
    for at in range(0, size, len(PATTERN)):
        sock.sendall(PATTERN[:min(len(PATTERN), size - at)])


def check_pattern(sock, size):
    got = 0
    while got < size:
        data = sock.recv(min(1 << 20, size - got))
        check(data, f"the end after {got} of {size} bytes")
        start = got % PERIOD
        check(data == PATTERN[start:start + len(data)] if start + len(data) <= len(PATTERN)
              else data == (PATTERN * 2)[start:start + len(data)],
              f"wrong bytes in the {len(data)} from {got}")
        got += len(data)


def test_round_trip(vm):
    with vm.connect(ECHO) as sock:
        for text in (b"x", b"hello", bytes(range(256)) * 40):
            sock.sendall(text)
            same(receive(sock, len(text)), text, "echo")


def test_line_and_bytes_at_once(vm):
    with vm.plain() as sock:
        sock.sendall(b"CONNECT %d\nearly bytes" % ECHO)
        check(b"OK " in receive(sock, 14), "no OK")
        same(receive(sock, 11), b"early bytes", "echo")


def test_nobody_listens_in_the_guest(vm):
    with vm.plain() as sock:
        sock.sendall(b"CONNECT 4242\n")
        same(sock.recv(100), b"", "answer")


def test_nobody_listens_on_the_host(vm):
    same(vm.dial(4243, 3)(), 3, "failures")


def test_half_close(vm):
    with vm.connect(SINK) as sock:
        size = 5 * PERIOD
        send_pattern(sock, size)
        sock.shutdown(socket.SHUT_WR)
        same(number(sock), size, "bytes that the guest got")
        same(sock.recv(1), b"", "end")


def test_echo_to_the_end(vm):
    with vm.connect(ECHO) as sock:
        sock.sendall(b"last words")
        sock.shutdown(socket.SHUT_WR)
        same(receive(sock, 10), b"last words", "echo")
        same(sock.recv(1), b"", "end")


def test_guest_reads_late(vm):
    """The program is long gone when the guest looks: its bytes are there all the same."""
    size = 3 * PERIOD
    with vm.listen(LATE_TO) as late:
        sock = vm.connect(LATE)
        send_pattern(sock, size)
        sock.close()
        conn, _ = late.accept()
        with conn:
            conn.settimeout(LIMIT)
            same(number(conn), size, "bytes that the guest got")
    os.unlink(vm.dir + f"/v_{LATE_TO}")


def test_much_to_the_guest(vm):
    size = 1200 * PERIOD
    with vm.connect(SINK) as sock:
        send_pattern(sock, size)
        sock.shutdown(socket.SHUT_WR)
        same(number(sock), size, "bytes that the guest got")


def test_much_from_the_guest(vm):
    size = 1200 * PERIOD
    with vm.connect(SOURCE) as sock:
        sock.sendall(struct.pack("<Q", size))
        check_pattern(sock, size)
        same(sock.recv(1), b"", "end")


def test_much_both_ways(vm):
    size = 600 * PERIOD
    with vm.connect(ECHO) as sock:
        sender = in_background(send_pattern, sock, size)
        check_pattern(sock, size)
        sender.join()


def chat(socks):
    for number_, sock in enumerate(socks):
        sock.sendall(b"this is %d" % number_)
    for number_, sock in reversed(list(enumerate(socks))):
        same(receive(sock, len(b"this is %d" % number_)), b"this is %d" % number_, "echo")
    for sock in socks:
        sock.shutdown(socket.SHUT_WR)
    for sock in socks:
        same(sock.recv(1), b"", "end")
        sock.close()


def test_a_thousand_from_the_host(vm):
    chat([vm.connect(ECHO) for _ in range(1000)])


def test_a_thousand_from_the_guest(vm):
    with vm.listen(3000) as accept:
        failures = vm.dial(3000, 1000)
        socks = []
        for _ in range(1000):
            sock, _ = accept.accept()
            sock.settimeout(LIMIT)
            socks.append(sock)
        same(failures(), 0, "failures")
        chat(socks)
    os.unlink(vm.dir + "/v_3000")


def test_one_does_not_hold_up_others(vm):
    """A connection that nobody reads, with all its buffers full, beside one that works."""
    with vm.connect(SOURCE) as stuck, vm.connect(ECHO) as stuck2:
        stuck.sendall(struct.pack("<Q", 1000 * PERIOD))
        stuck2.settimeout(0.0)
        try:
            while True:
                stuck2.send(PATTERN)
        except BlockingIOError:
            pass
        test_round_trip(vm)
        test_half_close(vm)
        check_pattern(stuck, 1000 * PERIOD)


def test_pause(vm):
    with vm.connect(ECHO) as sock:
        sock.sendall(b"before")
        same(receive(sock, 6), b"before", "echo")
        vm.qmp("stop")
        sock.sendall(b"meanwhile")
        vm.qmp("cont")
        same(receive(sock, 9), b"meanwhile", "echo")


def test_reset(vm):
    """The guest resets: its connections end, and it comes up again with the same vsockd."""
    open_one = vm.connect(ECHO)
    vm.plain().sendall(b"CONNECT %d\n" % RESET)
    await_greeting(vm)
    same(open_one.recv(1), b"", "end")
    open_one.close()
    test_round_trip(vm)
    test_half_close(vm)


def status_kb(vm):
    with open(f"/proc/{vm.vsockd.pid}/status", encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    return {name: int(fields[name].split()[0]) for name in ("RssAnon", "RssFile", "RssShmem")}


def test_memory_is_small(vm):
    """Of its own; pages of the guest's memory are shared, and no burden."""
    kb = status_kb(vm)
    check(kb["RssAnon"] + kb["RssFile"] < 3000, f"resident: {kb}")


def test_ends_with_qemu(vm):
    vm.qmp("quit")
    vm.qemu.wait(LIMIT)
    same(vm.vsockd.wait(LIMIT), 0, "exit status of vsockd")
    same(vm.said(vm.vsockd), "", "vsockd's words")


def test_hostile_guest(vsockd, hostile):
    """It drives the device itself, with garbage, and in the end properly."""
    with Vsock(vsockd, alone(hostile)) as vm:
        heard, words, ready = set(), {}, []
        ends = os.pidfd_open(vm.vsockd.pid)
        while words or ready != [ends]:
            ready, _, _ = select.select([vm.ready, ends, *words], [], [], LIMIT)
            check(ready, "the guest hangs")
            for sock in ready:
                if sock is ends:
                    continue
                if sock is vm.ready:
                    words[sock.accept()[0]] = b""
                    continue
                data = read_some(sock)
                words[sock] += data
                if not data:
                    heard.add(words.pop(sock))
                    sock.close()
        os.close(ends)
        same(vm.vsockd.wait(), 0, "exit status of vsockd")
        same(text(vm.dir + "/console"), "behaved\n", "the guest's own words")
        check(b"survived" in heard, f"the host heard {len(heard)} other things")


def read_some(sock):
    try:
        return sock.recv(1 << 20)
    except ConnectionResetError:
        return b""


def best(func, count):
    return min(func() for _ in range(count))


def echo_mb_s(sock, blocks):
    """Through the guest and back. Blocks are whole to us, however the device cuts them up."""
    back = bytearray(len(PATTERN))
    sock.settimeout(None)
    begin = time.monotonic()
    sender = in_background(send_pattern, sock, blocks * len(PATTERN))
    for _ in range(blocks):
        same(sock.recv_into(back, 0, socket.MSG_WAITALL), len(back), "bytes that came back")
        check(back == PATTERN, "other bytes came back")
    sender.join()
    return round(blocks * len(PATTERN) / 1e6 / (time.monotonic() - begin), 1)


def echo_rates(vm, rounds, blocks=35):
    """Samples of both devices, taken in turn after a warm-up of each, so that both see the same load.

    At both ends it is the same program that copies, with the same buffers, and the same bytes.
    """
    rates = {"vsock_mb_s": [], "serial_mb_s": []}
    with vm.connect(ECHO) as one, vm.plain("serial") as port:
        for at in range(rounds + 1):
            for values, sock in zip(rates.values(), (one, port)):
                rate = echo_mb_s(sock, blocks)
                if at > 0:
                    values.append(rate)
    return rates


def one_way_times(vm, size):
    def to_guest():
        with vm.connect(SINK) as sock:
            begin = time.monotonic()
            send_pattern(sock, size)
            sock.shutdown(socket.SHUT_WR)
            same(number(sock), size, "bytes that the guest got")
            return time.monotonic() - begin

    def from_guest():
        with vm.connect(SOURCE) as sock:
            begin = time.monotonic()
            sock.sendall(struct.pack("<Q", size))
            check_pattern(sock, size)
            return time.monotonic() - begin
    return to_guest, from_guest


def latencies(vm, count):
    times = {"connect_us": [], "round_trip_us": []}
    for _ in range(count):
        begin = time.monotonic()
        vm.connect(ECHO).close()
        times["connect_us"].append(time.monotonic() - begin)
    with vm.connect(ECHO) as sock:
        for _ in range(count):
            begin = time.monotonic()
            sock.sendall(b"x")
            sock.recv(1)
            times["round_trip_us"].append(time.monotonic() - begin)
    return {name: round(statistics.median(values) * 1e6) for name, values in times.items()}


def serial_latency(vm, count):
    values = []
    with vm.plain("serial") as port:
        for _ in range(count):
            begin = time.monotonic()
            port.sendall(b"x")
            port.recv(1)
            values.append(time.monotonic() - begin)
    return round(statistics.median(values) * 1e6)


def figures(vsockd, init, rounds=5):
    size = 600 * PERIOD
    with Vsock(vsockd, with_init(init)) as vm:
        await_greeting(vm)
        result = {"vsockd_kb_idle": status_kb(vm)}
        result.update(latencies(vm, 500))
        result["serial_round_trip_us"] = serial_latency(vm, 500)
        result["echo"] = echo_rates(vm, int(rounds))
        for name, func in zip(("to_guest_mb_s", "from_guest_mb_s"), one_way_times(vm, size)):
            result[name] = round(size / 1e6 / best(func, 3), 1)
        result["vsockd_kb_after"] = status_kb(vm)
    print(json.dumps(result, indent=2))


# The last ones change the machine, so they stay last.
TESTS = [
    test_round_trip, test_line_and_bytes_at_once, test_nobody_listens_in_the_guest,
    test_nobody_listens_on_the_host, test_half_close, test_echo_to_the_end, test_guest_reads_late,
    test_memory_is_small, test_much_to_the_guest, test_much_from_the_guest, test_much_both_ways,
    test_a_thousand_from_the_host, test_a_thousand_from_the_guest,
    test_one_does_not_hold_up_others, test_pause, test_reset,
    test_ends_with_qemu,
]


def run(test, *args):
    try:
        test(*args)
    except (Failed, OSError) as error:
        print(f"not ok {test.__name__}: {error}", flush=True)
        return False
    print(f"ok {test.__name__}", flush=True)
    return True


def main(args):
    signal.alarm(600)
    if args[0] == "--figures":
        figures(*args[1:])
        return 0
    with Vsock(args[0], with_init(args[1]), reboots=True) as vm:
        await_greeting(vm)
        results = [run(test, vm) for test in TESTS]
        if not all(results):
            print(vm.story())
    results.append(run(test_hostile_guest, args[0], args[2]))
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
