"""Events on the objects of teams: told once, not again and again."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

import structlog

from phiwarden.api import names
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, ClusterError, Refused
from phiwarden.rulebook.shapes import Kind

log = structlog.get_logger(__name__)

MESSAGE_LIMIT: Final = 1024
"""Characters of an Event's message that the API server accepts."""

_REPEAT_AFTER: Final = dt.timedelta(minutes=10)
_REMEMBERED: Final = 4096


class EventType(StrEnum):
    """The two types of Events that Kubernetes has."""

    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass
class Recorder:
    """Writes Events; the same one about the same object at most every ten minutes."""

    api: Api
    clock: Callable[[], dt.datetime]
    _told: dict[tuple[str, str, str], dt.datetime] = field(default_factory=dict)

    async def tell(
        self,
        about: Mapping[str, Any],
        kind: Kind,
        event_type: EventType,
        reason: str,
        message: str,
        *,
        once: str | None = None,
    ) -> None:
        """Write an Event. One that cannot be written is logged: it must not undo the deed.

        Args:
            about: the object.
            kind: its kind.
            event_type: Normal or Warning.
            reason: machine-readable, in CamelCase.
            message: for a person; cut to what the API server takes.
            once: tells apart what is told; the same is told once, whoever tells it again.
        """
        metadata = about["metadata"]
        now = self.clock()
        key = (str(metadata["uid"]), reason, message)
        told = self._told.get(key)
        if told is not None and now - told < _REPEAT_AFTER:
            return
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[key] = now
        # What has no namespace is told of in `default`, as Kubernetes does.
        namespace = metadata.get("namespace") or "default"
        time = now.isoformat(timespec="seconds").replace("+00:00", "Z")
        named = {"generateName": f"{metadata['name'][:200]}."}
        if once is not None:
            named = {"name": f"{metadata['name'][:200]}.{_mark(metadata['uid'], once)}"}
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {**named, "namespace": namespace},
            "involvedObject": {
                "apiVersion": kind.api_version,
                "kind": kind.kind,
                "namespace": metadata.get("namespace"),
                "name": metadata["name"],
                "uid": metadata["uid"],
                "resourceVersion": metadata.get("resourceVersion"),
            },
            "type": event_type.value,
            "reason": reason,
            "message": message[:MESSAGE_LIMIT],
            "source": {"component": names.FIELD_MANAGER},
            "reportingComponent": names.GROUP,
            "reportingInstance": names.FIELD_MANAGER,
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        }
        try:
            await self.api.create(resources.EVENT, namespace, body)
        except ClusterError as error:
            if once is not None and isinstance(error, Refused) and error.code == 409:
                return  # told already, by an operator that ended before it noted that
            log.warning("event.unwritten", reason=reason, error=str(error)[:200])


def _mark(uid: str, once: str) -> str:
    return hashlib.blake2b(f"{uid}/{once}".encode(), digest_size=8).hexdigest()
