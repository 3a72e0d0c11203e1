# SPDX-License-Identifier: Apache-2.0
"""Firecrackers that misbehave, for tests of who has to live with that.

STANDIN_FAULT is a list with commas of WHERE:WHAT. WHERE is "PUT /vsock", a method and a path as
the request has them, or the request's number from 1 on, or "*". WHAT is one of

    die        it is gone before the request is looked at
    after      it is gone once the request was answered
    late=MS    the answer comes late
    never      no answer
    undone     no answer either, and the request was logged and nothing else was done
    half       half of the answer, and the end of the connection
    stuck      half of the answer, and nothing more
    garbage    not HTTP
    close      the end of the connection
    lines      400, with a fault message of 500 lines
    headers    the answer, with 500 more headers
    huge       400, with a fault message of 16 MiB
    500        that status, or any other of three digits, with a fault message

or WHERE is "jailer" or "start", and WHAT die: jailer ends with the jail made, Firecracker before
there is a socket; or it is "accept", and WHAT garbage or close: so are connections met.
"""

import os

LINES = 500
HUGE = 16 << 20


def parse(text):
    faults = []
    for item in filter(None, text.split(",")):
        where, colon, what = item.rpartition(":")
        if not colon:
            raise ValueError(f"STANDIN_FAULT: {item!r} is not WHERE:WHAT")
        faults.append((where, what))
    return faults


GARBAGE = b"\x00\xffSSH-2.0-not what you think\r\n\r\n{]"


class Faults:
    def __init__(self):
        self.faults, self.count = parse(os.environ.get("STANDIN_FAULT", "")), 0

    def at(self, place):
        """What is to happen at "jailer", "start" or "accept"."""
        return dict(self.faults).get(place, "")

    def next(self, request):
        """What is to happen with this request: a word, or ""."""
        self.count += 1
        here = {"*", str(self.count), f"{request.method} {request.path}"}
        return next((what for where, what in self.faults if where in here), "")


def instead(what):
    """An answer instead of doing anything: (status, message) or None."""
    if what == "lines":
        return 400, "\n".join(f"this is line {i} of what went wrong" for i in range(LINES))
    if what == "huge":
        return 400, "x" * HUGE
    if len(what) == 3 and what.isdigit():
        return int(what), f"the stand-in was told to answer {what}"
    return None


def disfigure(what, answer):
    """The bytes to send, and whether the connection ends after them."""
    if what == "half":
        return answer[:len(answer) // 2], True
    if what == "stuck":
        return answer[:len(answer) // 2], False
    if what == "garbage":
        return GARBAGE, True
    if what == "close":
        return b"", True
    if what == "never":
        return b"", False
    if what == "headers":
        head, end, body = answer.partition(b"\r\n\r\n")
        more = b"".join(b"\r\nX-Line-%d: nothing" % i for i in range(LINES))
        return head + more + end + body, False
    return answer, False
