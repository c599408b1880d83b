"""What waits to be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from phiwarden.controller.workqueue import WorkQueue


@dataclass(frozen=True, slots=True, order=True)
class AuditKey:
    """An object that runs in a zone."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.kind}/{self.name}"


@dataclass
class Queues:
    """Declarations to reconcile, and objects to judge.

    Attributes:
        workloads: names of PHIWorkloads.
        audits: objects; the object itself waits in `pending` and is dropped once judged.
        turns: objects that may have to be changed.
        ways: objects whose way back is to be tried on paper.
        later: objects, by namespace, that wait for their boundary to stand.
    """

    workloads: WorkQueue[str]
    audits: WorkQueue[AuditKey]
    turns: WorkQueue[AuditKey]
    ways: WorkQueue[AuditKey]
    pending: dict[AuditKey, Mapping[str, Any]] = field(default_factory=dict)
    later: dict[str, dict[AuditKey, Mapping[str, Any]]] = field(default_factory=dict)

    def audit(self, key: AuditKey, body: Mapping[str, Any]) -> None:
        """Have an object judged; a newer version takes the place of one that still waits."""
        self.pending[key] = body
        self.audits.add(key)
