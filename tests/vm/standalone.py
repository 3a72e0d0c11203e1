#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""vminitd as the init of a small ext4 image, without anything of caisson's on the host.

    standalone.py VMINITD [TEST...]
"""

import os
import shutil
import sys
import tempfile

from guestlib import Failed, check, same
from imagelib import Boot, busybox_tree, make_ext4, run

# A network card on a hub that nobody else is on.
NIC = ["-netdev", "hubport,id=net,hubid=0", "-device", "virtio-net-device,netdev=net"]


class Case:
    """A folder with the image of one test."""

    def __init__(self, vminitd, conf=None, files=None):
        self.dir = tempfile.mkdtemp(prefix="caisson-test-image.")
        tree = self.dir + "/tree"
        busybox_tree(tree, conf, files)
        shutil.copy(vminitd, tree + "/sbin/init")
        self.image = self.dir + "/image"
        make_ext4(tree, self.image)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def boot(self, words="", devices=()):
        return Boot(self.image, words, devices)

    def file(self, path):
        return run("debugfs", "-R", f"cat {path}", self.image)

    def is_clean(self):
        head = run("dumpe2fs", "-h", self.image)
        check("Filesystem state:         clean" in head and "needs_recovery" not in head, head)


def has(console, *texts):
    for text in texts:
        check(text in console, f"{text!r} is not on the console: {console}")


REPORT = """#!/bin/sh
exec 2>&1
echo "pid $$ cwd $PWD args $*"
env | sort
id
echo "host $(hostname)"
cat /etc/resolv.conf
stat -c '%n %u %g' /workspace /workspace/old
ip addr show eth0
ip route; ip -6 route
ip addr show lo
cut -d ' ' -f 2,3 /proc/mounts
echo "links $(cat /proc/sys/fs/protected_hardlinks /proc/sys/fs/protected_symlinks | tr -d '\n')"
ls -l /dev/fd
tty
touch /workspace/mine && sync
echo REPORTED
trap 'echo TERM CAUGHT; exit 4' TERM
while :; do sleep 100 & wait $!; done
"""
CONF = """# what the command gets
hostname = box
user = learner
workspace = /workspace
workdir = /home/learner
dns = 192.0.2.53
env = GREETING=hello  "there"
env = "PADDED= x "
env = NODE_ENV=production
command = /bin/report "two words" 'it''s' \\"
"""
MOUNTS = ["/proc proc", "/sys sysfs", "/dev devtmpfs", "/dev/pts devpts", "/dev/shm tmpfs",
          "/run tmpfs", "/tmp tmpfs", "/sys/fs/cgroup cgroup2"]


def system(vminitd):
    """What the command finds: mounts, network, name servers, user, environment."""
    with Case(vminitd, CONF, {"/bin/report": REPORT, "/workspace/old": "x"}) as case:
        words = ("ip=192.168.100.11::192.168.96.1:255.255.240.0:word.example:eth0:off "
                 "ip=[fd00:1::11]::[fd00:1::1]:80::eth0:off")
        with case.boot(words, NIC) as vm:
            vm.expect("REPORTED")
            text = vm.console
            has(text, "cwd /home/learner args two words its \"\n", "uid=1000(learner)",
                "20(dialout)", "host word\n", "nameserver 192.0.2.53\n",
                "inet 192.168.100.11/20", "inet6 fd00:1::11/80", "default via 192.168.96.1",
                "default via fd00:1::1", "inet 127.0.0.1/8", "not a tty", "/proc/self/fd", "links 11\n")
            has(text, "\nMICROVM_MODE=true\n", "\nHOME=/home/learner\n", "\nUSER=learner\n",
                "\nWORKSPACE_DIR=/workspace\n", "\nTERM=xterm-256color\n",
                "\nGREETING=hello  \"there\"\n", "\nPADDED= x \n", "\nNODE_ENV=production\n",
                "\nPATH=/home/learner/.local/bin:/usr/local/sbin:")
            has(text, *(f"\n{mount}\n" for mount in MOUNTS))
            check("8.8.8.8" not in text and "ip=" not in text.split("pid ")[1], text)
            has(text, "\n/workspace 1000 1000\n/workspace/old 1000 1000\n")
            vm.type("")
            check(vm.qemu.poll() is None, "it has ended")


ORPHANS = """#!/bin/sh
# Each sleeper loses its parent and then ends: nobody but PID 1 can wait for it.
for i in 1 2 3 4 5 6 7 8; do (sh -c 'read x </dev/null; exit 3' &); done
(sleep 1000 &)
while ps -o stat,args | grep -q -e '^Z' -e '[r]ead x'; do :; done
echo "all reaped"
touch /kept
trap 'echo CAUGHT; exit 4' TERM
kill -TERM 1
while :; do sleep 100 & wait $!; done
"""


def shutdown(vminitd):
    """Orphans are reaped; SIGTERM to PID 1 ends all in order, and the disk is clean."""
    with Case(vminitd, "command = /bin/orphans\n", {"/bin/orphans": ORPHANS}) as case:
        with case.boot() as vm:
            text = vm.end()
        has(text, "all reaped\n", "Terminated: shutting down", "CAUGHT\n",
            "the command has ended: status 4\n", "vminitd: power off")
        check("started again" not in text, text)
        case.is_clean()
        same(case.file("/kept"), "", "the file that was made")


def poweroff(vminitd):
    """The end of the command is the machine's; SIGINT, SIGUSR1 and SIGUSR2 as well."""
    for body, said in (("exit 3", "has ended: status 3\n"), ("kill -9 $$", "status 137, signal 9\n"),
                       ("kill -INT 1; exec sleep 1000", "Interrupt: shutting down"),
                       ("kill -USR2 1; exec sleep 1000", "User defined signal 2: shutting down")):
        conf = "command = sh -c '" + body + "'\non_exit = poweroff\n"
        with Case(vminitd, conf) as case, case.boot() as vm:
            has(vm.end(), said, "vminitd: power off")


RESTART = """#!/bin/sh
echo run >>/runs
[ $(wc -l </runs) -lt 3 ] || kill -USR1 1
exit 5
"""


def restart(vminitd):
    with Case(vminitd, "command = again\n", {"/bin/again": RESTART}) as case:
        with case.boot() as vm:
            text = vm.end()
        has(text, "has ended: status 5\n", "started again in 1 s", "started again in 2 s",
            "User defined signal 1: shutting down")
        same(case.file("/runs"), "run\n" * 3, "how often it ran")


def shell(vminitd):
    """After the command, and instead of a missing one, with the console as its terminal."""
    conf = "command = /opt/app/server\nshell = /bin/sh\n"
    with Case(vminitd, conf, {"/opt/app/readme": "", "/opt/app/a\33b": ""}) as case:
        with case.boot() as vm:
            vm.expect("vminitd: command: cannot use /opt/app/server: No such file or directory\n")
            vm.expect("vminitd: /opt/app holds:")
            vm.expect("vminitd: /bin/sh on the console")
            vm.expect("# ")
            check("readme" in vm.console and "a?b" in vm.console, vm.console)
            vm.type("tty; id -u; echo $PPID-$MICROVM_MODE")
            vm.expect("\n0\n1-true\n")
            vm.type("exit")
            vm.expect("started again in 1 s")
            vm.expect("# ")
            same(vm.console.count("cannot use /opt/app/server"), 2, "how often it is said")
            same(vm.console.count("/opt/app holds:"), 1, "how often what is there is listed")
            vm.type("kill -TERM 1")
            vm.expect("shutting down")
            vm.type("exit")
            vm.end()
    conf = "command = true\non_exit = shell\nshell = /bin/sh\nuser = learner\n"
    with Case(vminitd, conf) as case, case.boot() as vm:
        vm.expect("has ended: status 0\n")
        vm.expect("# ")
        vm.type("kill -USR1 1; exit")
        vm.end()


def shell_without_command(vminitd):
    """Again after its end, too: there is nothing else to be had."""
    with Case(vminitd, "kommand = true\nshell = /bin/sh\n") as case, case.boot() as vm:
        for _ in range(2):
            vm.expect("there is no command in /etc/caisson/init.conf")
            vm.expect("/bin/sh on the console")
            vm.expect("# ")
            vm.type("exit")
        vm.expect("# ")
        vm.type("kill -USR1 1; exit")
        check("signal 11" not in vm.end(), vm.console)


def missing(vminitd):
    """What is missing is named; without a shell there is none."""
    for conf, said in (
            ("command = nodejs x.js\n", 'there is no program "nodejs" in $PATH, which is /root/.local'),
            ("command = /etc/passwd\n", "command: cannot use /etc/passwd: Permission denied"),
            ("command = /bin/orphan\n", "cannot run /bin/orphan: No such file or directory: its "
                                        "interpreter or loader"),
            ("command = true\nrequire = /srv/app/index.js\n",
             "require: cannot use /srv/app/index.js: No such file or directory\nvminitd: / holds:"),
            ("command = true\nuser = nobody-here\n",
             "unable to find user nobody-here: no matching entries in passwd file"),
            ("command = true\nworkdir = /nowhere\n",
             "workdir: cannot use /nowhere: No such file or directory")):
        conf += "on_exit = poweroff\n"
        files = {"/bin/orphan": "#!/no/such/interpreter\n"}
        with Case(vminitd, conf, files) as case, case.boot() as vm:
            text = vm.end()
            has(text, said, "power off")
            check("on the console" not in text and "has ended" not in text, text)
    with Case(vminitd, "") as case, case.boot() as vm:
        has(vm.end(), "there is no command in /etc/caisson/init.conf", "vminitd: power off")


WRONG = """hostname = a b
nonsense
colour = red
dns = 1.2.3
dns = 192.0.2.99
user = learner
on_exit = never
workspace = ../x
on_exit = shell
command = /bin/sh -c 'id -u; cat /etc/resolv.conf; kill -TERM 1'
"""


def wrong(vminitd):
    """Lines and words that make no sense are told; the rest counts."""
    with Case(vminitd, WRONG) as case:
        with case.boot("ip=192.168.100.11:::255.0.255.0::eth0:off ip=dhcp "
                       "ip=10.1.2.3::::::off:192.0.2.1:192.0.2.2 ip=10.0.0.1:::8::eth7", NIC) as vm:
            vm.expect("started again")
            text = vm.console
    conf = "/etc/caisson/init.conf: "
    has(text, conf + "line 1: hostname must be", conf + 'line 2: nonsense has no "="',
        conf + "line 3: colour is not a known key", conf + "line 4: dns must be", conf + "line 7: on_exit must",
        conf + "line 8: workspace must be", conf + "on_exit is shell, but no shell is given")
    has(text, "ip=192.168.100.11:::255.0.255.0::eth0:off: the netmask makes no sense",
        "ip=dhcp: no address", "there is no network device eth7; there are: lo ")
    has(text, "\nnameserver 192.0.2.1\nnameserver 192.0.2.2\n")
    check("192.0.2.99" not in text, text)
    has(text, "\n1000\n", "can't kill pid 1: Operation not permitted")


ALREADY = """#!/bin/sh
mount -t proc proc /proc
mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /tmp
echo there >/tmp/there
ifconfig lo 127.0.0.1 up
ifconfig eth0 10.0.0.1 netmask 255.0.0.0 up
exec /sbin/init
"""


def already(vminitd):
    """Mounts that are there and interfaces that are up are no problem; an empty /etc neither."""
    conf = "command = sh -c 'cat /tmp/there; cat /etc/resolv.conf; kill -TERM 1'\n"
    files = {"/bin/before": ALREADY}
    with Case(vminitd, conf, files) as case:
        os.makedirs(case.dir + "/tree/proc")
        for name in ("dev", "tmp", "sys"):
            os.makedirs(f"{case.dir}/tree/{name}")
        os.symlink("/run/nowhere/resolv.conf", case.dir + "/tree/etc/resolv.conf")
        make_ext4(case.dir + "/tree", case.image)
        with case.boot("rw init=/bin/before ip=10.0.0.1:::8", NIC) as vm:
            text = vm.end()
    has(text, "there\n", "nameserver 8.8.8.8\n", "power off")
    check("cannot" not in text, text)


def fifos(vminitd):
    """Where files belong: nobody is ever at their other end, so init must not wait there."""
    with Case(vminitd, "command = sh -c 'echo came here; kill -TERM 1'\n") as case:
        for name in ("hostname", "resolv.conf"):
            os.mkfifo(f"{case.dir}/tree/etc/{name}")
        make_ext4(case.dir + "/tree", case.image)
        with case.boot("rw ip=10.0.0.1:::8", NIC) as vm:
            text = vm.end()
    has(text, "cannot write /etc/resolv.conf: ", "came here", "power off")


TESTS = [system, shutdown, poweroff, restart, shell, shell_without_command, missing, wrong, already,
         fifos]


def main(args):
    if not args:
        sys.exit(__doc__)
    if os.geteuid() != 0:
        print("ok standalone # SKIP files of several owners need root")
        sys.exit(77)
    for test in TESTS:
        if len(args) > 1 and test.__name__ not in args[1:]:
            continue
        try:
            test(args[0])
        except Failed as error:
            print(f"not ok {test.__name__}: {error}")
            sys.exit(1)
        print("ok", test.__name__, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
