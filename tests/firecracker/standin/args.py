# SPDX-License-Identifier: Apache-2.0
"""The command lines of Firecracker and jailer: long options only, values in the next word."""

from standin.version import since

FLAG, VALUE, MANY = "flag", "value", "many"


class BadArguments(Exception):
    pass


class Option:
    def __init__(self, kind, default=None, required=False, needs=None, forbids=None):
        self.kind, self.default, self.required = kind, default, required
        self.needs, self.forbids = needs, forbids


def firecracker_options():
    options = {
        "api-sock": Option(VALUE, "/run/firecracker.socket"),
        "id": Option(VALUE, "anonymous-instance"),
        "seccomp-filter": Option(VALUE, forbids="no-seccomp"),
        "no-seccomp": Option(FLAG, forbids="seccomp-filter"),
        "start-time-us": Option(VALUE),
        "start-time-cpu-us": Option(VALUE),
        "parent-cpu-time-us": Option(VALUE),
        "config-file": Option(VALUE),
        "metadata": Option(VALUE),
        "no-api": Option(FLAG, needs="config-file"),
        "log-path": Option(VALUE),
        "level": Option(VALUE),
        "show-level": Option(FLAG),
        "show-log-origin": Option(FLAG),
        "metrics-path": Option(VALUE),
        "boot-timer": Option(FLAG),
        "version": Option(FLAG),
        "describe-snapshot": Option(VALUE),
        "http-api-max-payload-size": Option(VALUE, "51200"),
        "mmds-size-limit": Option(VALUE),
    }
    if since(1, 7):
        options["module"] = Option(VALUE)
        options["snapshot-version"] = Option(FLAG)
    if since(1, 13):
        options["enable-pci"] = Option(FLAG)
    return options


def jailer_options():
    return {
        "id": Option(VALUE, required=True),
        "exec-file": Option(VALUE, required=True),
        "uid": Option(VALUE, required=True),
        "gid": Option(VALUE, required=True),
        "chroot-base-dir": Option(VALUE, "/srv/jailer"),
        "netns": Option(VALUE),
        "daemonize": Option(FLAG),
        "new-pid-ns": Option(FLAG),
        "cgroup": Option(MANY),
        "resource-limit": Option(MANY),
        "cgroup-version": Option(VALUE, "1"),
        "parent-cgroup": Option(VALUE),
        "version": Option(FLAG),
    }


def check_relations(options, found, words):
    for name in sorted(options):
        option = options[name]
        if option.required and name not in found:
            raise BadArguments(f"Argument '{name}' required, but not found.")
        if name not in found:
            continue
        if option.needs and "--" + option.needs not in words:
            raise BadArguments(f"Argument '{option.needs}' required, but not found.")
        if option.forbids and "--" + option.forbids in words:
            raise BadArguments(f"Argument '{option.forbids}' cannot be used together with "
                               f"argument '{name}'.")


def take(options, words):
    """The options that are in words, without defaults."""
    found, rest = {}, iter(words)
    for word in rest:
        name = word[2:] if word.startswith("--") else word
        option = options.get(name) if word.startswith("--") else None
        if not option:
            raise BadArguments(f"Found argument '{name}' which wasn't expected, or isn't valid in "
                               "this context.")
        if name in found and option.kind != MANY:
            raise BadArguments(f"The argument '{name}' was provided more than once.")
        if option.kind == FLAG:
            found[name] = True
            continue
        value = next(rest, None)
        if value is None or value.startswith("--"):
            raise BadArguments(f"The argument '{name}' requires a value, but none was supplied.")
        if option.kind == MANY:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    return found


def parse(options, words):
    """Return: (values by name, what comes after "--"); "help" and "version" come alone."""
    extra = []
    if "--" in words:
        extra = words[words.index("--") + 1:]
        words = words[:words.index("--")]
    for name, spellings in (("help", ("--help", "-h")), ("version", ("--version",))):
        if any(spelling in words for spelling in spellings):
            return {name: True}, extra
    found = take(options, words)
    check_relations(options, found, words)
    values = {name: option.default for name, option in options.items()}
    values.update(found)
    return values, extra


def bad_instance_id(text):
    """What is wrong with an id, as (in words, as Rust prints the value); or None."""
    size = len(text.encode())
    if not 1 <= size <= 64:
        return (f"Invalid len ({size});  the length must be between 1 and 64",
                f"InvalidLen({size}, 1, 64)")
    for index, char in enumerate(text):
        if char != "-" and not char.isalnum():
            return f"Invalid char ({char}) at position {index}", f"InvalidChar('{char}', {index})"
    return None


def help_text(options):
    lines = []
    for name in sorted(options):
        value = "" if options[name].kind == FLAG else f" <{name}>"
        lines.append(f"  --{name}{value}")
    return "\n".join(lines)
