#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tiny-kernel.py reset|hang FILE: a kernel of a few instructions, with a PVH entry.

It prints a line on the first serial port, then resets the machine, or halts it for ever.
"""

import struct
import sys

LOAD = 0x100000
TEXT = b"tiny kernel says hello\r\n"


def code(what):
    """32-bit code, as PVH enters it (Xen, docs/misc/pvh.pandoc)."""
    out = b"\x66\xba\xf8\x03"  # mov dx, 0x3f8
    for byte in TEXT:
        out += b"\xb0" + bytes([byte]) + b"\xee"  # mov al, byte; out dx, al
    if what == "reset":
        # A triple fault: an interrupt with an empty interrupt table.
        out += b"\x6a\x00\x6a\x00\x0f\x01\x1c\x24\xcc"  # push 0; push 0; lidt [esp]; int3
    return out + b"\xfa\xf4\xeb\xfd"  # cli; hlt; jmp back


def note():
    """XEN_ELFNOTE_PHYS32_ENTRY (type 18): where to enter."""
    return struct.pack("<III4sI", 4, 4, 18, b"Xen\0", LOAD)


def elf(what):
    text, notes = code(what), note()
    head, table = 64, 2 * 56
    at_notes = head + table
    at_text = 0x1000
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    header = ident + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, LOAD, head, 0, 0, head, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 7, at_text, LOAD, LOAD, len(text), 0x2000, 0x1000)
    extra = struct.pack("<IIQQQQQQ", 4, 4, at_notes, 0, 0, len(notes), len(notes), 4)
    body = header + load + extra + notes
    return body.ljust(at_text, b"\0") + text


if __name__ == "__main__":
    with open(sys.argv[2], "wb") as out:
        out.write(elf(sys.argv[1]))
