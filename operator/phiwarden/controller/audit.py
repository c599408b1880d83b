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
from phiwarden.controller.authority import may_act
from phiwarden.controller.observe import AUDITED, verdicts_changed
from phiwarden.controller.pace import Pace
from phiwarden.controller.pods import PodObserver
from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.remedy import Remedy
from phiwarden.controller.running import touch
from phiwarden.controller.state import State, Verdict
from phiwarden.controller.ways_back import WaysBack
from phiwarden.remediation.owners import of_cron_job
from phiwarden.remediation.plan import REMEDIED
from phiwarden.remediation.rollout import ROLLING
from phiwarden.rotation.consumers import env_secrets
from phiwarden.rulebook.budgets import unprotected
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
    pace: Pace
    ways_back: WaysBack
    pods: PodObserver

    async def audit(self, key: AuditKey) -> None:
        """Judge an object that was seen, and have it put back if it must be."""
        body = self.queues.pending.get(key)
        boundary = self.state.boundaries.get(key.namespace)
        if body is None or boundary is None:
            self.queues.pending.pop(key, None)
            await self._forget(key)
            return
        failures = await self._failures(body, boundary)
        if self.queues.pending.get(key) is not body:
            return  # gone meanwhile, or newer and queued again
        denied = self._note(key, body, failures)
        if key.kind in REMEDIED:
            await self.remedy.look(key, body, boundary, denied)
            self.ways_back.seen(key, body, boundary)
        if key not in self.queues.pending:
            await self._forget(key)
        elif self.queues.pending[key] is not body:
            return  # newer, and queued again
        elif self.state.boundaries.get(key.namespace) == boundary:
            del self.queues.pending[key]
        else:
            # What changed the boundary meanwhile saw that this object was on its way already.
            self.queues.audit(key, body)

    async def take(self, key: AuditKey) -> None:
        """Take an object's turn: judge it as it is this moment, and act if it must be."""
        acted = False
        try:
            body = await self.api.get(resources.WORKLOADS[key.kind], key.namespace, key.name)
            boundary = self.state.boundaries.get(key.namespace)
            if body is None or boundary is None:
                self.remedy.waits(key, waiting=False)
                return
            body = {**body, "kind": key.kind}
            failures = await self._failures(body, boundary)
            denied = tuple(f for f in failures if f.severity is Severity.DENY)
            if may_act(self.state, key.namespace, boundary):
                acted = await self.remedy.take(key, body, boundary, denied)
            elif denied and boundary.enforcement == Enforcement.ENFORCE:
                self.remedy.bar(key)
            else:
                self.remedy.waits(key, waiting=False)
        finally:
            if not acted:
                self.pace.give_back()

    async def _forget(self, key: AuditKey) -> None:
        await self.remedy.forget(key)
        self.ways_back.forget(key)

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
                    await self.remedy.protect(key, body, boundary, denied)
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
        if body["kind"] == "Pod":
            # What it says owns it is not there: it has no exceptions but its own.
            metadata = {k: v for k, v in body["metadata"].items() if k != "ownerReferences"}
            body = {**body, "metadata": metadata}
        if container_count(body) <= JUDGED_AT_ONCE:
            failures = self.judge.failures(body, boundary)
        else:
            failures = await asyncio.to_thread(self.judge.failures, body, boundary)
        # Last, with nothing waited for after it: budgets that change later have all judged again.
        namespace = body["metadata"]["namespace"]
        lack = unprotected(body, boundary, self.state.budgets.get(namespace, ()))
        return failures if lack is None else (*failures, lack)

    def _note(
        self, key: AuditKey, body: Mapping[str, Any], failures: tuple[Failure, ...]
    ) -> tuple[Failure, ...]:
        """Note the verdict on an object, and return the failures that deny."""
        if key.kind in ROLLING:
            readers = self.state.readers.setdefault(key.namespace, {})
            readers[key.kind, key.name] = env_secrets(body["spec"]["template"])
        denied = tuple(f for f in failures if f.severity is Severity.DENY)
        rules = tuple(dict.fromkeys(failure.rule for failure in failures))[:MAX_RULES]
        verdict = Verdict(rules, summary(failures), bool(denied))
        if not rules and of_cron_job(body):
            known = self.state.verdicts.get(key.namespace, {})
            news = known.pop((key.kind, key.name), None) is not None
        else:
            news = verdicts_changed(self.state, key, verdict)
        if news:
            touch(self.state, self.queues, key.namespace)
        return denied
