"""What is remembered of workloads, kept in PHIHistory objects beside them."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import structlog

from phiwarden.api import names
from phiwarden.api.history import HistorySpec
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, ClusterError, Refused
from phiwarden.controller.queues import AuditKey
from phiwarden.controller.workqueue import WorkQueue
from phiwarden.remediation.kept import Unreadable, kept
from phiwarden.remediation.memory import NOTHING, Memory, with_worked

log = structlog.get_logger(__name__)

WRITERS = 2
"""Memories of what works that are written at the same time: nothing waits for them."""

AGAIN = 30.0
"""Seconds after which it is asked again whether the cluster has the kind."""

_NAME = 253
"""Characters of an object's name."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The workload that a history is of."""

    uid: str
    api_version: str


@dataclass
class Histories:
    """The memory of every workload; what is known here is written before it is relied on."""

    api: Api
    changed: Callable[[], None]
    """Told when `missing` is another than before."""
    missing: bool = False
    """Whether the cluster lacks the kind, so that nothing can be remembered."""
    queue: WorkQueue[AuditKey] = field(init=False)
    _known: dict[AuditKey, tuple[Owner, Memory]] = field(default_factory=dict)
    _locks: WeakValueDictionary[AuditKey, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def __post_init__(self) -> None:
        """Make the queue of what is written without hurry."""
        self.queue = WorkQueue("history", self._flush)

    async def load(self) -> None:
        """Take up what an earlier run remembered."""
        path = resources.collection(resources.PHI_HISTORY)
        try:
            listed = await self.api.list(path)
        except Refused as refused:
            if not _unserved(refused):
                raise
            self._lacks(missing=True)
            return
        for body in listed:
            found = _read(body)
            # Under any other name it is somebody else's, who would speak for us.
            if found is not None and body["metadata"]["name"] == _name(found[0]):
                key, owner, memory = found
                self._known.setdefault(key, (owner, memory))
        self._lacks(missing=False)

    def of(self, key: AuditKey, body: Mapping[str, Any]) -> Memory:
        """Return what is remembered of a workload; another one of the same name is not it."""
        known = self._known.get(key)
        return (
            known[1] if known is not None and known[0].uid == body["metadata"]["uid"] else NOTHING
        )

    def forget(self, key: AuditKey) -> None:
        """Drop what is known of a workload that is gone; Kubernetes collects the object."""
        self._known.pop(key, None)

    def works(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        template: str,
        revision: int | None,
        now: dt.datetime,
    ) -> None:
        """Note that a template works; written soon, and found again if the operator ends first."""
        memory = self.of(key, body)
        told = with_worked(memory, template, revision, now)
        if told is not memory:
            self._known[key] = (_owner(key, body), told)
            self.queue.add(key)

    async def write(self, key: AuditKey, body: Mapping[str, Any], memory: Memory) -> None:
        """Remember, and return once it is stored.

        Raises:
            Refused: the API server does not take it; nothing may be done that relies on it.
        """
        owner = _owner(key, body)
        async with self._lock(key):
            await self._store(key, owner, memory)
            self._known[key] = (owner, memory)

    async def look_for_kind(self) -> None:
        """Write what is known once the cluster has the kind, where it had not; runs for ever."""
        while True:
            await asyncio.sleep(AGAIN)
            if self.missing:
                try:
                    await self.load()
                except ClusterError as error:
                    log.warning("history.unread", error=type(error).__name__)

    async def _flush(self, key: AuditKey) -> None:
        try:
            async with self._lock(key):
                # As it is known by now: what is older must not be written over it.
                known = self._known.get(key)
                if known is not None:
                    await self._store(key, *known)
        except Refused as refused:
            # Of a namespace that is being deleted nothing need be remembered.
            if refused.code not in (403, 404):
                raise
            log.warning("history.unwritten", namespace=key.namespace, code=refused.code)

    async def _store(self, key: AuditKey, owner: Owner, memory: Memory) -> None:
        try:
            await self.api.apply(resources.PHI_HISTORY, _manifest(key, owner, memory))
        except Refused as refused:
            if _unserved(refused):
                self._lacks(missing=True)
            raise
        self._lacks(missing=False)

    def _lock(self, key: AuditKey) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())

    def _lacks(self, *, missing: bool) -> None:
        if self.missing == missing:
            return
        self.missing = missing
        self.changed()
        if not missing:
            for key in self._known:
                self.queue.add(key)


def _unserved(refused: Refused) -> bool:
    """Return whether the API server knows no such kind; a namespace that is gone has a reason."""
    return refused.code == 404 and not refused.reason


def _owner(key: AuditKey, body: Mapping[str, Any]) -> Owner:
    return Owner(body["metadata"]["uid"], resources.kind_of(key.kind).api_version)


def _manifest(key: AuditKey, owner: Owner, memory: Memory) -> dict[str, Any]:
    spec = HistorySpec(kind=key.kind, name=key.name)
    return {
        "apiVersion": names.API_VERSION,
        "kind": resources.PHI_HISTORY.kind,
        "metadata": {
            "name": _name(key),
            "namespace": key.namespace,
            "labels": {names.MANAGED_BY: names.FIELD_MANAGER},
            "ownerReferences": [
                {
                    "apiVersion": owner.api_version,
                    "kind": key.kind,
                    "name": key.name,
                    "uid": owner.uid,
                }
            ],
        },
        "spec": spec.model_dump(mode="json", by_alias=True),
        "status": memory.model_dump(mode="json", by_alias=True, exclude_defaults=True),
    }


def _name(key: AuditKey) -> str:
    name = f"{key.kind.lower()}.{key.name}"
    if len(name) <= _NAME:
        return name
    return f"{key.kind.lower()}.{hashlib.blake2b(key.name.encode(), digest_size=16).hexdigest()}"


def _read(body: Mapping[str, Any]) -> tuple[AuditKey, Owner, Memory] | None:
    try:
        found = kept(body)
    except Unreadable:
        log.warning("history.unreadable", namespace=body["metadata"]["namespace"])
        return None
    if found is None:
        return None
    key = AuditKey(found.kind, found.namespace, found.name)
    return key, Owner(found.uid, found.api_version), found.memory
