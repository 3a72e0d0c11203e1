# SPDX-License-Identifier: Apache-2.0
"""What the tests in this folder share. A test is a function test_*; run() calls them all.

Each gets a folder of its own as its argument, with a fresh store in it, and fails by an exception.
"""

import contextlib
import ctypes
import hashlib
import importlib.machinery
import importlib.util
import inspect
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.dont_write_bytecode = True

PROGRAM = os.environ.get("IMAGE_GET", "image-get")
# "ext4": images become file systems instead of folders, which are checked and mounted.
AS_EXT4 = os.environ.get("IMAGE_AS") == "ext4"
EXT4 = "image.ext4"


class Skip(Exception):
    pass


class Got:
    """What image-get printed: words of each line by their first, and its status and error."""

    def __init__(self, run):
        self.status, self.error = run.returncode, os.fsdecode(run.stderr).strip()
        self.lines = os.fsdecode(run.stdout).splitlines()

    def all(self, name):
        return [x[len(name) + 1:] for x in self.lines if x.split(" ")[0] == name]

    def __getattr__(self, name):
        return self.all(name)[0]


class Work:
    def __init__(self, path):
        self.path = path
        self.store = self / "store"
        self.mounts = []

    def __truediv__(self, name):
        return os.path.join(self.path, name)

    def command(self, reference, *options):
        if AS_EXT4:
            os.makedirs(self.store, exist_ok=True)
            return [PROGRAM, "--build", os.path.join(self.store, EXT4), *options, reference]
        return [PROGRAM, "--store", self.store, *options, reference]

    def run(self, reference, *options, **more):
        if "input" not in more:
            more.setdefault("stdin", subprocess.DEVNULL)
        return Got(subprocess.run(self.command(reference, *options), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, check=False, **more))

    def get(self, reference, *options, **more):
        got = self.run(reference, *options, **more)
        assert got.status == 0, got.error
        if AS_EXT4:
            got.lines.append("rootfs " + self.mount(os.path.join(self.store, EXT4)))
        return got

    def mount(self, ext4):
        """Check a file system, and mount it until the test ends. Return: where."""
        check_ext4(ext4)
        place = tempfile.mkdtemp(prefix="mount-", dir=self.path)
        # Its own file, since the next one may be made in its place.
        os.link(ext4, place + ".ext4")
        subprocess.run(["mount", "-o", "loop,ro", place + ".ext4", place], check=True)
        self.mounts.append(place)
        return place

    def unmount(self):
        while self.mounts:
            subprocess.run(["umount", self.mounts.pop()], check=True)

    def refused(self, reference, *words, options=(), **more):
        """It fails with one sentence that has these words, and leaves nothing behind."""
        got = self.run(reference, *options, **more)
        assert got.status == 1, f"status {got.status}: {got.error}"
        assert len(got.error.splitlines()) == 1, got.error
        assert got.error.isprintable(), got.error
        for word in words:
            assert word in got.error, f"no '{word}' in: {got.error}"
        assert not os.path.isdir(self.store) or self.leftovers() == [], self.leftovers()
        return got

    def memory(self, reference, *options):
        """What getting it takes at most, in MiB, whether it is got or refused."""
        # A build that checks addresses would keep what is freed, up to 256 MiB.
        env = dict(os.environ, ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") +
                   ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64")
        return int(self.run(reference, *options, env=env).memory) >> 10

    def leftovers(self):
        if AS_EXT4:
            return [x for x in os.listdir(self.store) if x != EXT4]
        return os.listdir(os.path.join(self.store, "tmp"))

    def images(self):
        if AS_EXT4:
            return [x for x in os.listdir(self.store) if x == EXT4]
        return os.listdir(os.path.join(self.store, "images"))

    def unpack(self, image, *options):
        """The root file system of an image from ociimage, through an OCI layout."""
        folder = tempfile.mkdtemp(dir=self.path)
        image.write_oci(folder)
        return self.get("oci:" + folder, *options).rootfs


def check_ext4(path):
    check = subprocess.run(["e2fsck", "-fn", path], check=False, stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert check.returncode == 0, os.fsdecode(check.stdout)


def content(path, size):
    """Its digest. A hole is as good as zeros, but not every zero of 6 GiB need be read."""
    digest, zeros, end = hashlib.sha256(), bytes(65536), 0
    with open(path, "rb") as file:
        while end < size:
            try:
                start = os.lseek(file.fileno(), end, os.SEEK_DATA)
                end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            except OSError:
                break
            # Pieces are where they are, wherever a file system lets its holes end.
            for at in range(start - start % len(zeros), end, len(zeros)):
                file.seek(at)
                data = file.read(len(zeros))
                if data != zeros[:len(data)]:
                    digest.update(b"%d:" % at + data)
                end = max(end, at + len(data))
    return digest.hexdigest()


def describe(path, links):
    st = os.lstat(path)
    kind = stat.S_IFMT(st.st_mode)
    about = {"kind": oct(kind), "mode": oct(stat.S_IMODE(st.st_mode)),
             "owner": (st.st_uid, st.st_gid), "mtime": st.st_mtime_ns}
    about["xattrs"] = {x: os.getxattr(path, x, follow_symlinks=False)
                       for x in sorted(os.listxattr(path, follow_symlinks=False))}
    if kind != stat.S_IFDIR:
        about["same as"] = links.setdefault(st.st_ino, path)
    if kind == stat.S_IFREG:
        about["content"] = (st.st_size, content(path, st.st_size))
    elif kind == stat.S_IFLNK:
        about["target"] = os.readlink(path)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        about["device"] = st.st_rdev
    return about


def snapshot(root):
    """{path: all that counts} of a tree; paths are bytes."""
    root, links, found = os.fsencode(root), {}, {}
    here = os.getcwd()
    os.chdir(root)
    try:
        paths = [b"."]
        for folder, dirs, files in os.walk(b"."):
            dirs.sort()
            paths += [os.path.join(folder, x) for x in sorted(dirs + files)]
        for path in sorted(paths):
            found[path] = describe(path, links)
    finally:
        os.chdir(here)
    return found


def names(root):
    """Paths of all files and folders below @root, as text."""
    return sorted(os.fsdecode(x)[2:] for x in snapshot(root) if x != b".")


def same(have, want):
    for path in sorted(set(have) | set(want)):
        assert have.get(path) == want.get(path), f"{path}:\n{have.get(path)}\n{want.get(path)}"


def gnu_tar(work, tar, name="gnu"):
    """What GNU tar makes of it."""
    folder = work / name
    os.mkdir(folder)
    command = ["tar", "-x", "-p", "-f", "-", "-C", folder, "--numeric-owner", "--same-owner",
               "--acls", "--xattrs", "--xattrs-include=*", "--delay-directory-restore"]
    subprocess.run(command, input=tar, check=True, stderr=subprocess.PIPE)
    return folder


@contextlib.contextmanager
def small_disk(work, megabytes, files=100000):
    """A tmpfs at the store's place. The tests run in a mount namespace of their own."""
    os.mkdir(work.store)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,nr_inodes={files}", "none", work.store],
                   check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", work.store], check=True)


def private_mounts():
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x00020000) != 0:
        raise Skip("no mount namespace of its own: " + os.strerror(ctypes.get_errno()))
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def remove(path):
    """shutil.rmtree() stops at paths that are longer than the system takes."""
    subprocess.run(["rm", "-rf", path], check=True)


def state(pid):
    """A process' state, a letter of proc(5)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()[0]


def wait_for(process, calls, third=None):
    """Until it sleeps in one of these system calls: another process's state is no event to wait for."""
    while process.poll() is None:
        with open(f"/proc/{process.pid}/syscall", encoding="ascii") as file:
            words = file.read().split()
        if words[0] in calls and (third is None or words[2:3] == [third]):
            return
        os.sched_yield()
    raise AssertionError("it did not wait: " + str(process.stderr.read()))


def wait_for_flock(process):
    wait_for(process, ("73", "32"))


def run():
    if os.geteuid() != 0:
        print("needs to be root")
        sys.exit(77)
    private_mounts()
    tests = [(name, f) for name, f in inspect.getmembers(sys.modules["__main__"], callable)
             if name.startswith("test_")]
    wanted, failed = sys.argv[1:], 0
    for name, function in tests:
        if wanted and name not in wanted:
            continue
        path = tempfile.mkdtemp(prefix="caisson-image-")
        work = Work(path)
        try:
            function(work)
            print("ok", name)
        except Skip as why:
            print("ok", name, "# SKIP", why)
        except Exception:
            traceback.print_exc()
            print("not ok", name)
            failed += 1
        finally:
            work.unmount()
            remove(path)
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


def neighbour(name):
    """What another file of tests has to make trees with."""
    path = os.path.join(HERE, name + ".py")
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


def tool(name):
    """Skips the test where a program is not installed."""
    if not shutil.which(name):
        raise Skip(f"{name} is not installed")
