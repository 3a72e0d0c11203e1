# SPDX-License-Identifier: Apache-2.0
"""Commands that are measured, or that help with it."""

import subprocess


def output(argv, **more):
    """What a command prints; what it complains of is shown only if it fails."""
    return subprocess.run([str(word) for word in argv], check=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more).stdout
