# SPDX-License-Identifier: Apache-2.0
"""One request of a client's: what it asked for, and the ways to answer."""

import json
import traceback
import urllib.parse
from http.server import BaseHTTPRequestHandler
from typing import Any

Object = dict[str, Any]
JSON = "application/json"
REASONS = {400: "BadRequest", 404: "NotFound", 405: "MethodNotAllowed", 409: "AlreadyExists",
           415: "UnsupportedMediaType", 422: "Invalid", 500: "InternalError", 503: "ServiceUnavailable"}
LARGEST = 8 << 20


class Refused(Exception):
    """Answered with this status, and in words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code

    def status(self) -> Object:
        return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": str(self), "reason": REASONS[self.code], "code": self.code}


class Request(BaseHTTPRequestHandler):
    """What is below has an own class derived from this, with a method route()."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Does the server speak WebSocket too?
    websockets = True

    def route(self) -> None:
        raise NotImplementedError

    def handle_any(self) -> None:
        parts = urllib.parse.urlsplit(self.path)
        self.place = urllib.parse.unquote(parts.path)
        self.query = urllib.parse.parse_qs(parts.query, keep_blank_values=True)
        self.streaming = False
        try:
            self.route()
        except Refused as refusal:
            self.answer(refusal.status(), refusal.code)
        except (KeyError, TypeError, AttributeError) as error:
            traceback.print_exc()
            refusal = Refused(422, f"the request is not as it should be: {error!r}")
            self.answer(refusal.status(), refusal.code)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    # pylint: disable-next=redefined-builtin # so it is called
    def log_message(self, format: str, *args: Any) -> None:
        """They are not logged."""

    def one(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[-1]

    def flag(self, name: str) -> bool:
        return self.one(name) in ("true", "1")

    def number(self, name: str) -> int | None:
        value = self.one(name)
        try:
            return int(value) if value else None
        except ValueError:
            raise Refused(400, f"{name}: \"{value}\" is no number") from None

    def body(self) -> Any:
        content = self.headers.get("Content-Type", JSON)
        if not content.endswith("json"):
            raise Refused(415, f"{content} is not read here, only JSON is")
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            raise Refused(400, f"a request of {length} bytes is too large")
        data = self.rfile.read(length)
        try:
            return json.loads(data) if data else {}
        except ValueError as error:
            raise Refused(400, f"the request is no JSON: {error}") from None

    def answer(self, value: Any, code: int = 200) -> None:
        self.answer_bytes(json.dumps(value).encode(), JSON, code)

    def answer_bytes(self, data: bytes, content: str, code: int = 200) -> None:
        self.send_response(code)
        self.send_header("Content-Type", content)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self, content: str) -> None:
        """Of an answer whose length nobody knows yet: chunks, until end()."""
        self.send_response(200)
        self.send_header("Content-Type", content)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data: bytes) -> None:
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")
