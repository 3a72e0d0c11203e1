# SPDX-License-Identifier: Apache-2.0
"""Builds container images out of nothing: tars, configurations, and the three forms they come in.

The same input gives the same bytes. Nothing is fetched.
"""

import gzip
import hashlib
import io
import json
import os
import platform
import subprocess
import tarfile

TIME = 1700000000
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())

OCI = "application/vnd.oci.image."
MANIFEST_TYPE = OCI + "manifest.v1+json"
CONFIG_TYPE = OCI + "config.v1+json"
LAYER_TYPE = OCI + "layer.v1.tar"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Tar:
    """A layer's tar under construction. Every method returns the TarInfo it added."""

    def __init__(self, format=tarfile.PAX_FORMAT):
        self.file = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.file, mode="w", format=format, errors="surrogateescape")

    def add(self, name, type=tarfile.REGTYPE, data=None, **fields):
        info = tarfile.TarInfo(name)
        info.type = type
        info.mtime = TIME
        info.mode = 0o755 if type == tarfile.DIRTYPE else 0o644
        info.size = len(data) if data else 0
        for key, value in fields.items():
            setattr(info, key, value)
        self.tar.addfile(info, io.BytesIO(data) if data else None)
        return info

    def dir(self, name, **fields):
        return self.add(name, tarfile.DIRTYPE, **fields)

    def text(self, name, text="", **fields):
        return self.add(name, data=text.encode(), **fields)

    def symlink(self, name, target, **fields):
        return self.add(name, tarfile.SYMTYPE, linkname=target, mode=0o777, **fields)

    def hardlink(self, name, target, **fields):
        return self.add(name, tarfile.LNKTYPE, linkname=target, **fields)

    def whiteout(self, name):
        head, tail = os.path.split(name)
        return self.add(os.path.join(head, ".wh." + tail))

    def opaque(self, name):
        return self.add(os.path.join(name, ".wh..wh..opq"))

    def copy(self, path, name, **fields):
        """A program of this machine."""
        with open(path, "rb") as file:
            data = file.read()
        return self.add(name, data=data, mode=0o755, **fields)

    def bytes(self):
        self.tar.close()
        return self.file.getvalue()


def compress(data, how):
    if how == "gzip":
        return gzip.compress(data, 6, mtime=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE,
                              check=True).stdout
    return data


class Layer:
    """@tar: the bytes of an uncompressed tar; @how: None, "gzip" or "zstd"."""

    def __init__(self, tar, how="gzip", media_type=None):
        self.diff_id = sha256(tar)
        self.tar = tar
        self.blob = compress(tar, how)
        self.digest = sha256(self.blob)
        self.size = len(self.blob)
        self.media_type = media_type or LAYER_TYPE + ("+" + how if how else "")


class Image:
    """Public fields may be spoilt before writing, to make images that are wrong."""

    def __init__(self, layers, tag="test:latest", **config):
        self.layers = [x if isinstance(x, Layer) else Layer(x) for x in layers]
        self.tag = tag
        self.config = {
            "architecture": ARCH,
            "os": "linux",
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": [x.diff_id for x in self.layers]},
        }
        self.config_bytes = self.id = self.manifest = None

    def finish(self):
        if self.config_bytes is None:
            self.config_bytes = json.dumps(self.config, sort_keys=True).encode()
        if self.id is None:
            self.id = sha256(self.config_bytes)
        if self.manifest is None:
            self.manifest = {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": {"mediaType": CONFIG_TYPE, "digest": self.id,
                           "size": len(self.config_bytes)},
                "layers": [{"mediaType": x.media_type, "digest": x.digest, "size": x.size}
                           for x in self.layers],
            }
        return self

    def files(self):
        """An OCI image layout, as {name: bytes}."""
        self.finish()
        manifest = json.dumps(self.manifest, sort_keys=True).encode()
        entry = {"mediaType": MANIFEST_TYPE, "digest": sha256(manifest), "size": len(manifest),
                 "annotations": {"org.opencontainers.image.ref.name": self.tag.split(":")[-1]}}
        files = {
            "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
            "index.json": json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode(),
        }
        blobs = {sha256(manifest): manifest, self.id: self.config_bytes}
        blobs.update({x.digest: x.blob for x in self.layers})
        for digest, data in blobs.items():
            files["blobs/" + digest.replace(":", "/")] = data
        return files

    def write_oci(self, path):
        for name, data in self.files().items():
            full = os.path.join(path, name)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            with open(full, "wb") as file:
                file.write(data)

    def write_oci_archive(self, path):
        write_tar(path, self.files())

    def write_docker_archive(self, path):
        self.finish()
        layers = [x.diff_id[7:] + ".tar" for x in self.layers]
        config = self.id[7:] + ".json"
        files = {config: self.config_bytes}
        files.update({name: x.tar for name, x in zip(layers, self.layers)})
        files["manifest.json"] = json.dumps(
            [{"Config": config, "RepoTags": [self.tag], "Layers": layers}]).encode()
        write_tar(path, files)


def write_tar(path, files):
    tar = Tar()
    for name, data in files.items():
        tar.add(name, data=data)
    with open(path, "wb") as file:
        file.write(tar.bytes())
