#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trees through tar/pack.h and tar/unpack.h; hostile archives. TAR_COPY=… ./test-copy.py [test_name]"""

import io
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.dont_write_bytecode = True

from tree import ROOT, content, describe, nasty, same, write

PROGRAM = os.environ.get("TAR_COPY", "tar-copy")


def call(*words, data=None, status=0):
    run = subprocess.run([PROGRAM, *words], input=data, capture_output=True, check=False)
    assert run.returncode == status, (words, run.returncode, run.stderr)
    return run.stdout if status == 0 else run.stderr.decode().strip()


def pack(folder, name, as_name=None, *options):
    return call("pack", *options, folder, name, as_name or name)


def unpack(folder, data, *words, status=0):
    return call("unpack", *[x for x in words if x == "-x"], folder,
                *[x for x in words if x != "-x"], data=data, status=status)


def make(work):
    for name in ("in", "out"):
        os.mkdir(work + "/" + name)
    nasty(work + "/in/tree")
    return work + "/in", work + "/out"


def test_a_tree_comes_out_as_it_was(work):
    source, to = make(work)
    unpack(to, pack(source, "tree"), "-x", "tree")
    same(source + "/tree", to + "/tree")
    for name, most in (("sparse", 100), ("only-a-hole", 0), ("holes-at-both-ends", 20)):
        assert os.stat(f"{to}/tree/{name}").st_blocks <= most, name


def test_unpacking_again_replaces_files_and_merges_folders(work):
    source, to = make(work)
    archive = pack(source, "tree", "copy")
    unpack(to, archive)
    write(to + "/copy/large", b"other")
    write(to + "/copy/folder/more", b"more")
    before = os.stat(to + "/copy/large").st_ino
    unpack(to, archive)
    assert os.stat(to + "/copy/large").st_ino != before
    os.unlink(to + "/copy/folder/more")
    unpack(to, archive)
    same(source + "/tree", to + "/copy")


def test_gnu_tar_makes_the_same_of_it(work):
    source, to = make(work)
    subprocess.run(["tar", "--xattrs", "--xattrs-include=*", "-x", "-p", "-C", to],
                   input=pack(source, "tree"), check=True, stderr=subprocess.DEVNULL)
    # The folder's own time is lost on GNU tar when it comes back to it.
    same(source + "/tree", to + "/tree")


def test_what_gnu_tar_has_packed_is_understood(work):
    source, to = make(work)
    for form in (["--format=pax"], ["--format=pax", "--sparse"], ["--format=gnu"]):
        more = ["--xattrs", "--xattrs-include=*"] if form[0] == "--format=pax" else []
        run = subprocess.run(["tar", *more, "-c", *form, "-C", source, "tree"], check=True,
                             capture_output=True)
        target = f"{to}/{len(os.listdir(to))}"
        os.mkdir(target)
        unpack(target, run.stdout, "-x")
        if form[0] == "--format=pax":
            same(source + "/tree", target + "/tree")
        else:
            assert content(target + "/tree/large") == content(source + "/tree/large")
            assert os.readlink(target + "/tree/folder/long") == "s" * 4000


def test_what_python_has_packed_is_understood(work):
    to = work
    for number, form in enumerate((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT)):
        target = f"{to}/{number}"
        os.mkdir(target)
        unpack(target, archive([("d" * 90 + "/" + "f" * 90, {"data": b"12345"})], form))
        with open(f"{target}/{'d' * 90}/{'f' * 90}", "rb") as file:
            assert file.read() == b"12345"


def archive(members, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as tar:
        for name, more in members:
            info = tarfile.TarInfo(name)
            more = dict(more)
            data = more.pop("data", b"")
            info.size = len(data)
            for key, value in more.items():
                setattr(info, key, value)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


FOLDER = {"type": tarfile.DIRTYPE, "mode": 0o755}


def link(to):
    return {"type": tarfile.SYMTYPE, "linkname": to}


def hard(to):
    return {"type": tarfile.LNKTYPE, "linkname": to}


def test_nothing_gets_out(work):
    os.mkdir(work + "/in")
    os.mkdir(work + "/secret")
    write(work + "/secret/file", b"secret")
    evil = {"data": b"evil"}
    hostile = [
        [("../out", evil)],
        [("a/../../out", evil)],
        [("/out", evil)],
        [(work + "/secret/file", evil)],
        [("l", link("../secret")), ("l/file", evil)],
        [("l", link(work + "/secret")), ("l/file", evil)],
        [("l", link(work + "/secret")), ("l", FOLDER)],
        [("l", link("..")), ("l/secret/file", evil)],
        [("a", FOLDER), ("a/l", link("../../secret")), ("a/l/new/file", evil)],
        [("h", hard("../secret/file"))],
        [("h", hard(work + "/secret/file"))],
        [("l", link("../secret")), ("h", hard("l/file"))],
        [("..", FOLDER)],
        [("a/..", FOLDER)],
    ]
    for members in hostile:
        before = describe(work + "/secret"), sorted(os.listdir(work))
        said = unpack(work + "/in", archive(members), status=1)
        assert said.startswith("cannot ") and "\n" not in said, said
        assert (describe(work + "/secret"), sorted(os.listdir(work))) == before, members
        subprocess.run(["rm", "-rf", work + "/in"], check=True)
        os.mkdir(work + "/in")


def test_a_file_over_a_link_replaces_the_link(work):
    os.mkdir(work + "/in")
    write(work + "/secret", b"secret")
    os.symlink("../secret", work + "/in/file")
    unpack(work + "/in", archive([("file", {"data": b"new"})]))
    assert not os.path.islink(work + "/in/file")
    with open(work + "/secret", "rb") as file:
        assert file.read() == b"secret"


def test_only_one_name_at_the_top_if_so_asked(work):
    unpack(work, archive([("a", FOLDER), ("./a/b", {"data": b"1"})]), "a")
    for name in ("b", "ab", ".", "b/a"):
        said = unpack(work, archive([(name, FOLDER)]), "a", status=1)
        assert "not within" in said, said
    assert os.listdir(work) == ["a"]


def test_no_link_leads_from_the_one_name_to_what_is_beside_it(work):
    evil = {"data": b"evil"}
    os.mkdir(work + "/beside")
    write(work + "/beside/file", b"secret")
    for members in (
        [("a", link("beside")), ("a/file", evil)],
        [("a", link("beside")), ("a/new/file", evil)],
        [("a", FOLDER), ("a/l", link("../beside")), ("a/l/file", evil)],
        [("a", FOLDER), ("a/l", link("../beside")), ("a/h", hard("a/l/file"))],
    ):
        before = describe(work + "/beside")
        said = unpack(work, archive(members), "a", status=1)
        assert said.startswith("cannot ") and "\n" not in said, said
        assert describe(work + "/beside") == before, members
        subprocess.run(["rm", "-rf", work + "/a"], check=True)


def test_folders_and_others_do_not_replace_each_other(work):
    os.mkdir(work + "/folder")
    write(work + "/file")
    said = unpack(work, archive([("folder", {"data": b"1"})]), status=1)
    assert "there is a folder" in said, said
    said = unpack(work, archive([("folder", link("x"))]), status=1)
    assert "there is a folder" in said, said
    said = unpack(work, archive([("file", FOLDER)]), status=1)
    assert "not a folder" in said, said
    said = unpack(work, archive([("file/below", {"data": b"1"})]), status=1)
    assert "not a folder" in said, said


def test_what_is_cut_off_is_an_error_and_leaves_no_part(work):
    whole = archive([("file", {"data": b"x" * 5000})])[:512 + 5120 + 1024]
    for length in list(range(0, 600, 37)) + [512, 1024, 5632, 5700, 6143]:
        said = unpack(work, whole[:length], status=1)
        assert "cannot read" in said and "\n" not in said, said
        assert os.listdir(work) == (["file"] if length >= 5632 else []), length
    unpack(work, whole[:6144])


def test_damage_is_told(work):
    good = archive([("file", {"data": b"x"})])
    for bad in (b"\x1f\x8b" + bytes(1000), b"hello", b"x" * 2048, b"y" + good[1:]):
        assert "cannot read" in unpack(work, bad, status=1)
    assert os.listdir(work) == []


def block(name, kind, size):
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)


def pax(records, length=None):
    data = b"".join(records)
    return block("x", b"x", length or len(data)) + data + bytes(-len(data) % 512)


def test_pax_records_have_their_limits(work):
    end = bytes(1024)
    file = block("file", b"0", 0)
    bad = [
        pax([b"1000000000000000000000 path=x\n"]) + file,
        pax([b"5 path=x\n"]) + file,
        pax([b"12 path=\0ab\n"]) + file,
        pax([b"x path=\n"]) + file,
        pax([b"10 sizex1\n"]) + file,
        pax([b"11 size=-1\n"]) + file,
        pax([b"99 path=short\n"]) + file,
        pax([b""], 1 << 32) + file,
        pax([b"14 mtime=a.b1\n"]) + file,
        pax([b"32 GNU.sparse.major=1\n"]) + file,
        pax([b"22 GNU.sparse.major=9\n"]) + file,
        pax([b"9 path=a\n"]) * 20 + file,
        pax([b"9 path=a\n"]) + end,
        pax([b"".join(b"30 SCHILY.xattr.user.a%05d=b\n" % i for i in range(100))]) + file,
    ]
    for data in bad:
        said = unpack(work, data + end, status=1)
        assert "cannot read" in said, said
    assert os.listdir(work) == []


def sparse(lines, real, stored=512):
    records = [b"22 GNU.sparse.major=1\n", b"22 GNU.sparse.minor=0\n",
               b"24 GNU.sparse.name=file\n"]
    size = b" GNU.sparse.realsize=%d\n" % real
    records.append(b"%d" % (len(size) + 2) + size)
    lines = lines.ljust(512, b"\0")
    return pax(records) + block("GNUSparseFile.0/file", b"0", stored) + lines + \
        bytes(stored - 512) + bytes(1024)


def test_maps_of_holes_are_checked(work):
    unpack(work, sparse(b"1\n4096\n0\n", 4096))
    assert os.stat(work + "/file").st_size == 4096
    os.unlink(work + "/file")
    for lines, stored in ((b"2\n0\n512\n0\n512\n", 1536), (b"1\n0\n512\n", 512), (b"1\n0\n", 512),
                          (b"1\n0\n9999\n", 1024), (b"99999999999999999999\n", 512), (b"\n", 512),
                          (b"-1\n", 512), (b"40000\n", 512), (b"1\n9000\n0\n", 512)):
        said = unpack(work, sparse(lines, 4096, stored), status=1)
        assert "cannot read" in said, said
    assert os.listdir(work) == []


def test_an_upper_folder_becomes_a_layer(work):
    if not ROOT:
        return
    os.makedirs(work + "/upper/opaque/below")
    os.makedirs(work + "/upper/kept")
    os.mknod(work + "/upper/kept/gone", stat.S_IFCHR, os.makedev(0, 0))
    os.mknod(work + "/upper/kept/null", stat.S_IFCHR | 0o600, os.makedev(1, 3))
    try:
        os.setxattr(work + "/upper/opaque", "trusted.overlay.opaque", b"y")
        os.setxattr(work + "/upper/kept", "trusted.overlay.origin", b"x")
        os.setxattr(work + "/upper/kept", "trusted.own", b"z")
    except OSError:
        return
    with tarfile.open(fileobj=io.BytesIO(pack(work, "upper", ".", "-w"))) as tar:
        members = {x.name: x for x in tar.getmembers()}
    names = sorted(members)
    assert names == [".", "./kept", "./kept/.wh.gone", "./kept/null", "./opaque",
                     "./opaque/.wh..wh..opq", "./opaque/below"], names
    assert members["./kept/.wh.gone"].isreg() and members["./kept/.wh.gone"].size == 0
    assert list(members["./kept"].pax_headers) == ["mtime", "SCHILY.xattr.trusted.own"]
    assert "SCHILY.xattr.trusted.overlay.opaque" not in members["./opaque"].pax_headers


def test_a_socket_is_left_out_and_a_missing_file_told(work):
    import socket
    os.mkdir(work + "/in")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(work + "/in/socket")
        with tarfile.open(fileobj=io.BytesIO(pack(work, "in"))) as tar:
            assert tar.getnames() == ["in"]
    assert "cannot read \"missing\": No such file" in call("pack", work, "missing", "missing",
                                                         status=1)


def test_without_privileges_owners_and_what_they_lend_are_not_kept(work):
    if not ROOT:
        return
    os.chmod(work, 0o777)
    data = archive([("f", {"data": b"1", "uid": 1, "gid": 1, "mode": 0o6755})])
    for words, status in (([], 0), (["-x"], 1)):
        run = subprocess.run([PROGRAM, "unpack", *words, work], input=data, capture_output=True,
                             user=65534, group=65534, extra_groups=[], check=False)
        assert run.returncode == status, run.stderr
        assert status == 0 or b"cannot keep the owner" in run.stderr
        st = os.stat(work + "/f")
        assert (st.st_uid, stat.S_IMODE(st.st_mode)) == (65534, 0o755)


def main():
    tests = {x: y for x, y in globals().items() if x.startswith("test_")}
    failed = False
    for name in sys.argv[1:] or tests:
        with tempfile.TemporaryDirectory(prefix="caisson-test-") as work:
            try:
                tests[name](work)
                print("ok", name, flush=True)
            except Exception:  # pylint: disable=broad-except
                traceback.print_exc()
                print("not ok", name, flush=True)
                failed = True
    return failed


if __name__ == "__main__":
    sys.exit(main())
