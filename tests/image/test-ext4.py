#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""File systems out of images and folders: exact, the same every time, as large as they should be.

What layers mean is tested by the other files of this folder, which are run for file systems, too.
"""

import gzip
import hashlib
import os
import random
import re
import resource
import signal
import socket
import stat
import subprocess
import tarfile

import harness
from harness import EXT4, check_ext4, gnu_tar, names, same, snapshot
from ociimage import Image, Layer, Tar, compress

MIB = 1 << 20


def out(work):
    return os.path.join(work.store, EXT4)


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_image(work, *tars, how=None):
    folder = work / "image"
    harness.remove(folder)
    Image([Layer(x, how) for x in tars]).write_oci(folder)
    return "oci:" + folder


def nasty_layers():
    lower, upper = Tar(), Tar()
    lower.dir("./", mode=0o755, mtime=5)
    for i in range(100000):
        lower.add(f"many/{i:x}" + "-" * (i % 50))
    for i in range(66000):
        lower.dir(f"dirs/{i}")
    for i in range(300):
        lower.add("long/" + f"{i:03}" * 85)
    lower.text(os.fsdecode(bytes(range(1, 47)) + bytes(range(48, 256))), "any bytes")
    lower.text("old", "1901", mtime=-2 ** 31)
    lower.text("new", "2446", mtime=2 ** 34 - 2 ** 31 - 1)
    lower.text("between", "1969", pax_headers={"mtime": "-1.000000001"})
    lower.text("target", "of a link in another layer", uid=1 << 31, gid=(1 << 32) - 2)
    for length in [1, 59, 60, 61, 4095]:
        lower.symlink(f"link{length}", "x" * length)
    upper.hardlink("linked", "target")
    upper.hardlink("many/linked", "target")
    for i in range(0, 100000, 3):
        upper.whiteout(f"many/{i:x}" + "-" * (i % 50))
    upper.opaque("long")
    upper.text("long/one", "1")
    return lower.bytes(), upper.bytes()


def test_nasty_image_as_gnu_tar(work):
    lower, upper = nasty_layers()
    rootfs = work.get(write_image(work, lower, upper)).rootfs
    # In memory: folders by the ten thousand take a disk a minute.
    os.mkdir(work / "memory")
    subprocess.run(["mount", "-t", "tmpfs", "none", work / "memory"], check=True)
    try:
        want = snapshot_of_gnu_tar(work, lower, upper)
    finally:
        subprocess.run(["umount", work / "memory"], check=True)
    have = snapshot(rootfs)
    # GNU tar's are changed by the second layer, or were never told.
    for made in [b".", b"./many", b"./dirs", b"./long"]:
        del have[made]["mtime"], want[made]["mtime"]
    same(have, want)
    assert os.stat(rootfs + "/dirs").st_nlink == 1
    assert os.stat(rootfs + "/many").st_nlink == 2


def snapshot_of_gnu_tar(work, lower, upper):
    """With what the second layer hides removed by hand."""
    want = gnu_tar(work, lower, "memory/gnu")
    subprocess.run(["tar", "-x", "-C", want, "--exclude=.wh.*"], input=upper, check=True)
    for i in range(0, 100000, 3):
        os.unlink(f"{want}/many/{i:x}" + "-" * (i % 50))
    for name in os.listdir(want + "/long"):
        if name != "one":
            os.unlink(f"{want}/long/{name}")
    return snapshot(want)


def test_large_sparse_file(work):
    """Over 4 GiB, with more extents than the inode or a block has room for."""
    src = work / "src"
    os.mkdir(src)
    with open(src + "/sparse", "wb") as file:
        for i in range(2500):
            file.seek(i * 3 * MIB // 2 + i % 5 * 100)
            file.write(b"%d" % i * 1000)
        file.truncate(5 << 30)
    tar = subprocess.run(["tar", "-c", "--format=pax", "--sparse", "-C", src, "sparse"],
                         stdout=subprocess.PIPE, check=True).stdout
    rootfs = work.get(write_image(work, tar)).rootfs
    same({b"": snapshot(rootfs)[b"./sparse"]}, {b"": snapshot(src)[b"./sparse"]})
    assert os.stat(rootfs + "/sparse").st_blocks <= os.stat(src + "/sparse").st_blocks + 100
    assert os.stat(out(work)).st_blocks * 512 < 64 * MIB
    stat_of = subprocess.run(["debugfs", "-R", "stat /sparse", out(work)], check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    assert b"(ETB1)" in stat_of, stat_of[:2000]


def test_large_file(work):
    """Over 4 GiB: its layer is a sparse file, and is read as it is."""
    info = tarfile.TarInfo("large")
    info.size = (4 << 30) + 12345
    with open(work / "layer", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.truncate(512 + (info.size + 511) // 512 * 512 + 1024)
    layer = Layer(b"", None)
    layer.diff_id = layer.digest = "sha256:" + digest(work / "layer")
    layer.size = os.path.getsize(work / "layer")
    image = Image([layer])
    image.write_oci(work / "oci")
    os.rename(work / "layer", work / "oci/blobs/sha256/" + layer.digest[7:])
    rootfs = work.get("oci:" + work / "oci").rootfs
    assert os.path.getsize(rootfs + "/large") == info.size


ATTRIBUTES = ["security.capability", "user.a", "user.b", "trusted.t", "user." + "n" * 250]
CAPABILITY = b"\x01\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0"


def random_attributes(rng, kind):
    """Few enough for an inode, or many; those that Linux gives to this kind."""
    headers = {}
    for name in ATTRIBUTES:
        if rng.random() < 0.8 or (name.startswith("user.") and kind != "file"):
            continue
        value = CAPABILITY if "capability" in name else rng.randbytes(rng.choice([0, 1, 30, 600]))
        headers["SCHILY.xattr." + name] = os.fsdecode(value)
    return headers


def random_name(rng):
    length = rng.choice([1, 3, 8, 8, 8, 20, 255])
    return "".join(rng.choice("abcxyz_-. \n\\") for _ in range(length)).strip(".") or "n"


class RandomTree:
    """Entries that GNU tar, too, can unpack one after the other."""

    def __init__(self, seed):
        self.rng, self.tar = random.Random(seed), Tar()
        self.dirs, self.files, self.used = [""], [], set()
        self.tar.dir("./", mtime=seed, mode=0o755)
        for _ in range(self.rng.choice([3, 50, 400])):
            self.add()

    def fields(self, kind):
        rng = self.rng
        return {"uid": rng.choice([0, 5, 65536, 3 << 30]), "gid": rng.choice([0, 7, 1 << 31]),
                "mode": rng.choice([0o644, 0o4755, 0o1777, 0o2000, 0]),
                "pax_headers": {"mtime": rng.choice(["0", "-5.25", "1700000000.123456789",
                                                     "5000000000.5"]),
                                **random_attributes(rng, kind)}}

    def add(self):
        rng = self.rng
        name = os.path.join(rng.choice(self.dirs), random_name(rng))
        if name in self.used or len(name) > 2000:
            return
        self.used.add(name)
        kind = rng.choice(["dir", "dir", "file", "file", "file", "link", "hard", "node"])
        if kind == "dir":
            self.tar.dir(name, **self.fields(kind))
            self.dirs.append(name)
        elif kind == "file":
            size = rng.choice([0, 1, 4095, 4096, 4097, rng.randrange(300000)])
            self.tar.add(name, data=rng.randbytes(size), **self.fields(kind))
            self.files.append(name)
        elif kind == "link":
            fields = self.fields(kind)
            del fields["mode"]
            self.tar.symlink(name, "t" * rng.choice([1, 59, 60, 300]), **fields)
        elif kind == "hard" and self.files:
            self.tar.hardlink(name, rng.choice(self.files))
        elif kind == "node":
            self.tar.add(name, rng.choice([tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]),
                         devmajor=rng.choice([1, 300]), devminor=rng.choice([3, 70000]),
                         **self.fields(kind))


def test_random_trees_as_gnu_tar(work):
    for seed in range(25):
        tar = RandomTree(seed).tar.bytes()
        rootfs = work.get(write_image(work, tar)).rootfs
        want = gnu_tar(work, tar)
        try:
            same(snapshot(rootfs), snapshot(want))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        work.unmount()
        harness.remove(want)


def random_layers(seed):
    """Layers that replace and hide each other's names, of which there are few."""
    rng, tars = random.Random(seed), []

    def path(last):
        folders = [rng.choice("abcl") for _ in range(rng.randrange(4))]
        return "/".join([*folders, rng.choice(last)])

    for _ in range(rng.randrange(2, 6)):
        tar = Tar()
        for _ in range(rng.randrange(1, 30)):
            kind = rng.choice(["dir", "file", "file", "file", "link", "hide", "hide", "opaque"])
            # Now and then, a file is where other layers have a folder.
            other = rng.random() < 0.02
            if kind == "dir":
                tar.dir(path("abc"), mtime=rng.randrange(1000), mode=rng.choice([0o755, 0o700]))
            elif kind == "file":
                data = rng.randbytes(rng.choice([0, 10, 5000, 50000]))
                tar.add(path("abcl" if other else "fgh"), data=data)
            elif kind == "link":
                tar.symlink(path("l"), "nowhere" if other else rng.choice(["a", "/b", "../c", "/"]))
            elif kind == "hide":
                tar.whiteout(path("abcfghl"))
            else:
                tar.opaque(path("abc"))
        tars.append(tar.bytes())
    return tars


def unpacked(work, reference):
    """The same image as a folder."""
    run = subprocess.run([harness.PROGRAM, "--store", work / "folders", reference], check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return harness.Got(run)


def test_random_layers_as_unpacking(work):
    """Whatever comes of them, an error too, is what comes of it as a folder."""
    built = failed = 0
    for seed in range(80):
        reference = write_image(work, *random_layers(seed))
        want, have = unpacked(work, reference), work.run(reference)
        assert have.status == want.status, f"seed {seed}: {have.error} / {want.error}"
        if want.status != 0:
            assert have.error == want.error, f"seed {seed}"
            failed += 1
            continue
        built += 1
        have, want = snapshot(work.mount(out(work))), snapshot(want.rootfs)
        # Folders that no layer has: unpacking makes them now.
        for path in set(have) & set(want):
            if want[path]["mtime"] > 1700000000 * 10**9:
                del have[path]["mtime"], want[path]["mtime"]
        try:
            same(have, want)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        work.unmount()
        harness.remove(work / "folders")
    assert built > 20 and failed > 20, (built, failed)


def test_same_bytes(work):
    """Again, elsewhere, compressed, in another umask and time zone; and not for another image."""
    tar = RandomTree(3).tar.bytes()
    work.get(write_image(work, tar))
    first = digest(out(work))
    work.get(write_image(work, tar, how="gzip"), umask=0o077,
             env={**os.environ, "TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8"})
    assert digest(out(work)) == first
    Image([Layer(tar, None)]).write_docker_archive(work / "x")
    work.get("docker-archive:" + work / "x")
    assert digest(out(work)) == first
    work.get(write_image(work, RandomTree(4).tar.bytes()))
    assert digest(out(work)) != first


# Whoever changes this changes what is in caches: so only on purpose.
GOLDEN = "814691b7a8e96e87e615f8553d1b8e2984204486269fc1fd0d5bc1674986c99a"


def test_golden_digest(work):
    """Some of everything, in two layers. That of the writer alone is in src/image/ext4."""
    lower, upper = Tar(), Tar()
    for i in range(300):
        lower.text(f"dir/a name like others {i}", f"{i}\n" * i, mtime=i - 5.5)
    lower.text("cap", "x", pax_headers={"SCHILY.xattr.security.capability": os.fsdecode(CAPABILITY),
                                        "SCHILY.xattr.user.big": "b" * 1000})
    lower.text("acl", "x", pax_headers={"SCHILY.acl.access": "user::rw-,user:5:rwx,group::r--,"
                                                             "mask::rwx,other::---"})
    lower.symlink("short", "target")
    lower.symlink("long", "target" * 100)
    lower.add("null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)
    upper.hardlink("dir/again", "cap")
    upper.whiteout("dir/a name like others 299")
    upper.text("made/up/folders", "and what they hold")
    image = Image([Layer(lower.bytes(), None), Layer(upper.bytes(), None)])
    # It is in the image's configuration, whose digest is in the UUID.
    image.config["architecture"] = "amd64"
    image.write_oci(work / "image")
    work.get("oci:" + work / "image")
    assert digest(out(work)) == GOLDEN, digest(out(work))


def free_bytes(path):
    text = subprocess.run(["dumpe2fs", "-h", path], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    return 4096 * int(re.search(rb"Free blocks: +(\d+)", text)[1])


def test_size(work):
    reference = write_image(work, RandomTree(3).tar.bytes())
    work.get(reference)
    fitting = os.path.getsize(out(work))
    work.get(reference, "--extra", "300M")
    assert 300 * MIB * 0.97 <= free_bytes(out(work)) <= 303 * MIB
    work.get(reference, "--size", "40G")
    assert os.path.getsize(out(work)) == 40 << 30
    assert os.stat(out(work)).st_blocks * 512 < fitting + 8 * MIB
    got = work.run(reference, "--size", str(64 << 10))
    least = int(re.search(r"takes (\d+) at least", got.error)[1])
    assert got.status == 1
    work.get(reference, "--size", str(least))
    assert work.run(reference, "--size", str(least - 4096)).status == 1


def test_size_of_the_image(work):
    """Its RUNCVM_ROOTFS_SIZE counts, ours does not; options beat it."""
    tree = RandomTree(3)
    tree.tar.add("large", data=tree.rng.randbytes(2 * MIB))
    tar = tree.tar.bytes()

    def image(*variables):
        harness.remove(work / "image")
        Image([Layer(tar)], Env=["A=b", *variables]).write_oci(work / "image")
        return "oci:" + work / "image"

    def size(*variables, options=()):
        work.get(image(*variables), *options)
        return os.path.getsize(out(work))

    fitting = size()
    for text, want in [("10240M", 10240 * MIB), ("3g", 3 << 30), (str(96 * MIB), 96 * MIB)]:
        assert size("RUNCVM_ROOTFS_SIZE=" + text) == want
        assert os.stat(out(work)).st_blocks * 512 < fitting + 8 * MIB
    assert size("RUNCVM_ROOTFS_SIZE=") == fitting
    assert size("RUNCVM_ROOTFS_SIZES=10G") == fitting
    for variable in ["RUNCVM_ROOTFS_SIZE=10G", "RUNCVM_ROOTFS_SIZE=much"]:
        assert size(variable, options=["--size", str(64 * MIB)]) == 64 * MIB
        assert size(variable, options=["--extra", str(8 * MIB)]) < fitting + 64 * MIB
    work.get(image(), env=dict(os.environ, RUNCVM_ROOTFS_SIZE="1G"))
    assert os.path.getsize(out(work)) == fitting
    os.unlink(out(work))
    for text in ["much", "-1", "1023K", "16777216M", "99999999999G", "10 G", "\x1b[31m"]:
        work.refused(image("RUNCVM_ROOTFS_SIZE=" + text), "its RUNCVM_ROOTFS_SIZE", "--size")
    work.refused(image("RUNCVM_ROOTFS_SIZE=1M"), "1048576 bytes of its RUNCVM_ROOTFS_SIZE",
                 "at least, and --size")


def blocks(path, size):
    with open(path, "rb") as file:
        return [file.read(4096) for _ in range(size // 4096)]


def test_grown_later(work):
    """As resize2fs does it, without a rewrite, and used then."""
    tree = RandomTree(3)
    tree.tar.add("large", data=tree.rng.randbytes(140 * MIB))
    want = snapshot(work.get(write_image(work, tree.tar.bytes())).rootfs)
    work.unmount()
    before = blocks(out(work), os.path.getsize(out(work)))
    for size in ["200M", "900M", "20G", "5G"]:
        if size != "5G":
            os.truncate(out(work), {"M": MIB, "G": MIB << 10}[size[-1]] * int(size[:-1]))
        subprocess.run(["resize2fs", "-f", out(work), size], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        check_ext4(out(work))
        changed = sum(a != b for a, b in zip(before, blocks(out(work), len(before) * 4096)))
        assert changed < 100, f"{changed} of {len(before)} blocks"
    same(snapshot(work.mount(out(work))), want)


def use(work, place):
    for i in range(3000):
        with open(f"{place}/new-{i}", "w", encoding="ascii") as file:
            file.write("x" * i)
    os.mkdir(place + "/dir")
    for i in range(0, 3000, 2):
        os.rename(f"{place}/new-{i}", f"{place}/dir/{i}")
    subprocess.run(["find", place, "-name", "new-*", "-delete"], check=True)


def test_written_to_later(work):
    """Linux makes files in it, in folders that have an index, and the check finds nothing."""
    tar = Tar()
    for i in range(3000):
        tar.text(f"{i}-" + "n" * 60, "x" * i)
    work.get(write_image(work, tar.bytes()), "--size", "500M")
    work.unmount()
    place = work / "rw"
    os.mkdir(place)
    subprocess.run(["mount", "-o", "loop", out(work), place], check=True)
    try:
        use(work, place)
    finally:
        subprocess.run(["umount", place], check=True)
    check_ext4(out(work))
    assert len(names(work.mount(out(work)))) == 3000 + 1 + 1500


def test_not_root(work):
    reference = write_image(work, RandomTree(5).tar.bytes())
    work.get(reference)
    first = digest(out(work))
    os.chmod(work.path, 0o755)
    os.chown(work.store, 65534, 65534)
    os.unlink(out(work))
    work.get(reference, user=65534, group=65534)
    assert digest(out(work)) == first


def tree(work):
    src = work / "src"
    os.makedirs(src + "/dir/" + "deep/" * 500)
    for i in range(40):
        with open(f"{src}/dir/file{i}", "wb") as file:
            file.write(random.Random(i).randbytes(i * 997))
        os.utime(f"{src}/dir/file{i}", ns=(i, i * 10**9 + 5))
    with open(src + "/sparse", "wb") as file:
        file.seek(5 << 30)
        file.write(b"end")
    os.link(src + "/dir/file1", src + "/dir/deep/again")
    os.symlink("nowhere", src + "/link")
    os.mkfifo(src + "/fifo")
    os.mknod(src + "/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    os.setxattr(src + "/dir/file3", "user.a", b"value")
    os.setxattr(src + "/dir/file3", "security.capability", CAPABILITY)
    os.setxattr(src, "trusted.root", b"r")
    subprocess.run(["setfacl", "-m", "u:5:rw,g:6:r", src + "/dir/file4"], check=True)
    subprocess.run(["setfacl", "-d", "-m", "u:5:rwx", src + "/dir"], check=True)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(src + "/socket")
    return src


def test_folder(work):
    harness.tool("setfacl")
    src = tree(work)
    same(snapshot(work.get("dir:" + src).rootfs), snapshot(src))
    first = digest(out(work))
    # Another copy, whose names may be in another order on the disk.
    subprocess.run(["cp", "-a", src, work / "copy"], check=True)
    work.get("dir:" + work / "copy")
    assert digest(out(work)) == first


def test_folder_with_the_output_in_it(work):
    os.mkdir(work / "store")
    with open(work / "store/file", "wb") as file:
        file.write(b"x" * 100000)
    rootfs = work.get("dir:" + work.store).rootfs
    assert names(rootfs) == ["file"], names(rootfs)


def test_memory(work):
    """64 MiB and 200 bytes a file."""
    tar = Tar()
    for i in range(200000):
        tar.add(f"some/folder/{i // 1000}/a name like others {i}")
    reference = write_image(work, tar.bytes())
    used = work.memory(reference)
    assert used <= 64 + 200 * 200000 / MIB, used
    # And not more than without files: most of this is for the buffers.
    assert used < 50, used


def test_killed_and_interrupted(work):
    """Nothing is left, neither whole nor half."""
    tar = Tar()
    tar.add("file", data=os.urandom(200 * MIB))
    reference = write_image(work, tar.bytes())
    for number in [signal.SIGKILL, signal.SIGINT]:
        with subprocess.Popen(work.command(reference), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            # The first layer is being read.
            assert b"unpacking" in process.stdout.readline()
            process.send_signal(number)
            error = process.communicate()[1]
        assert process.returncode == (-9 if number == signal.SIGKILL else 1), process.returncode
        assert number == signal.SIGKILL or b"interrupted" in error, error
        assert os.listdir(work.store) == [], os.listdir(work.store)


def test_plain_tar(work):
    """A tar alone, from a file and by standard input, compressed and not: always the same bytes."""
    tar = RandomTree(5).tar.bytes()
    with open(work / "x:y.tar", "wb") as file:
        file.write(tar)
    rootfs = work.get("tar:" + work / "x:y.tar").rootfs
    same(snapshot(rootfs), snapshot(gnu_tar(work, tar)))
    first = digest(out(work))
    for data in tar, gzip.compress(tar), compress(tar, "zstd"), tar + bytes(1 << 20):
        work.get("-", input=data)
        assert (digest(out(work)) == first) == (len(data) <= len(tar)), len(data)
    with subprocess.Popen(["cat", work / "x:y.tar"], stdout=subprocess.PIPE) as cat:
        work.get(f"tar:/dev/fd/{cat.stdout.fileno()}", pass_fds=[cat.stdout.fileno()])
    assert digest(out(work)) == first


def test_bad_tar(work):
    tar = RandomTree(5).tar.bytes()
    work.refused("-", "empty", input=b"")
    work.refused("-", "no tar", input=bytes(10240) + b"a disk")
    work.refused("-", "tar", input=b"no tar " * 1000)
    work.refused("-", "truncated", input=tar[:len(tar) // 2])
    work.refused("-", "", input=gzip.compress(tar)[:-100])
    work.refused("tar:" + work.path, "Is a directory")
    work.refused("tar:" + work / "nowhere", "No such file")
    work.refused("tar:", "nothing after tar:")
    ours, its = os.openpty()
    work.refused("-", "terminal", stdin=its)
    os.close(ours)
    os.close(its)


def test_tar_that_never_ends(work):
    """Whoever waits for a pipe can be interrupted, also in the middle of a header."""
    for begin in b"", RandomTree(5).tar.bytes()[:700]:
        with subprocess.Popen(work.command("-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stdin.write(begin)
            process.stdin.flush()
            # It sleeps when it has read what there is.
            while harness.state(process.pid) != "S":
                pass
            process.send_signal(signal.SIGINT)
            assert b"interrupted" in process.communicate()[1]
        assert process.returncode == 1 and os.listdir(work.store) == []


def test_output(work):
    reference = write_image(work, RandomTree(1).tar.bytes())

    def refused(output, word):
        run = subprocess.run([harness.PROGRAM, "--build", output, reference], check=False,
                             stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert run.returncode == 1 and word in run.stderr, run.stderr
    refused(work / "none/x", b"No such file")
    refused(work.path + "/", b"not the name of a file")
    os.mkdir(work / "dir")
    refused(work / "dir", b"no regular file")
    os.symlink("/dev/null", work / "link")
    refused(work / "link", b"no regular file")
    os.makedirs(work.store)
    with open(out(work), "wb") as file:
        file.write(b"before")
    work.refused("oci:/nowhere", "no file")
    with open(out(work), "rb") as file:
        assert file.read() == b"before"
    work.get(reference)


def test_limit_on_files(work):
    """A file may not become as large: that is an error like any other, and no signal."""
    tar = Tar()
    tar.add("file", data=bytes(20 * MIB))

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (MIB, MIB))
    work.refused(write_image(work, tar.bytes()), "File too large", preexec_fn=limit)


if __name__ == "__main__":
    harness.AS_EXT4 = True
    harness.run()
