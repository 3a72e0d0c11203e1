# SPDX-License-Identifier: Apache-2.0
"""What can be done with objects of every kind: create, get, list, watch, replace, patch, delete."""

import json
import random
import string
from typing import Any

from standin.apiserver import patch, pods, printing, selectors
from standin.apiserver.http import JSON, Refused, Request
from standin.apiserver.resources import Resource
from standin.store import Key, Store

Object = dict[str, Any]
SUFFIX = string.ascii_lowercase + string.digits


class Objects:
    """The requests for one kind in one namespace; in none is in all, or of what has none."""

    def __init__(self, store: Store, request: Request, resource: Resource, namespace: str) -> None:
        self.store, self.request = store, request
        self.resource, self.namespace = resource, namespace

    def key(self, name: str) -> Key:
        return Key(self.resource.name, self.namespace, name)

    def typed(self, found: Object) -> Object:
        return {"kind": self.resource.kind, "apiVersion": self.resource.api_version, **found}

    def _tabular(self) -> bool:
        return "as=Table" in self.request.headers.get("Accept", "")

    def _printed(self, found: Object) -> Object:
        version = found["metadata"]["resourceVersion"]
        found = self.typed(found)
        return printing.table(self.resource.kind, version, [found]) if self._tabular() else found

    def found(self, name: str) -> Object:
        found = self.store.get(self.key(name))
        if found is None:
            raise Refused(404, f"{self.resource.name} \"{name}\" not found")
        return found

    def get(self, name: str) -> None:
        self.request.answer(self._printed(self.found(name)))

    def create(self) -> None:
        new = self.request.body()
        metadata = new.setdefault("metadata", {})
        if not metadata.get("name") and metadata.get("generateName"):
            metadata["name"] = metadata["generateName"] + "".join(random.choices(SUFFIX, k=5))
        if not metadata.get("name"):
            raise Refused(422, f"{self.resource.kind}: metadata.name is missing")
        if self.resource.kind == "Pod":
            pods.complete(new, self.store)
        if self.request.one("dryRun"):
            self.request.answer(self.typed(new), 201)
            return
        if not self.store.add(self.key(metadata["name"]), new):
            raise Refused(409, f"{self.resource.name} \"{metadata['name']}\" already exists")
        self.request.answer(self._printed(new), 201)

    def replace(self, name: str, how: Any) -> None:
        self.found(name)
        new = self.store.change(self.key(name), how)
        if new is None:
            raise Refused(404, f"{self.resource.name} \"{name}\" not found")
        self.request.answer(self._printed(new))

    def update(self, name: str) -> None:
        new = self.request.body()
        self.replace(name, lambda old: {**new, "metadata": {**old["metadata"], **new.get("metadata", {})}})

    def patch(self, name: str) -> None:
        content = self.request.headers.get("Content-Type", "")
        merge = patch.BY_TYPE.get(content)
        if merge is None:
            raise Refused(415, f"patches of type {content} are not known here")
        change = self.request.body()
        self.replace(name, lambda old: merge(old, change))

    def delete(self, name: str) -> None:
        options = self.request.body()
        found = self.found(name)
        if self.resource.kind == "Pod":
            self.request.answer(self.typed(pods.delete(self.store, found, options, self.request)))
            return
        self.store.remove(self.key(name))
        self.request.answer({"kind": "Status", "apiVersion": "v1", "status": "Success",
                             "details": {"name": name, "kind": self.resource.name}})

    def _matches(self, found: Object) -> bool:
        return selectors.matches(found, self.request.one("fieldSelector"), self.request.one("labelSelector"))

    def list(self) -> None:
        if self.request.flag("watch"):
            self._watch()
            return
        number, found = self.store.list(self.resource.name, self.namespace)
        found = [self.typed(each) for each in found if self._matches(each)]
        if self._tabular():
            self.request.answer(printing.table(self.resource.kind, str(number), found))
            return
        self.request.answer({"kind": self.resource.kind + "List", "apiVersion": self.resource.api_version,
                             "metadata": {"resourceVersion": str(number)}, "items": found})

    def _watch(self) -> None:
        after = self.request.number("resourceVersion") or 0
        self.request.begin(JSON)
        if not after:
            after, found = self.store.list(self.resource.name, self.namespace)
            for each in found:
                self._tell("ADDED", each)
        for change in self.store.watch({self.resource.name}, after):
            if self.namespace in ("", change.key.namespace):
                self._tell(change.type, change.object)
        self.request.end()

    def _tell(self, type_: str, found: Object) -> None:
        if self._matches(found):
            line = json.dumps({"type": type_, "object": self._printed(found)})
            self.request.chunk(line.encode() + b"\n")
