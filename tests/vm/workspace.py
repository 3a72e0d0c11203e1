#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""examples/workspace: built, booted with a tap in a network namespace of our own, and asked."""

import json
import os
import subprocess
import sys
import tempfile

from guestlib import LIMIT, TOP, Failed, check, same
from imagelib import Boot, run

ADDRESS, GATEWAY = "192.168.100.11", "192.168.100.1"
NAMESPACE = f"caisson-test-{os.getpid()}"
INSIDE = ["nsenter", f"--net=/run/netns/{NAMESPACE}"]
WORDS = f"ip={ADDRESS}::{GATEWAY}:255.255.255.0::eth0:off"
NIC = ["-netdev", "tap,id=net,ifname=tap0,script=no,downscript=no",
       "-device", "virtio-net-device,netdev=net"]


def network():
    run("ip", "netns", "add", NAMESPACE)
    for words in (["tuntap", "add", "tap0", "mode", "tap"],
                  ["address", "add", GATEWAY + "/24", "dev", "tap0"],
                  ["link", "set", "tap0", "up"]):
        run("ip", "-n", NAMESPACE, *words)


def ask(port, path, *more):
    """Return: status, and the answer."""
    said = run(*INSIDE, "curl", "--silent", "--max-time", LIMIT, "--write-out", "\n%{http_code}",
               *more, f"http://{ADDRESS}:{port}{path}")
    body, status = said.rsplit("\n", 1)
    return int(status), json.loads(body)


def serves(image):
    with Boot(image, WORDS, NIC, before=INSIDE, memory="512") as vm:
        vm.expect("listening on port 300")
        vm.expect("listening on port 300")
        same(ask(3001, "/health"), (200, {"status": "ok", "workspace": "/workspace"}), "health")
        same(ask(3002, "/files"), (200, {"files": [{"name": "welcome.md", "type": "file"}]}),
             "files")
        for port, path in ((3002, "/vm/1/files"), (3001, "/files"), (3002, "/files?path=../etc"),
                           (3002, "/files?path=/../../etc"), (3002, "/files?path=nowhere")):
            same(ask(port, path)[0], 404, f"status of {path}")
        check("vminitd: " not in vm.console, vm.console)


def mend(image):
    """After a machine that was switched off. 1: something was done, and now all is well."""
    done = subprocess.run(["e2fsck", "-p", image], check=False, stdout=subprocess.PIPE, text=True)
    check(done.returncode in (0, 1), done.stdout)


def as_in_a_container(image):
    """The seat in front of every route; and nobody may list files without being told to be open."""
    mend(image)
    run(TOP + "/build/bin/caisson", "image", "init-config", "--user", "learner", "--workspace",
        "/srv/made for it", "--workdir", "/home/learner/server", "--env", "MICROVM_MODE=false",
        "--env", "AUTH_TOKEN=secret", image, "node", "dist/index.js")
    with Boot(image, WORDS, NIC, before=INSIDE, memory="512") as vm:
        vm.expect("listening on port 300")
        vm.expect("listening on port 300")
        same(ask(3001, "/vm/7/health"), (200, {"status": "ok", "workspace": "/srv/made for it"}),
             "health")
        same(ask(3002, "/vm/7/files")[0], 401, "status without a token")
        same(ask(3002, "/vm/7/files", "-H", "Authorization: Bearer secret"), (200, {"files": []}),
             "files")
        same((ask(3001, "/health")[0], ask(3002, "/files")[0]), (404, 404), "without a seat")


def nothing_there(image):
    """Without its server."""
    mend(image)
    run(TOP + "/build/bin/caisson", "image", "init-config", "--require",
        "/home/learner/server/dist/index.js", image, "node", "x")
    run("debugfs", "-w", "-R", "rm /home/learner/server/dist/index.js", image)
    with Boot(image, memory="512") as vm:
        vm.expect("cannot use /home/learner/server/dist/index.js: No such file or directory")
        vm.expect("/home/learner/server/dist holds: nothing")
        vm.expect("started again in 1 s")


def main():
    if os.geteuid() != 0 or not os.path.exists("/dev/net/tun"):
        print("ok workspace # SKIP debootstrap and taps need root, and taps /dev/net/tun")
        sys.exit(77)
    with tempfile.TemporaryDirectory(prefix="caisson-test-image.") as folder:
        image = folder + "/workspace.ext4"
        try:
            run(TOP + "/examples/workspace/build.sh", image)
            print("ok build", flush=True)
            network()
            for test in (serves, as_in_a_container, nothing_there):
                test(image)
                print("ok", test.__name__, flush=True)
        except Failed as error:
            print(f"not ok workspace: {error}")
            sys.exit(1)
        finally:
            subprocess.run(["ip", "netns", "delete", NAMESPACE], check=False,
                           stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
