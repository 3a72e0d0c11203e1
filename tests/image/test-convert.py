#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images out of file systems: what goes there and back again is what it was, and others accept it."""

import contextlib
import fcntl
import filecmp
import io
import json
import os
import signal
import stat
import subprocess
import tarfile

import harness
from harness import gnu_tar, same, small_disk, snapshot, tool
from ociimage import ARCH, Image, Layer, Tar

CAISSON = os.environ.get("CAISSON", "caisson")
MIB = 1 << 20


trees = harness.neighbour("test-ext4")
digest = trees.digest


def caisson(*words, **more):
    return subprocess.run([CAISSON, "image", *words], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def done(*words, **more):
    run = caisson(*words, **more)
    assert run.returncode == 0, os.fsdecode(run.stderr)
    assert run.stdout == b"" and run.stderr == b"", (run.stdout, run.stderr)


def refused(*words, status=1, about=(), **more):
    run = caisson(*words, **more)
    error = os.fsdecode(run.stderr).rstrip("\n")
    assert run.returncode == status, f"status {run.returncode}: {error}"
    assert error.isprintable() and error.startswith("caisson: "), error
    for word in about:
        assert word in error, f"no '{word}' in: {error}"


def layout_files(folder):
    found = {}
    for at, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(at, name), "rb") as file:
                found[os.path.relpath(os.path.join(at, name), folder)] = file.read()
    return found


def blob(folder, name):
    with open(f"{folder}/blobs/sha256/{name[7:]}", "rb") as file:
        return file.read()


def documents(folder):
    """Manifest and configuration of the only image of a layout."""
    with open(folder + "/index.json", "rb") as file:
        entry, = json.load(file)["manifests"]
    manifest = json.loads(blob(folder, entry["digest"]))
    return manifest, json.loads(blob(folder, manifest["config"]["digest"]))


def layer_of(folder):
    return blob(folder, documents(folder)[0]["layers"][0]["digest"])


def round_trip(work, first, *options):
    """@first is converted, built, converted and built. Return: the layout, and the second file."""
    layouts, files = [work / "one.oci", work / "two.oci"], [work / "two.ext4", work / "three.ext4"]
    for folder in layouts:
        harness.remove(folder)
    done("convert", "-o", "oci:" + layouts[0], first)
    done("build", *options, "-o", files[0], "oci:" + layouts[0])
    done("convert", "-o", "oci:" + layouts[1], files[0])
    done("build", *options, "-o", files[1], "oci:" + layouts[1])
    comparison = filecmp.dircmp(layouts[0], layouts[1])
    assert layout_files(layouts[0]) == layout_files(layouts[1]), comparison.report_full_closure()
    assert digest(files[0]) == digest(files[1])
    return layouts[0], files[0]


def same_trees(work, first, second):
    same(snapshot(work.mount(second)), snapshot(work.mount(first)))
    work.unmount()


def test_nasty_image(work):
    done("build", "-o", work / "a.ext4", trees.write_image(work, *trees.nasty_layers()))
    same_trees(work, work / "a.ext4", round_trip(work, work / "a.ext4")[1])


def test_random_trees(work):
    for seed in range(12):
        done("build", "-o", work / "a.ext4",
             trees.write_image(work, trees.RandomTree(seed).tar.bytes()))
        same_trees(work, work / "a.ext4", round_trip(work, work / "a.ext4")[1])


def test_folder(work):
    """With sparse files, ACLs and default ACLs, capabilities, a path of 2500 bytes; but no socket."""
    tool("setfacl")
    src = trees.tree(work)
    done("build", "-o", work / "a.ext4", "dir:" + src)
    layout, again = round_trip(work, work / "a.ext4")
    os.unlink(src + "/socket")
    same(snapshot(work.mount(again)), snapshot(src) | {b".": snapshot(work.mount(again))[b"."]})
    assert len(layer_of(layout)) < 10 * MIB


def test_layer_as_gnu_tar(work):
    tar = trees.RandomTree(3).tar.bytes()
    done("build", "-o", work / "a.ext4", trees.write_image(work, tar))
    done("convert", work / "a.ext4")
    same(snapshot(gnu_tar(work, layer_of(work / "a.oci"))), snapshot(gnu_tar(work, tar, "first")))


def entrypoint_image(work, **config):
    image = Image([Layer(trees.RandomTree(5).tar.bytes(), None)], **config)
    image.write_oci(work / "image")
    return "oci:" + work / "image"


def test_entrypoint(work):
    source = entrypoint_image(work, Entrypoint=["/bin/a b"], Cmd=["line\nbreak", "", "x"],
                              Env=["A=1", "PATH=/x", "B= quoted\" \u00e9 "], User="7:8",
                              WorkingDir="/some/where")
    options = ["--entrypoint-file", "--label", "one=two"]
    done("build", *options, "-o", work / "a.ext4", source)
    layout, again = round_trip(work, work / "a.ext4", *options)
    a, b = snapshot(work.mount(work / "a.ext4")), snapshot(work.mount(again))
    same(b, a)
    assert b"./.runcvm/entrypoint" in b and b"user.one" not in b, b[b"."]
    assert b[b"."]["xattrs"]["user.one"] == b"two", b[b"."]
    config = documents(layout)[1]
    assert config == {
        "architecture": ARCH, "os": "linux",
        "config": {"User": "7:8", "WorkingDir": "/some/where",
                   "Env": ["PATH=/x", "A=1", "B= quoted\" \u00e9 "],
                   "Cmd": ["/bin/a b", "line\nbreak", "", "x"]},
        "rootfs": config["rootfs"], "history": [{"created_by": "caisson image convert"}],
    }, config
    assert b".runcvm" not in layer_of(layout)


def test_entrypoint_file_kept(work):
    done("build", "--entrypoint-file", "-o", work / "a.ext4", entrypoint_image(work, Cmd=["/x"]))
    done("convert", "--keep-entrypoint-file", "--label", "k=v=w", "--label", "l=", work / "a.ext4")
    config = documents(work / "a.oci")[1]["config"]
    assert config["Cmd"] == ["/x"] and config["Labels"] == {"k": "v=w", "l": ""}, config
    done("build", "-o", work / "b.ext4", "oci:" + work / "a.oci")
    same_trees(work, work / "a.ext4", work / "b.ext4")


def write_conf(work, conf, args="/bin/x\n", more=()):
    tar = Tar()
    tar.dir("./")
    tar.dir(".runcvm")
    tar.text(".runcvm/entrypoint", args)
    if conf is not None:
        tar.text(".runcvm/config", conf)
    for name in more:
        tar.text(name)
    with open(work / "x.tar", "wb") as file:
        file.write(tar.bytes())
    done("build", "-o", work / "x.ext4", "tar:" + work / "x.tar")
    harness.remove(work / "x.oci")
    return work / "x.ext4"


def test_entrypoint_by_hand(work):
    done("convert", write_conf(work, None, more=[".runcvm/notes"]))
    assert documents(work / "x.oci")[1]["config"] == {"Cmd": ["/bin/x"]}
    layer = layer_of(work / "x.oci")
    assert b".runcvm/notes" in layer and b".runcvm/entrypoint" not in layer
    hostname = write_conf(work, "user = daemon\nhostname = web\n")
    refused("convert", hostname, about=["a 'hostname'", "--keep-entrypoint-file"])
    done("convert", "--keep-entrypoint-file", hostname)
    assert documents(work / "x.oci")[1]["config"] == {"Cmd": ["/bin/x"], "User": "daemon"}
    refused("convert", write_conf(work, "user = a\nnonsense = b\n"), about=["line 2", "nonsense"])
    with open(work / "x.tar", "wb") as file:
        tar = Tar()
        tar.dir(".runcvm")
        tar.add(".runcvm/entrypoint", data=b"/bin/x\n\xff\n")
        file.write(tar.bytes())
    done("build", "-o", work / "x.ext4", "tar:" + work / "x.tar")
    refused("convert", work / "x.ext4", about=["UTF-8"])
    assert not os.path.exists(work / "x.oci")


def test_forms(work):
    """Each form, compressed and not, leads to the same file system."""
    done("build", "-o", work / "a.ext4",
         trees.write_image(work, trees.RandomTree(3).tar.bytes()))
    first, sizes = None, {}
    for form in "oci", "oci-archive":
        for how in "none", "gzip", "zstd":
            name = f"{form}:{work / form}-{how}:tag"
            done("convert", "--compress", how, "-o", name, work / "a.ext4")
            done("build", "-o", work / "b.ext4", name)
            first = first or digest(work / "b.ext4")
            assert digest(work / "b.ext4") == first, name
        sizes = {x: len(layer_of(f"{work / 'oci'}-{x}")) for x in ["none", "gzip", "zstd"]}
    assert sizes["gzip"] < sizes["none"] and sizes["zstd"] < sizes["none"], sizes
    # When that was is not said.
    assert layer_of(work / "oci-gzip")[:8] == b"\x1f\x8b\x08\0\0\0\0\0"
    before = digest(work / "oci-archive-gzip")
    done("convert", "--compress", "gzip", "-o", f"oci-archive:{work / 'oci-archive-gzip'}:tag",
         work / "a.ext4", umask=0o077, env={**os.environ, "TZ": "Asia/Tokyo"})
    assert digest(work / "oci-archive-gzip") == before


def test_skopeo_and_umoci(work):
    tool("skopeo")
    tool("umoci")
    done("build", "--entrypoint-file", "-o", work / "a.ext4", entrypoint_image(work, Cmd=["/x"]))
    # Docker's archives know of no zstd.
    for form, how, to in [("oci", "none", "docker-archive"), ("oci-archive", "zstd", "oci"),
                          ("oci", "gzip", "docker-archive")]:
        place, copy = f"{form}:{work / form}-{how}:t", f"{to}:{work / form}-{how}.copy:a"
        done("convert", "--compress", how, "-o", place, work / "a.ext4")
        subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", place, copy], check=True)
        done("build", "-o", work / "b.ext4", copy)
    done("build", "-o", work / "c.ext4", f"oci:{work / 'oci'}-gzip:t")
    same_trees(work, work / "c.ext4", work / "b.ext4")
    subprocess.run(["umoci", "unpack", "--image", work / "oci-gzip:t", work / "bundle"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    have, want = snapshot(work / "bundle/rootfs"), snapshot(work.mount(work / "c.ext4"))
    # It makes what is in the layer, and then says when. To Go, a record without a value is none.
    del have[b"."]["mtime"], want[b"."]["mtime"]
    for about in want.values():
        about["xattrs"] = {name: value for name, value in about["xattrs"].items() if value}
    same(have, want)


MKE2FS = [
    ["-t", "ext2", "-b", "1024"],
    ["-t", "ext3", "-b", "4096"],
    ["-t", "ext4", "-b", "1024", "-O", "^metadata_csum"],
    ["-t", "ext4", "-b", "2048", "-I", "512", "-O", "inline_data"],
    ["-t", "ext4", "-O", "inline_data,metadata_csum_seed,ea_inode"],
    ["-t", "ext4", "-O", "bigalloc"],
    ["-t", "ext4", "-I", "128", "-O", "^metadata_csum,^dir_index"],
]


def test_of_mke2fs(work):
    src = trees.tree(work)
    os.unlink(src + "/socket")
    for i in range(3000):
        os.symlink("x" * (i % 200 + 1), f"{src}/dir/{i:0100}")
    os.truncate(src + "/sparse", 300 << 20)
    with open(src + "/sparse", "r+b") as file:
        for i in range(400):
            file.seek(i * 700000)
            file.write(b"%d" % i)
    os.setxattr(src + "/dir/file5", "user.large", b"l" * 900)
    for options in MKE2FS:
        harness.remove(work / "a.ext4")
        subprocess.run(["mke2fs", "-q", "-F", "-d", src, *options, work / "a.ext4", "500M"],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        again = round_trip(work, work / "a.ext4")[1]
        have, want = snapshot(work.mount(again)), snapshot(work.mount(work / "a.ext4"))
        del want[b"./lost+found"]
        same(have, want)
        work.unmount()


def mounted(work, options, fill):
    """A file system that Linux has written to."""
    image = work / "linux.ext4"
    harness.remove(image)
    subprocess.run(["mke2fs", "-q", "-F", *options, image, "200M"], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.makedirs(work / "rw", exist_ok=True)
    subprocess.run(["mount", "-o", "loop", image, work / "rw"], check=True)
    try:
        fill(work / "rw")
    finally:
        subprocess.run(["umount", work / "rw"], check=True)
    return image


def test_written_by_linux(work):
    """Inline data beyond the inode's first bytes, preallocated blocks, large attributes, deleted names."""
    def fill(at):
        for i in range(300):
            with open(f"{at}/{i}", "wb") as file:
                file.write(b"i" * i)
        for i in range(0, 300, 7):
            os.unlink(f"{at}/{i}")
        for i in range(0, 12):
            os.makedirs(f"{at}/dir{i}")
            for j in range(i):
                os.symlink("y" * 3 * (i + j), f"{at}/dir{i}/{j}")
        with open(at + "/prealloc", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, 10 * MIB)
            os.pwrite(file.fileno(), b"in the middle", 5 * MIB)
        with open(at + "/beyond", "wb") as file:
            file.write(b"short")
        subprocess.run(["fallocate", "-n", "-l", "1M", at + "/beyond"], check=True)
        os.setxattr(at + "/1", "user.large", b"L" * 30000)
        os.setxattr(at + "/2", "user.some", b"s" * 2000)
        for i in range(20):
            os.link(at + "/3", f"{at}/dir9/link{i}")
        with open(at + "/lost+found/found", "w", encoding="ascii") as file:
            file.write("not lost")
    options = ["-t", "ext4", "-I", "1024", "-O", "inline_data,ea_inode"]
    image = mounted(work, options, fill)
    want = snapshot(work.mount(image))
    done("convert", image)
    layer = layer_of(work / "linux.oci")
    assert len(layer) < 2 * MIB, len(layer)
    # Not every file system takes an attribute of 30,000 bytes; the layer has it.
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        large = tar.getmember("1").pax_headers["SCHILY.xattr.user.large"]
    assert large == "L" * 30000 == os.fsdecode(want[b"./1"]["xattrs"].pop("user.large"))
    have = snapshot(gnu_tar(work, layer))
    have[b"./1"]["xattrs"].pop("user.large", None)
    same(have, want)
    refused("build", "-o", work / "x.ext4", "oci:" + work / "linux.oci", about=["user.large"])


def test_attributes_that_are_shared(work):
    """Each of the files has all of the large values, which are in the file system once."""
    def fill(at):
        for name in "ab":
            with open(f"{at}/{name}", "wb"):
                pass
            for i in range(5 if name == "b" else 3):
                os.setxattr(f"{at}/{name}", f"user.{i}", b"L" * 60000)
    image = mounted(work, ["-t", "ext4", "-O", "ea_inode"], fill)
    refused("convert", image, about=["'/b'", "extended attributes have more than"])


def test_output(work):
    done("build", "-o", work / "web.ext4", trees.write_image(work, Tar().bytes()))
    os.mkdir(work / "dir")
    done("convert", "web.ext4", cwd=work.path)
    assert layout_files(work / "web.oci")
    done("convert", "-o", "oci:dir", "web.ext4", cwd=work.path)
    assert layout_files(work / "web.oci") == layout_files(work / "dir")
    os.rename(work / "web.ext4", work / "web")
    done("convert", "./web", cwd=work.path)
    done("convert", "-o", "oci:prefixed", "ext4:web", cwd=work.path)
    assert layout_files(work / "web.oci") == layout_files(work / "prefixed")
    for words, about in [
            ([], ["which file"]), (["a", "b"], ['"b" is one word too many']),
            (["-o", "x", "web"], ["oci-archive:FILE[:TAG]"]),
            (["-o", "oci:" + work.path, "web"], ["no OCI image layout"]),
            (["-o", "oci-archive:dir", "web"], ["no regular file"]),
            (["-o", "oci:web", "web"], ["Not a directory"]),
            (["-o", "oci:x:a b", "web"], ["'a b' is no tag"]),
            (["--compress", "xz", "web"], ["none|gzip|zstd"]),
            (["--label", "x", "web"], ["KEY=VALUE"]),
            (["nowhere"], ["nowhere", "No such file"]),
            (["ext4:nowhere"], ["nowhere: cannot open it: No such file"]),
            (["docker-archive:web.tar"], ["docker-archive:web.tar: cannot open it"]),
            (["-o", "oci-archive:-", "web"], ["'-' is stdout, where this cannot go"]),
            (["dir"], ["neither a file nor"]), (["/dev/null"], ["neither a file nor"]),
            (["dir/oci-layout"], ["no ext4 file system"])]:
        before = sorted(os.listdir(work.path))
        refused("convert", *words, about=about, cwd=work.path)
        assert sorted(os.listdir(work.path)) == before, words


def test_two_at_once(work):
    """Into one layout: the second one adds to what the first one has made of the index."""
    done("build", "-o", work / "a.ext4", trees.write_image(work, Tar().bytes()))
    done("convert", "-o", f"oci:{work / 'x'}:one", work / "a.ext4")
    fd = os.open(work / "x", os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    with subprocess.Popen([CAISSON, "image", "convert", "-o", f"oci:{work / 'x'}:three",
                           work / "a.ext4"], stderr=subprocess.PIPE) as process:
        harness.wait_for_flock(process)
        with open(work / "x/index.json", "r+b") as file:
            index = json.load(file)
            other = json.loads(json.dumps(index["manifests"][0]).replace('"one"', '"two"'))
            index["manifests"].append(other)
            file.seek(0)
            file.write(json.dumps(index).encode())
        os.close(fd)
        error = process.communicate()[1]
    assert process.returncode == 0, error
    with open(work / "x/index.json", "rb") as file:
        tags = [x["annotations"]["org.opencontainers.image.ref.name"]
                for x in json.load(file)["manifests"]]
    assert tags == ["one", "two", "three"], tags


def debugfs(image, *commands):
    subprocess.run(["debugfs", "-w", "-f", "-", image], input="\n".join(commands).encode(),
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# What somebody could do to a file system, and what is said then.
DAMAGE = [
    (["sif a links_count 1"], ["'/b'", "more names"]),
    (["sif a block[0] 0x7fffffff", "sif a flags 0"], ["'/a'", "outside of the file system"]),
    (["sif d mode 0170000"], ["'/d'", "no kind"]),
    (["sif a mode 0120777"], ["'/a'", "symbolic link"]),
    (["sif a links_count 0"], ["'/a'", "removed"]),
    (["sif a file_acl 9999999"], ["'/a'", "outside of the file system"]),
    (["sif a file_acl 1"], ["'/a'", "attributes"]),
    (["sif d size 100"], ["'/d'", "folder is damaged"]),
    (["sif d size 8192"], ["'/d'", "folder is damaged"]),
    (["sif d size 0x7fffffffff000"], ["'/d'", "more than"]),
    (["ln d d/loop"], ["'/d/loop'", "more than one place"]),
    (["ln <2> d/root"], ["/d'", "is no file's"]),
    (["ln <8> journal"], ["'/'", "is no file's"]),
    (["mknod .wh.a p"], ["'/.wh.a'", "is gone"]),
    (["sif a flags 0x80800"], ["'/a'", "encrypted"]),
    (["sif a extra_isize 3"], ["'/a'", "damaged"]),
    (["sif a mtime_extra 0xffffffff"], ["'/a'", "time"]),
    (["feature needs_recovery"], ["not unmounted"]),
    (["ssv state 2"], ["not unmounted"]),
    (["ssv blocks_count 99999999"], ["superblock is damaged"]),
    (["ssv inodes_count 5"], []),
    (["ssv feature_incompat 0x80000000"], ["not known here"]),
]


def test_damaged(work):
    tar = Tar()
    tar.dir("./")
    tar.add("a", data=b"x" * 10000, pax_headers={"SCHILY.xattr.user.a": "b" * 500})
    tar.hardlink("b", "a")
    tar.dir("d")
    tar.text("d/e", "f")
    with open(work / "x.tar", "wb") as file:
        file.write(tar.bytes())
    for commands, about in DAMAGE:
        done("build", "-o", work / "x.ext4", "tar:" + work / "x.tar")
        debugfs(work / "x.ext4", *commands)
        try:
            refused("convert", work / "x.ext4", about=["x.ext4", *about])
        except AssertionError as error:
            raise AssertionError(commands) from error
        assert not os.path.exists(work / "x.oci"), commands


def test_truncated(work):
    done("build", "--size", "20M", "-o", work / "x.ext4",
         trees.write_image(work, trees.RandomTree(3).tar.bytes()))
    before = sorted(os.listdir(work.path))
    for size in [(20 << 20) - 1, 5 << 20, 300000, 4096, 1500, 100, 0]:
        os.truncate(work / "x.ext4", size)
        refused("convert", work / "x.ext4", about=["cut off" if size > 5000 else "x.ext4"])
    assert sorted(os.listdir(work.path)) == before


def test_names_that_are_none(work):
    tar = Tar()
    tar.text("some-name", "x")
    for name in [b"some/name", b"some\0name", b"."]:
        with open(work / "x.tar", "wb") as file:
            file.write(tar.bytes())
        done("build", "-o", work / "x.ext4", "tar:" + work / "x.tar")
        with open(work / "x.ext4", "r+b") as file:
            data = file.read()
            at = data.index(b"some-name")
            # The length of a name is in front of it, with its kind between.
            file.seek(at - 2)
            file.write(bytes([len(name), 1]) + name)
        refused("convert", work / "x.ext4", about=["the folder"])


def test_checksums(work):
    """Every bit that they cover."""
    os.mkdir(work / "src")
    os.symlink("x" * 100, work / "src/link")
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", work / "src", work / "x.ext4", "1M"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with open(work / "x.ext4", "rb") as file:
        data = file.read()
    words = [(b"link\0", 0, "checksum of the folder"), (b"\x53\xef", -10, "")]
    for word, skip, about in words:
        at = data.index(word) + skip
        with open(work / "x.ext4", "wb") as file:
            file.write(data[:at] + bytes([data[at] ^ 4]) + data[at + 1:])
        refused("convert", work / "x.ext4", about=[about])


def test_bomb(work):
    """Files that share their blocks, so that little would become much."""
    tar = Tar()
    tar.add("a", data=b"x" * MIB)
    for i in range(20):
        tar.text(f"b{i}")
    with open(work / "x.tar", "wb") as file:
        file.write(tar.bytes())
    done("build", "-o", work / "x.ext4", "tar:" + work / "x.tar")
    blocks = subprocess.run(["debugfs", "-R", "blocks a", work / "x.ext4"], check=True,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.split()
    start = int(blocks[0])
    commands = []
    for i in range(20):
        # An extent tree of one leaf.
        for at, value in enumerate([0x1f30a, 4, 0, 0, 256, start]):
            commands.append(f"sif b{i} block[{at}] {value}")
        commands.append(f"sif b{i} size {MIB}")
    debugfs(work / "x.ext4", *commands)
    refused("convert", work / "x.ext4", about=["more blocks than there are"])


def test_disk_full(work):
    tar = Tar()
    tar.add("a", data=os.urandom(8 * MIB))
    with open(work / "x.tar", "wb") as file:
        file.write(tar.bytes())
    done("build", "-o", work / "x.ext4", "tar:" + work / "x.tar")
    with small_disk(work, 4):
        for form in "oci:", "oci-archive:":
            for how in "none", "gzip":
                refused("convert", "--compress", how, "-o", form + work.store + "/x",
                        work / "x.ext4", about=["not enough space"])
                assert os.listdir(work.store) == [], os.listdir(work.store)


def test_killed_and_interrupted(work):
    tar = Tar()
    tar.add("a", data=bytes(1) * (300 * MIB))
    with open(work / "x.tar", "wb") as file:
        file.write(tar.bytes())
    done("build", "-o", work / "x.ext4", "tar:" + work / "x.tar")
    os.unlink(work / "x.tar")
    for number in [signal.SIGKILL, signal.SIGINT]:
        with subprocess.Popen([CAISSON, "image", "convert", "--compress", "gzip", work / "x.ext4"],
                              stderr=subprocess.PIPE) as process:
            # It is at it when the layer has a place, without a name.
            while process.poll() is None and not any("deleted" in x for x in files_of(process.pid)):
                pass
            process.send_signal(number)
            error = process.communicate()[1]
        assert process.returncode == (-9 if number == signal.SIGKILL else 130), process.returncode
        assert number == signal.SIGKILL or b"interrupted" in error, error
        assert os.listdir(work.path) == ["x.ext4"], os.listdir(work.path)


def files_of(pid):
    """What a process has open; some of it may be gone before it is looked at."""
    found = []
    for number in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found.append(os.readlink(f"/proc/{pid}/fd/{number}"))
    return found


def test_not_root(work):
    done("build", "-o", work / "a.ext4", trees.write_image(work, trees.RandomTree(5).tar.bytes()))
    os.chmod(work.path, 0o777)
    os.chmod(work / "a.ext4", 0o644)
    done("convert", "-o", "oci:" + work / "root", work / "a.ext4")
    done("convert", "-o", "oci:" + work / "user", work / "a.ext4", user=65534, group=65534)
    assert layout_files(work / "root") == layout_files(work / "user")
    assert stat.S_IMODE(os.stat(work / "user").st_mode) == 0o755
    os.chmod(work.path, 0o755)
    for name in ["root", "new"]:
        refused("convert", "-o", "oci:" + work / name, work / "a.ext4", user=65534, group=65534,
                about=["cannot write to '" + work / name + "': Permission denied"])


if __name__ == "__main__":
    harness.run()
