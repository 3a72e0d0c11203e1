#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The stand-in's tables against Firecracker's own description of its API.

    test-schemas.py [FILE]     one OpenAPI file; those in $FIRECRACKER_OPENAPI, parted by colons

Where none is named there is nothing to compare, and only the tables themselves are looked at.
"""

import os
import subprocess
import sys

from fclib import HERE, Failed, check, environment, same

# What Firecracker reads and its description does not have, or the other way round, by definition.
NOT_DESCRIBED = {"MmdsConfig": {"imds_compat"}}
NAMES = {  # the description's name: ours, or by method
    "Balloon": "BALLOON", "BalloonUpdate": "BALLOON_UPDATE", "BalloonStatsUpdate": "BALLOON_STATS",
    "BootSource": "BOOT_SOURCE", "Drive": "DRIVE", "PartialDrive": "DRIVE_UPDATE",
    "EntropyDevice": "ENTROPY", "InstanceActionInfo": "ACTION", "Logger": "LOGGER",
    "MachineConfiguration": "MACHINE", "MemoryBackend": "BACKEND", "Metrics": "METRICS",
    "MmdsConfig": "MMDS", "NetworkInterface": "NETWORK", "NetworkOverride": "OVERRIDE",
    "PartialNetworkInterface": "NETWORK_UPDATE", "RateLimiter": "LIMITER",
    "SnapshotCreateParams": "SNAPSHOT_CREATE", "SnapshotLoadParams": "SNAPSHOT_LOAD",
    "TokenBucket": "BUCKET", "Vm": "VM", "Vsock": "VSOCK", "SerialDevice": "SERIAL",
}
# The stand-in has none of these.
ABSENT = ("/pmem", "/hotplug", "/balloon/hinting")


def fields(definition):
    return set(definition["properties"]), set(definition.get("required", ()))


def compare_definition(name, definition, struct):
    described, required = fields(definition)
    have = set(struct.fields) - (NOT_DESCRIBED.get(name, set()) - described)
    same(have, described, f"the fields of {name}")
    same({key for key, field in struct.fields.items() if field.required}, required,
         f"the required fields of {name}")


def compare_paths(paths, routes):
    """Methods and paths, without the ids."""
    described = {(method.upper(), path.strip("/").split("/{")[0])
                 for path, methods in paths.items() if not path.startswith(ABSENT)
                 for method in methods if method in ("get", "put", "patch")}
    same(routes, described, "the requests")


def compare(path):
    import yaml  # pylint: disable=import-outside-toplevel

    with open(path, encoding="utf-8") as file:
        page = yaml.safe_load(file)
    os.environ["STANDIN_VERSION"] = page["info"]["version"]
    from standin import schemas, version  # pylint: disable=import-outside-toplevel
    from standin.api import Api  # pylint: disable=import-outside-toplevel
    from standin.machine import Machine  # pylint: disable=import-outside-toplevel
    from standin.resources import Resources  # pylint: disable=import-outside-toplevel

    check(version.NUMBERS, f"version {version.TEXT} is none that the stand-in plays")
    for name, definition in page["definitions"].items():
        if name in NAMES:
            compare_definition(name, definition, getattr(schemas, NAMES[name]))
    routes = Api("id", Machine(None, 0), Resources(), False).routes
    compare_paths(page["paths"], {key for key, route in routes.items()
                                  if version.since(*route.first)})


def compare_own(version):
    """A patch has the fields of what it patches."""
    os.environ["STANDIN_VERSION"] = version
    from standin import schemas  # pylint: disable=import-outside-toplevel

    same(list(schemas.MACHINE_UPDATE.fields), list(schemas.MACHINE.fields), "the machine's fields")
    for whole, part in ((schemas.BALLOON, schemas.BALLOON_UPDATE),
                        (schemas.NETWORK, schemas.NETWORK_UPDATE),
                        (schemas.DRIVE, schemas.DRIVE_UPDATE)):
        check(set(part.fields) <= set(whole.fields), f"{part.name} has fields of its own")


def verdict(name, function, argument):
    try:
        function(argument)
        print(f"ok {name}", flush=True)
        return 0
    except Failed as failure:
        print(f"not ok {name}\n  | {failure}", flush=True)
        return 1


def main(words):
    if words:
        one = compare if words[0] == "--compare" else compare_own
        return verdict(f"schemas {os.path.basename(words[1])}", one, words[1])
    pages = [p for p in os.environ.get("FIRECRACKER_OPENAPI", "").split(":") if p]
    runs = [("--own", v) for v in ("1.4.1", "1.7.0", "1.13.1", "1.16.0")]
    runs += [("--compare", page) for page in pages]
    # Each in a process of its own: the version is chosen once.
    done = [subprocess.run([sys.executable, os.path.join(HERE, "test-schemas.py"), *run],
                           check=False, env=environment()).returncode for run in runs]
    return 1 if any(done) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
