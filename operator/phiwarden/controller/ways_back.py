"""Whether workloads could go back to an earlier revision right now: tried on paper, all the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api
from phiwarden.controller.histories import Histories
from phiwarden.controller.isolation import Isolation
from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.running import touch
from phiwarden.controller.state import State, WayBack
from phiwarden.remediation.memory import Memory
from phiwarden.remediation.plan import Case, template_digest, way_back
from phiwarden.remediation.references import references
from phiwarden.remediation.rollout import ROLLING
from phiwarden.rulebook.evaluate import Judge

SCOUTS: Final = 1
"""Ways that are tried at a time: nothing waits for them, and they must not be in the way."""


@dataclass
class WaysBack:
    """Tries the way back of each workload whenever what it depends on has changed."""

    api: Api
    state: State
    queues: Queues
    judge: Judge
    histories: Histories
    isolation: Isolation
    _asked: dict[AuditKey, tuple[Any, ...]] = field(default_factory=dict)

    def seen(self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary) -> None:
        """Have the way back of an object tried, if it can be another than before."""
        if key.kind in ROLLING and self._asked.get(key) != self._question(key, body, boundary):
            self.queues.ways.add(key)

    async def scout(self, key: AuditKey) -> None:
        """Try the way back of one object."""
        boundary = self.state.boundaries.get(key.namespace)
        body = await self.api.get(resources.WORKLOADS[key.kind], key.namespace, key.name)
        if body is None or boundary is None:
            return
        body = {**body, "kind": key.kind}
        question = self._question(key, body, boundary)
        case = Case(await self.isolation.history(key, body), self.histories.of(key, body))
        target, why = way_back(body, boundary, case, self.judge)
        if (key.kind, key.name) not in self.state.verdicts.get(key.namespace, {}):
            return  # gone meanwhile, and forgotten
        self._asked[key] = question
        found = (
            WayBack(None, why)
            if target is None
            else WayBack(target.number, needs=references(target.template))
        )
        known = self.state.ways_back.setdefault(key.namespace, {})
        if known.get((key.kind, key.name)) != found:
            known[key.kind, key.name] = found
            touch(self.state, self.queues, key.namespace)

    def forget(self, key: AuditKey) -> None:
        """Drop what is known of an object that is gone."""
        self._asked.pop(key, None)
        if self.state.ways_back.get(key.namespace, {}).pop((key.kind, key.name), None):
            touch(self.state, self.queues, key.namespace)

    def _question(
        self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary
    ) -> tuple[Any, ...]:
        metadata = body["metadata"]
        memory: Memory = self.histories.of(key, body)
        known = frozenset(entry.template for entry in memory.worked)
        limit = body["spec"].get("revisionHistoryLimit")
        return (metadata["uid"], template_digest(body), limit, boundary, known)
