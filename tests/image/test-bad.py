#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input: one clear sentence each, and nothing left behind."""

import gzip
import io
import json
import os
import resource
import subprocess
import tarfile

import harness
import ociimage
from harness import small_disk
from ociimage import Image, Layer, Tar, write_tar


def good():
    tar = Tar()
    tar.dir("d")
    tar.text("d/f", "content" * 1000)
    return Image([tar.bytes()])


def image_with(*entries, lower=None):
    """An image with one entry more than it should have."""
    tar = Tar()
    tar.text("before", "b")
    for entry in entries:
        tar.add(*entry[:-1], **entry[-1])
    return Image(([lower.bytes()] if lower else []) + [tar.bytes()])


def refused(work, image, *words, **more):
    folder = work / "image"
    harness.remove(folder)
    image.write_oci(folder)
    got = work.refused("oci:" + folder, *words, **more)
    assert work.images() == [], work.images()
    return got


def outside(work):
    """A folder that attacks aim at. It must stay as it is."""
    folder = work / "outside"
    os.mkdir(folder)
    with open(folder + "/victim", "w", encoding="ascii") as file:
        file.write("untouched")
    return folder


def untouched(folder):
    assert os.listdir(folder) == ["victim"], os.listdir(folder)
    with open(folder + "/victim", encoding="ascii") as file:
        assert file.read() == "untouched"


def test_no_such_file(work):
    work.refused("docker-archive:/no/such.tar", "/no/such.tar", "no file")
    work.refused("oci:/no/such:tag", "/no/such", "no file")
    work.refused("dir:/no/such", "/no/such")


def test_references_that_make_no_sense(work):
    work.refused("", "empty")
    work.refused("docker-archive:", "no file name")
    work.refused("UPPER", "is no image")
    work.refused("/some/folder", "dir:/some/folder")
    work.refused("containers-storage:x", "containers-storage:")
    work.refused("a b", "is no image")
    work.refused("x" * 5000, "longer")
    work.refused("bad\x1b[31mname", "\\x1b")


def test_not_an_archive(work):
    with open(work / "x", "wb") as file:
        file.write(b"this is no tar" * 100)
    work.refused("docker-archive:" + work / "x", "not a tar")
    work.refused("oci-archive:" + work / "x", "not a tar")
    work.refused("docker-archive:" + work.path, "regular file")
    work.refused("oci:" + work.path, "index.json")
    write_tar(work / "y", {"other": b"x"})
    work.refused("docker-archive:" + work / "y", "manifest.json")


def test_truncated_docker_archive(work):
    good().write_docker_archive(work / "x")
    size = os.path.getsize(work / "x")
    for part in [1, 511, 512, 1000, 1536, 5000, size // 2, size - 10240 + 1000]:
        good().write_docker_archive(work / "x")
        os.truncate(work / "x", part)
        word = "not a tar" if part < 512 else "truncated"
        work.refused("docker-archive:" + work / "x", word)


def test_docker_archive_truncated_in_a_layer(work):
    """It is not that some entry were missing."""
    tar = Tar()
    tar.add("f", data=os.urandom(1 << 20))
    Image([tar.bytes()]).write_docker_archive(work / "x")
    os.truncate(work / "x", 700 << 10)
    work.refused("docker-archive:" + work / "x", "the archive is truncated")


def test_truncated_blob(work):
    good().write_oci(work / "i")
    blob = work / "i" + "/blobs/sha256/" + good().layers[0].digest[7:]
    os.truncate(blob, os.path.getsize(blob) - 1)
    work.refused("oci:" + work / "i", "layer 1 of 1", "truncated")


def test_size_of_a_layer(work):
    """Another than the manifest says, though all digests are right."""
    for wrong, word in [(-1, "damaged"), (1, "truncated"), (1 << 40, "truncated")]:
        image = good().finish()
        image.manifest["layers"][0]["size"] += wrong
        refused(work, image, "layer 1 of 1", f"it is {word}", "bytes, not")


def test_truncated_tar_inside(work):
    """All digests are right, but the tar ends in the middle of a file, or of a header."""
    tar = good().layers[0].tar
    for size in [512 + 512 + 100, 512 + 17]:
        refused(work, Image([tar[:size]]), "layer 1 of 1", "truncated")


def test_truncated_compression(work):
    layer = Layer(good().layers[0].tar)
    layer.blob = layer.blob[:len(layer.blob) // 2]
    layer.digest, layer.size = ociimage.sha256(layer.blob), len(layer.blob)
    refused(work, Image([layer]), "layer 1 of 1", "truncated")


def test_bad_digest_of_a_layer(work):
    """Byte 4 is the time in gzip's header: what is inside stays the same."""
    for at in [0, 4, 20, -10]:
        image = good()
        layer = image.layers[0]
        data = bytearray(layer.blob)
        data[at] ^= 0x40
        layer.blob = bytes(data)
        refused(work, image, "bad digest", layer.digest)


def test_bad_diff_id(work):
    image = good()
    image.config["rootfs"]["diff_ids"] = [ociimage.sha256(b"another")]
    refused(work, image, "bad digest", "the tar is", image.layers[0].diff_id)


def test_bad_diff_id_in_docker_archive(work):
    image = good()
    image.config["rootfs"]["diff_ids"] = [ociimage.sha256(b"another")]
    image.write_docker_archive(work / "x")
    work.refused("docker-archive:" + work / "x", "bad digest")


def test_bad_digest_of_documents(work):
    image = good()
    image.write_oci(work / "i")
    for name in os.listdir(work / "i" + "/blobs/sha256"):
        path = work / "i" + "/blobs/sha256/" + name
        with open(path, "rb") as file:
            data = file.read()
        if data[:1] != b"{":
            continue
        with open(path, "wb") as file:
            file.write(data.replace(b"linux", b"linuy").replace(b"schema", b"schemb"))
        work.refused("oci:" + work / "i", "bad digest")
        with open(path, "wb") as file:
            file.write(data)
    work.get("oci:" + work / "i")


def test_bad_config_in_docker_archive(work):
    image = good().finish()
    image.config_bytes += b" "
    image.write_docker_archive(work / "x")
    work.refused("docker-archive:" + work / "x", "bad digest")


def test_names_that_leave(work):
    victim = outside(work)
    for name in ["../x", "../" * 20 + victim[1:] + "/victim", "a/../../x", "a/..", "..",
                 "/../x", "a/../b"]:
        refused(work, image_with((name, {"data": b"x"})), "layer 1 of 1", "leaves the image")
        refused(work, image_with((name, tarfile.DIRTYPE, {})), "leaves the image")
        refused(work, image_with(("link", tarfile.LNKTYPE, {"linkname": name})), "leaves the image")
    untouched(victim)


def test_whiteouts_that_leave(work):
    victim = outside(work)
    lower = Tar()
    lower.symlink("l", victim)
    lower.symlink("up", "../" * 20 + victim[1:])
    for name in [".wh..", ".wh...", ".wh.", "../.wh.victim", "../../.wh..wh..opq"]:
        refused(work, image_with((name, {}), lower=lower), "layer 2 of 2")
    image = image_with(("l/.wh.victim", {}), ("up/.wh..wh..opq", {}), lower=lower)
    work.unpack(image)
    untouched(victim)


def test_links_that_lead_out(work):
    victim = outside(work)
    for target in [victim, "../" * 20 + victim[1:], "/proc/self/cwd", "/proc/self/root" + victim]:
        lower = Tar()
        lower.symlink("l", target)
        for entry in [("l/new", {"data": b"x"}), ("l/victim", {"data": b"x"}),
                      ("l/dir", tarfile.DIRTYPE, {}), ("l/sub/dir/x", {"data": b"x"})]:
            folder = work / "image"
            harness.remove(folder)
            harness.remove(work.store)
            image_with(entry, lower=lower).write_oci(folder)
            got = work.run("oci:" + folder)
            assert got.status in (0, 1), got.error
        refused(work, image_with(("h", tarfile.LNKTYPE, {"linkname": "l/victim"}), lower=lower),
                "hard link")
        refused(work, image_with(("h", tarfile.LNKTYPE, {"linkname": target + "/victim"})),
                "hard link" if target[0] == "/" else "leaves the image")
    untouched(victim)


def test_writing_through_a_link_replaces_it(work):
    """The last part of a name is never followed."""
    victim = outside(work)
    lower = Tar()
    lower.symlink("f", victim + "/victim")
    lower.symlink("d", victim)
    upper = Tar()
    upper.text("f", "new")
    upper.dir("d", mode=0o777, uid=9)
    rootfs = work.unpack(Image([lower.bytes(), upper.bytes()]))
    assert not os.path.islink(rootfs + "/f") and not os.path.islink(rootfs + "/d")
    untouched(victim)
    assert os.stat(victim).st_uid == 0


def test_long_names(work):
    refused(work, image_with(("n" * 300, {"data": b"x"})), "300 bytes")
    refused(work, image_with(("d/" + "n" * 256 + "/f", {"data": b"x"})), "256 bytes")
    refused(work, image_with(("/".join(["n" * 250] * 17), {"data": b"x"})), "path of more than")
    refused(work, image_with(("l", tarfile.SYMTYPE, {"linkname": "t" * 5000})), "more than 4095")


def test_hardlink_to_nothing(work):
    refused(work, image_with(("h", tarfile.LNKTYPE, {"linkname": "missing"})), "'h'", "'missing'")


def test_root_is_no_folder(work):
    refused(work, image_with(("/", tarfile.SYMTYPE, {"linkname": "x"})), "root")
    refused(work, image_with(("./.", tarfile.FIFOTYPE, {})), "root")


def test_parent_is_no_folder(work):
    refused(work, image_with(("before/x", {"data": b"x"})), "before/x", "Not a directory")


def test_parent_that_removes_itself(work):
    """x/up is the root, until x is a file: x/up/y is nowhere then."""
    tar = Tar()
    tar.dir("x")
    tar.symlink("x/up", "..")
    tar.text("x/up/x", "a file now")
    tar.text("x/up/y")
    refused(work, Image([tar.bytes()]), "'x/up/y'", "Not a directory")


def test_messages_hold_no_control_characters(work):
    got = refused(work, image_with(("\x1b[2J\n../\x07/../x", {"data": b"x"})), "\\x1b")
    assert "\x1b" not in got.error


def test_media_types(work):
    for kind in ["application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                 "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
                 "application/vnd.oci.image.layer.v1.tar+lz4", "text/plain", ""]:
        layer = Layer(good().layers[0].tar, None, kind)
        layer.media_type = kind
        refused(work, Image([layer]), f"media type '{kind}'")
    image = good().finish()
    image.manifest["config"]["mediaType"] = "application/vnd.example.chart"
    refused(work, image, "application/vnd.example.chart")


def test_wrong_types_in_the_configuration(work):
    for key, value in [("Cmd", [1]), ("Cmd", {}), ("Env", "A=b"), ("Entrypoint", 7), ("User", 0),
                       ("WorkingDir", []), ("StopSignal", "SIGNOTHING"), ("Cmd", ["a\0b"])]:
        image = good()
        image.config["config"] = {key: value}
        refused(work, image, key)
    for change in [{"rootfs": None}, {"rootfs": {"type": "layers", "diff_ids": ["x"]}},
                   {"rootfs": {"type": "zip", "diff_ids": []}}, {"config": []}, {"os": "windows"}]:
        image = good()
        image.config.update(change)
        refused(work, image)


def test_more_than_a_process_takes(work):
    for key in ["Env", "Cmd", "Entrypoint"]:
        for value, word in [([f"V{i}=1" for i in range(4097)], "4097 entries"),
                            (["A=" + "x" * 131070], "entry of 131072 bytes"),
                            (["A=" + "x" * 131000] * 17, "Linux takes 2097152")]:
            refused(work, Image([Tar().bytes()], **{key: value}), f'"{key}" has', word)
    for key in ["User", "WorkingDir"]:
        refused(work, Image([Tar().bytes()], **{key: "/" * 4096}), f'"{key}" has more than 4095')
    most = [f"V{i}=" + "x" * 100 for i in range(4095)] + ["A=" + "x" * 131069]
    work.unpack(Image([Tar().bytes()], Env=most, Cmd=most))


def test_documents_that_are_no_json(work):
    for data in [b"", b"{", b"[]", b"null", b"{} {}", b"\xff", b"[" * 100000, b"7"]:
        image = good()
        image.config_bytes = data
        refused(work, image, "configuration")


def test_documents_that_are_too_large(work):
    image = good()
    image.config["history"] = [{}] * 200000
    refused(work, image, "too large")
    image = good()
    image.config["x"] = [0] * 2000000
    image.write_oci(work / "i")
    assert work.memory("oci:" + work / "i") < 64
    refused(work, image, "too large")
    image = good()
    image.config["x"] = "{[," * 1000000
    work.unpack(image)
    harness.remove(work.store)
    image = good()
    image.config["x"] = "x" * (9 << 20)
    refused(work, image, "more than")


def test_layer_counts_that_differ(work):
    image = good()
    image.config["rootfs"]["diff_ids"] *= 2
    refused(work, image, "1 layers, the configuration 2")
    image = good().finish()
    image.manifest["layers"] *= 600
    refused(work, image, "600 layers")


def test_the_first_bad_layer_is_named(work):
    """Though the next one is opened while one is read, and is worse."""
    image = good().finish()
    bad = Layer(image.layers[0].tar + b"x" * 10000)
    missing = Layer(good().layers[0].tar + bytes(512))
    bad.blob = bad.blob[:-1000]
    image = Image([good().layers[0], bad, missing])
    image.write_oci(work / "i")
    os.unlink(work / "i" + "/blobs/sha256/" + missing.digest[7:])
    work.refused("oci:" + work / "i", "layer 2 of 3")
    with open(work / "i" + "/blobs/sha256/" + bad.digest[7:], "wb") as file:
        file.write(Layer(bad.tar).blob)
    work.refused("oci:" + work / "i", "layer 3 of 3", "missing in it")


def test_memory_for_layers(work):
    """Of which one is decompressed ahead of the other."""
    layers = []
    for i in range(4):
        tar = Tar()
        tar.add(f"{i}", data=bytes(50 << 20))
        layers.append(Layer(tar.bytes(), "gzip" if i % 2 else "zstd"))
    Image(layers).write_oci(work / "i")
    assert work.memory("oci:" + work / "i") < 64


def test_bombs(work):
    tar = Tar()
    tar.add("zeros", data=bytes(64 << 20))
    refused(work, Image([tar.bytes()]), "more than is allowed", options=["--max-bytes", "1000000"])
    image = Image([tar.bytes() + bytes(10 << 20)])
    refused(work, image, "more than is allowed", options=["--max-bytes", str(65 << 20)])
    tar = Tar()
    for i in range(200):
        tar.text(f"f{i}")
    refused(work, Image([tar.bytes()]), "more entries", options=["--max-entries", "100"])
    tar = Tar()
    tar.text("a/" * 200 + "f")
    refused(work, Image([tar.bytes()]), options=["--max-entries", "100"])


def sparse_header(blocks):
    """A file with a map of very many holes, as GNU tar wrote it before pax."""
    info = tarfile.TarInfo("sparse")
    head = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    head[156:157] = b"S"
    item = b"00000000000\0" * 2
    head[386:482], head[482], head[483:495] = item * 4, 1, item[:12]
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + (item * 21 + b"\1" + bytes(7)) * blocks + item * 21 + bytes(8)


def test_memory_for_a_header(work):
    image = Image([sparse_header(60000) + bytes(1024)])
    image.write_oci(work / "i")
    assert work.memory("oci:" + work / "i") < 48
    refused(work, image, "layer 1 of 1", "header in it has more than 8388608 bytes")
    with open(work / "x", "wb") as file:
        file.write(sparse_header(60000) + bytes(1024))
    assert work.memory("docker-archive:" + work / "x") < 48
    work.refused("docker-archive:" + work / "x", "too large")
    work.unpack(Image([sparse_header(10000) + bytes(1024)]))


def test_many_whiteouts_of_much(work):
    """A layer that hides the same full folder again and again does not have it walked each time."""
    tar = Tar()
    for i in range(3000):
        tar.text(f"d/e/{i}")
    for i in range(4000):
        tar.opaque("d/e" if i % 2 else "d")
        tar.whiteout("d")
    image = Image([Tar().bytes(), tar.bytes()])
    image.write_oci(work / "i")
    got = work.get("oci:" + work / "i", preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_CPU, (4, 4)))
    assert len(os.listdir(got.rootfs + "/d/e")) == 3000


def test_memory_for_folders(work):
    """The same folder again and again, under a long name."""
    tar = Tar()
    tar.dir("/".join(["d" * 250] * 15))
    size = tar.tar.offset
    Image([tar.bytes()[:size] * 20000 + bytes(1024)]).write_oci(work / "i")
    assert work.memory("oci:" + work / "i") < 48


def repeated(path, name, count):
    """A compressed tar with the same entry many times, in an archive of a few kilobytes."""
    tar = Tar(tarfile.GNU_FORMAT)
    tar.text(name)
    with gzip.open(path, "wb") as file:
        for _ in range(count):
            file.write(tar.file.getvalue()[:tar.tar.offset])


def test_memory_for_names_in_an_archive(work):
    repeated(work / "x", "n" * 1000000, 100)
    assert work.memory("docker-archive:" + work / "x") < 48
    work.refused("docker-archive:" + work / "x", "the names in the archive have more than")
    repeated(work / "x", "n/" * 2000, 20000)
    assert work.memory("docker-archive:" + work / "x") < 64
    work.refused("docker-archive:" + work / "x", "the names in the archive have more than")
    repeated(work / "x", "d/" * 3000, 100)
    work.refused("docker-archive:" + work / "x", "no 'manifest.json'")


def test_entries_of_an_archive(work):
    repeated(work / "x", "d/", 65537)
    work.refused("docker-archive:" + work / "x", "more than 65536 entries")


def test_compressed_archive_bomb(work):
    image = Image([Tar().bytes() + bytes(64 << 20)])
    image.write_docker_archive(work / "x")
    subprocess.run(["gzip", work / "x"], check=True)
    work.refused("docker-archive:" + work / "x.gz", "too many bytes",
                 options=["--max-bytes", "1000000"])


def test_disk_full(work):
    tar = Tar()
    for i in range(20):
        tar.add(f"f{i}", data=os.urandom(1 << 20))
    image = Image([Layer(tar.bytes(), None)])
    image.write_oci(work / "i")
    image.write_docker_archive(work / "x")
    subprocess.run(["gzip", "-k", work / "x"], check=True)
    with small_disk(work, 8):
        for reference in ["oci:" + work / "i", "docker-archive:" + work / "x",
                          "docker-archive:" + work / "x.gz"]:
            work.refused(reference, "not enough space", work.store)
            assert work.images() == []
            free = os.statvfs(work.store)
            assert free.f_bavail * 10 > free.f_blocks * 9, "space is not given back"


def test_no_inodes(work):
    """A disk with room, but for no more files. As a file system the image is one file."""
    tar = Tar()
    for i in range(100):
        tar.text(f"f{i}")
    Image([tar.bytes()]).write_oci(work / "i")
    with small_disk(work, 64, files=60):
        if harness.AS_EXT4:
            assert work.run("oci:" + work / "i").status == 0
            harness.check_ext4(os.path.join(work.store, harness.EXT4))
        else:
            work.refused("oci:" + work / "i", "not enough space", work.store)
            assert work.images() == []


def test_too_deep_to_remove_by_path(work):
    """A folder nested deeper than any path goes away like the rest when the image is refused."""
    tar = Tar()
    path = "/".join(["d" * 60] * 60)
    tar.dir(path)
    for i in range(20):
        tar.symlink(f"s{i}", path if i == 0 else f"s{i - 1}/" + path)
        tar.dir(f"s{i}/" + path)
    tar.text("../end")
    refused(work, Image([tar.bytes()]), "leaves the image")


def test_not_root(work):
    if harness.AS_EXT4:
        return  # It need not be: see test-ext4.py.
    good().write_oci(work / "i")
    os.chmod(work.path, 0o755)
    work.refused("oci:" + work / "i", "root", user=65534)
    assert work.get("dir:" + work.path, user=65534).rootfs == os.path.realpath(work.path)


def test_sparse_outer_archive(work):
    """A blob as a sparse file in the archive: refused, not read wrongly."""
    os.mkdir(work / "src")
    with open(work / "src/manifest.json", "wb") as file:
        file.truncate(1 << 20)
        file.seek(1 << 19)
        file.write(b"[]")
    subprocess.run(["tar", "-c", "--sparse", "-f", work / "x", "-C", work / "src",
                    "manifest.json"], check=True)
    work.refused("docker-archive:" + work / "x", "sparse")


def test_blobs_that_are_no_files(work):
    image = good().finish()
    image.write_oci(work / "i")
    path = work / "i" + "/blobs/sha256/" + image.layers[0].digest[7:]
    os.unlink(path)
    os.mkfifo(path)
    work.refused("oci:" + work / "i", "no regular file")
    os.unlink(path)
    os.symlink("/etc/passwd", path)
    work.refused("oci:" + work / "i", "layer 1 of 1")


def test_docker_manifest(work):
    image = good().finish()
    for manifest in [b"{}", b"[]", b"[7]", b'[{"Layers": []}]', b'[{"Config": "../../etc/passwd"}]',
                     b'[{"Config": "c", "Layers": ["missing"]}]', b'[{"Config": 1}]']:
        write_tar(work / "x", {"manifest.json": manifest, "c": image.config_bytes})
        work.refused("docker-archive:" + work / "x")


def test_damaged_header(work):
    tar = bytearray(good().layers[0].tar)
    tar[512 + 3] ^= 1
    refused(work, Image([bytes(tar)]), "layer 1 of 1", "damaged")


def test_damaged_pax_header(work):
    tar = Tar()
    tar.text("f", "x", pax_headers={"comment": "c" * 50})
    data = tar.bytes().replace(b"comment=", b"\0omment:")
    refused(work, Image([data]), "damaged")


harness.run()
