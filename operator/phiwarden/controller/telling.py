"""Who, what, when and why of everything that is done: log, status and an Event on the object."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phiwarden.api.history import Act
from phiwarden.api.status import Remediation
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cluster import resources
from phiwarden.cluster.events import EventType, Recorder
from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.running import touch
from phiwarden.controller.state import State
from phiwarden.evidence.decisions import Decision, record
from phiwarden.remediation.deeds import Action, Plan
from phiwarden.remediation.history import author_of_template, revision_of
from phiwarden.rulebook.failures import Failure, summary


@dataclass
class Teller:
    """Tells of plans that were carried out."""

    state: State
    queues: Queues
    recorder: Recorder
    clock: Callable[[], dt.datetime]

    async def tell(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        failures: Sequence[Failure],
        plan: Plan,
    ) -> None:
        """Tell of what was done to an object's pods, or that nothing is."""
        author = author_of_template(body)
        decision = self._decision(
            key,
            boundary,
            action=plan.action.value,
            rules=tuple(dict.fromkeys(failure.rule for failure in failures)),
            why=plan.why,
            time=self.clock(),
            changed_by=author.manager if author is not None else None,
            changed_at=author.time if author is not None else None,
            from_revision=revision_of(body),
        )
        await self._tell(body, decision, summary(failures))

    async def tell_act(
        self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary, act: Act
    ) -> None:
        """Tell of what was done to an object; also after the operator ended in the middle of it."""
        once = f"{act.action}{act.time.isoformat()}"
        await self._tell(body, self._of_act(key, boundary, act), act.advice or "", once=once)

    async def note(self, body: Mapping[str, Any], kind: str, reason: str, message: str) -> None:
        """Warn on the object, and no more."""
        of_kind = resources.kind_of(kind)
        await self.recorder.tell(body, of_kind, EventType.WARNING, reason, message)

    def told_before(self, key: AuditKey, boundary: ZoneBoundary, plan: Plan) -> bool:
        """Return whether the newest thing told of an object is the same, as after a restart."""
        for known in self.state.remembered(boundary.workload):
            if (known.kind, known.namespace, known.name) == (key.kind, key.namespace, key.name):
                return known.action == plan.action.value and known.message == plan.why
        return False

    def recall(self, key: AuditKey, boundary: ZoneBoundary, acts: Sequence[Act]) -> None:
        """Have the status list what was done, as it is remembered."""
        for act in reversed(acts):
            self._remember(self._of_act(key, boundary, act))

    def _of_act(self, key: AuditKey, boundary: ZoneBoundary, act: Act) -> Decision:
        return self._decision(
            key,
            boundary,
            action=act.action,
            rules=act.rules,
            why=act.message,
            time=act.time,
            changed_by=act.changed_by,
            from_revision=act.from_revision,
            to_revision=act.to_revision,
        )

    def _decision(self, key: AuditKey, boundary: ZoneBoundary, **fields: Any) -> Decision:
        declared = self.state.workloads.get(boundary.workload)
        return Decision(
            workload=boundary.workload,
            zone=boundary.zone,
            namespace=key.namespace,
            kind=key.kind,
            name=key.name,
            generation=declared.generation if declared is not None else None,
            **fields,
        )

    async def _tell(
        self, body: Mapping[str, Any], decision: Decision, more: str, *, once: str | None = None
    ) -> None:
        record(decision)
        self._remember(decision)
        because = ", ".join(decision.rules) or f"PHIWorkload {decision.workload}"
        await self.recorder.tell(
            body,
            resources.kind_of(decision.kind),
            EventType.NORMAL if decision.action == Action.RELEASE else EventType.WARNING,
            decision.action,
            f"{because}: {decision.why}. {more}".rstrip(),
            once=once,
        )

    def _remember(self, decision: Decision) -> None:
        entry = Remediation(
            time=decision.time.replace(microsecond=0),
            namespace=decision.namespace,
            kind=decision.kind,
            name=decision.name,
            action=decision.action,
            from_revision=decision.from_revision,
            to_revision=decision.to_revision,
            rules=decision.rules,
            changed_by=decision.changed_by,
            message=decision.why,
        )
        if self.state.remember(decision.workload, entry):
            touch(self.state, self.queues, entry.namespace)
