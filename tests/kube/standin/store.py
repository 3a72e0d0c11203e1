# SPDX-License-Identifier: Apache-2.0
"""The objects of the cluster, in memory: each change has a number, and whoever watches sees all in order."""

import copy
import datetime
import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Object = dict[str, Any]


class Key(NamedTuple):
    resource: str
    namespace: str
    name: str


class Change(NamedTuple):
    number: int
    type: str
    key: Key
    object: Object


def now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.objects: dict[Key, Object] = {}
        self.changes: list[Change] = []
        self.closed = False

    @property
    def number(self) -> int:
        return len(self.changes)

    def _note(self, type_: str, key: Key, new: Object) -> Object:
        new["metadata"]["resourceVersion"] = str(self.number + 1)
        self.changes.append(Change(self.number + 1, type_, key, new))
        self.changed.notify_all()
        return new

    def add(self, key: Key, new: Object) -> bool:
        """False if there is one already."""
        with self.changed:
            if key in self.objects:
                return False
            metadata = new.setdefault("metadata", {})
            metadata.update(name=key.name, uid=str(uuid.uuid4()), creationTimestamp=now())
            if key.namespace:
                metadata["namespace"] = key.namespace
            self.objects[key] = self._note("ADDED", key, new)
            return True

    def get(self, key: Key) -> Object | None:
        """Which nobody may change."""
        with self.changed:
            return self.objects.get(key)

    def change(self, key: Key, how: Callable[[Object], Object | None]) -> Object | None:
        """By a function that gets a copy, which it changes or replaces; None if there is no such object."""
        with self.changed:
            if key not in self.objects:
                return None
            old = self.objects[key]
            new = copy.deepcopy(old)
            new = how(new) or new
            if new != old:
                self.objects[key] = self._note("MODIFIED", key, new)
            return self.objects[key]

    def remove(self, key: Key, uid: str | None = None) -> Object | None:
        with self.changed:
            old = self.objects.get(key)
            if old is None or uid not in (None, old["metadata"]["uid"]):
                return None
            del self.objects[key]
            return self._note("DELETED", key, copy.deepcopy(old))

    def list(self, resource: str, namespace: str = "") -> tuple[int, list[Object]]:
        """In all namespaces, if none is given."""
        with self.changed:
            return self.number, [found for key, found in sorted(self.objects.items())
                                 if key.resource == resource and namespace in ("", key.namespace)]

    def uids(self, resource: str) -> set[str]:
        return {each["metadata"]["uid"] for each in self.list(resource)[1]}

    def watch(self, resources: set[str], after: int = 0) -> Iterator[Change]:
        """All changes after one, those to come too, until the store is closed."""
        while True:
            with self.changed:
                self.changed.wait_for(lambda seen=after: self.closed or self.number > seen)
                if self.closed:
                    return
                new = self.changes[after:]
            after += len(new)
            yield from (change for change in new if change.key.resource in resources)

    def close(self) -> None:
        with self.changed:
            self.closed = True
            self.changed.notify_all()
