"""What runs is judged by the rules of its zone, and put back where it breaks them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.workload import ClinicalImpact, Enforcement
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api
from phiwarden.controller.observe import AUDITED, verdicts_changed
from phiwarden.controller.pods import PodObserver
from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.remedy import Remedy
from phiwarden.controller.state import State, Verdict
from phiwarden.remediation.plan import REMEDIED
from phiwarden.rotation.consumers import env_secrets
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
    pods: PodObserver

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
        if key.kind in REMEDIED:
            if not denied:
                await self.remedy.release(key, body, boundary, "it keeps the rules again")
            elif boundary.enforcement != Enforcement.ENFORCE:
                why = f"enforcement is {boundary.enforcement}"
                await self.remedy.release(key, body, boundary, why)
            elif self._may_act(key.namespace, boundary):
                await self.remedy.remedy(key, body, boundary, denied)
        if key not in self.queues.pending:
            self.remedy.forget(key)
        elif self.queues.pending[key] is not body:
            return  # newer, and queued again
        elif self.state.boundaries.get(key.namespace) == boundary:
            del self.queues.pending[key]
        else:
            # What changed the boundary meanwhile saw that this object was on its way already.
            self.queues.audit(key, body)

    def _may_act(self, namespace: str, boundary: ZoneBoundary) -> bool:
        """Whether what runs in a namespace may be put back by a boundary.

        The boundary must stand, and a declaration that is there must ask for
        the same: one that was lowered while nobody looked is not acted on.
        """
        seen = self.state.namespaces.get(namespace)
        stands = (
            self.state.carries(namespace, boundary.workload)
            and seen is not None
            and seen.boundary is not None
            and seen.boundary.enforcement == Enforcement.ENFORCE
        )
        declared = self.state.workloads.get(boundary.workload)
        return (
            stands
            and declared is not None
            and not declared.deleting
            and declared.spec is not None
            and declared.spec.enforcement is Enforcement.ENFORCE
            and declared.spec.clinical_impact == boundary.impact
            and boundary.workload in self.state.claiming(namespace)
        )

    async def judge_zone(self, namespace: str, boundary: ZoneBoundary) -> None:
        """Judge everything that runs in a zone by a boundary that is about to stand.

        Finds what direct care must be able to go on running; everything else
        is put back only once the boundary stands (`release_judged`).
        """
        lists = await asyncio.gather(
            *(
                self.api.list(resources.collection(resources.WORKLOADS[kind], namespace))
                for kind in AUDITED
            )
        )
        self.state.verdicts.pop(namespace, None)
        later = self.queues.later[namespace] = {}
        for kind, objects in zip(AUDITED, lists, strict=True):
            for listed in objects:
                body = {**listed, "kind": kind}
                key = AuditKey(kind, namespace, body["metadata"]["name"])
                denied = self._note(key, body, await self._failures(body, boundary))
                if kind not in REMEDIED:
                    continue
                later[key] = body
                enforced = boundary.enforcement == Enforcement.ENFORCE
                if denied and enforced and boundary.impact == ClinicalImpact.DIRECT_CARE:
                    plan = await self.remedy.plan(key, body, boundary, denied)
                    if plan.held:
                        await self.remedy.note(key, body, plan)
        async for body in self.pods.judgeable(namespace):
            key = AuditKey("Pod", namespace, body["metadata"]["name"])
            denied = self._note(key, body, await self._failures(body, boundary))
            cut_off = names.QUARANTINE in (body["metadata"].get("labels") or {})
            quarantined = self.state.quarantined.get(namespace, {})
            if denied or cut_off or (key.kind, key.name) in quarantined:
                later[key] = body

    def release_judged(self, namespace: str) -> None:
        """Put back what `judge_zone` found, now that the boundary stands."""
        for key, body in self.queues.later.pop(namespace, {}).items():
            if key not in self.queues.pending:
                self.queues.audit(key, body)

    async def _failures(
        self, body: Mapping[str, Any], boundary: ZoneBoundary
    ) -> tuple[Failure, ...]:
        """Judge an object; a huge one aside, so that nothing else has to wait for it."""
        if container_count(body) <= JUDGED_AT_ONCE:
            return self.judge.failures(body, boundary)
        return await asyncio.to_thread(self.judge.failures, body, boundary)

    def _note(
        self, key: AuditKey, body: Mapping[str, Any], failures: tuple[Failure, ...]
    ) -> tuple[Failure, ...]:
        """Note the verdict on an object, and return the failures that deny."""
        if key.kind in REMEDIED and key.kind != "Pod":  # which cannot be rolled over
            readers = self.state.readers.setdefault(key.namespace, {})
            readers[key.kind, key.name] = env_secrets(body["spec"]["template"])
        denied = tuple(f for f in failures if f.severity is Severity.DENY)
        rules = tuple(dict.fromkeys(failure.rule for failure in failures))[:MAX_RULES]
        verdict = Verdict(rules, summary(failures), bool(denied))
        if not rules and _counted_elsewhere(body):
            return denied
        if verdicts_changed(self.state, key, verdict):
            for workload in self.state.claiming(key.namespace):
                self.queues.workloads.add(workload)
        return denied


def _counted_elsewhere(body: Mapping[str, Any]) -> bool:
    """Whether an object need not be counted: a CronJob stands for its Jobs.

    An owner can be written by anybody, so it never keeps a violation off the list.
    """
    owners = body["metadata"].get("ownerReferences") or ()
    return body.get("kind") == "Job" and any(
        owner.get("controller") and owner.get("kind") == "CronJob" for owner in owners
    )
