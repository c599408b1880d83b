"""Marks the StorageClasses that zones rely on: what is marked, nobody deletes (PHI-GRD-005).

A Namespace lists classes by name, and the API server admits claims by that list while nobody
looks. A class must therefore not become another one behind its name: it is marked before a
Namespace lists it, and until no Namespace does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from phiwarden.api import names
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.boundary.storage import relied_on
from phiwarden.cluster.client import MERGE_PATCH, Api, ClusterError, Object, Refused
from phiwarden.cluster.resources import STORAGE_CLASS
from phiwarden.controller.state import State
from phiwarden.storage.read import class_of

log = structlog.get_logger(__name__)

_MARK: Final = "true"


def is_marked(body: Mapping[str, Any] | None) -> bool:
    """Return whether a StorageClass carries the mark."""
    labels = (body or {}).get("metadata", {}).get("labels") or {}
    return labels.get(names.RELIED_ON) == _MARK


@dataclass
class Reliance:
    """Keeps the marks in step with what zones list.

    Attributes:
        api: the connection.
        state: what is known.
        held: classes that each workload has marked, or is about to list, by workload.
    """

    api: Api
    state: State
    held: dict[str, frozenset[str]] = field(default_factory=dict)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def hold(self, workload: str, zones: Mapping[str, ZoneBoundary]) -> bool:
        """Mark what the zones of a workload rely on, before their Namespaces list it.

        Args:
            workload: name of the PHIWorkload.
            zones: the boundaries that its namespaces are to carry, by namespace.

        Returns:
            Whether a class was marked just now: then look again at what it proves, since it
            may have been exchanged a moment before. Or whether one could not be marked: it
            proves nothing until it can (`State.unmarkable`).
        """
        wanted = _all_of(zones.values())
        listed = self._listed(zones) | self.held.get(workload, frozenset())
        async with self._lock:
            # What is known of a mark may be a moment old: what nobody held is marked anew.
            new = [name for name in wanted if not (name in self.state.marked and name in listed)]
            for name in sorted(new):
                try:
                    body = await self._patch(name, _MARK)
                except Refused as refused:
                    log.warning("class.unmarkable", storage_class=name, why=str(refused))
                    self.state.unmarkable.add(name)
                    continue
                self.state.storage_classes[name] = class_of(body)
                self.state.marked.add(name)
            self.held[workload] = wanted - self.state.unmarkable
        if new:
            log.info("classes.marked", workload=workload, classes=sorted(new))
        return bool(new)

    async def forget(self, workload: str) -> None:
        """Hold nothing any more for a workload that is gone; its Namespaces may do so still."""
        self.held.pop(workload, None)
        await self.release()

    async def release(self) -> None:
        """Take the mark off classes that no zone relies on; one that stays is taken off later."""
        async with self._lock:
            if not self.state.marked:
                return
            kept = self._listed(self.state.namespaces).union(*self.held.values())
            for name in sorted(self.state.marked - kept):
                try:
                    await self._patch(name, None)
                except ClusterError as error:
                    if not (isinstance(error, Refused) and error.code == 404):
                        log.warning("class.kept", storage_class=name, why=str(error))
                        continue
                self.state.marked.discard(name)
                log.info("class.released", storage_class=name)

    async def _patch(self, name: str, value: str | None) -> Object:
        # No apply: an apply of a class that phiwarden made would take the mark off again.
        patch = {"metadata": {"labels": {names.RELIED_ON: value}}}
        return await self.api.patch(STORAGE_CLASS, None, name, patch, content=MERGE_PATCH)

    def _listed(self, namespaces: Iterable[str]) -> frozenset[str]:
        """Return what Namespaces, as they are, list and the API server goes by."""
        return _all_of(self._boundaries(namespaces))

    def _boundaries(self, namespaces: Iterable[str]) -> Iterator[ZoneBoundary]:
        for namespace in namespaces:
            seen = self.state.namespaces.get(namespace)
            if seen is not None and seen.boundary is not None:
                yield seen.boundary


def _all_of(boundaries: Iterable[ZoneBoundary]) -> frozenset[str]:
    return frozenset[str]().union(*(relied_on(boundary) for boundary in boundaries))
