"""The boundaries of all zones, as their Namespaces carry them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from phiwarden.api import names
from phiwarden.boundary.labels import BoundaryUnreadable, ZoneBoundary, decode
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, ClusterError
from phiwarden.cluster.reflector import Key, Reflector
from phiwarden.rulebook import shapes

SECOND_LOOK: Final = 0.5
"""Seconds that a second look at a Namespace may take; the caller waits for it."""


@dataclass
class Zones:
    """Follows the Namespaces that are zones."""

    api: Api
    _boundaries: dict[str, ZoneBoundary] = field(default_factory=dict)
    reflector: Reflector = field(init=False)

    def __post_init__(self) -> None:
        self.reflector = Reflector(
            self.api,
            resources.collection(shapes.NAMESPACE),
            shapes.NAMESPACE.kind,
            self._seen,
            {"labelSelector": names.WORKLOAD},
        )

    @property
    def synced(self) -> bool:
        """Whether every zone has been seen."""
        return self.reflector.synced.is_set()

    def get(self, namespace: str) -> ZoneBoundary | None:
        """Return the boundary of a namespace; None if it is no zone, or carries none to rely on."""
        return self._boundaries.get(namespace)

    async def look_again(self, namespace: str) -> ZoneBoundary | None:
        """Return the boundary as it is stored now, None also when it cannot be learned in time.

        A watch may be behind; a refusal must not rest on a boundary of yesterday.
        """
        try:
            async with asyncio.timeout(SECOND_LOOK):
                body = await self.api.get(shapes.NAMESPACE, None, namespace)
        except (ClusterError, TimeoutError):
            return None
        return _boundary(body) if body is not None else None

    def _seen(self, key: Key, body: Mapping[str, Any] | None) -> None:
        _, name = key
        boundary = _boundary(body) if body is not None else None
        if boundary is None:
            self._boundaries.pop(name, None)
        else:
            self._boundaries[name] = boundary


def _boundary(body: Mapping[str, Any]) -> ZoneBoundary | None:
    metadata = body["metadata"]
    try:
        return decode(metadata.get("labels") or {}, metadata.get("annotations") or {})
    except BoundaryUnreadable:
        return None
