"""What is remembered of a workload, as a PHIHistory keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from phiwarden.api.history import HistorySpec, HistoryStatus
from phiwarden.remediation.memory import Memory


class Unreadable(ValueError):
    """A PHIHistory of a newer version, or not ours: what it holds is not relied on."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A memory, and the workload that it is of.

    Attributes:
        kind: of the workload.
        namespace: of both.
        name: of the workload.
        uid: of the workload: another one of the same name is not it.
        api_version: of the workload.
        memory: what is remembered of it.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    api_version: str
    memory: Memory


def kept(body: Mapping[str, Any]) -> Kept | None:
    """Return what a PHIHistory remembers, and of whom; None if it is nobody's.

    Raises:
        Unreadable: it cannot be understood.
    """
    metadata = body["metadata"]
    try:
        spec = HistorySpec.model_validate(body.get("spec") or {})
        memory = HistoryStatus.model_validate(body.get("status") or {})
    except ValidationError as error:
        raise Unreadable(str(metadata["name"])) from error
    for owner in metadata.get("ownerReferences") or ():
        if (owner["kind"], owner["name"]) == (spec.kind, spec.name):
            return Kept(
                spec.kind,
                metadata["namespace"],
                spec.name,
                owner["uid"],
                owner["apiVersion"],
                memory,
            )
    return None
