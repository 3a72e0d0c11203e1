#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What layers say comes out exactly. Wherever GNU tar has an opinion, it is the judge."""

import os
import random
import subprocess
import tarfile

import harness
import ociimage
from harness import gnu_tar, names, same, snapshot, tool
from ociimage import Image, Layer, Tar

CAPABILITY = b"\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"


def xattr(name, value):
    """As tarfile wants it: pax values are text, written with surrogateescape."""
    return {"SCHILY.xattr." + name: os.fsdecode(value)}


def rich_layer(format=tarfile.PAX_FORMAT):
    pax = format == tarfile.PAX_FORMAT
    tar = Tar(format)
    tar.dir("./", mode=0o755, mtime=1111111111)
    tar.dir("d", mode=0o1777, uid=7, gid=8, mtime=1234567890.125 if pax else 1234567890)
    tar.text("d/f", "content", mode=0o640, uid=1000, gid=1001)
    tar.text("setuid", "x", mode=0o4755, uid=5, gid=6)
    tar.text("setgid", "x", mode=0o2711, uid=5, gid=6)
    tar.text("empty", mode=0o000)
    tar.dir("sticky", mode=0o3777, gid=50)
    tar.symlink("abs", "/etc/passwd", uid=3)
    tar.symlink("up", "../../../outside")
    tar.symlink("long", "x/" * 600 + "y")
    tar.hardlink("d/link", "d/f")
    tar.hardlink("setuid2", "setuid", mode=0o4755)
    tar.hardlink("abs2", "abs")
    tar.add("null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)
    tar.add("disk", tarfile.BLKTYPE, devmajor=259, devminor=70000, mode=0o660, gid=6)
    tar.add("fifo", tarfile.FIFOTYPE, mode=0o622, uid=9)
    tar.text("a" * 255, "longest name")
    for i in range(1, 6):
        tar.dir("/".join(["p" * 200] * i))
    tar.text("/".join(["p" * 200] * 5) + "/f", "long path")
    tar.text("new\nline", "n")
    tar.text("tab\t and \\ back", "n")
    tar.text(os.fsdecode(b"latin-\xe9\xff\xfe"), "not UTF-8")
    tar.text("composed-\u00e9", "NFC")
    tar.text("decomposed-e\u0301", "NFD")
    tar.symlink("link-e\u0301", "decomposed-e\u0301")
    tar.hardlink("hard-e\u0301", "decomposed-e\u0301")
    tar.text("old", "before the epoch", mtime=-86400)
    if pax:
        tar.text("older", "and a fraction", mtime=-1.25)
        tar.text("ns", "time", pax_headers={"mtime": "1500000000.123456789"})
        tar.text("big ids", "", uid=3000000000, gid=4000000000)
        tar.text("cap", "x", mode=0o755, pax_headers=xattr("security.capability", CAPABILITY))
        tar.text("user", "x", pax_headers=xattr("user.one", b"a=b\nc\0d\xff"))
        tar.dir("userdir", pax_headers=xattr("user.two", b"2"))
        tar.symlink("trusted", "x", pax_headers=xattr("trusted.three", b"3"))
    return tar.bytes()


def test_all_kinds_as_gnu_tar(work):
    tar = rich_layer()
    same(snapshot(work.unpack(Image([tar]))), snapshot(gnu_tar(work, tar)))


def test_gnu_format_as_gnu_tar(work):
    tar = rich_layer(tarfile.GNU_FORMAT)
    same(snapshot(work.unpack(Image([tar]))), snapshot(gnu_tar(work, tar)))


def test_utf8_locale_changes_nothing(work):
    tar = rich_layer()
    Image([tar]).write_oci(work / "i")
    got = work.get("oci:" + work / "i", env={**os.environ, "LC_ALL": "C.UTF-8"})
    same(snapshot(got.rootfs), snapshot(gnu_tar(work, tar)))


def test_compressions(work):
    tool("zstd")
    tar = rich_layer()
    want = snapshot(gnu_tar(work, tar))
    for how in [None, "gzip", "zstd"]:
        harness.remove(work.store)
        same(snapshot(work.unpack(Image([Layer(tar, how)]))), want)


def test_docker_media_types(work):
    tar = rich_layer()
    layer = Layer(tar, "gzip", "application/vnd.docker.image.rootfs.diff.tar.gzip")
    image = Image([layer]).finish()
    image.manifest["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
    image.manifest["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
    same(snapshot(work.unpack(image)), snapshot(gnu_tar(work, tar)))


def tree_of_files(work):
    """A real tree, for GNU tar to pack: sparse, large, with ACLs, links, odd modes."""
    src = work / "src"
    os.makedirs(src + "/dir/sub")
    random.seed(1)
    for i in range(50):
        with open(f"{src}/dir/sub/file{i}", "wb") as file:
            file.write(random.randbytes(random.randrange(0, 300000)))
        os.chown(f"{src}/dir/sub/file{i}", i, 2 * i)
    with open(src + "/sparse", "wb") as file:
        for offset in [0, 10 << 20, 5 << 30]:
            file.seek(offset)
            file.write(b"island")
        file.truncate(6 << 30)
    with open(src + "/hole", "wb") as file:
        file.truncate(1 << 20)
    os.link(src + "/dir/sub/file1", src + "/dir/again")
    os.mkdir(src + "/acl")
    for command in [["-m", "u:1234:rwx,g:99:r,m::rx", src + "/dir/sub/file2"],
                    ["-d", "-m", "u:77:rw,o::-", src + "/acl"]]:
        subprocess.run(["setfacl", *command], check=True)
    with open(src + "/acl/below", "w", encoding="ascii") as file:
        file.write("inherits an ACL here, and is told again what it was")
    os.mkdir(src + "/acl/dir")
    subprocess.run(["setfacl", "-b", "-k", src + "/acl/dir"], check=True)
    with open(src + "/acl/plain", "w", encoding="ascii") as file:
        file.write("has none although it would inherit one")
    subprocess.run(["setfacl", "-b", src + "/acl/plain"], check=True)
    return src


def test_packed_by_gnu_tar(work):
    tool("setfacl")
    src = tree_of_files(work)
    want = snapshot(src)
    for i, options in enumerate([["--format=gnu", "--sparse"],
                                 ["--format=pax", "--sparse", "--sparse-version=0.0"],
                                 ["--format=pax", "--sparse", "--sparse-version=0.1"],
                                 ["--format=pax", "--sparse", "--sparse-version=1.0"]]):
        more = ["--acls", "--xattrs", "--xattrs-include=*"] if i > 0 else []
        tar = subprocess.run(["tar", "-c", *options, *more, "--numeric-owner", "-C", src, "."],
                             stdout=subprocess.PIPE, check=True).stdout
        rootfs = work.unpack(Image([Layer(tar, None)]))
        if i > 0:
            same(snapshot(rootfs), want)
        assert os.stat(rootfs + "/sparse").st_blocks < 2000, "not sparse"
        harness.remove(work.store)


def layers(*builders):
    """One layer for each function, which fills a Tar."""
    made = []
    for build in builders:
        tar = Tar()
        build(tar)
        made.append(tar.bytes())
    return Image(made)


def base(tar):
    tar.dir("d")
    tar.text("d/one", "1")
    tar.text("d/two", "2")
    tar.dir("d/sub")
    tar.text("d/sub/three", "3")
    tar.text("top", "t")


def test_whiteout(work):
    def upper(tar):
        tar.whiteout("d/one")
        tar.whiteout("top")
        tar.whiteout("never/was/there")
        tar.whiteout("top/is/no/folder")
    assert names(work.unpack(layers(base, upper))) == ["d", "d/sub", "d/sub/three", "d/two"]


def test_whiteout_of_a_folder(work):
    assert names(work.unpack(layers(base, lambda t: t.whiteout("d")))) == ["top"]


def test_opaque_keeps_own_layer(work):
    """Wherever the mark stands among the entries."""
    def first(tar):
        tar.opaque("d")
        own(tar)

    def last(tar):
        own(tar)
        tar.opaque("d")

    def own(tar):
        tar.text("d/new", "n")
        tar.text("d/sub/mine", "m")
    for upper in [first, last]:
        rootfs = work.unpack(layers(base, upper))
        assert names(rootfs) == ["d", "d/new", "d/sub", "d/sub/mine", "top"], names(rootfs)


def test_opaque_removes_what_was_listed_again_below(work):
    def upper(tar):
        tar.dir("d")
        tar.dir("d/sub")
        tar.opaque("d")
    assert names(work.unpack(layers(base, upper))) == ["d", "d/sub", "top"]


def test_whiteout_spares_own_layer(work):
    def upper(tar):
        tar.text("d/one", "new")
        tar.whiteout("d/one")
        tar.text("d/sub/four", "4")
        tar.whiteout("d/sub")
    rootfs = work.unpack(layers(base, upper))
    assert names(rootfs) == ["d", "d/one", "d/sub", "d/sub/four", "d/two", "top"], names(rootfs)
    with open(rootfs + "/d/one", encoding="ascii") as file:
        assert file.read() == "new"


def test_whiteouts_of_deep_folders(work):
    """As deep as a path can be; with something of the upper layer at the bottom, or nothing."""
    lower, upper = Tar(), Tar()
    for name in ["gone", "both", "opaque"]:
        lower.dir(name, mtime=5)
        lower.text(name + "/d" * 2000 + "/lower")
    upper.text("both" + "/d" * 1000 + "/upper")
    upper.text("opaque" + "/d" * 1500 + "/upper")
    for name in ["gone", "both"]:
        upper.whiteout(name)
    for _ in range(3):
        upper.opaque("opaque" + "/d" * 1000)
        upper.opaque("opaque")
    rootfs = work.unpack(Image([lower.bytes(), upper.bytes()]))
    assert sorted(os.listdir(rootfs)) == ["both", "opaque"]
    found = subprocess.run(["find", rootfs, "-type", "f", "-printf", "%d %f\n"], check=True,
                           stdout=subprocess.PIPE).stdout.split(b"\n")
    assert sorted(found) == [b"", b"1002 upper", b"1502 upper"], found
    assert os.stat(rootfs + "/opaque").st_mtime == 5


def test_whiteout_in_the_lowest_layer(work):
    def only(tar):
        base(tar)
        tar.whiteout("d/one")
        tar.opaque("d")
    assert "d/one" in names(work.unpack(layers(only)))


def test_aufs_leftovers(work):
    def upper(tar):
        tar.dir(".wh..wh.plnk")
        tar.text(".wh..wh.plnk/7.9", "x")
        tar.text(".wh..wh.aufs", "x")
        tar.text("d/.wh..wh.orph/x", "x")
    assert names(work.unpack(layers(base, upper))) == names(work.unpack(layers(base)))


def test_kinds_replace_each_other(work):
    def upper(tar):
        tar.text("d", "a file now")
        tar.dir("top")
        tar.text("top/in", "x")
    rootfs = work.unpack(layers(base, upper))
    assert names(rootfs) == ["d", "top", "top/in"]

    def third(tar):
        tar.symlink("d", "top")
        tar.symlink("top", "nowhere")
    rootfs = work.unpack(layers(base, upper, third))
    assert names(rootfs) == ["d", "top"] and os.readlink(rootfs + "/top") == "nowhere"


def test_replacing_breaks_hardlinks(work):
    def lower(tar):
        tar.text("a", "lower")
        tar.hardlink("b", "a")
    rootfs = work.unpack(layers(lower, lambda t: t.text("a", "upper")))
    with open(rootfs + "/b", encoding="ascii") as file:
        assert file.read() == "lower"


def test_hardlink_across_layers(work):
    rootfs = work.unpack(layers(base, lambda t: t.hardlink("d/again", "/top")))
    assert os.path.samefile(rootfs + "/top", rootfs + "/d/again")


def test_hardlink_to_itself(work):
    rootfs = work.unpack(layers(base, lambda t: t.hardlink("top", "./top")))
    assert os.stat(rootfs + "/top").st_nlink == 1


def test_hardlink_to_symlink(work):
    def only(tar):
        tar.symlink("s", "/etc/passwd")
        tar.hardlink("h", "s")
    rootfs = work.unpack(layers(only))
    assert os.readlink(rootfs + "/h") == "/etc/passwd"


def test_folder_takes_the_upper_layers_attributes(work):
    def lower(tar):
        tar.dir("d", mode=0o777, uid=5,
                pax_headers={**xattr("user.lower", b"1"), **xattr("user.both", b"1")})
        tar.text("d/kept", "k")

    def upper(tar):
        tar.dir("d", mode=0o700, uid=6, mtime=77, pax_headers=xattr("user.both", b"2"))
    rootfs = work.unpack(layers(lower, upper))
    about = snapshot(rootfs)[b"./d"]
    assert about["mode"] == "0o700" and about["owner"] == (6, 0), about
    assert about["xattrs"] == {"user.both": b"2"}, about
    assert about["mtime"] == 77 * 10**9, about
    assert os.path.exists(rootfs + "/d/kept")


def test_folder_times_survive_upper_layers(work):
    rootfs = work.unpack(layers(base, lambda t: t.text("d/sub/late", "l"),
                                lambda t: t.whiteout("d/one")))
    for path in ["/d", "/d/sub"]:
        assert os.stat(rootfs + path).st_mtime_ns == ociimage.TIME * 10**9, path


def test_folder_times_survive_what_changes_folders(work):
    """Files that come in any order, what whiteouts leave and remove, missing folders."""
    layers = []
    for name in ["", "a/", "a/b/"]:
        tar = Tar()
        if not name:
            for i, folder in enumerate(["./", "a", "a/b", "c", "c/d"]):
                tar.dir(folder, mtime=100 + i)
        tar.text(name + "f", "1")
        tar.text("c/d/g" + name.replace("/", ""), "2")
        tar.text(name + "new/er/x", "3")
        tar.text(name + "h", "4")
        tar.whiteout("c/d/g")
        tar.opaque("a")
        layers.append(tar.bytes())
    tar = Tar()
    tar.dir("./", mtime=7)
    tar.text("last")
    rootfs = work.unpack(Image([*layers, tar.bytes()]))
    assert not os.path.exists(rootfs + "/c/d/g") and os.path.exists(rootfs + "/a/b/h")
    times = [int(os.stat(os.path.join(rootfs, x)).st_mtime) for x in [".", "a", "c", "c/d"]]
    assert times == [7, 101, 103, 104], times


def test_links_of_lower_layers_are_followed_inside(work):
    def lower(tar):
        tar.dir("usr/lib")
        tar.symlink("lib", "usr/lib")
        tar.symlink("abs", "/usr/lib")
        tar.symlink("up", "../../../../usr")

    def upper(tar):
        tar.text("lib/a", "a")
        tar.text("abs/b", "b")
        tar.text("up/lib/c", "c")
    rootfs = work.unpack(layers(lower, upper))
    assert sorted(os.listdir(rootfs + "/usr/lib")) == ["a", "b", "c"]
    assert os.path.islink(rootfs + "/lib")


def test_absolute_and_dotted_names(work):
    def only(tar):
        tar.text("/abs", "x")
        tar.text("././dot", "x")
        tar.text("a//b/./c", "x")
    assert names(work.unpack(layers(only))) == ["a", "a/b", "a/b/c", "abs", "dot"]


def test_missing_parents(work):
    rootfs = work.unpack(layers(lambda t: t.text("a/b/c", "x")))
    for path in ["a", "a/b"]:
        about = snapshot(rootfs)[os.fsencode("./" + path)]
        assert about["mode"] == "0o755" and about["owner"] == (0, 0), about


def test_umask_does_not_matter(work):
    tar = rich_layer()
    Image([tar]).write_oci(work / "i")
    got = work.get("oci:" + work / "i", umask=0o077)
    same(snapshot(got.rootfs), snapshot(gnu_tar(work, tar)))


def test_foreign_attributes_are_left_out(work):
    def only(tar):
        tar.text("f", "x", pax_headers={**xattr("com.apple.provenance", b"1"),
                                        **xattr("trusted.overlay.opaque", b"y"),
                                        **xattr("user.kept", b"1")})
    about = snapshot(work.unpack(layers(only)))[b"./f"]
    assert about["xattrs"] == {"user.kept": b"1"}, about


def test_garbage_after_the_end(work):
    tar = rich_layer() + b"garbage" * 1000
    same(snapshot(work.unpack(Image([tar]))), snapshot(gnu_tar(work, tar)))


def test_no_end_mark_and_no_entries(work):
    tar = Tar()
    tar.text("f", "x" * 512)
    cut = tar.bytes()[:1024]
    assert names(work.unpack(Image([cut, b"", bytes(1024)]))) == ["f"]


def test_no_layers(work):
    assert names(work.unpack(Image([]))) == []


def test_same_layer_twice(work):
    tar = Tar()
    base(tar)
    data = tar.bytes()
    assert "d/one" in names(work.unpack(Image([data, data])))


harness.run()
