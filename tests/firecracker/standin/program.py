# SPDX-License-Identifier: Apache-2.0
"""The stand-in's Firecracker: from its command line to its exit status.

Once the process is in its jail nothing can be imported any more, and there is no /proc.
"""

import os
import resource
import signal
import sys

from standin import args, files, version
from standin.api import Api
from standin.errors import Exit, os_text
from standin.faults import Faults
from standin.log import LEVELS, log
from standin.machine import Machine, tsc_khz
from standin.metrics import metrics
from standin.resources import Resources
from standin.room import Door
from standin.server import Server

BAD_CONFIGURATION = 152
BAD_ARGUMENTS = 153
# Set by the stand-in's jailer.
JAIL = "STANDIN_JAIL"


def jail():
    """Return: (root, (uid, gid), the largest size of files), or Nones."""
    text = os.environ.pop(JAIL, None)
    if not text:
        return None, None, None
    uid, gid, size, root = text.split(":", 3)
    return root, (int(uid), int(gid)), int(size) if size else None


def enter(root, user, size):
    """Into the jail, for good: from here on paths and permissions are the kernel's business."""
    if size is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    os.chroot(root)
    os.chdir("/")
    os.setgroups([])
    os.setresgid(user[1], user[1], user[1])
    os.setresuid(user[0], user[0], user[0])


def rename():
    try:
        with open("/proc/self/comm", "w", encoding="ascii") as file:
            file.write("firecracker")
    except OSError:
        pass


def panic(text):
    """Rust's, built to abort."""
    sys.stderr.write(f"thread 'main' panicked at stand-in:\n{text}\n")
    sys.stderr.flush()
    log.error(f"Firecracker panicked: {text}")
    signal.signal(signal.SIGABRT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGABRT)


def parse(words):
    try:
        values, _ = args.parse(args.firecracker_options(), words)
    except args.BadArguments as error:
        raise Exit(BAD_ARGUMENTS, f"Arguments parsing error: {error} \n\n"
                   "For more information try --help.") from error
    return values


def say(values):
    """--help and the like. Return: whether that was all."""
    if values.get("help"):
        print(f"Firecracker v{version.TEXT}\n\n{args.help_text(args.firecracker_options())}")
    elif values.get("version"):
        print(f"Firecracker v{version.TEXT}\n")
        if not version.since(1, 5):
            print("Supported snapshot data format versions: v1.4.0\n")
    elif values.get("snapshot-version"):
        print(f"v{version.SNAPSHOT_FORMAT[version.TEXT]}")
    elif values.get("describe-snapshot"):
        raise Exit(1, "When printing Snapshot Data format: the stand-in reads no snapshots")
    else:
        return False
    return True


def number(values, name):
    text = values[name]
    if text is not None and not (text.isascii() and text.isdigit()):
        kind = "usize" if name.endswith(("size", "limit")) else "u64"
        panic(f"'{name}' parameter expected to be of '{kind}' type.")
    return int(text or 0)


def set_up_log(values):
    wrong = args.bad_instance_id(values["id"])
    if wrong:
        panic(f"Invalid instance ID: {wrong[1]}")
    log.instance = values["id"]
    level = values["level"]
    if level and level.lower() not in LEVELS:
        raise Exit(BAD_CONFIGURATION if version.since(1, 5) else 1,
                   "Invalid value for logger level: Failed to parse string to level filter: "
                   f"{level}.Possible values: [Error, Warning, Info, Debug]")
    try:
        log.update({"log_path": values["log-path"], "level": level,
                    "show_level": values["show-level"],
                    "show_log_origin": values["show-log-origin"]})
    except OSError as error:
        raise Exit(1, "Could not initialize logger: Failed to open target file: "
                   + os_text(error)) from error
    log.info(f"Running Firecracker v{version.TEXT}")
    if values["metrics-path"] is not None:
        wrong = metrics.open(values["metrics-path"])
        if wrong:
            raise Exit(1, "Could not initialize metrics: Cannot initialize the metrics system due "
                       f"to bad user input: {wrong}")


def open_api(path):
    try:
        listener = files.listen(path)
    except OSError as error:
        if error.errno == 98:
            raise Exit(1, f"RunWithApiError error: Failed to open the API socket at: {path}. Check "
                       "that it is not already used.") from error
        raise Exit(1, "RunWithApiError error: Failed to bind and run the HTTP server: IO error: "
                   + files.text(error)) from error
    log.info(f'Listening on API socket ("{path}").')
    return listener


def load(api, path, with_api):
    if not os.access(path, os.R_OK):
        panic("Unable to open or read from the configuration file")
    try:
        api.load_file(path)
    except Exit as error:
        run = "RunWithApiError" if with_api else "RunWithoutApiError"
        raise Exit(error.status, f"{run} error: Failed to build MicroVM from Json: {error.message}"
                   if version.since(1, 5) else error.message) from error


def run(values, door, khz):
    limit = number(values, "http-api-max-payload-size")
    for name in ("start-time-us", "start-time-cpu-us", "parent-cpu-time-us", "mmds-size-limit"):
        number(values, name)
    if values["seccomp-filter"] is not None:
        raise Exit(1, "Seccomp error: the stand-in has no filters")
    if values["metadata"] is not None:
        raise Exit(1, "the stand-in has no MMDS")
    if Faults().at("start") == "die":
        raise Exit(1, "the stand-in was told to die")
    listener = None if values["no-api"] else open_api(values["api-sock"])
    api = Api(values["id"], Machine(door, khz), Resources(), bool(values.get("enable-pci")))
    server = Server(listener, api, door, limit)
    if values["config-file"] is not None:
        load(api, values["config-file"], listener is not None)
    if listener:
        server.started()
    server.run()


def end_with_children(door):
    """SIGTERM kills Firecracker, and with it goes all it had."""
    def handler(number_, _):
        signal.signal(number_, signal.SIG_DFL)
        door.close()
        os.kill(os.getpid(), number_)

    if os.getpid() != 1:
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            signal.signal(name, handler)


def live(words):
    """Exit: always."""
    if not version.NUMBERS:
        raise Exit(2, f"STANDIN_VERSION is none of {', '.join(version.KNOWN)}")
    values = parse(words)
    if say(values):
        raise Exit(0)
    root, user, size = jail()
    door, khz = Door(user), tsc_khz()
    rename()
    if root:
        enter(root, user, size)
    end_with_children(door)
    try:
        set_up_log(values)
        run(values, door, khz)
    finally:
        door.close()


def main(words):
    try:
        live(words)
    except Exit as end:
        if end.status:
            log.error(str(end))
            sys.stderr.write(f"Error: {end}\n")
            log.error(f"Firecracker exiting with error. exit_code={end.status}")
        elif end.message:
            log.info(end.message)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.status)
