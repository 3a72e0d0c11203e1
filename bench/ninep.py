# SPDX-License-Identifier: Apache-2.0
"""A folder of the host's in a VM, by 9P over vsock and by virtiofs."""

import os

import volume
from command import output

# Done by busybox in the guest, in this order and in the volume.
WORK = {
    "read 128 MB": "dd if=large of=/dev/null bs=128k",
    "write 128 MB": "dd if=/dev/zero of=written bs=128k count=1024 conv=fsync",
    "find 7,000 files": "find many",
    "read 1,000 files": "cat many/?/*",
}


# From that on 9P has longer messages.
MEMORY = ["--memory", "512M"]


class Ninep:
    """The folder, and a guest that works in it."""

    def __init__(self, work, run, image):
        """@run: a command that runs an image"""
        self.run, self.image, self.folder = run, image, f"{work}/ninep"
        os.makedirs(self.folder)
        with open(self.folder + "/large", "wb") as out:
            for _ in range(128):
                out.write(os.urandom(1 << 20))
        for i in range(7000):
            place = f"{self.folder}/many/{i // 100}"
            os.makedirs(place, exist_ok=True)
            with open(f"{place}/{i}", "wb") as out:
                out.write(os.urandom(2048))
        with open(self.folder + "/work.sh", "w", encoding="ascii") as out:
            out.write("cd /v\nfind many -size +1 >/dev/null\n" + volume.timed(WORK))

    def figures(self, mode, cache=None):
        """Seconds, by @mode, of what is done; @cache: as RUNCVM_VIRTIOFSD_CACHE has it, which is for both."""
        keeping = ["-e", f"RUNCVM_VIRTIOFSD_CACHE={cache}"] if cache else []
        text = output([*self.run, *MEMORY, *keeping, "-v", f"{self.folder}:/v", "--volume-mode", mode,
                       "--rootfs-mode", "image", self.image, "sh", "/v/work.sh"])
        return volume.figures(text, WORK)
