"""Kinds that a cluster may have or not: followed while their CRD is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from phiwarden.cluster import resources
from phiwarden.cluster.client import Api
from phiwarden.cluster.reflector import Key, Reflector, Seen
from phiwarden.rulebook.shapes import Kind

log = structlog.get_logger(__name__)

SYNC: Final = 5.0
"""Seconds given to what was just found for its first list."""


@dataclass
class Optional:
    """Follows custom resources for as long as the cluster has their kind.

    Attributes:
        api: the connection.
        wanted: kinds, each with who is told of its objects.
        changed: told whenever one of the kinds comes or goes.
        present: those that are there, and whose objects are all known.
    """

    api: Api
    wanted: Mapping[Kind, Seen]
    changed: Callable[[], None] = lambda: None
    present: set[Kind] = field(default_factory=set)
    _running: dict[Kind, tuple[Reflector, asyncio.Task[None]]] = field(default_factory=dict)

    def reflector(self) -> Reflector:
        """Return what follows the CRDs themselves; it has to run for the rest to."""
        path = resources.collection(resources.CRD)
        return Reflector(self.api, path, resources.CRD.kind, self._seen, metadata_only=True)

    def _seen(self, key: Key, body: Mapping[str, Any] | None) -> None:
        _, name = key
        for kind in self.wanted:
            if resources.crd_of(kind) == name:
                (self._come if body is not None else self._go)(kind)

    def _come(self, kind: Kind) -> None:
        if kind in self._running:
            return
        log.info("kind.found", kind=kind.kind, group=kind.group)
        path = resources.collection(kind)
        reflector = Reflector(self.api, path, kind.kind, self.wanted[kind])
        task = asyncio.create_task(self._follow(kind, reflector), name=f"watch of {kind.kind}")
        self._running[kind] = reflector, task

    async def _follow(self, kind: Kind, reflector: Reflector) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(reflector.run())
            # Not before: that nothing was listed yet must not look as if there were nothing.
            await reflector.synced.wait()
            self.present.add(kind)
            self.changed()

    def _go(self, kind: Kind) -> None:
        known = self._running.pop(kind, None)
        if known is None:
            return
        log.info("kind.gone", kind=kind.kind, group=kind.group)
        reflector, task = known
        task.cancel()
        self.present.discard(kind)
        reflector.forget()
        self.changed()

    async def synced(self) -> None:
        """Wait until everything that is there was listed, but not for ever: a CRD may be broken."""
        waits = [asyncio.create_task(r.synced.wait()) for r, _ in self._running.values()]
        if waits:
            _, slow = await asyncio.wait(waits, timeout=SYNC)
            for task in slow:
                task.cancel()

    def tasks(self) -> Iterable[asyncio.Task[None]]:
        """Return everything that runs."""
        return [task for _, task in self._running.values()]

    async def stop(self) -> None:
        """End everything that runs."""
        tasks = self.tasks()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()
        self.present.clear()
