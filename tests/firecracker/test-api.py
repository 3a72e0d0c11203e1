#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The stand-in is as strict as Firecracker, before anything is booted.

    test-api.py [TEST...]
"""

import json
import signal
import socket

from fclib import (FIRECRACKER, TOO_EARLY, Firecracker, check, environment, main, run, same)

JSON = "An error occurred when deserializing the json body of a request: "
DRIVE = {"drive_id": "a", "path_on_host": "disk", "is_root_device": False, "is_read_only": False}
MACHINE = {"vcpu_count": 2, "mem_size_mib": 256}


def with_words(*words, version="1.13.1"):
    return run([FIRECRACKER, *words], environment(STANDIN_VERSION=version))


def test_command_line():
    for version in ("1.4.1", "1.7.0", "1.13.1", "1.16.0"):
        first = with_words("--version", version=version).stdout.splitlines()[0]
        same(first, f"Firecracker v{version}", "the version")
    for words, want in ((["--bogus"], "Found argument 'bogus' which wasn't expected"),
                        (["stray"], "Found argument 'stray' which wasn't expected"),
                        (["--id"], "The argument 'id' requires a value"),
                        (["--id", "--no-api"], "The argument 'id' requires a value"),
                        (["--id", "a", "--id", "b"], "The argument 'id' was provided more than"),
                        (["--no-api"], "Argument 'config-file' required, but not found."),
                        (["--no-seccomp", "--seccomp-filter", "f"], "cannot be used together")):
        done = with_words(*words)
        same(done.returncode, 153, f"the status of {words}")
        check(want in done.stdout, f"{words}: {done.stdout}")
    same(with_words("--module", "m", version="1.4.1").returncode, 153, "--module in 1.4")
    same(with_words("--enable-pci", version="1.7.0").returncode, 153, "--enable-pci in 1.7")
    same(with_words("--level", "loud").returncode, 152, "a level that there is not")
    same(with_words("--id", "a_b").returncode, -signal.SIGABRT, "an id with an underscore")


def test_sockets_that_exist():
    with Firecracker() as fc:
        second = run([FIRECRACKER, "--api-sock", fc.path("api")], environment())
        same(second.returncode, 1, "the status of a second one")
        check(f"Failed to open the API socket at: {fc.path('api')}. Check that it is not already "
              "used." in second.stdout, second.stdout)
        fc.write("stale")
        fc.refused("Vsock config error: Cannot create backend for vsock device: Error binding to "
                   "the host-side Unix socket: Address in use (os error 98)",
                   "PUT", "/vsock", {"guest_cid": 3, "uds_path": "stale"})
        fc.ok("PUT", "/vsock", {"guest_cid": 3, "uds_path": "v"})
        fc.ok("PUT", "/vsock", {"guest_cid": 4, "uds_path": "v"})
        same(fc.ok("GET", "/vm/config")["vsock"], {"guest_cid": 4, "uds_path": "v"}, "vsock")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(fc.path("v"))
        check("must be shorter than SUN_LEN" in fc.fault(
            "PUT", "/vsock", {"guest_cid": 3, "uds_path": "v" * 108}), "a path that is too long")


def test_http():
    with Firecracker() as fc:
        client = fc.client
        client.send(b"GET / HTTP/1.1\r\nX-Any: 1\r\n\r\nGET /ver")
        status, head, _ = client.answer()
        same((status, head[:2]), (200, ["Server: Firecracker API", "Connection: keep-alive"]), "/")
        client.send(b"sion HTTP/1.1\r\n\r\n")
        same(client.answer()[2], '{"firecracker_version":"1.13.1"}', "/version")
        body = json.dumps(MACHINE).encode()
        client.send(b"PUT /machine-config HTTP/1.1\r\nExpect: 100-continue\r\n"
                    b"Content-Length: %d\r\n\r\n" % len(body))
        same(client.answer()[0], 100, "the answer to Expect")
        client.send(body)
        status, head, text = client.answer()
        same((status, text), (204, ""), "the answer")
        check(not any("Content" in line for line in head), head)
        for bad, want in (
                (b"POST / HTTP/1.1\r\n\r\n", "Invalid HTTP Method: Unsupported HTTP method."),
                (b"GET / HTTP/2\r\n\r\n", "Invalid HTTP Version: Unsupported HTTP version."),
                (b"GET /\r\n\r\n", "Invalid request."),
                (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", "Header is incorrectly formatted."),
                (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", "Invalid value."),
                (b"GET / HTTP/1.1\r\nX: " + b"x" * 1100 + b"\r\n\r\n", "Invalid content length."),
                (b"PUT /vsock HTTP/1.1\r\nContent-Length: 51201\r\n\r\n",
                 "Request payload with size 51201 is larger than the limit of 51200")):
            client = fc.connect()
            client.send(bad)
            status, _, text = client.answer()
            check(status == 400 and want in text and '"error"' in text, f"{bad[:60]}: {text}")
            check(client.is_closed(), "the connection is still there")
            client.close()


def test_connections_are_counted():
    with Firecracker() as fc:
        more = [fc.connect() for _ in range(9)]
        for client in more:
            same(client.ask("GET", "/version")[0], 200, "an answer")
        last = fc.connect()
        same(last.answer()[0], 503, "the answer to the eleventh")
        check(last.is_closed(), "the eleventh is still there")
        for client in [*more, last]:
            client.close()


def test_bodies():
    with Firecracker() as fc:
        for body, want in (
                (b"", None), (b"{", "EOF while parsing an object at line 1 column 1."),
                (b"[]",
                 "invalid type: sequence, expected struct MachineConfig at line 1 column 2."),
                (b"{} x", "trailing characters at line 1 column 4."),
                (b'{"vcpu_count": 1,}', "trailing comma at line 1 column 18."),
                (b'{"vcpu_count": 1}', "missing field `mem_size_mib` at line 1 column 17."),
                (b'{"vcpu_count": "1"}',
                 'invalid type: string "1", expected u8 at line 1 column 18.'),
                (b'{"vcpu_count": 256}',
                 "invalid value: integer `256`, expected u8 at line 1 column 18."),
                (b'{"vcpu_count": 1.5}',
                 "invalid type: floating point `1.5`, expected u8 at line 1 column 18."),
                (b'{"vcpu_count": 1, "vcpu_count": 1}',
                 "duplicate field `vcpu_count` at line 1 column 30."),
                (b'{"vcpu_count": 1,\n "mem_size_mib": 1, "smt": null}',
                 "invalid type: null, expected a boolean at line 2 column 31.")):
            want = "Empty PUT request." if want is None else JSON + want
            fc.refused(want, "PUT", "/machine-config", body)
        fc.refused(JSON + "unknown field `x`, expected one of `kernel_image_path`, `initrd_path`, "
                   "`boot_args` at line 1 column 4.", "PUT", "/boot-source", b'{"x": 1}')
        fc.refused("GET request cannot have a body.", "GET", "/version", b"{}")
        fc.refused("Invalid request method and/or path: PUT nothing.", "PUT", "/nothing", {})
        fc.refused("Invalid request method and/or path: GET drives.", "GET", "/drives")
        fc.refused("Empty PATCH request.", "PATCH", "/machine-config", {})


def test_ids():
    with Firecracker() as fc:
        fc.write("disk")
        ids = "API Resource IDs can only contain alphanumeric characters and underscores."
        fc.refused(ids, "PUT", "/drives/a-b", {**DRIVE, "drive_id": "a-b"})
        fc.refused("The ID cannot be empty.", "PUT", "/drives", DRIVE)
        fc.refused("The id from the path does not match the id from the body!",
                   "PUT", "/drives/b", DRIVE)
        fc.refused("The id from the path [eth0] does not match the id from the body [eth1]!", "PUT",
                   "/network-interfaces/eth0", {"iface_id": "eth1", "host_dev_name": "t"})
        fc.ok("PUT", "/drives/a", DRIVE)


def test_order_of_states():
    with Firecracker() as fc:
        same(fc.ok("GET", "/")["state"], "Not started", "the state")
        for method, path, body in (
                ("PATCH", "/vm", {"state": "Paused"}), ("PATCH", "/drives/a", {"drive_id": "a"}),
                ("PATCH", "/balloon", {"amount_mib": 1}), ("GET", "/balloon/statistics", None),
                ("PUT", "/actions", {"action_type": "FlushMetrics"}),
                ("PUT", "/actions", {"action_type": "SendCtrlAltDel"}),
                ("PATCH", "/network-interfaces/a", {"iface_id": "a"}),
                ("PUT", "/snapshot/create", {"snapshot_path": "s", "mem_file_path": "m"})):
            fc.refused(TOO_EARLY, method, path, body)
        fc.refused("Start microvm error: Cannot start microvm without kernel configuration.",
                   "PUT", "/actions", {"action_type": "InstanceStart"})
        fc.ok("PUT", "/machine-config", MACHINE)
        check("not allowed after configuring boot-specific resources" in fc.fault(
            "PUT", "/snapshot/load", {"snapshot_path": "s", "mem_backend": {
                "backend_type": "File", "backend_path": "m"}}), "loading after configuring")


def test_snapshot_load_ends_it():
    with Firecracker() as fc:
        fc.fault("PUT", "/snapshot/load", {"snapshot_path": "s", "mem_file_path": "m"})
        same(fc.status(), 1, "the status")


def test_machine():
    with Firecracker() as fc:
        for body in ({"vcpu_count": 0}, {"vcpu_count": 33}, {"vcpu_count": 3, "smt": True}):
            check("The number of vCPUs must be" in fc.fault("PATCH", "/machine-config", body), body)
        for body in ({"mem_size_mib": 0}, {"mem_size_mib": 129, "huge_pages": "2M"}):
            check("The memory size (MiB) is" in fc.fault("PATCH", "/machine-config", body), body)
        fc.ok("PUT", "/balloon", {"amount_mib": 64, "deflate_on_oom": True})
        fc.refused("Machine config error: The memory size (MiB) is smaller than the previously set "
                   "balloon device target size.", "PATCH", "/machine-config", {"mem_size_mib": 63})
        fc.refused("Balloon config error: Amount of pages requested is too large.", "PUT",
                   "/balloon", {"amount_mib": 129, "deflate_on_oom": True})
        fc.ok("PUT", "/machine-config", MACHINE)
        same(fc.ok("GET", "/machine-config"), {
            "vcpu_count": 2, "mem_size_mib": 256, "smt": False, "track_dirty_pages": False,
            "huge_pages": "None"}, "the machine")


def test_drives():
    with Firecracker() as fc:
        fc.write("disk")
        error = "Drive config error: Unable to create the virtio block device: "
        fc.refused(error + "Virtio backend error: Error manipulating the backing file: No such "
                   "file or directory (os error 2) gone", "PUT", "/drives/a",
                   {**DRIVE, "path_on_host": "gone"})
        fc.refused(error + "Invalid block config.", "PUT", "/drives/a",
                   {"drive_id": "a", "is_root_device": False})
        fc.ok("PUT", "/drives/a", DRIVE)
        fc.ok("PUT", "/drives/b", {**DRIVE, "drive_id": "b", "is_root_device": True})
        fc.refused("Drive config error: A root block device already exists!", "PUT", "/drives/c",
                   {**DRIVE, "drive_id": "c", "is_root_device": True})
        fc.ok("PUT", "/drives/a", {**DRIVE, "is_read_only": True})
        drives = fc.ok("GET", "/vm/config")["drives"]
        same([d["drive_id"] for d in drives], ["b", "a"], "the order")
        same(drives[1], {"drive_id": "a", "partuuid": None, "is_root_device": False,
                         "cache_type": "Unsafe", "is_read_only": True, "path_on_host": "disk",
                         "rate_limiter": None, "io_engine": "Sync", "socket": None}, "a drive")


def test_boot_source():
    with Firecracker() as fc:
        fc.write("kernel", b"not an ELF file")
        fc.refused("Boot source error: The kernel file cannot be opened: No such file or directory "
                   "(os error 2)", "PUT", "/boot-source", {"kernel_image_path": "gone"})
        check("The initrd file cannot be opened due to" in fc.fault(
            "PUT", "/boot-source", {"kernel_image_path": "kernel", "initrd_path": "gone"}),
              "an initrd that is not there")
        fc.refused("Boot source error: The kernel command line is invalid: Invalid cmdline "
                   "capacity provided.", "PUT", "/boot-source",
                   {"kernel_image_path": "kernel", "boot_args": "x" * 2048})
        fc.ok("PUT", "/boot-source", {"kernel_image_path": "kernel", "boot_args": "x" * 2047})
        check("failed to load ELF kernel image" in fc.fault(
            "PUT", "/actions", {"action_type": "InstanceStart"}), "a kernel that is none")
        fc.write("kernel", b"\x7fELF and no more")
        fc.ok("PUT", "/boot-source", {"kernel_image_path": "kernel", "boot_args": "x" * 2047})
        fc.refused("Start microvm error: Invalid kernel command line: Inserting string would make "
                   "command line too long.", "PUT", "/actions", {"action_type": "InstanceStart"})


def test_log_and_metrics():
    with Firecracker() as fc:
        check("Failed to open target file: No such file" in fc.fault(
            "PUT", "/logger", {"log_path": "gone"}), "a log that is not there")
        fc.refused(JSON + "Invalid LevelFilter at line 1 column 16.", "PUT", "/logger",
                   b'{"level": "loud"}')
        fc.write("log")
        fc.ok("PUT", "/logger", {"log_path": "log", "level": "Info", "show_level": True})
        fc.fault("PUT", "/nothing", {})
        with open(fc.path("log"), encoding="utf-8") as file:
            text = file.read()
        check('[anonymous-instance:fc_api:INFO] The API server received a Put request on "/nothing"'
              ' with body "{}".' in text, text)
        fc.write("metrics")
        fc.ok("PUT", "/metrics", {"metrics_path": "metrics"})
        check("Reinitialization of metrics not allowed." in fc.fault(
            "PUT", "/metrics", {"metrics_path": "metrics"}), "metrics twice")


def test_versions_differ():
    """Fields, requests and words that one has and another has not."""
    pages = {**MACHINE, "huge_pages": "None"}
    serial = {"serial_out_path": "out"}
    reporting = {"amount_mib": 1, "deflate_on_oom": True, "free_page_reporting": True}
    for version, wanted in (("1.4.1", ()), ("1.7.0", ("pages",)), ("1.13.1", ("pages",)),
                            ("1.16.0", ("pages", "serial", "reporting"))):
        with Firecracker(version=version) as fc:
            for name, path, body in (("pages", "/machine-config", pages),
                                     ("serial", "/serial", serial),
                                     ("reporting", "/balloon", reporting)):
                status, answer = fc.client.ask("PUT", path, body)
                same(status, 204 if name in wanted else 400, f"{version}: {path}: {answer}")


def test_configuration_file():
    with Firecracker() as fc:
        good = {"boot-source": {"kernel_image_path": "kernel"}, "drives": []}
        fc.write("kernel", b"none")
        for config, want in (
                (b"{", "Invalid JSON: EOF while parsing an object at line 1 column 1"),
                (b'{"drives": []}', "Invalid JSON: missing field `boot-source`"),
                ({**good, "vsock": {"guest_cid": 3}}, "Invalid JSON: missing field `uds_path`"),
                ({**good, "drives": [{**DRIVE, "x": 1}]}, "Invalid JSON: unknown field `x`"),
                ({**good, "drives": [DRIVE]}, "Block device error: Unable to create"),
                ({**good, "any": 1}, "failed to load ELF kernel image")):
            fc.write("vm", config if isinstance(config, bytes) else json.dumps(config).encode())
            for version, status in (("1.4.1", 152), ("1.13.1", 1)):
                done = run([FIRECRACKER, "--no-api", "--config-file", "vm"],
                           environment(STANDIN_VERSION=version), fc.dir)
                same(done.returncode, status, f"{version}: the status with {config}")
                check(want in done.stdout, f"{version}: {config}: {done.stdout}")


def test_faults():
    faults = ("PUT /vsock:500,2:half,3:garbage,4:close,5:lines,6:headers,7:late=1,8:stuck,"
              "9:never,10:after")
    with Firecracker(STANDIN_FAULT=faults) as fc:
        same(fc.client.ask("PUT", "/vsock", {})[0], 500, "the status")
        for want in (b"HTTP/1.1 200", b"\0", b""):
            client = fc.connect()
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            while client.more():
                pass
            check(client.data.startswith(want) and not client.data.endswith(b"}"), client.data)
            client.close()
        check(fc.fault("GET", "/version").count("\n") == 499, "lines")
        fc.client.send(b"GET /version HTTP/1.1\r\n\r\n")
        check(len(fc.client.answer()[1]) > 500, "headers")
        same(fc.ok("GET", "/version"), {"firecracker_version": "1.13.1"}, "what comes late")
        client = fc.connect()
        client.send(b"GET /version HTTP/1.1\r\n\r\n")
        client.more()
        client.send(b"GET /version HTTP/1.1\r\n\r\n")
        same(fc.ok("GET", "/version"), {"firecracker_version": "1.13.1"}, "the last answer")
        same(fc.status(), 1, "the status")
    with Firecracker(STANDIN_FAULT="PUT /machine-config:undone") as fc:
        client = fc.connect()
        body = b'{"vcpu_count": 2, "mem_size_mib": 256}'
        client.send(b"PUT /machine-config HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        same(fc.ok("GET", "/machine-config")["vcpu_count"], 1, "what was not done")
        client.close()
    with Firecracker(STANDIN_FAULT="accept:close") as fc:
        check(fc.client.is_closed(), "the connection is not closed")
    with Firecracker(STANDIN_FAULT="accept:garbage") as fc:
        check(fc.client.more() and b"SSH" in fc.client.data, fc.client.data)
    done = run([FIRECRACKER, "--api-sock", "/nowhere/s"], environment(STANDIN_FAULT="start:die"))
    check(done.returncode == 1 and "told to die" in done.stdout, done.stdout)
    with Firecracker(STANDIN_FAULT="*:die") as fc:
        fc.client.send(b"GET /version HTTP/1.1\r\n\r\n")
        check(fc.client.is_closed(), "it answers")
        same(fc.status(), 1, "the status")


def test_sigterm():
    with Firecracker() as fc:
        fc.child.terminate()
        same(fc.status(), -signal.SIGTERM, "the status")


if __name__ == "__main__":
    main(globals())
