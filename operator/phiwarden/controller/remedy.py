"""Carries plans out: rolls back, isolates, scales to zero, and lets go again."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from phiwarden.api import names
from phiwarden.api.status import Remediation
from phiwarden.api.workload import ClinicalImpact
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.boundary.model import Quarantine
from phiwarden.cluster import resources
from phiwarden.cluster.client import JSON_PATCH, MERGE_PATCH, Api, Refused
from phiwarden.cluster.events import EventType, Recorder
from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.state import Quarantined, State
from phiwarden.evidence.decisions import Decision, record
from phiwarden.remediation.history import author_of_template, revision_of, revisions
from phiwarden.remediation.plan import Action, Plan, plan_for
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure, summary
from phiwarden.rulebook.model import Severity

log = structlog.get_logger(__name__)

DEPLOYMENT: Final = resources.WORKLOADS["Deployment"]
REPLICA_SET: Final = resources.WORKLOADS["ReplicaSet"]


@dataclass
class Remedy:
    """Puts Deployments back, one at a time and guarded by their resource version."""

    api: Api
    state: State
    queues: Queues
    judge: Judge
    recorder: Recorder
    clock: Callable[[], dt.datetime]
    _planned: dict[AuditKey, tuple[Any, Plan]] = field(default_factory=dict)

    async def remedy(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        failures: Sequence[Failure],
    ) -> None:
        """Make and carry out the plan for a Deployment that breaks rules."""
        known = self._planned.get(key)
        question = (body["metadata"]["uid"], body["metadata"].get("generation"), boundary)
        if known is not None and known[0] == question:
            # Asked before: only its pods may be new.
            await self._isolate(key, body, known[1])
            return
        plan = await self.plan(key, body, boundary)
        await self._carry_out(key, body, plan)
        if plan.action is not Action.ROLL_BACK:
            self._planned[key] = (question, plan)
        self.note(key, plan)
        if not self._told_before(key, boundary, plan):
            await self._tell(key, body, boundary, failures, plan)

    async def plan(self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary) -> Plan:
        """Return the plan for a Deployment, from its history as it is now."""
        selector = _selector(body["spec"].get("selector") or {})
        listed = await self.api.list(
            resources.collection(REPLICA_SET, key.namespace), {"labelSelector": selector}
        )
        history = revisions(body["metadata"]["uid"], listed)

        def complies(template: Mapping[str, Any]) -> bool:
            probe = {"kind": "Deployment", "metadata": {}, "spec": {"template": template}}
            found = self.judge.failures(probe, boundary)
            return not any(failure.severity is Severity.DENY for failure in found)

        return plan_for(body, ClinicalImpact(boundary.impact), history, complies)

    def note(self, key: AuditKey, plan: Plan) -> None:
        """Remember what is in quarantine; the boundary and the status follow from it."""
        known = self.state.quarantined.setdefault(key.namespace, {})
        before = known.get((key.kind, key.name))
        if plan.action in (Action.HOLD, Action.ISOLATE, Action.SCALE_TO_ZERO):
            after = Quarantined(plan.quarantine, held=plan.action is Action.HOLD)
            known[key.kind, key.name] = after
        else:
            after = None
            known.pop((key.kind, key.name), None)
        if before != after:
            self._touch(key.namespace)

    def forget(self, key: AuditKey) -> None:
        """Drop what is known of an object that is gone."""
        self._planned.pop(key, None)
        if self.state.quarantined.get(key.namespace, {}).pop((key.kind, key.name), None):
            self._touch(key.namespace)

    async def release(self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary) -> None:
        """Let go of a Deployment that keeps the rules, if it was in quarantine."""
        self._planned.pop(key, None)
        known = self.state.quarantined.get(key.namespace, {}).get((key.kind, key.name))
        if known is None and key.namespace not in self.state.labelled:
            return
        released = await self._label_pods(key, body, None)
        if known is None and not released:
            return
        self.state.quarantined.get(key.namespace, {}).pop((key.kind, key.name), None)
        self._touch(key.namespace)
        plan = Plan(Action.RELEASE, "it keeps the rules again")
        await self._tell(key, body, boundary, (), plan)

    async def _carry_out(self, key: AuditKey, body: Mapping[str, Any], plan: Plan) -> None:
        """Act; a plan that went stale is refused by the API server and made anew."""
        match plan.action:
            case Action.ROLL_BACK:
                assert plan.target is not None  # a rollback has one
                await self._patch(key, body, "/spec/template", plan.target.template)
            case Action.SCALE_TO_ZERO if body["spec"].get("replicas", 1) != 0:
                await self._patch(key, body, "/spec/replicas", 0)
            case Action.HOLD | Action.ISOLATE:
                await self._isolate(key, body, plan)

    async def _patch(self, key: AuditKey, body: Mapping[str, Any], path: str, value: Any) -> None:
        """Replace one field, only if nobody changed the object since it was judged."""
        version = body["metadata"]["resourceVersion"]
        patch = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": path, "value": value},
        ]
        await self.api.patch(DEPLOYMENT, key.namespace, key.name, patch, content=JSON_PATCH)

    async def _isolate(self, key: AuditKey, body: Mapping[str, Any], plan: Plan) -> None:
        if plan.quarantine is not None:
            await self._label_pods(key, body, plan.quarantine)

    async def _label_pods(
        self, key: AuditKey, body: Mapping[str, Any], quarantine: Quarantine | None
    ) -> int:
        """Mark a Deployment's pods as cut off, or no longer; return how many changed.

        A label on the pods and not on the template: the template stays the
        team's, and nothing restarts.
        """
        selector = _selector(body["spec"].get("selector") or {})
        pods = await self.api.list(
            resources.collection(resources.POD, key.namespace), {"labelSelector": selector}
        )
        patch = {"metadata": {"labels": {names.QUARANTINE: quarantine}}}
        wrong = [
            pod["metadata"]["name"]
            for pod in pods
            if (pod["metadata"].get("labels") or {}).get(names.QUARANTINE) != quarantine
        ]
        await asyncio.gather(*(self._label_pod(key.namespace, name, patch) for name in wrong))
        if quarantine is not None:
            self.state.labelled.add(key.namespace)
        return len(wrong)

    async def _label_pod(self, namespace: str, name: str, patch: Any) -> None:
        try:
            await self.api.patch(resources.POD, namespace, name, patch, content=MERGE_PATCH)
        except Refused as refused:
            if refused.code != 404:
                raise

    async def _tell(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        failures: Sequence[Failure],
        plan: Plan,
    ) -> None:
        """Write down who, what, when and why: log, status and an Event on the object."""
        rules = tuple(dict.fromkeys(failure.rule for failure in failures))
        author = author_of_template(body)
        declared = self.state.workloads.get(boundary.workload)
        decision = Decision(
            action=plan.action.value,
            workload=boundary.workload,
            zone=boundary.zone,
            namespace=key.namespace,
            kind=key.kind,
            name=key.name,
            rules=rules,
            why=plan.why,
            time=self.clock(),
            generation=declared.generation if declared is not None else None,
            changed_by=author.manager if author is not None else None,
            changed_at=author.time if author is not None else None,
            from_revision=revision_of(body),
            to_revision=plan.target.number if plan.target is not None else None,
        )
        record(decision)
        self._remember(decision)
        await self.recorder.tell(
            body,
            DEPLOYMENT,
            EventType.NORMAL if plan.action is Action.RELEASE else EventType.WARNING,
            plan.action.value,
            f"{', '.join(rules) or 'PHIWorkload ' + boundary.workload}: {plan.why}. {summary(failures)}",
        )

    def _told_before(self, key: AuditKey, boundary: ZoneBoundary, plan: Plan) -> bool:
        """Whether the newest remediation of the object says the same, as after a restart."""
        if plan.action is Action.ROLL_BACK:
            return False
        for known in self.state.remembered(boundary.workload):
            if (known.kind, known.namespace, known.name) == (key.kind, key.namespace, key.name):
                return known.action == plan.action.value
        return False

    def _remember(self, decision: Decision) -> None:
        self.state.remembered(decision.workload).appendleft(
            Remediation(
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
        )
        self._touch(decision.namespace)

    def _touch(self, namespace: str) -> None:
        for workload in self.state.claiming(namespace):
            self.queues.workloads.add(workload)


def _selector(selector: Mapping[str, Any]) -> str:
    """Return a label selector as the text that the API takes."""
    parts = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for term in selector.get("matchExpressions") or ():
        key, values = term["key"], ",".join(term.get("values") or ())
        match term["operator"]:
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case "DoesNotExist":
                parts.append(f"!{key}")
    return ",".join(parts)
