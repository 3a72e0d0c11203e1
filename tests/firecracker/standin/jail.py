# SPDX-License-Identifier: Apache-2.0
"""The stand-in's jailer: all that jailer does but for the last step.

Where jailer makes the jail its root and executes the copy there, this one executes the program
that was copied, outside, and tells it where the jail is: the stand-in for Firecracker enters it
by itself (program.py).
"""

import ctypes
import os
import resource
import stat
import sys
import time

from standin import args, version
from standin.cgroups import CgroupError, Cgroups, leads_away, move
from standin.errors import os_text
from standin.faults import Faults

CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID = 0x00020000, 0x40000000, 0x20000000
MS_REC, MS_SLAVE = 0x4000, 0x80000
FOLDERS = ("", "/dev", "/dev/net", "/run")
NO_FILE = 2048
U32_MAX, U64_MAX = (1 << 32) - 1, (1 << 64) - 1
KEPT = ("STANDIN_", "CAISSON_VSOCKD")

libc = ctypes.CDLL(None, use_errno=True)


class JailerError(Exception):
    pass


def call(wrong, function, *arguments):
    if function(*arguments) < 0:
        number = ctypes.get_errno()
        raise JailerError(f"{wrong}: {os_text(OSError(number, ''))}")


def tried(wrong, function, *arguments, **more):
    """The result of a call that may fail, with words for that."""
    try:
        return function(*arguments, **more)
    except OSError as error:
        raise JailerError(f"{wrong}: {os_text(error)}") from error


def unsigned(text, most):
    digits = text[1:] if text.startswith("+") else text
    value = int(digits) if digits.isascii() and digits.isdigit() else most + 1
    return value if value <= most else None


def real_path(path):
    return tried(f"Failed to canonicalize path {path}", os.path.realpath, path, strict=True)


class Jailer:
    def __init__(self, values, extra):
        self.values, self.extra = values, extra
        self.begun = time.monotonic_ns() // 1000
        self.name = values["id"]
        wrong = args.bad_instance_id(self.name)
        if wrong:
            raise JailerError(f"Invalid instance ID: {wrong[0]}")
        self.program = self.exec_file(values["exec-file"])
        self.base_name = os.path.basename(self.program)
        base = real_path(values["chroot-base-dir"])
        if not os.path.isdir(base):
            raise JailerError(f"{base} is not a directory")
        self.root = f"{base}/{self.base_name}/{self.name}/root"
        self.uid = self.user_number("uid", "Invalid uid")
        self.gid = self.user_number("gid", "Invalid gid")
        self.cgroups = self.control_groups()
        self.limits = self.resource_limits()

    @staticmethod
    def exec_file(path):
        program = real_path(path)
        if not os.path.isfile(program):
            raise JailerError(f"{program} is not a file")
        if not version.since(1, 5) and "firecracker" not in os.path.basename(program):
            raise JailerError("Invalid filename. The filename of `--exec-file` option must contain "
                              f'"firecracker": {os.path.basename(program)}')
        return program

    def user_number(self, name, wrong):
        value = unsigned(self.values[name], U32_MAX)
        if value is None:
            raise JailerError(f"{wrong}: {self.values[name]}")
        return value

    def control_groups(self):
        parent = self.values["parent-cgroup"]
        parent = self.base_name if parent is None else parent
        if leads_away(parent):
            raise JailerError("Parent cgroup path is invalid. Path should not be absolute or "
                              "contain '..' or '.'")
        number = unsigned(self.values["cgroup-version"], 255)
        if number is None:
            raise JailerError(f"{self.values['cgroup-version']} is an invalid cgroup version "
                              "specifier")
        try:
            if not self.values["cgroup"]:
                if number == 2:
                    move(parent)
                return None
            groups = Cgroups(number, parent, self.name)
            for text in self.values["cgroup"]:
                groups.add(text)
            return groups
        except CgroupError as error:
            raise JailerError(str(error)) from error

    def resource_limits(self):
        limits = {resource.RLIMIT_NOFILE: NO_FILE}
        names = {"fsize": resource.RLIMIT_FSIZE, "no-file": resource.RLIMIT_NOFILE}
        for text in self.values["resource-limit"] or []:
            name, equals, value = text.partition("=")
            if not equals:
                raise JailerError(f"Invalid format for resources limits: {text}")
            number = unsigned(value, U64_MAX)
            if number is None:
                raise JailerError(f"Invalid limit value for resource: {value}: "
                                  "invalid digit found in string")
            if name not in names:
                raise JailerError(f"Invalid resource argument: {name}")
            limits[names[name]] = number
        return limits

    def copy_program(self):
        """Into the jail, where nobody runs it."""
        target = f"{self.root}/{self.base_name}"
        wrong = f"Failed to copy {self.program} to {target}"
        if version.since(1, 16):
            wrong = f"Failed to open {target}"
        with tried(wrong, open, self.program, "rb") as source:
            data = source.read()
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        flags |= os.O_NOFOLLOW if version.since(1, 16) else os.O_TRUNC
        fd = tried(wrong, os.open, target, flags, 0o777)
        try:
            if version.since(1, 16) and os.fstat(fd).st_nlink > 1:
                raise JailerError(f"Detected hard link at: {target}")
            if version.since(1, 16):
                tried(f"Failed to change owner for {target}", os.fchown, fd, self.uid, self.gid)
            os.fchmod(fd, stat.S_IMODE(os.stat(self.program).st_mode))
            tried(wrong, os.write, fd, data)
        finally:
            os.close(fd)

    def join_network(self):
        path = self.values["netns"]
        flags = os.O_RDONLY | os.O_CLOEXEC | (os.O_NOFOLLOW if version.since(1, 16) else 0)
        fd = tried(f"Failed to open file {path}", os.open, path, flags)
        call("Failed to join network namespace: netns", libc.setns, fd, CLONE_NEWNET)
        os.close(fd)

    def limit(self):
        names = {resource.RLIMIT_FSIZE: "size of file",
                 resource.RLIMIT_NOFILE: "number of file descriptors"}
        """Not the sizes of files yet (program.py): QEMU has a guest's memory in one."""
        for which, value in self.limits.items():
            if which == resource.RLIMIT_FSIZE:
                continue
            try:
                resource.setrlimit(which, (value, value))
            except (ValueError, OverflowError, OSError) as error:
                raise JailerError(f"Failed to set limit for resource: {names[which]}") from error

    def own_mounts(self):
        call("Failed to unshare into new mount namespace", libc.unshare, CLONE_NEWNS)
        call("Failed to change the propagation type to slave", libc.mount, None, b"/", None,
             MS_SLAVE | MS_REC, None)

    def furnish(self):
        for folder in FOLDERS:
            path = self.root + folder
            tried(f"Failed to create directory {folder or '/'}", os.makedirs, path, exist_ok=True)
            tried(f"Failed to change permissions on {folder or '/'}", os.chmod, path, 0o700)
            tried(f"Failed to change owner for {folder or '/'}", os.chown, path, self.uid, self.gid)
        self.device("/dev/net/tun", 10, 200)
        self.device("/dev/kvm", 10, 232)
        try:
            self.device("/dev/urandom", 1, 9)
        except JailerError as error:
            print(f"Warning! Could not create /dev/urandom device inside jailer: {error}.")
            print("MMDS version 2 will not be available to use.")
        minor = userfaultfd_minor()
        if minor is not None and version.since(1, 7):
            self.device("/dev/userfaultfd", 10, minor)

    def device(self, path, major, minor):
        """Not even a device that is there already will do."""
        tried(f"Failed to create {path} via mknod inside the jail", os.mknod, self.root + path,
              stat.S_IFCHR | 0o600, os.makedev(major, minor))
        tried(f"Failed to change owner for {path}", os.chown, self.root + path, self.uid, self.gid)

    def daemonize(self):
        null = tried("Failed to open /dev/null", os.open, "/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        if version.since(1, 7) and os.fork():
            os._exit(0)
        os.setsid()
        if version.since(1, 7) and os.fork():
            os._exit(0)
        for fd in range(3):
            os.dup2(null, fd)

    def save_pid(self, pid):
        path = f"/{self.base_name}.pid"
        fd = tried(f"Failed to open file {path}", os.open, self.root + path,
                   os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        os.write(fd, str(pid).encode())
        os.close(fd)

    def in_new_pid_namespace(self):
        leader = not self.values["daemonize"] and os.getsid(0) == os.getpid()
        call("Failed cloning into a new child process", libc.unshare, CLONE_NEWPID)
        pid = os.fork()
        if pid:
            self.save_pid(pid)
            os._exit(0)
        if leader:
            os.setsid()

    def execute(self):
        environment = {key: value for key, value in os.environ.items() if key.startswith(KEPT)}
        size = self.limits.get(resource.RLIMIT_FSIZE, "")
        environment["STANDIN_JAIL"] = f"{self.uid}:{self.gid}:{size}:{self.root}"
        cpu = str(time.process_time_ns() // 1000)
        argv = [f"/{self.base_name}", "--id", self.name, "--start-time-us", str(self.begun),
                "--start-time-cpu-us", cpu, "--parent-cpu-time-us", cpu, *self.extra]
        sys.stdout.flush()
        tried("Failed to exec into Firecracker", os.execve, self.program, argv, environment)

    def run(self):
        tried(f"Failed to create directory {self.root}", os.makedirs, self.root, exist_ok=True)
        self.copy_program()
        if self.values["netns"] is not None:
            self.join_network()
        self.limit()
        if self.cgroups:
            try:
                self.cgroups.set_up()
            except CgroupError as error:
                raise JailerError(str(error)) from error
        self.own_mounts()
        self.furnish()
        if self.values["daemonize"]:
            self.daemonize()
        if self.values["new-pid-ns"]:
            self.in_new_pid_namespace()
        elif version.since(1, 7):
            self.save_pid(os.getpid())
        if Faults().at("jailer") == "die":
            raise JailerError("the stand-in was told to die")
        self.execute()


def userfaultfd_minor():
    with open("/proc/misc", encoding="ascii", errors="replace") as misc:
        for line in misc:
            words = line.split(" ")
            if len(words) >= 2 and words[1].strip() == "userfaultfd":
                return int(words[0])
    return None


def main(words):
    os.closerange(3, 1 << 20)
    try:
        values, extra = args.parse(args.jailer_options(), words)
        if values.get("help"):
            print(f"Jailer v{version.TEXT}\n\n{args.help_text(args.jailer_options())}\n\n"
                  "Any arguments after the -- separator will be supplied to the jailed binary.\n")
        elif values.get("version"):
            print(f"Jailer v{version.TEXT}\n")
        else:
            Jailer(values, extra).run()
    except args.BadArguments as error:
        sys.stderr.write(f"Failed to parse arguments: {error}\nError: ArgumentParsing({error})\n")
        return 1
    except JailerError as error:
        sys.stderr.write(f"{error}\nError: {error}\n")
        return 1
    return 0
