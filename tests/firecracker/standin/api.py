# SPDX-License-Identifier: Apache-2.0
"""The requests: which there are, when they are allowed, and what they do."""

import json
import os

from standin import jsontext, qmp, schemas, snapshot
from standin.errors import Exit, Fault
from standin.log import API, log
from standin.machine import start_error
from standin.metrics import metrics
from standin.resources import Refused, limiter_patched
from standin.version import TEXT, since

PRE, POST, BOTH = "pre", "post", "both"
TOO_LATE = "The requested operation is not supported after starting the microVM."
TOO_EARLY = "The requested operation is not supported before starting the microVM."
OTHER_ID = "The id from the path does not match the id from the body!"

AREAS = {
    "balloon": "Balloon config error", "boot": "Boot source error", "cpu": "Configure CPU error",
    "drive": "Drive config error", "logger": "Logger error", "machine": "Machine config error",
    "metrics": "Metrics error", "mmds": "MMDS error", "net": "Network config error",
    "vsock": "Vsock config error",
    "entropy": "Entropy config error" if since(1, 13) else "Entropy device error",
}
FILE_AREAS = {
    "balloon": "Balloon device error", "boot": "Boot source error", "cpu": "CPU config error",
    "drive": "Block device error", "logger": "Logger error", "machine": "VM config error",
    "metrics": "Metrics error", "mmds": "MMDS config error", "net": "Network device error",
    "vsock": "Vsock device error", "entropy": "Entropy device error",
}


def with_area(area, text):
    """Older versions say only what is wrong."""
    return f"{AREAS[area]}: {text}" if since(1, 5) else text


def absent(name):
    return Fault(f"the stand-in has no {name}")


class Answer:
    def __init__(self, status, body=None, deprecated=False, fatal=False):
        self.status, self.body, self.deprecated, self.fatal = status, body, deprecated, fatal


def shown(value):
    return Answer(200, json.dumps(value, separators=(",", ":"), ensure_ascii=False))


class Route:
    """One request: its body's schema, and when it may come."""

    def __init__(self, when, handler, schema=None, key=None, first=(0, 0)):
        self.when, self.handler, self.schema = when, handler, schema
        self.key, self.first = key, first


def bad_body(error):
    return Fault(f"An error occurred when deserializing the json body of a request: {error}.")


def checked_id(text):
    if not text:
        raise Fault("The ID cannot be empty.")
    if not all(char == "_" or char.isalnum() for char in text):
        raise Fault("API Resource IDs can only contain alphanumeric characters and underscores.")
    return text


class Api:
    """instance: the machine's id; pci: --enable-pci."""

    def __init__(self, instance, machine, resources, pci):
        self.instance, self.machine, self.resources, self.pci = instance, machine, resources, pci
        self.boot_path = False
        self.routes = self.table()

    def table(self):
        r, set_ = self.resources, self.setter
        return {
            ("GET", ""): Route(BOTH, self.describe),
            ("GET", "balloon"): Route(BOTH, self.get_balloon),
            ("GET", "balloon/statistics"): Route(POST, self.get_balloon_stats),
            ("GET", "machine-config"): Route(BOTH, lambda _: shown(r.machine_shown())),
            ("GET", "version"): Route(BOTH, lambda _: shown({"firecracker_version": TEXT})),
            ("GET", "vm/config"): Route(BOTH, lambda _: shown(r.shown())),
            ("GET", "mmds"): Route(BOTH, self.no_mmds),
            ("PUT", "actions"): Route(BOTH, self.act, schemas.ACTION),
            ("PUT", "balloon"): Route(PRE, set_(r.set_balloon), schemas.BALLOON),
            ("PUT", "boot-source"): Route(PRE, set_(r.set_boot_source), schemas.BOOT_SOURCE),
            ("PUT", "cpu-config"): Route(PRE, self.no_cpu_config),
            ("PUT", "drives"): Route(PRE, set_(r.set_drive), schemas.DRIVE, "drive_id"),
            ("PUT", "entropy"): Route(PRE, set_(r.set_entropy), schemas.ENTROPY),
            ("PUT", "logger"): Route(PRE, self.set_logger, schemas.LOGGER),
            ("PUT", "machine-config"): Route(PRE, self.set_machine, schemas.MACHINE),
            ("PUT", "metrics"): Route(PRE, self.set_metrics, schemas.METRICS),
            ("PUT", "mmds"): Route(BOTH, self.no_mmds),
            ("PUT", "mmds/config"): Route(PRE, self.no_mmds, schemas.MMDS),
            ("PUT", "network-interfaces"): Route(PRE, set_(r.set_nic), schemas.NETWORK, "iface_id"),
            ("PUT", "serial"): Route(PRE, set_(r.set_serial), schemas.SERIAL, first=(1, 14)),
            ("PUT", "snapshot/create"): Route(POST, self.snapshot_create, schemas.SNAPSHOT_CREATE),
            ("PUT", "snapshot/load"): Route(PRE, self.snapshot_load, schemas.SNAPSHOT_LOAD),
            ("PUT", "vsock"): Route(PRE, self.set_vsock, schemas.VSOCK),
            ("PATCH", "balloon"): Route(POST, self.patch_balloon, schemas.BALLOON_UPDATE),
            ("PATCH", "balloon/statistics"): Route(POST, self.patch_stats, schemas.BALLOON_STATS),
            ("PATCH", "drives"): Route(POST, self.patch_drive, schemas.DRIVE_UPDATE, "drive_id"),
            ("PATCH", "machine-config"): Route(PRE, self.set_machine, schemas.MACHINE_UPDATE),
            ("PATCH", "mmds"): Route(BOTH, self.no_mmds),
            ("PATCH", "network-interfaces"): Route(POST, self.patch_nic, schemas.NETWORK_UPDATE,
                                                   "iface_id"),
            ("PATCH", "vm"): Route(POST, self.patch_vm, schemas.VM),
        }

    @staticmethod
    def note(request):
        body = "" if request.body is None else f' with body {quoted(request.body)}'
        log.info(f'The API server received a {request.method.capitalize()} request on '
                 f'"{request.path}"{body}.', API)

    def answer(self, request):
        """Do what is asked for."""
        self.note(request)
        try:
            answer = self.handle(request)
        except Fault as fault:
            log.error("Received Error. Status code: 400 Bad Request. "
                      f"Message: {fault.message}", API)
            answer = Answer(fault.status, json.dumps({"fault_message": fault.message},
                                                     separators=(",", ":"), ensure_ascii=False),
                            fatal=fault.fatal)
        else:
            log.info("The request was executed successfully. Status code: "
                     f"{'204 No Content' if answer.status == 204 else '200 OK'}.", API)
        metrics.count(request.method, answer.status >= 400)
        return answer

    def find(self, request):
        """The route, and the id that ends the path."""
        tokens = request.path.lstrip("/").split("/")
        if tokens[-1] == "":
            tokens.pop()
        first = tokens[0] if tokens else ""
        second = tokens[1] if len(tokens) > 1 else None
        if (request.method == "GET" or request.method == "DELETE") and request.body is not None:
            raise Fault("GET request cannot have a body." if request.method == "GET"
                        else "Empty Delete request.")
        if request.method in ("PUT", "PATCH") and request.body is None:
            raise Fault(f"Empty {request.method} request.")
        route = self.routes.get((request.method, first))
        if route and route.key:
            return route, checked_id(second or "")
        below = self.routes.get((request.method, f"{first}/{second}")) if second else None
        if below:
            return below, None
        self.check_below(request.method, first, second)
        if not route or not since(*route.first):
            raise Fault(f"Invalid request method and/or path: {request.method} {first}.")
        return route, None

    @staticmethod
    def check_below(method, first, second):
        """Paths of which the second part counts."""
        if first == "balloon" and second and method in ("GET", "PATCH"):
            raise Fault(f"Unrecognized {method} request path `{second}`.")
        if first == "mmds" and second and method == "PUT":
            raise Fault(f"Unrecognized PUT request path `{second}`.")
        if first == "snapshot" and method == "PUT":
            raise Fault(f"Invalid request method and/or path: PUT /snapshot/{second}." if second
                        else "Missing snapshot operation type.")

    def handle(self, request):
        route, name = self.find(request)
        body = self.read_body(route, request) if request.body is not None else None
        if name is not None and body[route.key] != name:
            raise Fault(f"The id from the path [{name}] does not match the id from the body "
                        f"[{body[route.key]}]!" if route.key == "iface_id" else OTHER_ID)
        started = self.machine.state != "Not started"
        if route.when == PRE and started:
            hot = route.key and since(1, 16)
            raise Fault("PCI is not enabled" if hot else TOO_LATE)
        if route.when == POST and not started:
            raise Fault(TOO_EARLY)
        try:
            return route.handler(body) or Answer(204)
        except Refused as refused:
            raise Fault(with_area(refused.area, refused.text)) from refused

    @staticmethod
    def read_body(route, request):
        try:
            node = jsontext.parse(request.body)
            body = route.schema(node, request.body) if route.schema else node.value
        except jsontext.JsonError as error:
            raise bad_body(error) from error
        if route.schema is schemas.MACHINE_UPDATE and not any(
                value is not None for value in body.values()):
            raise Fault("Empty PATCH request.")
        return body

    def setter(self, set_):
        """A part of the machine: nothing can be loaded from a snapshot after that."""
        def handler(body):
            self.boot_path = True
            set_(body)
        return handler

    def set_logger(self, body):
        self.resources.set_logger(body)

    def set_metrics(self, body):
        self.resources.set_metrics(body)

    def set_machine(self, body):
        self.boot_path = True
        self.resources.set_machine(body)
        return Answer(204, deprecated=body["cpu_template"] is not None)

    def set_vsock(self, body):
        self.boot_path = True
        self.resources.set_vsock(body)
        return Answer(204, deprecated=body["vsock_id"] is not None)

    def describe(self, _):
        return shown({"id": self.instance, "state": self.machine.state, "vmm_version": TEXT,
                      "app_name": "Firecracker"})

    def act(self, body):
        action, started = body["action_type"], self.machine.state != "Not started"
        if action == "InstanceStart":
            if started:
                raise Fault(TOO_LATE)
            self.start()
            return Answer(204)
        if not started:
            raise Fault(TOO_EARLY)
        if action == "FlushMetrics":
            metrics.flush()
        else:
            self.machine.ctrl_alt_del()
        return Answer(204)

    def start(self):
        self.machine.start(self.resources, self.pci)
        metrics.flush()

    def patch_vm(self, body):
        if body["state"] == "Paused":
            self.machine.pause()
        else:
            self.machine.resume()

    def patch_drive(self, body):
        drives = self.resources.drives
        at = next((i for i, d in enumerate(drives) if d.config["drive_id"] == body["drive_id"]),
                  None)
        wrong = "Unable to patch the block device: "
        end = " Please verify the request arguments." if since(1, 5) else ""
        inner = "Failed perform action on device: " if since(1, 13) else ""
        if at is None:
            raise Refused("drive", f"{wrong}{inner}Device not found{end}")
        if body["path_on_host"] is None and body["rate_limiter"] is None and since(1, 6):
            raise Refused("drive", f"{wrong}{inner}Internal Device error: Running method expected "
                          f"different backend.{end}")
        if body["path_on_host"] is not None:
            self.replace(at, body["path_on_host"], wrong + inner + "Internal Device error: ", end)
        if body["rate_limiter"]:
            config = drives[at].config
            config["rate_limiter"] = limiter_patched(config["rate_limiter"], body["rate_limiter"])
            try:
                self.machine.limit_disk(at, config["rate_limiter"])
            except qmp.QmpError as error:
                raise Refused("drive", f"{wrong}{error}{end}") from error

    def replace(self, at, path, wrong, end):
        drive = self.resources.drives[at]
        try:
            fd = drive.backing(path)
        except Refused as refused:
            raise Refused("drive", wrong + refused.text + end) from refused
        try:
            self.machine.replace_disk(at, fd, drive.config["is_read_only"])
        except qmp.QmpError as error:
            raise Refused("drive", f"{wrong}{error}{end}") from error
        drive.close()
        drive.fd, drive.config["path_on_host"] = fd, path

    def patch_nic(self, body):
        nic = next((n for n in self.resources.nics if n.config["iface_id"] == body["iface_id"]),
                   None)
        if not nic:
            raise Refused("net", "Unable to update the net device: Failed perform action on "
                          "device: Device not found")
        for name in ("rx_rate_limiter", "tx_rate_limiter"):
            nic.config[name] = limiter_patched(nic.config[name], body[name])

    def balloon(self, update):
        """The balloon's configuration, or the fault that there is none."""
        if self.resources.balloon:
            return self.resources.balloon
        if self.machine.state == "Not started":
            raise Refused("balloon", "No balloon device found.")
        error = "Balloon update error" if update else "Internal VMM error"
        raise Fault(f"{error}: Failed perform action on device: Device not found")

    def get_balloon(self, _):
        return shown(self.balloon(False))

    def get_balloon_stats(self, _):
        config = self.balloon(False)
        if not config["stats_polling_interval_s"]:
            raise Fault("Internal VMM error: Failed perform action on device: Internal Device "
                        "error: Received stats query when stats are disabled.")
        held, stats = self.machine.balloon_stats()
        names = {"swap_in": "stat-swap-in", "swap_out": "stat-swap-out",
                 "major_faults": "stat-major-faults", "minor_faults": "stat-minor-faults",
                 "free_memory": "stat-free-memory", "total_memory": "stat-total-memory",
                 "available_memory": "stat-available-memory", "disk_caches": "stat-disk-caches"}
        target = config["amount_mib"]
        answer = {"target_pages": target << 8, "actual_pages": held << 8, "target_mib": target,
                  "actual_mib": held}
        answer.update({ours: stats[theirs] for ours, theirs in names.items() if theirs in stats})
        return shown(answer)

    def patch_balloon(self, body):
        config = self.balloon(True)
        if body["amount_mib"] > self.resources.machine["mem_size_mib"]:
            raise Fault("Balloon update error: Failed perform action on device: Internal Device "
                        f"error: Requested memory should be less than {body['amount_mib']}MiB")
        self.machine.set_balloon(body["amount_mib"])
        config["amount_mib"] = body["amount_mib"]

    def patch_stats(self, body):
        config, wanted = self.balloon(True), body["stats_polling_interval_s"]
        if bool(config["stats_polling_interval_s"]) != bool(wanted):
            raise Fault("Balloon update error: Failed perform action on device: Internal Device "
                        "error: Statistics cannot be enabled/disabled after activation.")
        if wanted:
            self.machine.set_polling(wanted)
        config["stats_polling_interval_s"] = wanted

    def snapshot_create(self, body):
        if body["snapshot_type"] != "Full":
            raise absent("diff snapshots")
        if self.machine.state != "Paused":
            raise snapshot.create_error("Cannot save the microVM state: Operation not allowed: "
                                        "save/restore unavailable while running")
        state = snapshot.open_new(body["snapshot_path"], "snapshot")
        memory = snapshot.open_new(body["mem_file_path"], "memory")
        snapshot.write_header(state, {**self.resources.kept(), "pci": self.pci})
        try:
            self.machine.save(state)
            snapshot.copy(self.machine.memory, memory, os.fstat(self.machine.memory).st_size)
        except (OSError, qmp.QmpError) as error:
            raise snapshot.create_error(f"Cannot write memory file: {error}") from error
        finally:
            os.close(state)
            os.close(memory)

    def snapshot_load(self, body):
        if (body["mem_backend"] is None) == (body["mem_file_path"] is None):
            raise bad_body(
                "missing field: either `mem_backend` or `mem_file_path` is required"
                if body["mem_backend"] is None else
                "too many fields: either `mem_backend` or `mem_file_path` exclusively is required")
        if self.boot_path:
            raise Fault("Load snapshot error: Loading a microVM snapshot not allowed after "
                        "configuring boot-specific resources.")
        if snapshot.keeps_diffs(body):
            raise absent("diff snapshots")
        backend = body["mem_backend"] or {"backend_type": "File",
                                          "backend_path": body["mem_file_path"]}
        if backend["backend_type"] != "File":
            raise absent("userfaultfd")
        self.load_from(body, backend["backend_path"])
        if body["resume_vm"]:
            self.machine.resume()
        return Answer(204, deprecated=body["mem_file_path"] is not None)

    def load_from(self, body, memory_path):
        """Whatever fails here is the end."""
        parts, state = snapshot.read_header(body["snapshot_path"])
        snapshot.override(parts, body)
        memory = snapshot.read_memory(memory_path, parts["machine-config"]["mem_size_mib"])
        try:
            self.resources.take(parts)
            self.machine.load(self.resources, state, memory, parts["pci"])
        except Refused as refused:
            raise snapshot.load_error(f"Failed to build microVM from snapshot: {refused.text}"
                                      ) from refused
        except qmp.QmpError as error:
            raise snapshot.bad_state(error) from error
        finally:
            os.close(state)
        metrics.flush()

    @staticmethod
    def no_mmds(_):
        raise absent("MMDS")

    @staticmethod
    def no_cpu_config(_):
        raise absent("custom CPU templates")

    def load_file(self, path):
        """--config-file: everything, and the start. Exit: it cannot be."""
        with open(path, "rb") as file:
            data = file.read()
        try:
            self.resources.load(schemas.CONFIG(jsontext.parse(data), data))
        except jsontext.JsonError as error:
            raise bad_file(f"Invalid JSON: {error}") from error
        except Refused as refused:
            raise bad_file(f"{FILE_AREAS[refused.area]}: {refused.text}") from refused
        try:
            self.start()
        except Fault as fault:
            text = fault.message.removeprefix(start_error("").message)
            if since(1, 5):
                raise Exit(1, f"Could not Start MicroVM from one single json: {text}") from fault
            raise Exit(152, f"Building VMM configured from cmdline json failed: {text}") from fault
        log.info("Successfully started microvm that was configured from one single json")


def bad_file(text):
    return Exit(1 if since(1, 5) else 152,
                f"Configuration for VMM from one single json failed: {text}")


def quoted(data):
    """As Rust prints a string."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "inconvertible to UTF-8"
    return json.dumps(text, ensure_ascii=False)
