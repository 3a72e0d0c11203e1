# SPDX-License-Identifier: Apache-2.0
"""The messages of CRI and of containerd's events, as containerd itself knows them.

A program in Go holds the descriptions of all its messages, compressed. So there is no copy of them here,
and they are those of the containerd at hand.
"""

import re
import zlib
from collections.abc import Iterator
from typing import Any

from google.protobuf import any_pb2, descriptor_pool, empty_pb2, message_factory, timestamp_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.message import DecodeError

# As Go compresses: no name, no time, no system.
GZIP = re.compile(rb"\x1f\x8b\x08\0{5}[\0\2\4]\xff")
LONGEST = 1 << 20
CONTAINERD = "github.com/containerd/containerd/api/"
# By package and name; each after those that it needs.
WANTED = [
    ("runtime.v1", "api.proto"),
    ("containerd.types", CONTAINERD + "types/mount.proto"),
    ("containerd.events", CONTAINERD + "events/task.proto"),
    ("containerd.services.events.v1", CONTAINERD + "services/events/v1/events.proto"),
]


def descriptions(program: bytes) -> Iterator[FileDescriptorProto]:
    """Of all messages that are described in a program."""
    for found in GZIP.finditer(program):
        start = found.start()
        try:
            data = zlib.decompressobj(31).decompress(program[start:start + LONGEST])
            yield FileDescriptorProto.FromString(data)
        except (zlib.error, DecodeError):
            pass


class Messages:
    """Classes of messages, and which of them methods take and give."""

    def __init__(self, path: str) -> None:
        with open(path, "rb") as file:
            known = {(file.package, file.name): file for file in descriptions(file.read())}
        self.pool = descriptor_pool.DescriptorPool()
        self.factory = message_factory.MessageFactory(self.pool)
        names = set()
        for module in (any_pb2, empty_pb2, timestamp_pb2):
            self.pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
            names.add(module.DESCRIPTOR.name)
        for which in WANTED:
            if which not in known:
                raise LookupError(f"{path} does not hold the description of {'/'.join(which)}")
            self._add(known[which], names)
            names.add(which[1])

    def _add(self, file: FileDescriptorProto, names: set[str]) -> None:
        """The others that it names only have options for Go."""
        needed = [name for name in file.dependency if name in names]
        del file.dependency[:]
        file.dependency.extend(needed)
        del file.public_dependency[:]
        del file.weak_dependency[:]
        self.pool.AddSerializedFile(file.SerializeToString())

    def message(self, name: str) -> Any:
        """A class, by its full name."""
        return self.factory.GetPrototype(self.pool.FindMessageTypeByName(name))

    def method(self, service: str, name: str) -> tuple[Any, Any]:
        """The classes of its request and of its response."""
        method = self.pool.FindServiceByName(service).methods_by_name[name]
        return (self.factory.GetPrototype(method.input_type),
                self.factory.GetPrototype(method.output_type))
