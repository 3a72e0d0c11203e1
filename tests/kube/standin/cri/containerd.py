# SPDX-License-Identifier: Apache-2.0
"""A client of containerd: CRI, and its events. Whatever is asked while it is not there waits for it."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import grpc
from google.protobuf import json_format

from standin.cri.messages import Messages

RUNTIME, IMAGES = "runtime.v1.RuntimeService", "runtime.v1.ImageService"
EVENTS = "containerd.services.events.v1.Events"
NAMESPACE = "k8s.io"
LARGEST = 16 << 20
OPTIONS = [
    ("grpc.max_receive_message_length", LARGEST),
    ("grpc.max_send_message_length", LARGEST),
    # It comes back soon after a test has killed it.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 200),
]


def text(error: grpc.RpcError) -> str:
    """What it says, in one line."""
    return f"rpc error: code = {error.code().name} desc = {error.details()}"


def gone(error: grpc.RpcError) -> bool:
    """It is containerd that is not there any more, or not yet; not what was asked for."""
    begins = "server is not initialized yet" in (error.details() or "")
    return begins or error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


class Containerd:
    def __init__(self, address: str, program: str) -> None:
        self.messages = Messages(program)
        self.channel = grpc.insecure_channel("unix:" + address, OPTIONS)

    @functools.cache
    def _method(self, service: str, name: str, stream: bool) -> tuple[Any, Callable]:
        request, response = self.messages.method(service, name)
        make = self.channel.unary_stream if stream else self.channel.unary_unary
        return request, make(f"/{service}/{name}", request.SerializeToString, response.FromString)

    def call(self, name: str, service: str = RUNTIME, **fields: Any) -> Any:
        """Of CRI: the fields as in its .proto, messages as dictionaries."""
        request, method = self._method(service, name, False)
        return method(json_format.ParseDict(fields, request()), wait_for_ready=True)

    def has_image(self, name: str) -> bool:
        return self.call("ImageStatus", IMAGES, image={"image": name}).HasField("image")

    def exec(self, container: str, command: list[str], timeout: int) -> Any:
        return self.call("ExecSync", container_id=container, cmd=command, timeout=timeout)

    def stop(self, container: str, grace: int) -> None:
        """Returns when it has ended."""
        self.call("StopContainer", container_id=container, timeout=grace)

    def ended(self) -> Iterator[str | None]:
        """The names of containers whose first process has ended, for ever; None each time that it has been
        away, as nobody knows what happened meanwhile."""
        while True:
            yield None
            try:
                yield from self._events()
            except grpc.RpcError as error:
                if not gone(error):
                    raise

    def _events(self) -> Iterator[str]:
        request, subscribe = self._method(EVENTS, "Subscribe", True)
        task_exit = self.messages.message("containerd.events.TaskExit")
        wanted = request(filters=[f'topic=="/tasks/exit",namespace=={NAMESPACE}'])
        for envelope in subscribe(wanted, wait_for_ready=True):
            exit_ = task_exit.FromString(envelope.event.value)
            if exit_.id == exit_.container_id:
                yield exit_.container_id
