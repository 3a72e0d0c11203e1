# SPDX-License-Identifier: Apache-2.0
"""A pod's volumes: folders of the host, which its containers get mounted."""

import os
import shutil
import stat
import subprocess
from typing import Any

from standin.kubelet import quantity, sources
from standin.kubelet.atomic import write
from standin.kubelet.environment import expand
from standin.kubelet.errors import Waits
from standin.store import Key, Store

Object = dict[str, Any]
# What a hostPath of these types has to be; any other one has to be there.
TYPES = {"Directory": stat.S_ISDIR, "DirectoryOrCreate": stat.S_ISDIR, "File": stat.S_ISREG, "FileOrCreate": stat.S_ISREG,
         "Socket": stat.S_ISSOCK, "CharDevice": stat.S_ISCHR, "BlockDevice": stat.S_ISBLK}
PROPAGATION = {"None": "PROPAGATION_PRIVATE", "HostToContainer": "PROPAGATION_HOST_TO_CONTAINER",
               "Bidirectional": "PROPAGATION_BIDIRECTIONAL"}


def _give(path: str, group: int) -> None:
    for place, _, files in os.walk(path):
        for each in [place, *(os.path.join(place, name) for name in files)]:
            if not os.path.islink(each):
                os.chown(each, -1, group)
                more = 0o2070 if each == place else 0o060
                os.chmod(each, stat.S_IMODE(os.stat(each).st_mode) | more)


def _touch(path: str, like: str) -> None:
    """Something to mount that on."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.isdir(like):
        os.makedirs(path, exist_ok=True)
    else:
        os.close(os.open(path, os.O_CREAT | os.O_CLOEXEC, 0o644))


class Volumes:
    def __init__(self, store: Store, folder: str) -> None:
        self.store, self.folder = store, folder
        self.pod: Object = {}
        self.mounted: list[str] = []

    def prepare(self, pod: Object) -> None:
        """All of them; and again, when what some show has changed."""
        self.pod = pod
        os.makedirs(self.folder, exist_ok=True)
        for volume in pod["spec"].get("volumes", []):
            try:
                self._prepare(volume["name"], {kind: source for kind, source in volume.items() if kind != "name"})
            except Waits as missing:
                raise Waits("FailedMount", f"MountVolume.SetUp failed for \"{volume['name']}\": {missing}") from None

    def _prepare(self, name: str, given: Object) -> None:
        ((kind, source),) = given.items()
        path = self._path(name)
        if kind in sources.KINDS:
            write(path, sources.KINDS[kind](self.store, self.pod, source))
            self._give(path)
        elif kind in KINDS:
            KINDS[kind](self, path, source or {})
        else:
            raise Waits("FailedMount", f"{kind} is not known here")

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, "volumes", name)

    def _give(self, path: str) -> None:
        group = self.pod["spec"].get("securityContext", {}).get("fsGroup")
        if group is not None:
            _give(path, group)

    def _mount(self, place: str, *words: str) -> None:
        subprocess.run(["mount", *words, place], check=True)
        self.mounted.append(place)

    def _empty(self, path: str, source: Object) -> None:
        if os.path.isdir(path):
            return
        os.makedirs(path)
        if source.get("medium") == "Memory":
            limit = int(quantity.parse(source["sizeLimit"])) if "sizeLimit" in source else "50%"
            self._mount(path, "-t", "tmpfs", "-o", f"size={limit}", "tmpfs")
        os.chmod(path, 0o777)
        self._give(path)

    def _host(self, path: str, source: Object) -> None:
        wanted, kind = source["path"], source.get("type", "")
        if not os.path.islink(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.symlink(wanted, path)
        if kind == "DirectoryOrCreate":
            os.makedirs(wanted, 0o755, exist_ok=True)
        elif kind == "FileOrCreate" and not os.path.exists(wanted):
            os.close(os.open(wanted, os.O_CREAT | os.O_CLOEXEC, 0o644))
        if kind and not (os.path.exists(wanted) and TYPES[kind](os.stat(wanted).st_mode)):
            raise Waits("FailedMount", f"hostPath type check failed: {wanted} is no {kind or 'path'}")

    def _claim(self, path: str, source: Object) -> None:
        """Of a volume that is a folder of this host's."""
        namespace, name = self.pod["metadata"]["namespace"], source["claimName"]
        claim = self.store.get(Key("persistentvolumeclaims", namespace, name))
        volume = claim and self.store.get(Key("persistentvolumes", "", claim["spec"].get("volumeName", "")))
        if not volume:
            raise Waits("FailedMount", f"persistentvolumeclaim \"{name}\" not found, or not bound")
        self._host(path, volume["spec"].get("hostPath") or volume["spec"]["local"])

    def mounts(self, container: Object, known: dict[str, str]) -> list[Object]:
        """As CRI gets them."""
        return [self._mount_of(container["name"], number, each, known)
                for number, each in enumerate(container.get("volumeMounts", []))]

    def _mount_of(self, container: str, number: int, mount: Object, known: dict[str, str]) -> Object:
        name = mount["name"]
        path = os.path.realpath(self._path(name))
        below = expand(mount.get("subPathExpr", ""), known) or mount.get("subPath")
        if below:
            path = self._below(path, below, os.path.join(self.folder, "subpaths", name, container, str(number)))
        return {"container_path": os.path.join("/", mount["mountPath"]), "host_path": path,
                "readonly": mount.get("readOnly", False),
                "propagation": PROPAGATION[mount.get("mountPropagation", "None")]}

    def devices(self, container: Object) -> list[Object]:
        """Claims of volumes that are block devices, as CRI gets them."""
        claims = {each["name"]: each["persistentVolumeClaim"] for each in self.pod["spec"].get("volumes", [])
                  if "persistentVolumeClaim" in each}
        return [{"container_path": each["devicePath"], "host_path": os.path.realpath(self._path(each["name"])),
                 "permissions": "r" if claims[each["name"]].get("readOnly") else "mrw"}
                for each in container.get("volumeDevices", [])]

    def _below(self, volume: str, below: str, place: str) -> str:
        """Mounted where no link in the volume leads elsewhere any more, once it has been looked at."""
        if os.path.isabs(below) or ".." in below.split("/"):
            raise Waits("CreateContainerConfigError", f"subPath \"{below}\" must be below the volume")
        os.makedirs(volume, exist_ok=True)
        path = os.path.realpath(os.path.join(volume, below))
        if os.path.commonpath([path, volume]) != volume:
            raise Waits("CreateContainerConfigError", f"subPath \"{below}\" is not within the volume")
        if not os.path.exists(path):
            os.makedirs(path)
        if place not in self.mounted:
            _touch(place, path)
            self._mount(place, "--bind", path)
        return place

    def remove(self) -> None:
        while self.mounted:
            subprocess.run(["umount", self.mounted.pop()], check=True)
        shutil.rmtree(self.folder, ignore_errors=True)


# pylint: disable=protected-access # they are its own
KINDS = {"emptyDir": Volumes._empty, "hostPath": Volumes._host, "persistentVolumeClaim": Volumes._claim}
