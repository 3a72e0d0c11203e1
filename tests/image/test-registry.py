#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Registry references, against a docker-registry on loopback at a port that the kernel chose."""

import contextlib
import hashlib
import http.server
import json
import os
import signal
import subprocess
import threading
import urllib.request

import harness
from harness import names, tool
from ociimage import ARCH, MANIFEST_TYPE, OCI, Image, Tar, sha256
from registry import free_port, push, registry


def made(text):
    tar = Tar()
    tar.text("file", text)
    upper = Tar()
    upper.text("upper", text)
    return Image([tar.bytes(), upper.bytes()], Cmd=["sh"])


def content(got):
    with open(got.rootfs + "/file", encoding="ascii") as file:
        return file.read()


def test_pull(work):
    with registry(work) as host:
        image = made("one")
        push(work, host, image, "some/name:tag")
        got = work.get(f"{host}/some/name:tag")
        assert got.id == image.id and names(got.rootfs) == ["file", "upper"]
        assert got.all("progress")[0] == f"fetching {host}/some/name:tag"
        assert work.leftovers() == []
        # By another name for the same machine, and with Docker's prefix.
        port = host.split(":")[1]
        assert work.get(f"docker://localhost:{port}/some/name:tag").id == image.id
        assert len(work.images()) == 1


def test_known_name_is_not_fetched_again(work):
    with registry(work) as host:
        push(work, host, made("one"), "x:latest")
        first = work.get(f"{host}/x")
        push(work, host, made("two"), "x:latest")
        again = work.get(f"{host}/x:latest")
        assert again.id == first.id and not again.all("progress")
        assert content(work.get(f"{host}/x", "--pull", "always")) == "two"
        assert content(work.get(f"{host}/x")) == "two"
    # Without the registry, what is known stays known.
    assert content(work.get(f"{host}/x", "--pull", "never")) == "two"
    work.refused(f"{host}/y", options=["--pull", "never"])


def test_digest(work):
    with registry(work) as host:
        image = made("one")
        push(work, host, image, "x:latest")
        run = subprocess.run(["skopeo", "inspect", "--tls-verify=false", "--format", "{{.Digest}}",
                              f"docker://{host}/x"], check=True, stdout=subprocess.PIPE, text=True)
        assert work.get(f"{host}/x@{run.stdout.strip()}").id == image.id
        assert work.get(f"{host}/x:latest@{run.stdout.strip()}").id == image.id
        work.refused(f"{host}/x@sha256:" + "0" * 64, "no image")


def test_no_such_image(work):
    with registry(work) as host:
        push(work, host, made("one"), "x:latest")
        work.refused(f"{host}/nothing:here", f"{host}/nothing:here", "no image")
        work.refused(f"{host}/x:no", f"{host}/x:no", "no image")


def test_no_registry(work):
    port = free_port()
    work.refused(f"127.0.0.1:{port}/x:y", f"cannot fetch 127.0.0.1:{port}/x:y", "refused")


def test_no_skopeo(work):
    os.mkdir(work / "empty")
    work.refused("127.0.0.1:1/x:y", "needs skopeo", env={"PATH": work / "empty"})


def test_damaged_blob_in_the_registry(work):
    with registry(work) as host:
        image = made("one")
        push(work, host, image, "x:latest")
        digest = image.layers[1].digest[7:]
        path = work / f"registry/docker/registry/v2/blobs/sha256/{digest[:2]}/{digest}/data"
        with open(path, "r+b") as file:
            file.write(b"damaged")
        work.refused(f"{host}/x")
        assert work.images() == []


def test_interrupted(work):
    """A skopeo that never ends is ended, whenever the signal comes."""
    os.mkdir(work / "bin")
    os.mkfifo(work / "fifo")
    with open(work / "bin/skopeo", "w", encoding="ascii") as file:
        file.write(f"#!/bin/sh\necho $$ >{work / 'fifo'}\nread never <{work / 'fifo'}\n")
    os.chmod(work / "bin/skopeo", 0o755)
    environment = {**os.environ, "PATH": work / "bin" + ":" + os.environ["PATH"]}
    for wait in [True, False]:
        process = subprocess.Popen(work.command("127.0.0.1:1/x:y"), env=environment,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "fetching" in process.stdout.readline()
        if wait:
            with open(work / "fifo", encoding="ascii") as file:
                skopeo = int(file.read())
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate()
        assert process.returncode == 1 and "interrupted" in error, error
        assert work.leftovers() == []
        if wait:
            assert not os.path.exists(f"/proc/{skopeo}"), "skopeo is still there"


class Registry(http.server.BaseHTTPRequestHandler):
    """Says what its server has: documents by the end of their path. Other blobs never end."""

    def log_message(self, *arguments):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        name = self.path.rstrip("/").split("/")[-1]
        self.server.asked.append(name)
        data = self.server.documents.get(name)
        self.send_response(200)
        self.send_header("Content-Length", str(1 << 50 if data is None else len(data)))
        if data:
            kind = json.loads(data).get("mediaType", "application/octet-stream")
            self.send_header("Content-Type", kind)
            self.send_header("Docker-Content-Digest", "sha256:" + hashlib.sha256(data).hexdigest())
        self.end_headers()
        with contextlib.suppress(OSError):
            while data is None and self.command == "GET":
                self.wfile.write(bytes(1 << 20))
            if data and self.command == "GET":
                self.wfile.write(data)


@contextlib.contextmanager
def lying_registry(image):
    tool("skopeo")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Registry)
    manifest = json.dumps(image.finish().manifest).encode()
    server.asked = []
    server.documents = {"v2": b"{}", "latest": manifest, image.id: image.config_bytes,
                        "sha256:" + hashlib.sha256(manifest).hexdigest(): manifest}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server, f"127.0.0.1:{server.server_port}/x"
    finally:
        server.shutdown()
        server.server_close()


def test_too_much_is_not_begun(work):
    """Nothing is fetched of an image whose manifest says that it is too large."""
    image = made("one").finish()
    image.manifest["layers"][1]["size"] = 1 << 50
    with lying_registry(image) as (server, name):
        work.refused(name, name, "bytes, which are allowed")
        assert set(server.asked) <= {"v2", "latest"}, server.asked
    image = made("one").finish()
    with lying_registry(image) as (server, name):
        work.refused(name, "more than 100 bytes", options=["--max-bytes", "100"])
    del image.manifest["layers"][1]["size"]
    with lying_registry(image) as (server, name):
        work.refused(name, "no size")


def test_more_than_was_promised(work):
    image = made("one")
    with lying_registry(image) as (server, name):
        got = work.refused(name, "sends more for", name, "than its manifest says")
        assert len(got.error) < 300 and image.layers[0].digest in server.asked
    assert work.images() == []


def test_another_manifest_than_the_name_says(work):
    image = made("one").finish()
    with lying_registry(image) as (server, name):
        good = server.documents.pop("latest")
        server.documents["latest"] = good.replace(b"layers", b"LAYERS")
        digest = "sha256:" + hashlib.sha256(good).hexdigest()
        server.documents[digest] = good + b" "
        work.refused(f"{name}@{digest}", digest)


def test_index(work):
    """The image for this machine, out of several."""
    others = [made(x).finish() for x in ["other", "mine"]]
    with registry(work) as host:
        entries = []
        for image, arch in zip(others, ["s390x", ARCH]):
            push(work, host, image, "x:" + arch)
            data = subprocess.run(["skopeo", "inspect", "--raw", "--tls-verify=false",
                                   f"docker://{host}/x:{arch}"], check=True,
                                  stdout=subprocess.PIPE).stdout
            entries.append({"mediaType": MANIFEST_TYPE, "size": len(data), "digest": sha256(data),
                            "platform": {"os": "linux", "architecture": arch}})
        kind = OCI + "index.v1+json"
        index = json.dumps({"schemaVersion": 2, "mediaType": kind, "manifests": entries}).encode()
        request = urllib.request.Request(f"http://{host}/v2/x/manifests/latest", data=index,
                                         method="PUT", headers={"Content-Type": kind})
        urllib.request.urlopen(request).close()
        assert work.get(f"{host}/x").id == others[1].id
        assert work.get(f"{host}/x@{sha256(index)}").id == others[1].id
        request = urllib.request.Request(
            f"http://{host}/v2/x/manifests/other", method="PUT", headers={"Content-Type": kind},
            data=index.replace(ARCH.encode(), b"mips"))
        urllib.request.urlopen(request).close()
        work.refused(f"{host}/x:other", "none of its images is for")


def test_several_at_once_fetch_once(work):
    with registry(work) as host:
        push(work, host, made("one"), "x:latest")
        running = [subprocess.Popen(work.command(f"{host}/x"), stdout=subprocess.PIPE)
                   for _ in range(6)]
        output = [x.communicate()[0] for x in running]
        assert [x.returncode for x in running] == [0] * 6
        assert sum(b"fetching" in x for x in output) == 1


harness.run()
