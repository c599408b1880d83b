"""What runs is judged by the rules of its zone, and put back where it breaks them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from phiwarden.api.workload import ClinicalImpact, Enforcement
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api
from phiwarden.controller.observe import AUDITED, verdicts_changed
from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.remedy import Remedy
from phiwarden.controller.state import State, Verdict
from phiwarden.remediation.plan import Action
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure, summary
from phiwarden.rulebook.model import Severity
from phiwarden.rulebook.shapes import container_count

MAX_RULES: Final = 20
"""Rules listed of one object."""

JUDGED_AT_ONCE: Final = 50
"""Containers up to which judging takes a few milliseconds."""


@dataclass
class Auditor:
    """Judges objects one by one, or all of a zone when its boundary changes."""

    api: Api
    state: State
    queues: Queues
    judge: Judge
    remedy: Remedy
    _judged: dict[str, list[tuple[AuditKey, Mapping[str, Any]]]] = field(default_factory=dict)

    async def audit(self, key: AuditKey) -> None:
        """Judge an object that was seen, and put it back if it must be."""
        body = self.queues.pending.get(key)
        boundary = self.state.boundaries.get(key.namespace)
        if body is None or boundary is None:
            self.queues.pending.pop(key, None)
            return
        failures = await self._failures(body, boundary)
        if self.queues.pending.get(key) is not body:
            return  # gone meanwhile, or newer and queued again
        denied = self._note(key, body, failures)
        if key.kind == "Deployment":
            if denied and Enforcement(boundary.enforcement) is Enforcement.ENFORCE:
                await self.remedy.remedy(key, body, boundary, denied)
            else:
                await self.remedy.release(key, body, boundary)
        if key not in self.queues.pending:
            self.remedy.forget(key)
        elif self.queues.pending[key] is body:
            del self.queues.pending[key]

    async def judge_zone(self, namespace: str, boundary: ZoneBoundary) -> None:
        """Judge everything that runs in a zone by a boundary that is about to stand.

        Finds what direct care must be able to go on running; everything else
        is put back only once the boundary stands (`release_judged`).
        """
        self.state.verdicts.pop(namespace, None)
        lists = await asyncio.gather(
            *(
                self.api.list(resources.collection(resources.WORKLOADS[kind], namespace))
                for kind in AUDITED
            )
        )
        later = self._judged[namespace] = []
        for kind, objects in zip(AUDITED, lists, strict=True):
            for listed in objects:
                body = {**listed, "kind": kind}
                key = AuditKey(kind, namespace, body["metadata"]["name"])
                failures = self._note(key, body, await self._failures(body, boundary))
                if kind != "Deployment":
                    continue
                later.append((key, body))
                enforced = Enforcement(boundary.enforcement) is Enforcement.ENFORCE
                if failures and enforced and boundary.impact == ClinicalImpact.DIRECT_CARE:
                    plan = await self.remedy.plan(key, body, boundary)
                    if plan.action is Action.HOLD:
                        self.remedy.note(key, plan)

    def release_judged(self, namespace: str) -> None:
        """Put back what `judge_zone` found, now that the boundary stands."""
        for key, body in self._judged.pop(namespace, ()):
            if key not in self.queues.pending:
                self.queues.audit(key, body)

    async def _failures(
        self, body: Mapping[str, Any], boundary: ZoneBoundary
    ) -> tuple[Failure, ...]:
        """Judge an object; a huge one aside, so that nothing else has to wait for it."""
        if _controlled(body):
            return ()
        if container_count(body) <= JUDGED_AT_ONCE:
            return self.judge.failures(body, boundary)
        return await asyncio.to_thread(self.judge.failures, body, boundary)

    def _note(
        self, key: AuditKey, body: Mapping[str, Any], failures: tuple[Failure, ...]
    ) -> tuple[Failure, ...]:
        """Note the verdict on an object, and return the failures that deny."""
        denied = tuple(f for f in failures if f.severity is Severity.DENY)
        rules = tuple(dict.fromkeys(failure.rule for failure in failures))[:MAX_RULES]
        verdict = Verdict(rules, summary(failures), bool(denied))
        if not _controlled(body) and verdicts_changed(self.state, key, verdict):
            for workload in self.state.claiming(key.namespace):
                self.queues.workloads.add(workload)
        return denied


def _controlled(body: Mapping[str, Any]) -> bool:
    """Whether another workload object stands for this one, as a CronJob for its Jobs."""
    owners = body["metadata"].get("ownerReferences") or ()
    return any(o.get("controller") and o.get("kind") in AUDITED for o in owners)
