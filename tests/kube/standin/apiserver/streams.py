# SPDX-License-Identifier: Apache-2.0
"""exec, attach and port-forward: CRI says where containerd serves it; all bytes go there and back as they are,
unless they come in a WebSocket."""

import contextlib
import socket
import threading
import urllib.parse
from typing import Any

import grpc

from standin.apiserver import translate, websocket
from standin.apiserver.http import Refused, Request
from standin.cri.containerd import text
from standin.kubelet.pod import Pod

PIECE = 1 << 18


def _container(request: Request, pod: Pod) -> str:
    name = request.one("container") or pod.spec["containers"][0]["name"]
    found = [each for each in pod.containers if each.name == name]
    if not found:
        raise Refused(400, f"container {name} is not valid for pod {pod.name}")
    if not found[0].id:
        raise Refused(400, f"container {name} of pod {pod.name} has not been started")
    return found[0].id


def _exec(request: Request, pod: Pod) -> tuple[str, dict[str, Any]]:
    return "Exec", {**_attach(request, pod)[1], "cmd": request.query.get("command", [])}


def _attach(request: Request, pod: Pod) -> tuple[str, dict[str, Any]]:
    wanted = {name: request.flag(name) for name in ("stdin", "stdout", "stderr", "tty")}
    return "Attach", {"container_id": _container(request, pod), **wanted}


def _port_forward(request: Request, pod: Pod) -> tuple[str, dict[str, Any]]:
    if not pod.sandbox:
        raise Refused(400, f"pod {pod.name} does not run")
    ports = [int(each) for each in request.query.get("ports", [])]
    return "PortForward", {"pod_sandbox_id": pod.sandbox.id, "port": ports}


KINDS = {"exec": _exec, "attach": _attach, "portforward": _port_forward}


def answer(request: Request, pod: Pod, kind: str) -> None:
    protocols = websocket.offered(request)
    if protocols and (not request.websockets or protocols[0] not in translate.PROTOCOLS):
        raise Refused(400, f"{protocols[0]} is not spoken here: use SPDY")
    method, fields = KINDS[kind](request, pod)
    try:
        url = pod.node.containerd.call(method, **fields).url
    except grpc.RpcError as error:
        raise Refused(500, text(error)) from None
    request.close_connection = True
    parts = urllib.parse.urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port)) as upstream:
        if protocols:
            translate.answer(request, protocols[0], upstream, parts)
            return
        upstream.sendall(_asked(request, parts))
        relay(request.connection, upstream)


def _asked(request: Request, parts: urllib.parse.SplitResult) -> bytes:
    """The client's own request, for another place."""
    lines = [f"{request.command} {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items() if name.lower() != "host"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _copy(source: socket.socket, target: socket.socket) -> None:
    """Until there is no more, which is passed on too; when the target is gone nothing more is read."""
    buffer = memoryview(bytearray(PIECE))
    try:
        while length := source.recv_into(buffer):
            target.sendall(buffer[:length])
        target.shutdown(socket.SHUT_WR)
    except OSError:
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def relay(one: socket.socket, other: socket.socket) -> None:
    back = threading.Thread(target=_copy, args=(other, one), daemon=True)
    back.start()
    _copy(one, other)
    back.join()
