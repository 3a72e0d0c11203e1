# SPDX-License-Identifier: Apache-2.0
"""The process that starts QEMU and caisson-vsockd, and with which both end.

Firecracker is one process in a jail that holds nothing but it. So the stand-in's own process
enters the jail, and this one, forked before that, stays outside, where QEMU's files are. It is
told over a socket what to start, and gets the descriptors for it; those are numbered from FD_BASE
in the program. When that socket or one of the programs ends, everything does.
"""

import json
import os
import select
import signal
import socket

FD_BASE = 3
PARK = 100  # where descriptors wait for their numbers
MESSAGE_MAX = 1 << 17
FDS_MAX = 250
STOP = b"stop"
PR_SET_PDEATHSIG = 1


def die_with(parent, libc):
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def become(user):
    if user:
        os.setgroups([])
        os.setresgid(user[1], user[1], user[1])
        os.setresuid(user[0], user[0], user[0])


def by_descriptor(env):
    """What is preloaded, whose names end at blanks and colons. It is open in whatever is executed."""
    path = env.get("LD_PRELOAD")
    if path:
        fd = os.open(path, os.O_RDONLY)
        os.set_inheritable(fd, True)
        env["LD_PRELOAD"] = f"/proc/self/fd/{fd}"
    return env


def run(order, fds, user, parent, libc):
    """In the child: never returns."""
    argv = order["argv"]
    try:
        parked = [os.dup2(fd, PARK + i) for i, fd in enumerate(fds)]
        if order["folder"]:
            os.fchdir(parked.pop())
        if not order["stdin"]:
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
        for i, fd in enumerate(parked):
            os.dup2(fd, FD_BASE + i)
        os.closerange(FD_BASE + len(parked), 1 << 16)
        env = by_descriptor(order["env"])
        become(user)
        die_with(parent, libc)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.execvpe(argv[0], argv, {**os.environ, "PATH": os.environ.get("PATH", os.defpath),
                                   **env})
    except OSError as error:
        os.write(2, f"stand-in: {argv[0]}: {error}\n".encode())
    os._exit(127)


class Room:
    """The child's side."""

    def __init__(self, sock, user):
        import ctypes  # pylint: disable=import-outside-toplevel  While the others go on.

        self.libc = ctypes.CDLL(None)
        self.sock, self.user, self.children = sock, user, {}
        self.poll = select.poll()
        self.poll.register(sock, select.POLLIN)

    def start(self, order, fds):
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            self.sock.close()
            run(order, fds, self.user, parent, self.libc)
        for fd in fds:
            os.close(fd)
        pidfd = os.pidfd_open(pid)
        self.children[pidfd] = pid
        self.poll.register(pidfd, select.POLLIN)

    def make(self, size):
        """A machine's memory, which the limits of the process in the jail are not for."""
        fd = os.memfd_create("memory-backend")
        os.ftruncate(fd, size)
        socket.send_fds(self.sock, [b"memory"], [fd])
        os.close(fd)

    def serve(self):
        """Until anything ends."""
        while True:
            ready = [fd for fd, _ in self.poll.poll()]
            if any(fd in self.children for fd in ready):
                return
            data, fds, _, _ = socket.recv_fds(self.sock, MESSAGE_MAX, FDS_MAX)
            if not data:
                return
            if data == STOP:
                self.end()
                self.sock.send(STOP)
            elif data.isdigit():
                self.make(int(data))
            else:
                self.start(json.loads(data), fds)

    def end(self):
        for pid in self.children.values():
            os.kill(pid, signal.SIGKILL)
        for pidfd, pid in self.children.items():
            os.waitpid(pid, 0)
            self.poll.unregister(pidfd)
            os.close(pidfd)
        self.children = {}


class Door:
    """The parent's side."""

    def __init__(self, user):
        self.sock, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid:
            other.close()
            return
        self.sock.close()
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            room = Room(other, user)
            room.serve()
            room.end()
        finally:
            os._exit(0)

    def fileno(self):
        return self.sock.fileno()

    def start(self, argv, fds, read_stdin=False, folder=None, env=None):
        """folder: a descriptor of where the program is to be; env: more of its environment."""
        order = {"argv": argv, "stdin": read_stdin, "folder": folder is not None,
                 "env": env or {}}
        more = [] if folder is None else [folder]
        socket.send_fds(self.sock, [json.dumps(order).encode()], [*fds, *more])

    def memory(self, size):
        """A descriptor of a new file in memory."""
        self.sock.send(str(size).encode())
        return socket.recv_fds(self.sock, len(b"memory"), 1)[1][0]

    def stop(self):
        """End what runs there, for something else to run."""
        self.sock.send(STOP)
        self.sock.recv(len(STOP))

    def close(self):
        """End what runs there, and wait until it has."""
        self.sock.close()
        os.waitpid(self.pid, 0)
