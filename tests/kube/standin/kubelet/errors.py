# SPDX-License-Identifier: Apache-2.0
"""What keeps a pod from going on, as its events and states name it."""


class Waits(Exception):
    """A pod or a container cannot be started yet."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
