# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 as Firecracker's server has it: small, and not forgiving.

A request line and each header fit 1,024 bytes, bodies have a Content-Length and a limit, header
names that it does not know are ignored. A request that cannot be read is answered with 400, and
so is the end of the connection.
"""

LINE_MAX = 1024
CONNECTIONS_MAX = 10
METHODS = ("GET", "PUT", "PATCH", "DELETE")
FULL = (b"HTTP/1.1 503\r\nServer: Firecracker API\r\nConnection: close\r\n"
        b"Content-Length: 40\r\n\r\n"
        b'{ "error": "Too many open connections" }')
NO_BODY = (100, 204)


class BadRequest(Exception):
    """The text goes into the answer."""


def response(status, body=None, deprecated=False):
    head = f"HTTP/1.1 {status} \r\nServer: Firecracker API\r\nConnection: keep-alive\r\n"
    if deprecated:
        head += "Deprecation: true\r\n"
    data = b"" if body is None else body.encode()
    if status not in NO_BODY:
        head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
    return head.encode() + b"\r\n" + data


def unreadable(error):
    text = f"{error}\nAll previous unanswered requests will be dropped."
    return response(400, f'{{ "error": "{text}" }}')


def absolute(uri):
    """The path in a request's target, or "" if there is none."""
    if uri.startswith("http://"):
        rest = uri[len("http://"):]
        return rest[rest.index("/"):] if "/" in rest else ""
    return uri if uri.startswith("/") else ""


class Request:
    def __init__(self, line):
        parts = line.split(b" ", 2)
        if len(parts) < 3:
            raise BadRequest("Invalid request.")
        method, uri, version = parts
        self.method = method.decode("latin-1")
        if self.method not in METHODS:
            raise BadRequest("Invalid HTTP Method: Unsupported HTTP method.")
        if not uri:
            raise BadRequest("Invalid URI: Empty URI not allowed.")
        try:
            self.path = absolute(uri.decode())
        except UnicodeDecodeError as error:
            raise BadRequest("Invalid URI: Cannot parse URI as UTF-8.") from error
        if version not in (b"HTTP/1.0", b"HTTP/1.1"):
            raise BadRequest("Invalid HTTP Version: Unsupported HTTP version.")
        self.length, self.expects, self.body = 0, False, None

    def header(self, line):
        try:
            name, colon, value = line.decode().partition(":")
        except UnicodeDecodeError as error:
            raise BadRequest("Invalid header. Reason: Header contains invalid characters. "
                             f"Key: {error}") from error
        if not colon:
            raise BadRequest("Invalid header. Reason: Header is incorrectly formatted. "
                             f"Key: {name}")
        known, word = name.strip().lower(), value.strip()
        if known == "content-length":
            if not (word.isascii() and word.isdigit() and int(word) < 1 << 32):
                raise BadRequest(f"Invalid header. Reason: Invalid value. Key:{name}; "
                                 f"Value:{value}")
            self.length = int(word)
        elif known == "expect":
            self.expects = word == "100-continue"
        elif known == "accept-encoding":
            self.accept_encoding(word)

    @staticmethod
    def accept_encoding(word):
        if not word:
            raise BadRequest("Invalid request.")
        for encoding in (part.strip() for part in word.split(",")):
            if encoding == "identity;q=0" or (encoding == "*;q=0" and "identity" not in word):
                raise BadRequest("Invalid header. Reason: Invalid value. Key:Accept-Encoding; "
                                 f"Value:{encoding}")


class Connection:
    """Bytes that came, and requests that are made of them."""

    def __init__(self, sock, limit):
        self.sock, self.limit = sock, limit
        self.data, self.request, self.in_body = b"", None, False
        self.answers = b""

    def next(self):
        """The next request, or None until more comes. BadRequest: nothing more can be read."""
        while not self.in_body:
            line, end, rest = self.data.partition(b"\r\n")
            if len(line) + len(end) > LINE_MAX or (not end and len(line) >= LINE_MAX):
                raise BadRequest("Invalid request." if not self.request else
                                 "Invalid header. Reason: Invalid content length. Header: "
                                 + line.decode("utf-8", "replace"))
            if not end:
                return None
            self.data = rest
            self.take(line)
        if len(self.data) < self.request.length:
            return None
        request, self.request, self.in_body = self.request, None, False
        if request.length:
            request.body, self.data = self.data[:request.length], self.data[request.length:]
        return request

    def take(self, line):
        if not self.request:
            self.request = Request(line)
        elif line:
            self.request.header(line)
        else:
            self.end_of_headers()

    def end_of_headers(self):
        request = self.request
        if request.length > self.limit:
            raise BadRequest(f"Request payload with size {request.length} is larger than the limit "
                             f"of {self.limit} allowed by server.")
        if request.length and request.expects:
            self.answers += response(100)
        self.in_body = True
