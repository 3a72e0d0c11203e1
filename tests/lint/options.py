#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/options.md and docs/caisson.1 name the options and variables that there are, and no others.

    options.py [CAISSON VSOCKD 9PD]     the programs to ask; those in build/ unless given
"""

import glob
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = ["build/bin/caisson", "build/libexec/caisson/caisson-vsockd",
            "build/libexec/caisson/caisson-9pd"]
HELP = "-h, --help"
# Of tests and shells, not of ours.
COMMON = {"TMPDIR"}
failed = False


def verdict(name, wrong):
    global failed
    failed = failed or bool(wrong)
    print(f"{'not ok' if wrong else 'ok'} options: {name}")
    for line in sorted(wrong):
        print(f"  | {line}")


def read(path):
    with open(os.path.join(TOP, path), encoding="utf-8") as file:
        return file.read()


def output(*argv):
    return subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE).stdout


def differences(have, want, where):
    return [f"{where} lacks {x}" for x in want - have] + [f"{where} has {x}" for x in have - want]


def options_in_help(text):
    """The left column: "-e, --env K=V"."""
    return set(re.findall(r"^  +(-\S.*?)  +\S", text, re.M))


def rows(page, first_column):
    """The tables that begin with this column, a list of cells a row."""
    table = False
    for line in page.splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not cells or set(cells[0]) == {"-"}:
            table = table and bool(cells)
        elif cells[0] == first_column:
            table = True
        elif table:
            yield [cell.replace("\\|", "|") for cell in cells]


def words(cell):
    return re.findall(r"`([^`]*)`", cell)


def manual(page):
    """Flags by command, from its synopsis and its entry."""
    found, command, before = {}, None, ""
    for line in page.splitlines():
        start = re.match(r"\.(It )?Cm (\w[\w -]*)$", line)
        if start and (start[1] or before == ".Nm"):
            command = start[2]
        elif line.startswith(".Sh"):
            command = None
        flags = re.search(r"\bFl ((?:\S+ , )*\S+)", line)
        if command and flags:
            found.setdefault(command, set()).update("-" + f for f in flags[1].split(" , "))
        before = line
    return found


def commands_of(*program):
    """Words that the help lists as commands; instead of one that has some, those."""
    listed = output(*program, "--help").split("Commands:\n")
    for name in re.findall(r"^  ([\w-]+) ", listed[1].split("\n\n")[0], re.M) if listed[1:] else []:
        below = [f"{name} {word}" for word in commands_of(*program, name)]
        yield from below or [name]


def check_help(page, manual_page, caisson, *others):
    documented = {}
    for command, option, *_ in rows(page, "command"):
        documented.setdefault(words(command)[0], set()).update(words(option))
    flags = manual(manual_page)
    wrong, wrong_manual = [], []
    for command in commands_of(caisson):
        options = options_in_help(output(caisson, *command.split(), "--help")) - {HELP}
        wrong += differences(documented.get(command, set()), options, command)
        names = [set(re.findall(r"(?:^|, )(--?[\w-]+)", option)) for option in options]
        known = flags.get(command, set())
        wrong_manual += [f"{command} lacks {'/'.join(n)}" for n in names if not n & known]
        wrong_manual += [f"{command} has {f}" for f in known - set().union(*names)]
    for program in others:
        name = os.path.basename(program)
        wrong += differences(documented.get(name, set()),
                             options_in_help(output(program, "--help")), name)
    shim = {f"--{o}" for o in re.findall(r'{"(\w+)", \w+_argument', read("src/shim/main.c"))}
    have = {o.split()[0] for o in documented.get("caisson-shim", set())}
    verdict("docs/options.md and --help", wrong + differences(have, shim, "caisson-shim"))
    verdict("docs/caisson.1 and --help", wrong_manual)


def variables_in_sources():
    found = set()
    for pattern in ("src/**/*.[ch]", "kernel/*.sh", "tests/**/*.py", "tests/**/*.sh", "bench/run"):
        for path in glob.glob(pattern, root_dir=TOP, recursive=True):
            text = read(path)
            found |= set(re.findall(r"""["'{$]((?:CAISSON|XDG)_[A-Z_]+)""", text))
            found |= set(re.findall(r'getenv\("([A-Z_]+)"', text))
    return found


def check_names(page):
    """The tables whose rows begin with a name that stands in the sources."""
    variables = {w for row in rows(page, "variable") for w in words(row[0])}
    verdict("variables", differences(variables - COMMON, variables_in_sources(), "docs/options.md"))
    have = {w[: w.find("=") + 1] for row in rows(page, "word") for w in words(row[0])}
    want = set(re.findall(r'define ABI_CMDLINE_\w+\s+"([^"]+)"', read("include/abi/abi.h")))
    verdict("kernel command line", differences(have, want, "docs/options.md"))
    have = {w for row in rows(page, "key") for w in words(row[0])}
    want = set(re.findall(r'\{"(\w+)", (?:check|set|add)_', read("src/guest/init/init-conf.c")))
    verdict("init.conf", differences(have, want, "docs/options.md"))
    have = {w for row in rows(page, "variable of an image") for w in words(row[0])}
    want = set(re.findall(r'define IMAGE_ENV_\w+\s+"(\w+)"', read("src/image/build.h")))
    verdict("variables of images", differences(have, want, "docs/options.md"))
    have = {w for row in rows(page, "key of the configuration") for w in words(row[0])}
    want = set(re.findall(r'define CONF_\w+\s+"([a-z]+\.[a-z_]+)"', read("src/sandbox/conf.h")))
    want |= set(re.findall(r'\{"([a-z]+\.[a-z_]+)", CONF_', read("src/sandbox/conf.c")))
    names = [w for row in rows(page, "key of the configuration") for w in words(row[0])]
    twice = [f"{name} has two rows" for name in have if names.count(name) > 1]
    verdict("configuration", twice + differences(have, want, "docs/options.md"))
    have = {w for row in rows(page, "option of meson") for w in words(row[0])}
    want = set(re.findall(r"option\('(\w+)'", read("meson_options.txt")))
    verdict("build", differences(have, want, "docs/options.md"))


def check_settings(page):
    """What became of each RUNCVM_* is the same in the table of the source."""
    source = read("src/sandbox/setting.c")
    have = {words(row[0])[0]: row[1] for row in rows(page, "setting")}
    want = {name: fate.lower() for name, fate in re.findall(r'\{"(RUNCVM_\w+)",\s+([A-Z]+),', source)}
    families = re.search(r"ignored_prefixes\[\] = \{(.*?)\}", source)[1]
    want |= {name: "ignored" for name in re.findall(r'"(RUNCVM_\w+)"', families)}
    wrong = [f"{name} is {want[name]}, not {have[name]}" for name in have.keys() & want.keys()
             if have[name] != want[name]]
    named = set()
    for path in glob.glob("src/**/*.[ch]", root_dir=TOP, recursive=True):
        if not os.path.basename(path).startswith("test-"):
            named |= set(re.findall(r"RUNCVM_[A-Z]\w*", read(path)))
    wrong += [f"{name} is in src, but in no row" for name in named - have.keys() - {"RUNCVM_NAME"}]
    verdict("settings", wrong + differences(set(have), set(want), "docs/options.md"))


def check_places(page):
    """Each row's last cell names files that hold the option's own name."""
    wrong = []
    for first, column in (("command", 1), ("variable", 0), ("option of meson", 0)):
        for row in rows(page, first):
            option = words(row[column])[0]
            long = re.search(r"--([\w-]+)", option)
            name = re.compile(f'["-]{long[1]}\\b' if long else option)
            for path in words(row[-1]):
                if not os.path.exists(os.path.join(TOP, path)) or not name.search(read(path)):
                    wrong.append(f"{option} is not in {path}")
    verdict("where they are read", wrong)


def main(programs):
    programs = programs or [os.path.join(TOP, p) for p in PROGRAMS]
    page = read("docs/options.md")
    check_help(page, read("docs/caisson.1"), *programs)
    check_names(page)
    check_settings(page)
    check_places(page)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
