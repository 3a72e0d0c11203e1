# SPDX-License-Identifier: Apache-2.0
"""Images whose own init vminitd is, and machines that boot them: no caisson on the host."""

import os
import shutil
import subprocess
import tempfile

from guestlib import STDIO, Console, check, kernel, qemu_line, tsc_khz

APPLETS = ["sh", "cat", "echo", "id", "ls", "kill", "ip", "mount", "hostname", "env", "sort", "grep",
           "sync", "stat", "touch", "wc", "ps", "sleep", "tty", "test", "true", "cut", "tr", "ifconfig"]
PASSWD = "root:x:0:0::/root:/bin/sh\nlearner:x:1000:1000::/home/learner:/bin/sh\n"
GROUP = "root:x:0:\nlearner:x:1000:\ndialout:x:20:learner\n"


def run(*words, **more):
    """Run a program. Return: what it printed on stdout."""
    done = subprocess.run([str(word) for word in words], check=False, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)
    check(done.returncode == 0, f"{words}: status {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)


def busybox_tree(folder, conf=None, files=None):
    """A small root file system; files: {path: text}, executable where they begin with "#!"."""
    for name in ("bin", "sbin", "etc", "home/learner", "root"):
        os.makedirs(f"{folder}/{name}")
    shutil.copy("/bin/busybox", folder + "/bin/busybox")
    for name in APPLETS:
        os.symlink("busybox", f"{folder}/bin/{name}")
    write(folder + "/etc/passwd", PASSWD)
    write(folder + "/etc/group", GROUP)
    for path, text in (files or {}).items():
        write(folder + path, text, 0o755 if text.startswith("#!") else 0o644)
    os.chown(folder + "/home/learner", 1000, 1000)
    if conf is not None:
        write(folder + "/etc/caisson/init.conf", conf)


def make_ext4(tree, image, size="64M"):
    run("mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, image, size)


class Boot(Console):
    """A machine with a disk; its console is ours. A context manager."""

    def __init__(self, image, words="", devices=(), before=(), memory=None):
        self.dir = tempfile.mkdtemp(prefix="caisson-test-image.")
        line = qemu_line(self.dir)
        line[line.index("-serial") + 1] = "chardev:console"
        if memory:
            line[line.index("-m") + 1] = memory
            at = line.index("memory-backend-memfd,id=mem,size=256M,share=on")
            line[at] = f"memory-backend-memfd,id=mem,size={memory}M,share=on"
        append = (f"console=ttyS0 reboot=t panic=-1 quiet tsc_early_khz={tsc_khz()} "
                  f"root=/dev/vda {words}")
        super().__init__([*before, *line, *STDIO, "-no-reboot", "-kernel", kernel(),
                          "-append", append.rstrip(), "-drive",
                          f"if=none,id=root,format=raw,file={image}",
                          "-device", "virtio-blk-device,drive=root", *devices])

    def __exit__(self, *what):
        super().__exit__(*what)
        shutil.rmtree(self.dir, ignore_errors=True)
