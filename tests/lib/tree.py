#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trees of files of all kinds, to be copied and compared. tree.py make FOLDER; tree.py same ONE OTHER"""

import contextlib
import hashlib
import os
import random
import stat
import sys

ROOT = os.geteuid() == 0
CAPS = bytes.fromhex("0100000200040000000000000000000000000000")


def xattrs(path):
    return {x: os.getxattr(path, x, follow_symlinks=False)
            for x in os.listxattr(path, follow_symlinks=False)}


def content(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def describe(path):
    """Everything under a folder, by name."""
    path = os.fsencode(path)
    out, links = {}, {}
    for top, folders, files in os.walk(path):
        for name in [b"."] * (top == path) + folders + files:
            full = os.path.join(top, name)
            st = os.lstat(full)
            short = os.path.relpath(full, path)
            row = [stat.S_IFMT(st.st_mode), stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid,
                   st.st_mtime_ns, xattrs(full)]
            if stat.S_ISREG(st.st_mode):
                row += [st.st_size, content(full)]
            if stat.S_ISLNK(st.st_mode):
                row += [os.readlink(full)]
            if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode):
                row += [st.st_rdev]
            if st.st_nlink > 1 and not stat.S_ISDIR(st.st_mode):
                links.setdefault(st.st_ino, []).append(short)
            out[short] = row
    out["links"] = sorted(sorted(x) for x in links.values() if len(x) > 1)
    return out


def same(one, other):
    one, other = describe(one), describe(other)
    assert one.keys() == other.keys(), one.keys() ^ other.keys()
    for name, row in one.items():
        assert row == other[name], (name, row, other[name])


def write(path, data=b"", mode=0o644):
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)


def nasty(top, trusted=ROOT):
    """@trusted: attributes that virtiofsd has no right to set"""
    os.makedirs(top + "/folder/empty")
    write(top + "/one", b"1")
    write(top + "/none")
    write(top + "/with spaces\nand lines", b"x" * 511)
    write(os.fsencode(top) + b"/bytes-\xff\xfe\x01", b"y" * 512)
    write(top + "/" + "n" * 255, b"z" * 513)
    write(top + "/large", random.Random(1).randbytes((3 << 20) + 17))
    write(top + "/setuid", b"#!", 0o6755)
    os.chmod(top + "/folder", 0o1777)
    os.link(top + "/one", top + "/folder/hard")
    os.symlink("../nowhere", top + "/folder/short")
    os.symlink("s" * 4000, top + "/folder/long")
    os.symlink("/etc/passwd", top + "/outside")
    os.link(top + "/outside", top + "/outside-again", follow_symlinks=False)
    os.mkfifo(top + "/fifo", 0o640)
    deep = top + "/deep" + "/d" * 200
    os.makedirs(deep)
    write(deep + "/" + "f" * 200, b"deep")
    with open(top + "/sparse", "wb") as file:
        file.truncate(100 << 20)
        for offset in (0, 70 << 20, (100 << 20) - 3):
            file.seek(offset)
            file.write(b"abc")
    with open(top + "/holes-at-both-ends", "wb") as file:
        file.seek(1 << 20)
        file.write(b"middle")
        file.truncate(5 << 20)
    with open(top + "/only-a-hole", "wb") as file:
        file.truncate(7 << 20)
    if ROOT:
        os.mknod(top + "/null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
        os.mknod(top + "/disk", stat.S_IFBLK | 0o600, os.makedev(259, 70000))
        os.chown(top + "/one", 1000, 100)
        os.chown(top + "/folder", 4000000000, 3000000)
        os.chown(top + "/outside", 5, 6, follow_symlinks=False)
        os.setxattr(top + "/large", "security.capability", CAPS)
    if trusted:
        os.setxattr(top + "/outside", "trusted.link", b"\0\n=", follow_symlinks=False)
        os.setxattr(top + "/folder", "trusted.folder", b"v" * 1000)
    with contextlib.suppress(OSError):
        os.setxattr(top + "/none", "user.a=b%3D%", b"\0\xff\n")
    for path, ns in (("one", -1500000000), ("large", 5000000000_000000007), ("folder/empty", 1),
                     ("folder", 1600000000_123456789), ("deep", 17)):
        os.utime(top + "/" + path, ns=(ns, ns))
    os.utime(top + "/outside", ns=(9, 9), follow_symlinks=False)
    os.utime(top, ns=(77, 77))


if __name__ == "__main__":
    {"make": lambda top: nasty(top, False), "same": same}[sys.argv[1]](*sys.argv[2:])
