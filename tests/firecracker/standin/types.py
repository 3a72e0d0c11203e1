# SPDX-License-Identifier: Apache-2.0
"""Types of values in requests, and how serde reads them: nothing is converted, nothing left over.

A type is a function of a node (jsontext.py) and the whole text. It returns the value or raises
JsonError.
"""

from standin.jsontext import JsonError


def shown(node):
    """What came, for "invalid type"."""
    value = node.value
    if node.is_object:
        return "map"
    if isinstance(value, list):
        return "sequence"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"boolean `{str(value).lower()}`"
    if isinstance(value, int):
        return f"integer `{value}`"
    if isinstance(value, float):
        return f"floating point `{value}`"
    return 'string "' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def wrong(node, data, wanted, what="invalid type"):
    return JsonError(f"{what}: {shown(node)}, expected {wanted}", data, node.end)


def one_of(names):
    """serde's list of what would have been right."""
    if not names:
        return "there are no fields"
    if len(names) <= 2:
        return "expected " + " or ".join(f"`{name}`" for name in names)
    return "expected one of " + ", ".join(f"`{name}`" for name in names)


def integer(name, most):
    def read(node, data):
        if isinstance(node.value, bool) or not isinstance(node.value, int):
            raise wrong(node, data, name)
        if not 0 <= node.value <= most:
            raise wrong(node, data, name, "invalid value")
        return node.value
    return read


U8 = integer("u8", (1 << 8) - 1)
U16 = integer("u16", (1 << 16) - 1)
U32 = integer("u32", (1 << 32) - 1)
U64 = integer("u64", (1 << 64) - 1)
USIZE = integer("usize", (1 << 64) - 1)


def boolean(node, data):
    if not isinstance(node.value, bool):
        raise wrong(node, data, "a boolean")
    return node.value


def words(wanted):
    def read(node, data):
        if not isinstance(node.value, str):
            raise wrong(node, data, wanted)
        return node.value
    return read


STRING = words("a string")
PATH = words("path string")


def enum(*variants):
    def read(node, data):
        if not isinstance(node.value, str):
            raise JsonError("expected value", data, node.end)
        if node.value not in variants:
            raise JsonError(f"unknown variant `{node.value}`, {one_of(variants)}", data, node.end)
        return node.value
    return read


def list_of(of):
    def read(node, data):
        if node.is_object or not isinstance(node.value, list):
            raise wrong(node, data, "a sequence")
        return [of(item, data) for item in node.value]
    return read


def checked(test, message):
    """A string of which more is asked."""
    def read(node, data):
        value = STRING(node, data)
        if not test(value):
            raise JsonError(message, data, node.end)
        return value
    return read


class Field:
    """required; or null is as good as absent (nullable); or only absent is, and means default."""

    def __init__(self, of, required=False, nullable=False, default=None):
        self.of, self.required, self.nullable, self.default = of, required, nullable, default

    def read(self, node, data):
        if self.nullable and node.value is None:
            return None
        return self.of(node, data)


def need(of):
    return Field(of, required=True)


def may(of):
    return Field(of, nullable=True)


def default(of, value):
    return Field(of, default=value)


class Struct:
    """loose: fields that are not known are ignored."""

    def __init__(self, name, fields, loose=False):
        self.name, self.fields, self.loose = name, fields, loose

    def __call__(self, node, data):
        if not node.is_object:
            raise wrong(node, data, f"struct {self.name}")
        found = {}
        for key, end, child in node.value:
            if key not in self.fields:
                if self.loose:
                    continue
                raise JsonError(f"unknown field `{key}`, {one_of(list(self.fields))}", data, end)
            if key in found:
                raise JsonError(f"duplicate field `{key}`", data, end)
            found[key] = self.fields[key].read(child, data)
        for key, field in self.fields.items():
            if key not in found and field.required:
                raise JsonError(f"missing field `{key}`", data, node.end)
        return {key: found.get(key, field.default) for key, field in self.fields.items()}
