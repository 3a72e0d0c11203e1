#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What headers say of the functions that they declare.

Each has a comment right in front of it, with its name, or follows in the same paragraph. What the
comment calls "@name:" is a parameter; what a bool means is said; and what an int is, too, be it by
naming another function where that is said, or by the header for all of its functions.
"""

import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
COMMENT = re.compile(r"/\*.*?\*/", re.S)
DECLARATION = re.compile(
    r"^(?P<type>[a-z_][\w \t]*?[ *]+)(?P<name>\w+)\((?P<args>[^;{}]*)\)[^;{}()]*(?:\([^;{}]*\))?;",
    re.M)


def headers():
    names = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "src/*.h"], cwd=TOP,
                           check=True, text=True, stdout=subprocess.PIPE).stdout.split()
    return [name for name in names if not os.path.basename(name).startswith("test")]


def parameters(args):
    flat = re.sub(r"\([^()]*\)(?=\s*(,|$))", "", args)
    while flat != (flat := re.sub(r"(\(\*\s*\w+\))\s*\(.*?\)", r"\1", flat)):
        pass
    found = set()
    for part in flat.split(","):
        name = re.search(r"(\w+)\s*\)?\s*(\[[^\]]*\]\s*)*$", part)
        if name:
            found.add(name.group(1))
    return found


def says_what_it_returns(comment):
    others = set(re.findall(r"(\w+)\(\)", comment))
    return len(others) > 1 or re.search(r"\breturn|\bthe same\b", comment, re.I)


def before(text, at):
    """The comment that speaks of the declaration there; and does it stand right in front?"""
    lines, first = text[:at].removesuffix("\n").split("\n"), True
    while lines and lines[-1].strip() and not lines[-1].rstrip().endswith("*/"):
        lines.pop()
        first = False
    block = "\n".join(lines)
    if not block.rstrip(" ").endswith("*/"):
        return None, first
    return block[block.rindex("/*"):], first


def findings(path, text):
    texts = [c for c in COMMENT.findall(text) if not c.startswith("/**")]
    of_all = any(re.search(r"\breturn|\bSteps\b|\bHandlers\b", c, re.I) for c in texts)
    for found in DECLARATION.finditer(text):
        name = found["name"]
        line = f"{path}:{text.count(chr(10), 0, found.start()) + 1}: {name}()"
        if found["type"].split()[0] in ("typedef", "static", "extern", "return", "else"):
            continue
        comment, first = before(text, found.start())
        if comment is None:
            yield f"{line} has no comment"
            continue
        if not comment.startswith("/**") or not first:
            continue
        if not re.search(rf"\b{name}\(\)", comment.split("\n\n")[0]):
            yield f"{line} has the comment of another"
        wrong = set(re.findall(r"(?:/\*\*| \*) @(\w+):", comment)) - parameters(found["args"])
        yield from (f"{line} has no parameter {word}" for word in sorted(wrong))
        unsaid = [word for word in re.findall(r"\bbool (\w+)\s*[,)]", found["args"] + ")")
                  if not re.search(rf"@{word}\b", comment)]
        yield from (f"{line} does not say what {word} means" for word in unsaid)
        if found["type"].strip() == "int" and not of_all and not says_what_it_returns(comment):
            yield f"{line} does not say what it returns"


def main():
    wrong = []
    for path in headers():
        with open(os.path.join(TOP, path), encoding="utf-8") as file:
            wrong += findings(path, file.read())
    print(f"{'not ok' if wrong else 'ok'} headers: what they say of functions")
    for line in wrong:
        print(f"  | {line}")
    return 1 if wrong else 0


sys.exit(main())
