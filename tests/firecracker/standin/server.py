# SPDX-License-Identifier: Apache-2.0
"""The loop: connections, one request at a time, and the machine's end."""

import json
import select
import socket
import time

from standin import faults, web
from standin.errors import Exit
from standin.log import API, log
from standin.metrics import PERIOD, metrics

BUFFER = 65536


class Server:
    """listener: the API's, or None; api: what answers; door: the process that has QEMU."""

    def __init__(self, listener, api, door, limit):
        self.listener, self.api, self.machine, self.door = listener, api, api.machine, door
        self.limit, self.connections, self.late = limit, {}, []
        self.faults = faults.Faults()
        self.epoll = select.epoll()
        self.epoll.register(door, select.EPOLLIN)
        self.watched = None
        self.next_flush = None
        if listener:
            self.epoll.register(listener, select.EPOLLIN)

    def run(self):
        """Until the machine ends. Exit: how."""
        while True:
            self.watch_machine()
            for fd, events in self.epoll.poll(self.patience()):
                if fd == self.door.fileno():
                    raise Exit(1, "the emulator ended")
                if self.watched and fd == self.watched.fileno():
                    self.machine_speaks()
                elif self.listener and fd == self.listener.fileno():
                    self.accept()
                elif fd in self.connections:
                    self.serve(self.connections[fd], events)
            self.send_late()
            self.flush_in_time()

    def watch_machine(self):
        """There is another one once it was loaded again."""
        if self.machine.monitor is not self.watched:
            self.epoll.register(self.machine.monitor, select.EPOLLIN)
            self.watched, self.next_flush = self.machine.monitor, time.monotonic() + PERIOD
        if self.watched and self.machine.monitor.events:
            self.machine_speaks()

    def patience(self):
        """Seconds until something is due, or None."""
        due = [when for when, _, _ in self.late] + [self.next_flush] * bool(self.next_flush)
        return max(min(due) - time.monotonic(), 0) if due else None

    def flush_in_time(self):
        if self.next_flush and time.monotonic() >= self.next_flush:
            self.next_flush += PERIOD
            if self.machine.state == "Running":
                metrics.flush()

    def machine_speaks(self):
        """Only a reset ends Firecracker; a guest that is switched off stands still."""
        events, alive = self.machine.events()
        if ("SHUTDOWN", "guest-reset") in events:
            log.info("Vmm is stopping.")
            raise Exit(0, "Firecracker exiting successfully. exit_code=0")
        if not alive:
            raise Exit(1, "the emulator ended")

    def accept(self):
        sock, _ = self.listener.accept()
        if len(self.connections) == web.CONNECTIONS_MAX:
            sock.sendall(web.FULL)
            sock.close()
            return
        if self.faults.at("accept") == "garbage":
            sock.sendall(faults.GARBAGE)
        elif self.faults.at("accept") == "close":
            sock.close()
            return
        self.connections[sock.fileno()] = web.Connection(sock, self.limit)
        self.epoll.register(sock, select.EPOLLIN | select.EPOLLRDHUP)

    def drop(self, connection):
        fd = connection.sock.fileno()
        if fd in self.connections:
            self.epoll.unregister(fd)
            del self.connections[fd]
            connection.sock.close()

    def serve(self, connection, events):
        """Who closes his half is not listened to any more, not even to what came before."""
        if events & (select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR):
            self.drop(connection)
            return
        try:
            connection.data += connection.sock.recv(BUFFER)
            request = connection.next()
            while request and connection.sock.fileno() >= 0:
                self.answer(connection, request)
                request = connection.next()
            self.send(connection, connection.answers)
            connection.answers = b""
        except web.BadRequest as error:
            self.send(connection, web.unreadable(error))
            self.drop(connection)
        except ConnectionError:
            self.drop(connection)

    def answer(self, connection, request):
        what = self.faults.next(request)
        if what == "die":
            raise Exit(1, "the stand-in was told to die")
        if what == "undone":
            self.api.note(request)
            return
        other = faults.instead(what)
        if other:
            message = json.dumps({"fault_message": other[1]})
            data, last, fatal = web.response(other[0], message), False, False
        else:
            answer = self.api.answer(request)
            data = web.response(answer.status, answer.body, answer.deprecated)
            data, last = faults.disfigure(what, data)
            fatal = answer.fatal or what == "after"
        if what.startswith("late="):
            self.late.append((time.monotonic() + int(what[5:]) / 1000, connection, data))
            return
        self.send(connection, data)
        if fatal:
            raise Exit(1, "the machine is beyond repair")
        if last:
            self.drop(connection)

    @staticmethod
    def send(connection, data):
        if data and connection.sock.fileno() >= 0:
            connection.sock.sendall(data, socket.MSG_NOSIGNAL)

    def send_late(self):
        now = time.monotonic()
        due = [item for item in self.late if item[0] <= now]
        self.late = [item for item in self.late if item[0] > now]
        for _, connection, data in due:
            try:
                self.send(connection, data)
            except ConnectionError:
                self.drop(connection)

    def started(self):
        log.info("API server started.", API)
