"""Follows all objects of a kind: list, watch, and list again when the watch is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from phiwarden.cluster.client import Api, ClusterError, Gone, Refused, Unreachable

log = structlog.get_logger(__name__)

Key = tuple[str, str]
"""(namespace or "", name) of an object."""

Seen = Callable[[Key, Mapping[str, Any] | None], None]
"""Told of an object as it is now, or with None that it is gone. Must not block."""

_FIRST_DELAY: Final = 0.2
_LAST_DELAY: Final = 10.0


@dataclass
class Reflector:
    """Tells `seen` of every object of a collection, and of every one that goes.

    After a gap it lists again and tells what is gone by then: the receiver
    never keeps an object that is not there any more.

    Attributes:
        api: the connection.
        path: the collection.
        kind: name of the kind, for lists (whose items carry none) and logs.
        seen: receives the objects; the mapping is not kept here.
        query: selectors.
        metadata_only: whether nothing but metadata is asked for.
    """

    api: Api
    path: str
    kind: str
    seen: Seen
    query: Mapping[str, str] = field(default_factory=dict)
    metadata_only: bool = False
    synced: asyncio.Event = field(default_factory=asyncio.Event)
    _known: set[Key] = field(default_factory=set)

    async def run(self) -> None:
        """Follow for ever; failures of the API server are logged and retried."""
        version: str | None = None
        delay = _FIRST_DELAY
        while True:
            try:
                if version is None:
                    version = await self._list()
                    self.synced.set()
                changes = self.api.watch(
                    self.path, version, self.query, metadata_only=self.metadata_only
                )
                async for kind, obj in changes:
                    version = str(obj["metadata"]["resourceVersion"])
                    delay = _FIRST_DELAY
                    if kind != "BOOKMARK":
                        self._tell(obj, gone=kind == "DELETED")
            except Gone:
                version = None
            except (Unreachable, Refused) as error:
                log.warning("watch.interrupted", kind=self.kind, error=_brief(error))
                if isinstance(error, Refused):
                    version = None
                # Jitter: many watches lost together must not come back together.
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311
                delay = min(delay * 2, _LAST_DELAY)

    async def _list(self) -> str:
        version = ""
        listed: set[Key] = set()
        pages = self.api.pages(self.path, self.query, metadata_only=self.metadata_only)
        async for page, listed_at in pages:
            version = listed_at
            for obj in page:
                listed.add(_key(obj))
                self._tell(obj, gone=False)
        for key in self._known - listed:
            self._known.discard(key)
            self.seen(key, None)
        return version

    def forget(self) -> None:
        """Tell of everything that it is gone: nobody follows it any more."""
        for key in self._known:
            self.seen(key, None)
        self._known.clear()

    def _tell(self, obj: dict[str, Any], *, gone: bool) -> None:
        key = _key(obj)
        # What is asked for without all but its metadata comes as another kind.
        obj["kind"] = self.kind
        if gone:
            self._known.discard(key)
        else:
            self._known.add(key)
        self.seen(key, None if gone else obj)


def _key(obj: Mapping[str, Any]) -> Key:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _brief(error: ClusterError) -> str:
    return str(error)[:200]
