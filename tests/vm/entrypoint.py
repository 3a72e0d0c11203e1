#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images that run by themselves what they would run in a container: `caisson image build --init
--entrypoint-file`, and a machine that has nothing but that image.

    entrypoint.py [TEST...]
"""

import io
import os
import shutil
import sys
import tarfile
import tempfile

from guestlib import Failed, check
from imagelib import Boot, busybox_tree, run, write

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, TOP + "/tests/lib")
from ociimage import Image, Layer  # pylint: disable=wrong-import-position

REPORT = """#!/bin/sh
echo "pid $$ cwd $PWD user $(id -u):$(id -g)"
for word; do echo "arg <$word>"; done
echo "variable <$VARIABLE> path <$PATH>"
exit 3
"""


COUNT = """#!/bin/sh
echo "$# words"
for word; do
	if [ ${#word} -gt 1000 ]; then echo "word of ${#word}"; else echo "word <$word>"; fi
done
"""


class Case:
    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="caisson-test-entry.")
        self.image = self.dir + "/made"
        busybox_tree(self.dir + "/tree", None, {"/bin/report": REPORT})
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.dir)

    def oci(self, **config):
        """The tree as an OCI image with these settings."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as tar:
            tar.add(self.dir + "/tree", arcname=".")
        Image([Layer(data.getvalue(), None)], **config).write_oci(self.dir + "/image")
        return f"oci:{self.dir}/image"

    def build(self, *words):
        """Return: what is said on stderr."""
        said = self.dir + "/said"
        run("sh", "-c", 'exec "$@" 2>"$0"', said, TOP + "/build/bin/caisson", "image", "build",
            "-o", self.image, "--extra", "8M", *words)
        with open(said, encoding="utf-8") as file:
            return file.read()

    def show(self, what):
        return run("debugfs", "-R", what, self.image)


def image_as_container():
    """Its command, environment, user and folder."""
    with Case() as case:
        case.build("--init", "--entrypoint-file",
                   case.oci(Entrypoint=["report", "a b"], Cmd=["", "$HOME"], User="1000:20",
                            Env=["VARIABLE=x = y ", "PATH=/bin"], WorkingDir="/srv/none yet"))
        listing = case.show("ls -l /.runcvm")
        check("100600" in listing and "entrypoint" in listing and "config" in listing, listing)
        check(case.show("cat /.runcvm/entrypoint") == "report\na b\n\n$HOME\n", "the arguments")
        run("e2fsck", "-fn", case.image)
        with Boot(case.image) as vm:
            text = vm.end()
        for said in ("cwd /srv/none yet user 1000:20\n", "arg <a b>\narg <>\narg <$HOME>\nvariable",
                     "variable <x = y > path </bin>\n", "has ended: status 3\n", "power off"):
            check(said in text, f"{said!r} is not on the console: {text}")


def words_of_ones_own():
    """In place of Cmd, with anything in them."""
    with Case() as case:
        case.build("--init", "--entrypoint-file", case.oci(Entrypoint=["report"], Cmd=["not this"]),
                   "--", "two\nlines", "'\"\\", "u", "--", "-x")
        with Boot(case.image) as vm:
            text = vm.end()
        check("arg <two\nlines>\narg <'\"\\>\narg <u>\narg <-->\narg <-x>\nvariable <>" in text,
              text)
        check("user 0:0" in text and "cwd /\n" not in text.split("user")[1], text)


def folder():
    """That has no settings: only the words."""
    with Case() as case:
        case.build("--init", "--entrypoint-file", f"dir:{case.dir}/tree", "--", "/bin/report", "x")
        with Boot(case.image) as vm:
            check("arg <x>\n" in vm.end(), vm.console)


def without_entrypoint():
    """It says so, with the path, and waits to be looked at; so does one that is empty."""
    for empty in False, True:
        with Case() as case:
            if empty:
                os.mkdir(case.dir + "/tree/.runcvm")
                with open(case.dir + "/tree/.runcvm/entrypoint", "wb"):
                    pass
            case.build("--init", f"dir:{case.dir}/tree")
            with Boot(case.image) as vm:
                vm.expect("[VM-START] No entrypoint found in /.runcvm/entrypoint")
                check(vm.qemu.poll() is None, "it has ended")


def many_words():
    """A hundred, the last of 100 KB; one that has a newline, so that all end otherwise; characters of all kinds."""
    words = ["$HOME $(A) $$", "`id`", "\u00fcber \u6f22 \U0001f40b", "*", "", "\\n", *map(str, range(93)),
             "x" * 100000]
    for more in [], ["two\nlines"]:
        with Case() as case:
            write(case.dir + "/tree/bin/count", COUNT, 0o755)
            case.build("--init", "--entrypoint-file", f"dir:{case.dir}/tree", "--", "count", *words,
                       *more)
            file = case.show("cat /.runcvm/entrypoint")
            check(("\0" in file) == bool(more), "how words end")
            with Boot(case.image) as vm:
                text = vm.end()
            for said in (f"{len(words + more)} words\n", "word <$HOME $(A) $$>\n", "word <`id`>\n",
                         "word <\u00fcber \u6f22 \U0001f40b>\n", "word <*>\nword <>\nword <\\n>\n",
                         "word <92>\nword of 100000\n" + ("word <two\nlines>\n" if more else "")):
                check(said in text, f"{said!r} is not on the console: {text}")


def stages():
    """What becomes of the command, on the way into the file and out of it again: whoever asks is told."""
    for level in "DEBUG", "info":
        with Case() as case:
            said = case.build("--init", "--entrypoint-file",
                              case.oci(Entrypoint=["report", "a"], Env=["RUNCVM_LOG_LEVEL=" + level,
                                                                        "PATH=/bin"]))
            with Boot(case.image) as vm:
                text = vm.end()
            for line, where in (("entrypoint captured: 2 words\n", said),
                                ("entrypoint packed: /.runcvm/entrypoint of 9 bytes, /.runcvm/config", said),
                                ("vminitd: entrypoint read: report\n", text),
                                ("vminitd: entrypoint executing: /bin/report\n", text)):
                check((line in where) == (level == "DEBUG"), f"{level}: {line!r}: {where}")
            check("arg <a>\n" in text, text)


def no_program():
    """How far it came."""
    with Case() as case:
        case.build("--init", "--entrypoint-file",
                   case.oci(Entrypoint=["nonesuch"], Env=["RUNCVM_LOG_LEVEL=debug"]))
        with Boot(case.image) as vm:
            vm.expect("entrypoint read: nonesuch")
            vm.expect('there is no program "nonesuch"')
            check("entrypoint executing" not in vm.console, vm.console)


def no_program_that_runs():
    """Nobody says that it was executed."""
    with Case() as case:
        write(case.dir + "/tree/bin/words", "echo no interpreter\n", 0o755)
        case.build("--init", "--entrypoint-file",
                   case.oci(Entrypoint=["words"], Env=["RUNCVM_LOG_LEVEL=debug", "PATH=/bin"]))
        with Boot(case.image) as vm:
            vm.expect("entrypoint executing: /bin/words")
            vm.expect("cannot run /bin/words: Exec format error")
            check("executed" not in vm.console, vm.console)


TESTS = [image_as_container, words_of_ones_own, folder, without_entrypoint, many_words, stages, no_program,
         no_program_that_runs]


def main(args):
    if os.geteuid() != 0:
        print("ok entrypoint # SKIP files of several owners need root")
        sys.exit(77)
    for test in TESTS:
        if args and test.__name__ not in args:
            continue
        try:
            test()
        except Failed as error:
            print(f"not ok {test.__name__}: {error}")
            sys.exit(1)
        print("ok", test.__name__, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
