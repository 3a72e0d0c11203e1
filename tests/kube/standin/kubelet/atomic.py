# SPDX-License-Identifier: Apache-2.0
"""A folder of files that change all at once: who reads them sees the old ones or the new ones.

As kubelet does it, so that containers see what they see in a cluster: each name is a link into "..data",
which is a link to the folder of one moment.
"""

import datetime
import os
import shutil
from typing import NamedTuple

DATA = "..data"


class File(NamedTuple):
    data: bytes
    mode: int


def _same(folder: str, files: dict[str, File]) -> bool:
    """Is that what is there?"""
    data = os.path.join(folder, DATA)
    have = {os.path.relpath(os.path.join(place, name), data)
            for place, _, names in os.walk(data + "/") for name in names}
    if not os.path.islink(data) or have != set(files):
        return False
    for name, file in files.items():
        with open(os.path.join(data, name), "rb") as old:
            if old.read() != file.data:
                return False
    return True


def _make(folder: str, files: dict[str, File]) -> None:
    os.mkdir(folder, 0o755)
    for name, file in files.items():
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as new:
            new.write(file.data)
            os.fchmod(new.fileno(), file.mode)


def _link(target: str, path: str) -> None:
    """In place of what is there."""
    new = path + "_tmp"
    os.symlink(target, new)
    os.rename(new, path)


def write(folder: str, files: dict[str, File]) -> None:
    os.makedirs(folder, exist_ok=True)
    if _same(folder, files):
        return
    data = os.path.join(folder, DATA)
    old = os.readlink(data) if os.path.islink(data) else None
    new = datetime.datetime.now().strftime("..%Y_%m_%d_%H_%M_%S.%f")
    _make(os.path.join(folder, new), files)
    _link(new, data)
    tops = {name.split("/")[0] for name in files}
    for top in tops:
        if not os.path.islink(os.path.join(folder, top)):
            os.symlink(os.path.join(DATA, top), os.path.join(folder, top))
    for name in os.listdir(folder):
        if not name.startswith("..") and name not in tops:
            os.unlink(os.path.join(folder, name))
    if old:
        shutil.rmtree(os.path.join(folder, old))
