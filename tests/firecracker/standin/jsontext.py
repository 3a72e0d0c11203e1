# SPDX-License-Identifier: Apache-2.0
"""JSON as serde_json reads it: strictly, duplicates and places kept, errors in its words."""

import re

SPACE = re.compile(rb"[ \t\n\r]*")
NUMBER = re.compile(rb"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
ESCAPES = {b'"': '"', b"\\": "\\", b"/": "/", b"b": "\b", b"f": "\f", b"n": "\n", b"r": "\r",
           b"t": "\t"}
WORDS = ((b"true", True), (b"false", False), (b"null", None))
DEPTH_MAX = 127


class JsonError(Exception):
    """text is serde_json's, with the place at its end."""

    def __init__(self, what, data, end):
        before = data[:end]
        line = before.count(b"\n") + 1
        column = len(before) - (before.rfind(b"\n") + 1)
        super().__init__(f"{what} at line {line} column {column}")


class Node:
    """A value and where it ends. Objects are lists of (key, end of the key, node)."""

    __slots__ = ("value", "end", "is_object")

    def __init__(self, value, end, is_object=False):
        self.value, self.end, self.is_object = value, end, is_object


class Reader:
    def __init__(self, data):
        self.data, self.at, self.depth = data, 0, 0

    def error(self, what, end=None):
        return JsonError(what, self.data, self.at if end is None else end)

    def skip(self):
        self.at = SPACE.match(self.data, self.at).end()
        return self.data[self.at:self.at + 1]

    def string(self):
        parts = []
        self.at += 1
        while True:
            plain = PLAIN.match(self.data, self.at)
            self.at = plain.end()
            try:
                parts.append(plain.group().decode())
            except UnicodeDecodeError as error:
                raise self.error("invalid unicode code point") from error
            char = self.data[self.at:self.at + 1]
            self.at += 1
            if char == b'"':
                return "".join(parts)
            if char != b"\\":
                raise self.error("control character (\\u0000-\\u001F) found while parsing a string"
                                 if char else "EOF while parsing a string", min(
                                     self.at, len(self.data)))
            parts.append(self.escape())

    def escape(self):
        char = self.data[self.at:self.at + 1]
        self.at += 1
        if char == b"u":
            return self.unicode()
        if char not in ESCAPES:
            raise self.error("invalid escape")
        return ESCAPES[char]

    def unit(self):
        digits = self.data[self.at:self.at + 4]
        self.at += 4
        if not re.fullmatch(rb"[0-9a-fA-F]{4}", digits):
            raise self.error("invalid escape")
        return int(digits, 16)

    def unicode(self):
        high = self.unit()
        if 0xDC00 <= high < 0xE000:
            raise self.error("lone leading surrogate in hex escape")
        if not 0xD800 <= high < 0xDC00:
            return chr(high)
        if self.data[self.at:self.at + 2] != b"\\u":
            raise self.error("unexpected end of hex escape")
        self.at += 2
        low = self.unit()
        if not 0xDC00 <= low < 0xE000:
            raise self.error("lone leading surrogate in hex escape")
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))

    def number(self):
        found = NUMBER.match(self.data, self.at)
        if not found:
            raise self.error("invalid number", self.at + 1)
        self.at = found.end()
        if found.group(1) or found.group(2):
            return float(found.group())
        number = int(found.group())
        return number if -(1 << 63) <= number < 1 << 64 else float(number)

    def item(self):
        char = self.skip()
        if not char:
            raise self.error("EOF while parsing a value")
        if char == b'"':
            return Node(self.string(), self.at)
        if char in b"{[":
            self.depth += 1
            if self.depth > DEPTH_MAX:
                raise self.error("recursion limit exceeded")
            node = self.object() if char == b"{" else self.array()
            self.depth -= 1
            return node
        if char in b"-0123456789":
            return Node(self.number(), self.at)
        for word, value in WORDS:
            if self.data.startswith(word, self.at):
                self.at += len(word)
                return Node(value, self.at)
        raise self.error("expected value", self.at + 1)

    def after(self, what, close):
        """Whether another element follows."""
        char = self.skip()
        self.at += 1
        if char == close:
            return False
        if char != b",":
            raise self.error(f"expected `,` or `{close.decode()}`" if char
                             else f"EOF while parsing {what}", min(self.at, len(self.data)))
        if self.skip() == close:
            raise self.error("trailing comma", self.at + 1)
        return True

    def object(self):
        members, self.at = [], self.at + 1
        if self.skip() == b"}":
            self.at += 1
            return Node(members, self.at, True)
        more = True
        while more:
            if self.skip() != b'"':
                raise self.error("key must be a string" if self.skip()
                                 else "EOF while parsing an object", min(
                                     self.at + 1, len(self.data)))
            key = self.string()
            end = self.at
            if self.skip() != b":":
                raise self.error("expected `:`" if self.skip() else "EOF while parsing an object",
                                 min(self.at + 1, len(self.data)))
            self.at += 1
            members.append((key, end, self.item()))
            more = self.after("an object", b"}")
        return Node(members, self.at, True)

    def array(self):
        items, self.at = [], self.at + 1
        if self.skip() == b"]":
            self.at += 1
            return Node(items, self.at)
        more = True
        while more:
            items.append(self.item())
            more = self.after("a list", b"]")
        return Node(items, self.at)


def parse(data):
    reader = Reader(data)
    node = reader.item()
    if reader.skip():
        raise reader.error("trailing characters", reader.at + 1)
    return node
