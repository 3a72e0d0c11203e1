# SPDX-License-Identifier: Apache-2.0
"""`kubectl logs`: what CRI has written, "TIME STREAM F|P TEXT" a line, without what it has put before."""

import select
from typing import NamedTuple

from standin.apiserver.http import Refused, Request
from standin.inotify import Growing
from standin.kubelet.container import Container
from standin.kubelet.pod import Pod

PIECE = 1 << 20


class Entry(NamedTuple):
    time: bytes
    text: bytes
    whole: bool


def parse(line: bytes) -> Entry:
    """What is no whole line (P) was cut, and goes on in the next."""
    time, _, tag, text = line.split(b" ", 3)
    return Entry(time, text, tag == b"F")


class Reader:
    """The entries of a log, as far as it is written."""

    def __init__(self, path: str) -> None:
        self.file = open(path, "rb")  # pylint: disable=consider-using-with # until close()
        self.rest = b""

    def new(self) -> list[Entry]:
        lines = (self.rest + self.file.read()).split(b"\n")
        self.rest = lines.pop()
        return [parse(line) for line in lines]

    def close(self) -> None:
        self.file.close()


def last_lines(entries: list[Entry], count: int) -> list[Entry]:
    """A line may be of several entries."""
    for number in range(len(entries) - 1, -1, -1):
        if number == len(entries) - 1 or entries[number].whole:
            count -= 1
            if count < 0:
                return entries[number + 1:]
    return entries


class Printer:
    def __init__(self, request: Request) -> None:
        self.request = request
        self.timestamps = request.flag("timestamps")
        self.left = request.number("limitBytes")
        self.within = False

    def print(self, entries: list[Entry]) -> None:
        data = b"".join(self._line(each) for each in entries)
        if self.left is not None:
            data = data[:self.left]
            self.left -= len(data)
        for start in range(0, len(data), PIECE):
            self.request.chunk(data[start:start + PIECE])

    def _line(self, entry: Entry) -> bytes:
        time = entry.time + b" " if self.timestamps and not self.within else b""
        self.within = not entry.whole
        return time + entry.text + (b"\n" if entry.whole else b"")


def _follow(request: Request, reader: Reader, printer: Printer, container: Container, attempt: int) -> None:
    """Until that run of the container has ended, or the client does not want any more."""
    growing = Growing(reader.file.name)
    try:
        ended = False
        while not ended and printer.left != 0:
            # First: what was written before is in the log by now.
            ended = container.has_ended(attempt)
            printer.print(reader.new())
            if ended:
                break
            ready, _, _ = select.select([growing, request.connection], [], [])
            if request.connection in ready:
                raise ConnectionResetError
            growing.clear()
    finally:
        growing.close()


def _container(request: Request, pod: Pod) -> Container:
    name = request.one("container")
    found = pod.containers if not name else [each for each in pod.containers if each.name == name]
    if len(found) == 1:
        return found[0]
    if not name:
        names = " ".join(each.name for each in found)
        raise Refused(400, f"a container name must be specified for pod {pod.name}, choose one of: [{names}]")
    raise Refused(400, f"container {name} is not valid for pod {pod.name}")


def answer(request: Request, pod: Pod) -> None:
    container = _container(request, pod)
    attempt = container.attempt - request.flag("previous")
    if attempt < 0 and request.flag("previous"):
        raise Refused(400, f"previous terminated container \"{container.name}\" in pod \"{pod.name}\" not found")
    if attempt < 0 or not container.id:
        raise Refused(400, f"container \"{container.name}\" in pod \"{pod.name}\" is waiting to start: "
                      f"{container.waiting or 'ContainerCreating'}")
    reader = Reader(container.log_path(attempt))
    try:
        _print(request, reader, container, attempt)
    finally:
        reader.close()


def _print(request: Request, reader: Reader, container: Container, attempt: int) -> None:
    entries = reader.new()
    tail = request.number("tailLines")
    if tail is not None:
        entries = last_lines(entries, tail)
    if since := request.one("sinceTime"):
        entries = [each for each in entries if each.time.decode() >= since]
    request.begin("text/plain")
    printer = Printer(request)
    printer.print(entries)
    if request.flag("follow"):
        _follow(request, reader, printer, container, attempt)
    request.end()
