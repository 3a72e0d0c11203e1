#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""caisson-tar against GNU tar. TAR_PROGRAM=… ./test-program.py [test_name]"""

import io
import os
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.dont_write_bytecode = True

from tree import ROOT, nasty, same, write

PROGRAM = os.environ.get("TAR_PROGRAM", "caisson-tar")
NOBODY = 65534


def call(*words, data=None, status=0, cwd=None, name=None, **more):
    run = subprocess.run([name or PROGRAM, *words], executable=PROGRAM, input=data, cwd=cwd,
                         capture_output=True, check=False, **more)
    assert run.returncode == status, (words, run.returncode, run.stderr)
    return run.stderr.decode().strip() if status else run.stdout


def gnu(*words, data=None, cwd=None):
    return subprocess.run(["tar", *words], input=data, cwd=cwd, capture_output=True, check=True).stdout


def names(data):
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return sorted(member.name for member in archive)


def folders(work, *names_of):
    for name in names_of:
        os.mkdir(work + "/" + name)
    return [work + "/" + name for name in names_of]


def test_as_kubectl_calls_it(work):
    source, to = folders(work, "in", "out")
    nasty(source + "/tree")
    data = call("cf", "-", source + "/tree")
    assert all(name.startswith(source[1:] + "/tree") for name in names(data)), names(data)[:3]
    call("-xmf", "-", "-C", to, data=data)
    at = to + source + "/tree"
    assert abs(os.stat(at + "/large").st_mtime - os.stat(to).st_mtime) < 600
    shutil.rmtree(to + "/" + source.split("/")[1])
    call("--no-same-permissions", "--no-same-owner", "-xmf", "-", "-C", to, data=data, umask=0o027)
    assert stat.S_IMODE(os.stat(at).st_mode) & 0o027 == 0
    assert os.stat(at).st_uid == os.geteuid()


def test_what_goes_out_gnu_tar_reads_and_the_other_way_round(work):
    source, to, back = folders(work, "in", "out", "back")
    nasty(source + "/tree")
    gnu("--xattrs", "--xattrs-include=*", "-xpf", "-", "-C", to, data=call("-c", "-f", "-", "tree", cwd=source))
    same(source + "/tree", to + "/tree")
    data = gnu("--xattrs", "--format=posix", "-cf", "-", "-C", source, "tree")
    call("--extract", "--file=-", "--directory", back, data=data)
    same(source + "/tree", back + "/tree")


def test_words(work):
    source, to = folders(work, "in", "out")
    for name in ("a", "b", "-c"):
        write(f"{source}/{name}", name.encode())
    for words in (["cf", "-", "a", "b"], ["-cf", "-", "a", "b"], ["-c", "a", "-f", "-", "b"], ["c", "a", "b"],
                  ["--create", "--file", "-", "--", "a", "b"], ["fc", "-", "a", "b"],
                  ["cCf", source, "-", "a", "b"], ["-c", "a", "-C", "..", "-C", "in", "b"]):
        assert names(call(*words, cwd=source)) == ["a", "b"], words
    assert names(call("cf", "-", "--", "-c", cwd=source)) == ["-c"]
    assert names(call("cf", "-", ".", cwd=source))[0] in (".", "./-c", "-c")
    assert names(call("cf", "-", "../in/a", "//" + source[1:] + "/b", cwd=source)) == ["in/a", source[1:] + "/b"]
    call("cf", to + "/archive", "a", cwd=source)
    call("xf", "archive", cwd=to)
    assert os.path.exists(to + "/a")


def test_what_it_cannot_do_it_names(_):
    lacks = ": this tar, which caisson lends, has no such option"
    for words, text in ((["xzf", "-"], "-z" + lacks), (["-xvf", "-"], "-v" + lacks),
                        (["-xf", "-", "--strip-components=1"], "--strip-components=1" + lacks),
                        (["--touch", "-xJ"], "-J" + lacks), (["tf", "-"], "-t" + lacks),
                        (["-x", "-f"], "-f needs a value"), (["--file"], "-f needs a value"),
                        (["-cxf", "-"], "-c and -x: one of the two"), ([], "either -c or -x"),
                        (["-x", "a"], "this tar, which caisson lends, extracts all of an archive"),
                        (["-c"], "nothing is named that goes into the archive")):
        assert call(*words, status=2) == "tar: " + text, words


def test_goes_on_without_what_cannot_be_read(work):
    source, = folders(work, "in")
    write(source + "/a", b"a")
    write(source + "/secret", b"")
    os.mkdir(source + "/closed")
    for name in ("secret", "closed"):
        os.chmod(f"{source}/{name}", 0)
    os.chmod(work, 0o755)
    run = subprocess.run([PROGRAM, "cf", "-", "nonesuch", "."], cwd=source, capture_output=True, check=False,
                         user=NOBODY if ROOT else None)
    assert run.returncode == 2
    assert names(run.stdout) == [".", "./a"], names(run.stdout)
    assert sorted(run.stderr.decode().splitlines()) == [
        'tar: cannot open "./closed": Permission denied', 'tar: cannot open "./secret": Permission denied',
        'tar: cannot read "nonesuch": No such file or directory'], run.stderr


def test_says_what_ends_it(work):
    assert call("cf", "/dev/full", "nonesuch", cwd=work, status=2).splitlines()[-1] == (
        "tar: cannot write the end of the archive: No space left on device")


def test_others_than_root_do_not_keep_owners(work):
    if not ROOT:
        return
    source, to = folders(work, "in", "out")
    write(source + "/a", b"a")
    os.chown(source + "/a", 12345, 12345)
    os.chmod(source + "/a", 0o6777)
    os.chmod(work, 0o755)
    os.chown(to, NOBODY, NOBODY)
    data = gnu("cf", "-", "-C", source, "a")
    call("xf", "-", data=data, cwd=to, user=NOBODY, umask=0o022)
    assert (os.stat(to + "/a").st_uid, stat.S_IMODE(os.stat(to + "/a").st_mode)) == (NOBODY, 0o755)
    call("xpf", "-", data=data, cwd=to, user=NOBODY, umask=0o022)
    assert stat.S_IMODE(os.stat(to + "/a").st_mode) == 0o777
    call("xf", "-", data=data, cwd=to)
    assert (os.stat(to + "/a").st_uid, stat.S_IMODE(os.stat(to + "/a").st_mode)) == (12345, 0o6777)
    call("xf", "-", "-o", data=data, cwd=to)
    assert os.stat(to + "/a").st_uid == 0


def test_nothing_outside(work):
    to, = folders(work, "out")
    for name in ("/absolute", "../above", "a/../../above"):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(name))
        assert "it is not within" in call("xf", "-", "-C", to, data=file.getvalue(), status=2)
    assert os.listdir(work) == ["out"] and not os.listdir(to)


def test_an_archive_that_ends_too_early(work):
    source, to = folders(work, "in", "out")
    write(source + "/a", bytes(100000))
    data = gnu("cf", "-", "-C", source, "a")
    assert call("xf", "-", "-C", to, data=data[:50000], status=2).endswith("the archive ends too early")
    assert call("xf", "-", "-C", to, data=b"", status=2).endswith("the archive ends too early")
    assert not os.listdir(to)


def test_becomes_the_images_own(work):
    write(work + "/tar", b"#!/bin/sh\necho \"$0 $*\"; readlink /proc/$$/fd/3; exit 3\n")
    lent = "/proc/self/fd/3"
    read = os.open("/dev/null", os.O_RDONLY)
    os.dup2(read, 3)
    os.set_inheritable(3, True)
    assert call("xf", "-", data=b"", status=2, name=lent, env={"PATH": work}, pass_fds=[3]).endswith("too early")
    os.chmod(work + "/tar", 0o755)
    run = subprocess.run([lent, "a", "b c"], executable=PROGRAM, env={"PATH": work + ":/usr/bin"}, pass_fds=[3],
                         capture_output=True, check=False)
    assert (run.returncode, run.stdout.decode()) == (3, work + "/tar a b c\n"), run


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
