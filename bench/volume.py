# SPDX-License-Identifier: Apache-2.0
"""A folder of the host's in two guests: caisson's, and one with virtiofsd by hand."""

import os
import re
import shutil
import socket
import subprocess

from command import output

# Done by busybox in the guest, in this order and in the volume; all that it reads was made by the host. No path
# begins at the root, which is an overlay in one of the guests and none in the other.
WORK = {
    "read 128 MB": "dd if=large of=/dev/null bs=128k",
    "write 128 MB": "dd if=/dev/zero of=written bs=128k count=1024 conv=fsync",
    "rewrite 10 MB in 4 kB": "dd if=/dev/zero of=written bs=4k count=2500 conv=notrunc",
    "find, by size, 40 times": "find $(yes files | head -n 40) -type f -size +1",
    "the same in a tmpfs": "cd /tmp && find $(yes here | head -n 40) -type f -size +1; cd /v",
    "tar -c": "tar -cf /tmp/made.tar files",
    "tar -x, 4 times": "for i in 1 2 3 4; do tar -xf /tmp/made.tar -C made/$i; done",
    "rm -r, 4 times": "rm -r made/1 made/2 made/3 made/4",
}

# Of that nothing is of the volume: it tells what else the two guests differ in.
NOT_THERE = "the same in a tmpfs"
# And before that, to have read busybox and looked into the folder once.
BEFORE = """mkdir /tmp/here
for i in $(seq 500); do : >/tmp/here/$i; done
cd /v
mkdir made/1 made/2 made/3 made/4
find files -type f -size +1 >/dev/null
"""

# How long a guest may take for true what it knows of a volume's files: caisson's choice, which is in
# src/sandbox/launch-share.c, and virtiofsd's.
SAME, DEFAULT = "cache=auto,timeout=0.02", "cache=auto"


def timed(work):
    """A script that does all that, and prints when."""
    return "".join(f"read from rest </proc/uptime; {command} >/dev/null 2>&1 || echo failed\n"
                   f"read to rest </proc/uptime; echo \"figure:$from:$to:{what}\"\n"
                   for what, command in work.items())


def figures(text, work):
    """What that has printed: seconds."""
    found = {what: float(to) - float(begin) for begin, to, what in re.findall(
        r"^figure:([\d.]+):([\d.]+):(.*?)\r?$", text, re.M)}
    if "failed" in text or set(found) != set(work):
        raise OSError("not all was done in a guest: " + text)
    return found


class Volume:
    """A folder of the host's, and two guests that work in it."""

    def __init__(self, work, run, image, bare):
        """@run: a command that runs an image; @bare: one that boots an initramfs"""
        self.work, self.run, self.image, self.bare = work, run, image, bare
        self.folder = f"{work}/v"
        os.makedirs(self.folder + "/files")
        os.makedirs(self.folder + "/made")
        with open(self.folder + "/large", "wb") as out:
            for _ in range(128):
                out.write(os.urandom(1 << 20))
        for i in range(500):
            with open(f"{self.folder}/files/{i}", "wb") as out:
                out.write(os.urandom(4096))
        with open(self.folder + "/work.sh", "w", encoding="ascii") as out:
            out.write(BEFORE + timed(WORK))
        self.cpio = self.initramfs()

    def initramfs(self):
        """Nothing but busybox, which mounts it."""
        root = f"{self.work}/initramfs"
        os.makedirs(root + "/bin")
        for name in ("proc", "dev", "v", "tmp", "etc"):
            os.mkdir(f"{root}/{name}")
        for name, line in ("passwd", "root:x:0:0::/:/bin/sh"), ("group", "root:x:0:"):
            with open(f"{root}/etc/{name}", "w", encoding="ascii") as out:
                out.write(line + "\n")
        shutil.copy("/bin/busybox", root + "/bin/busybox")
        with open(root + "/init", "w", encoding="ascii") as out:
            out.write("#!/bin/busybox sh\n/bin/busybox --install -s /bin\nmount -t proc proc /proc\n"
                      "mount -t devtmpfs dev /dev\nmount -t virtiofs by-hand /v\n. /v/work.sh\nreboot -f\n")
        os.chmod(root + "/init", 0o755)
        output(["sh", "-c", f"cd '{root}' && find . | cpio -o -H newc >'{self.work}/initramfs.cpio'"])
        return f"{self.work}/initramfs.cpio"

    def ours(self):
        """Its root is no share, as tar looks into /etc/passwd for each file."""
        return figures(output([*self.run, "-v", f"{self.folder}:/v", "--tmpfs", "/tmp",
                               "--rootfs-mode", "image", self.image, "sh", "/v/work.sh"]), WORK)

    def by_hand(self, cache):
        """As virtiofsd is by itself, but for extended attributes, which containers have, and @cache."""
        path = self.work + "/sock"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            os.set_inheritable(listener.fileno(), True)
            with subprocess.Popen(["/usr/lib/qemu/virtiofsd", f"--fd={listener.fileno()}", "-o",
                                   f"source={self.folder},xattr,{cache}", "-f"], close_fds=False,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as daemon:
                try:
                    text = output(self.bare(self.cpio) + [
                        "-chardev", f"socket,id=fs,path={path}", "-device",
                        "vhost-user-fs-device,chardev=fs,tag=by-hand,queue-size=1024"])
                except BaseException:
                    # It would wait for a VM for ever.
                    daemon.terminate()
                    raise
                finally:
                    os.unlink(path)
        return figures(text, WORK)
