# SPDX-License-Identifier: Apache-2.0
"""A docker-registry on loopback, at a port that the kernel chose."""

import contextlib
import socket
import subprocess
import threading

import harness
from harness import tool

CONFIG = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serves(process):
    """Waits until it has logged that it listens, or has ended."""
    for line in process.stdout:
        if b"listening on" in line:
            return True
    return False


@contextlib.contextmanager
def registry(work):
    """Yields "127.0.0.1:PORT". The port may be taken between choosing and using it: then another."""
    tool("docker-registry")
    tool("skopeo")
    for _ in range(10):
        port = free_port()
        with open(work / "registry.yml", "w", encoding="ascii") as file:
            file.write(CONFIG.replace("level: error", "level: info").format(
                root=work / "registry", port=port))
        process = subprocess.Popen(["docker-registry", "serve", work / "registry.yml"],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if serves(process):
            break
        process.wait()
    # Or it would stand still once nobody has read some 64 KiB of it.
    reader = threading.Thread(target=process.stdout.read)
    reader.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
        reader.join()
        process.stdout.close()


def push(work, host, image, name):
    folder = work / "push"
    harness.remove(folder)
    image.write_oci(folder)
    subprocess.run(["skopeo", "--insecure-policy", "copy", "--dest-tls-verify=false",
                    f"oci:{folder}", f"docker://{host}/{name}"], check=True,
                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
