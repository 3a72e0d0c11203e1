#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images that other tools made, as file systems, held against what GNU tar makes of their layers."""

import gzip
import io
import json
import os
import shutil
import subprocess
import tarfile

import harness
from harness import gnu_tar, same, snapshot, tool
from ociimage import Tar

DEBIAN_IMAGE = os.path.join(harness.HERE, "..", "lib", "debian-image")
SKOPEO = ["skopeo", "--insecure-policy", "copy", "-q"]
MAGICS = {"gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}
CAPABILITY = b"\x01\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0"


def run(*command, **more):
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **more)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


def kind(data):
    return next((how for how, magic in MAGICS.items() if data.startswith(magic)), "none")


def expand(data):
    if kind(data) == "gzip":
        return gzip.decompress(data)
    if kind(data) == "zstd":
        return subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def opened(work, reference):
    """What an image is made of. Return: how each layer is compressed, and their tars."""
    form, _, path = reference.partition(":")
    path, _, tag = path.partition(":")
    if form != "oci":
        archive, path = path, work / "opened"
        harness.remove(path)
        os.mkdir(path)
        run("tar", "-xf", archive, "-C", path)

    def read(name):
        with open(os.path.join(path, name), "rb") as file:
            return file.read()

    def blob(entry):
        return read("blobs/" + entry["digest"].replace(":", "/"))
    if form == "docker-archive":
        layers = [read(x) for x in json.loads(read("manifest.json"))[0]["Layers"]]
    else:
        found = [x for x in json.loads(read("index.json"))["manifests"]
                 if not tag or x["annotations"]["org.opencontainers.image.ref.name"] == tag]
        layers = [blob(x) for x in json.loads(blob(found[0]))["layers"]]
    return [kind(x) for x in layers], [expand(x) for x in layers]


def hidden_by(root, member):
    """What a whiteout is for, in the tree that the layers below have made."""
    folder, name = os.path.split(os.path.join(root, member))
    if name == ".wh..wh..opq":
        return [os.path.join(folder, x) for x in os.listdir(folder)]
    return [os.path.join(folder, name[len(".wh."):])]


def apply(root, layer):
    """GNU tar, and by hand what it does not do: whiteouts, and times of folders that it only passes."""
    members = tarfile.open(fileobj=io.BytesIO(layer), errors="surrogateescape").getnames()
    times = {x: os.stat(x).st_mtime_ns for x, _, _ in os.walk(root)}
    for member in members:
        if os.path.basename(member).startswith(".wh."):
            for path in hidden_by(root, member):
                harness.remove(path)
    subprocess.run(["tar", "-x", "-p", "-C", root, "--numeric-owner", "--acls", "--xattrs",
                    "--xattrs-include=*", "--exclude=.wh.*", "--delay-directory-restore"],
                   input=layer, check=True, stderr=subprocess.PIPE)
    told = {os.path.normpath(os.path.join(root, x)) for x in members}
    for path, time in times.items():
        if os.path.isdir(path) and path not in told:
            os.utime(path, ns=(time, time))


def as_gnu_tar(work, reference):
    """Return: how the layers are compressed."""
    kinds, layers = opened(work, reference)
    want = gnu_tar(work, layers[0])
    for layer in layers[1:]:
        apply(want, layer)
    have, tree = snapshot(work.get(reference).rootfs), snapshot(want)
    # Where no layer tells of the root, GNU tar leaves what mkdir has made.
    if not any(tells_of_the_root(layer) for layer in layers):
        del have[b"."], tree[b"."]
    same(have, tree)
    harness.remove(want)
    read_by_e2fsprogs(os.path.join(work.store, harness.EXT4), have)
    work.unmount()
    return kinds


def tells_of_the_root(layer):
    return any(os.path.normpath(x) == "." for x in
               tarfile.open(fileobj=io.BytesIO(layer), errors="surrogateescape").getnames())


def read_by_e2fsprogs(image, have):
    """dumpe2fs knows all groups, debugfs the root's names."""
    assert "Inode count:" in run("dumpe2fs", image)
    listed = run("debugfs", "-R", "ls -p /", image)
    listed = {line.split("/")[5] for line in listed.splitlines() if line.startswith("/")}
    want = {os.fsdecode(x[2:]) for x in have if x.count(b"/") == 1}
    assert listed - {".", "..", "lost+found"} == want - {"lost+found"}, (listed, want)


def rich_tree(work):
    """A tar with some of everything that these tools do not lose."""
    tar = Tar()
    tar.dir("./", mode=0o755, mtime=1111111111)
    for name in ["d", "d/gone", "hidden"]:
        tar.dir(name, mode=0o2755, gid=8)
    tar.text("d/f", "content" * 3000, mode=0o4750, uid=1000, gid=1001)
    tar.text("d/gone/f", "goes with its folder")
    tar.text("hidden/f", "goes alone")
    tar.hardlink("link", "d/f", mode=0o4750, uid=1000, gid=1001)
    tar.symlink("long", "x/" * 600 + "y", uid=3)
    tar.text("n" * 255, "longest name")
    tar.text("cap", "x", pax_headers={"SCHILY.xattr.security.capability": os.fsdecode(CAPABILITY)})
    tar.add("null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)
    tar.add("fifo", tarfile.FIFOTYPE, mode=0o622, uid=9)
    with open(work / "rich.tar", "wb") as file:
        file.write(tar.bytes())
    return work / "rich.tar"


def change(root):
    """What the second layer is made of."""
    shutil.rmtree(root + "/d/gone")
    os.unlink(root + "/hidden/f")
    with open(root + "/hidden/new", "w", encoding="ascii") as file:
        file.write("new")
    os.chown(root + "/hidden/new", 70000, 8)
    os.link(root + "/d/f", root + "/d/again")


def test_debian(work):
    """What debootstrap makes, and Node.js on top of it in a layer of its own; both by umoci."""
    for name in ["debootstrap", "umoci"]:
        tool(name)
    layout = run(DEBIAN_IMAGE)
    assert as_gnu_tar(work, f"oci:{layout}:minbase") == ["gzip"]
    assert len(as_gnu_tar(work, f"oci:{layout}:nodejs")) == 2


def by_buildah(work):
    store = ["buildah", "--storage-driver", "vfs", "--root", work / "b", "--runroot", work / "br"]
    name = run(*store, "from", "scratch")
    run(*store, "add", "-q", name, rich_tree(work), "/")
    run(*store, "commit", "-q", name, "localhost/one")
    name = run(*store, "from", "localhost/one")
    change(run(*store, "mount", name))
    for form in ["oci-archive", "docker-archive", "oci"]:
        run(*store, "commit", "-q", name, f"{form}:{work / form}")
        yield f"{form}:{work / form}"


def test_buildah(work):
    tool("buildah")
    for reference in by_buildah(work):
        assert len(as_gnu_tar(work, reference)) == 2, reference


def test_podman(work):
    """podman save, of what podman import and podman commit make."""
    tool("podman")
    store = ["podman", "--storage-driver", "vfs", "--root", work / "p", "--runroot", work / "pr",
             "--cgroup-manager", "cgroupfs"]
    run(*store, "import", "-q", rich_tree(work), "localhost/one")
    name = run(*store, "create", "localhost/one", "true")
    change(run(*store, "mount", name))
    run(*store, "commit", "-q", name, "localhost/two")
    run(*store, "rm", name)
    for form in ["docker-archive", "oci-archive", "oci-dir"]:
        path = work / "podman-" + form
        run(*store, "save", "-q", "--format", form, "-o", path, "localhost/two")
        assert len(as_gnu_tar(work, f"{form.replace('-dir', '')}:{path}")) == 2, form


def copied(work, source, reference, options):
    run(*SKOPEO, *options, source, reference)
    return as_gnu_tar(work, reference)


def test_umoci_and_skopeo(work):
    """umoci's image in all the forms and compressions that skopeo copies it to."""
    tool("umoci")
    tool("skopeo")
    layout, bundle = work / "umoci", work / "bundle"
    run("umoci", "init", "--layout", layout)
    run("umoci", "new", "--image", layout + ":none")
    run("umoci", "unpack", "--image", layout + ":none", bundle)
    run("tar", "-xpf", rich_tree(work), "-C", bundle + "/rootfs", "--numeric-owner", "--xattrs",
        "--xattrs-include=*")
    run("umoci", "repack", "--refresh-bundle", "--image", layout + ":one", bundle)
    change(bundle + "/rootfs")
    run("umoci", "repack", "--image", layout + ":two", bundle)
    assert as_gnu_tar(work, f"oci:{layout}:two") == ["gzip"] * 2
    copied(work, f"oci:{layout}:two", "docker-archive:" + work / "docker:x/y:z", [])
    # Only what is not compressed yet is compressed as one likes.
    plain = "dir:" + work / "plain"
    run(*SKOPEO, "--dest-decompress", f"oci:{layout}:two", plain)
    for form in ["oci", "oci-archive"]:
        for how in ["none", *MAGICS]:
            options = ["--dest-oci-accept-uncompressed-layers"] if how == "none" else [
                "--dest-compress-format", how]
            kinds = copied(work, plain, f"{form}:{work / form}-{how}:x", options)
            assert kinds == [how] * 2, (form, kinds)


harness.AS_EXT4 = True
harness.run()
