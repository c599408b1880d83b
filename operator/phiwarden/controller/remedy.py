"""Carries plans out: rolls back, isolates, scales to zero, and lets go again."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.status import Remediation
from phiwarden.api.workload import ClinicalImpact
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.boundary.model import Quarantine
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, Refused
from phiwarden.cluster.events import EventType, Recorder
from phiwarden.cluster.selectors import selector
from phiwarden.controller.pods import label_pod
from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.state import Quarantined, State
from phiwarden.evidence.decisions import Decision, record
from phiwarden.remediation.history import Revision, author_of_template, revision_of, revisions
from phiwarden.remediation.plan import Action, Plan, decide, needs_history
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure, summary

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
        plan = await self.plan(key, body, boundary, failures)
        if plan.held or plan.harmless or plan.quarantine is not None:
            # First: a step that fails must not cost a pod, and new pods are labelled by it.
            await self.note(key, body, plan)
        if plan.harmless and self._may_be_labelled(key):
            await self._label_pods(key, body, None)
        try:
            acted = await self._carry_out(key, body, plan)
        except Refused:
            if boundary.impact == ClinicalImpact.DIRECT_CARE and key.kind != "Pod":
                unmended = Plan(Action.LEAVE, "it cannot be put back", held=True)
                await self.note(key, body, unmended)
            raise
        if plan.action is not Action.ROLL_BACK:
            self._planned[key] = (question, plan)
        await self.note(key, body, plan)
        if acted or not (plan.harmless or self._told_before(key, boundary, plan)):
            await self._tell(key, body, boundary, failures, plan)

    async def plan(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        failures: Sequence[Failure],
    ) -> Plan:
        """Return the plan for an object that is denied, from its history as it is now."""
        history: tuple[Revision, ...] = ()
        if needs_history(key.kind, failures):
            history = revisions(body["metadata"]["uid"], await self._replica_sets(key, body))
        return decide(body, boundary, failures, history, self.judge)

    async def note(self, key: AuditKey, body: Mapping[str, Any], plan: Plan) -> None:
        """Remember what is in quarantine or held; the boundary and the status follow from it."""
        makers = await self._makers(key, body) if plan.held else ()
        known = self.state.quarantined.setdefault(key.namespace, {})
        before = known.get((key.kind, key.name))
        if plan.held or plan.action in (Action.HOLD, Action.ISOLATE, Action.SCALE_TO_ZERO):
            was = before.quarantine if before is not None and not plan.harmless else None
            known[key.kind, key.name] = Quarantined(
                plan.quarantine or was, held=plan.held, harmless=plan.harmless, makers=makers
            )
        elif plan.action is Action.ROLL_BACK or plan.harmless:
            known.pop((key.kind, key.name), None)
        if before != known.get((key.kind, key.name)):
            self._touch(key.namespace)

    async def _makers(self, key: AuditKey, body: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what makes an object's pods, by the name that owners have in pods.

        Of a Deployment the ReplicaSets that it controls and that run, or would if it were scaled
        up. A name that looks like one of them proves nothing.
        """
        if key.kind != "Deployment":
            return (f"{key.kind}/{key.name}",)
        replica_sets = await self._replica_sets(key, body)
        running = {rs["metadata"]["name"] for rs in replica_sets if rs["spec"].get("replicas")}
        return tuple(
            sorted(
                f"ReplicaSet/{revision.replica_set}"
                for revision in revisions(body["metadata"]["uid"], replica_sets)
                if revision.replica_set in running or _same(revision.template, body)
            )
        )

    def forget(self, key: AuditKey) -> None:
        """Drop what is known of an object that is gone."""
        self._planned.pop(key, None)
        if self.state.quarantined.get(key.namespace, {}).pop((key.kind, key.name), None):
            self._touch(key.namespace)

    async def release(
        self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary, why: str
    ) -> None:
        """Let go of an object, if it was in quarantine or held."""
        self._planned.pop(key, None)
        if not self._may_be_labelled(key):
            return
        quarantined = self.state.quarantined.get(key.namespace, {})
        known = quarantined.get((key.kind, key.name))
        if known is not None:
            # First: new pods are labelled by it.
            quarantined[key.kind, key.name] = replace(known, quarantine=None)
        released = await self._label_pods(key, body, None)
        if known is None and not released:
            return
        self.state.quarantined.get(key.namespace, {}).pop((key.kind, key.name), None)
        self._touch(key.namespace)
        plan = Plan(Action.RELEASE, why)
        await self._tell(key, body, boundary, (), plan)

    def _may_be_labelled(self, key: AuditKey) -> bool:
        """Return whether an object's pods may carry the label of the quarantine."""
        known = self.state.quarantined.get(key.namespace, {}).get((key.kind, key.name))
        return known is not None or key.namespace in self.state.labelled

    async def _carry_out(self, key: AuditKey, body: Mapping[str, Any], plan: Plan) -> bool:
        """Act, and return whether anything had to be done.

        Raises:
            Refused: the plan went stale, or the API server refuses it; it is made anew.
        """
        match plan.action:
            case Action.ROLL_BACK:
                assert plan.target is not None  # a rollback has one
                await self._replace(body, "/spec/template", plan.target.template)
                return True
            case Action.SCALE_TO_ZERO if body["spec"].get("replicas", 1) != 0:
                await self._replace(body, "/spec/replicas", 0)
                return True
            case Action.HOLD | Action.ISOLATE:
                return await self._isolate(key, body, plan)
        return False

    async def _replace(self, body: Mapping[str, Any], path: str, value: Any) -> None:
        """Replace one field, only if nobody changed the object since it was judged."""
        await self.api.amend(DEPLOYMENT, body, {"op": "replace", "path": path, "value": value})

    async def _isolate(self, key: AuditKey, body: Mapping[str, Any], plan: Plan) -> bool:
        if plan.quarantine is None:
            return False
        return await self._label_pods(key, body, plan.quarantine) > 0

    async def _label_pods(
        self, key: AuditKey, body: Mapping[str, Any], quarantine: Quarantine | None
    ) -> int:
        """Mark an object's own pods as cut off, or no longer; return how many changed.

        A label on the pods and not on the template: the template stays the
        team's, and nothing restarts. Its own pods are those that its
        controller made: a selector may match another's, too.
        """
        pods = await self._pods(key, body)
        wrong = [
            pod["metadata"]["name"]
            for pod in pods
            if (pod["metadata"].get("labels") or {}).get(names.QUARANTINE) != quarantine
        ]
        if quarantine is not None:
            self.state.labelled.add(key.namespace)
        await asyncio.gather(
            *(label_pod(self.api, key.namespace, name, quarantine) for name in wrong)
        )
        return len(wrong)

    async def _pods(self, key: AuditKey, body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        if key.kind == "Pod":
            return [body]
        owners = {body["metadata"]["uid"]}
        if key.kind == "Deployment":
            owners = {
                replica_set["metadata"]["uid"]
                for replica_set in await self._replica_sets(key, body)
                if _controller(replica_set) in owners
            }
        pods = await self.api.list(
            resources.collection(resources.POD, key.namespace),
            {"labelSelector": selector(body["spec"].get("selector") or {})},
        )
        return [pod for pod in pods if _controller(pod) in owners]

    async def _replica_sets(self, key: AuditKey, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the ReplicaSets that a Deployment's selector matches."""
        wanted = selector(body["spec"].get("selector") or {})
        path = resources.collection(REPLICA_SET, key.namespace)
        return await self.api.list(path, {"labelSelector": wanted})

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
            resources.kind_of(key.kind),
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


def _same(template: Mapping[str, Any], deployment: Mapping[str, Any]) -> bool:
    now = deployment["spec"]["template"]
    return bool(template["spec"] == now["spec"])


def _controller(obj: Mapping[str, Any]) -> str | None:
    """Return the uid of what controls an object, or None."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)
