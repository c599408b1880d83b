"""Carries plans out: puts back, isolates, stops, and lets go again; each step survives its end."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from weakref import WeakValueDictionary

import structlog

from phiwarden.api.history import Act
from phiwarden.api.workload import ClinicalImpact, Enforcement
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, ClusterError, Refused
from phiwarden.controller.alarms import Alarms
from phiwarden.controller.authority import may_act
from phiwarden.controller.calendar import Clock
from phiwarden.controller.histories import Histories
from phiwarden.controller.isolation import Isolation
from phiwarden.controller.pace import Pace
from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.rollouts import Rollouts
from phiwarden.controller.running import touch
from phiwarden.controller.state import Quarantined, State
from phiwarden.controller.telling import Teller
from phiwarden.remediation import memory as remembered
from phiwarden.remediation import turns
from phiwarden.remediation.deeds import CHANGING, Action, Plan
from phiwarden.remediation.history import author_of_template, revision_of
from phiwarden.remediation.owners import of_cron_job
from phiwarden.remediation.pause import asked, told
from phiwarden.remediation.plan import (
    Case,
    decide,
    decide_failed,
    insisted_on,
    needs_history,
    rolled_out_again,
    template_digest,
    tolerated,
)
from phiwarden.remediation.rollout import ROLLING, Stage, stage
from phiwarden.remediation.steps import changes, restart
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure, summary

log = structlog.get_logger(__name__)

LOOK_AGAIN: Final = dt.timedelta(minutes=5)
"""Between two looks at what is set apart, whether there is a way back by now."""

QUARANTINED = (Action.HOLD, Action.ISOLATE, Action.SCALE_TO_ZERO, Action.SUSPEND)


@dataclass
class Remedy:
    """Decides at once what has to be protected, and acts in turns."""

    api: Api
    state: State
    queues: Queues
    judge: Judge
    histories: Histories
    isolation: Isolation
    rollouts: Rollouts
    pace: Pace
    teller: Teller
    alarms: Alarms[AuditKey]
    clock: Clock
    _violating: set[AuditKey] = field(default_factory=set)
    _planned: dict[AuditKey, tuple[Any, Plan]] = field(default_factory=dict)
    _locks: WeakValueDictionary[AuditKey, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def look(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        denied: Sequence[Failure],
    ) -> None:
        """Take in an object that was seen and judged; what has to change waits for its turn."""
        async with self._lock(key):
            await self._settle(key, body, boundary)
            self.rollouts.seen(key, body)
            self._note_conflict(key, body, denied=bool(denied))
            if denied and boundary.enforcement == Enforcement.ENFORCE:
                if may_act(self.state, key.namespace, boundary):
                    await self._denied(key, body, boundary, denied)
                else:
                    self.bar(key)
                return
            lowered = f"enforcement is {boundary.enforcement}"
            why = lowered if denied else "it keeps the rules again"
            await self._release(key, body, boundary, why)
            if self.rollouts.worth_a_look(key, body, boundary):
                self.queues.turns.add(key)

    async def take(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        denied: Sequence[Failure],
    ) -> bool:
        """Act on an object as it is this moment; return whether anything was changed."""
        async with self._lock(key):
            await self._settle(key, body, boundary)
            if denied:
                return await self._remedy(key, body, boundary, denied)
            self._violating.discard(key)
            self.waits(key, waiting=False)
            if await self.rollouts.failed(key, body, boundary):
                return await self._take_back(key, body, boundary)
        return False

    async def plan(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        failures: Sequence[Failure],
    ) -> Plan:
        """Return the plan for an object that is denied, from its history as it is now."""
        rolls = needs_history(key.kind, failures)
        return decide(
            body, boundary, failures, await self._case(key, body, rolls=rolls), self.judge
        )

    async def protect(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        failures: Sequence[Failure],
    ) -> None:
        """Note direct care that has to be held, by a boundary that is about to stand."""
        async with self._lock(key):
            plan = await self.plan(key, body, boundary, failures)
            if plan.held:
                await self.note(key, body, plan)

    async def _case(self, key: AuditKey, body: Mapping[str, Any], *, rolls: bool) -> Case:
        history = await self.isolation.history(key, body) if rolls else ()
        memory = self.histories.of(key, body)
        paused = await self._pause(key, body, memory)
        missing = self.state.missing_in(key.namespace)
        return Case(history, memory, missing, paused)

    async def note(self, key: AuditKey, body: Mapping[str, Any], plan: Plan) -> None:
        """Remember what is in quarantine or held; the boundary and the status follow from it."""
        makers = await self.isolation.makers(key, body) if plan.held else ()
        known = self.state.quarantined.setdefault(key.namespace, {})
        before = known.get((key.kind, key.name))
        if plan.held or plan.action in QUARANTINED:
            was = before.quarantine if before is not None and not plan.harmless else None
            known[key.kind, key.name] = Quarantined(
                plan.quarantine or was, held=plan.held, harmless=plan.harmless, makers=makers
            )
        elif plan.action is Action.ROLL_BACK or plan.harmless:
            known.pop((key.kind, key.name), None)
        if before != known.get((key.kind, key.name)):
            self.touch(key)

    async def forget(self, key: AuditKey) -> None:
        """Drop what is known of an object that is gone, and what is being noted of it just now."""
        async with self._lock(key):
            self._planned.pop(key, None)
            self._violating.discard(key)
            self.histories.forget(key)
            self.pace.gone(key)
            self.rollouts.forget(key)
            self.waits(key, waiting=False)
            held = self.state.quarantined.get(key.namespace, {}).pop((key.kind, key.name), None)
            conflict = self.state.conflicts.get(key.namespace, {}).pop((key.kind, key.name), None)
            if held is not None or conflict is not None:
                self.touch(key)

    def order(self, key: AuditKey) -> tuple[int, ...]:
        """Return the place of an object among those that wait for a turn."""
        boundary = self.state.boundaries.get(key.namespace)
        impact = boundary.impact if boundary is not None else ClinicalImpact.ADMINISTRATIVE
        return turns.order(impact, failed_rollout=key not in self._violating)

    def waits(self, key: AuditKey, *, waiting: bool) -> None:
        """Note whether an object waits for its turn."""
        known = self.state.waiting.setdefault(key.namespace, set())
        place = (key.kind, key.name)
        if waiting == (place in known):
            return
        (known.add if waiting else known.discard)(place)
        self.touch(key)

    def bar(self, key: AuditKey) -> None:
        """Leave an object for now, and look again once its boundary or declaration changes."""
        self._violating.add(key)
        self.waits(key, waiting=False)
        self.state.barred.setdefault(key.namespace, set()).add((key.kind, key.name))

    def touch(self, key: AuditKey) -> None:
        """Have the status of whoever declares an object's zone say what is true now."""
        touch(self.state, self.queues, key.namespace)

    async def _denied(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        failures: Sequence[Failure],
    ) -> None:
        """Protect direct care at once, keep what is apart apart, and ask for a turn for the rest."""
        known = self._planned.get(key)
        if known is not None and known[0] == self._question(key, body, boundary):
            # Asked before: only its pods may be new.
            if known[1].quarantine is not None:
                await self.isolation.label(key, body, known[1].quarantine)
            return
        busy = self.pace.busy(len(self.queues.turns) + 1)
        if boundary.impact == ClinicalImpact.DIRECT_CARE or tolerated(failures):
            plan = await self.plan(key, body, boundary, failures)
            if plan.held or plan.harmless:
                await self.note(key, body, plan)  # a step that fails must not cost a pod
            elif busy and plan.action is Action.ROLL_BACK:
                # Nor must a turn that is long in coming.
                await self.note(key, body, replace(plan, held=True))
            if plan.harmless:
                await self._unlabel(key, body)
                self._planned[key] = (self._question(key, body, boundary), plan)
                return
        self._violating.add(key)
        if busy:
            self.waits(key, waiting=True)
        self.queues.turns.add(key)

    async def _remedy(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        failures: Sequence[Failure],
    ) -> bool:
        plan = await self.plan(key, body, boundary, failures)
        if plan.held or plan.quarantine is not None:
            # First: a step that fails must not cost a pod, and new pods are labelled by it.
            await self.note(key, body, plan)
        try:
            acted = await self._carry_out(key, body, boundary, failures, plan)
        except Refused:
            # Nobody makes a Pod of its own anew, so nothing of it can be held.
            if boundary.impact == ClinicalImpact.DIRECT_CARE and key.kind != "Pod":
                unmended = Plan(Action.LEAVE, "it cannot be put back", held=True)
                await self.note(key, body, unmended)
            raise
        if acted is None:
            if boundary.impact == ClinicalImpact.DIRECT_CARE:
                # Nobody knows for how long: it must not lose a pod meanwhile.
                await self.note(key, body, replace(plan, held=True))
            self.waits(key, waiting=True)
            return False  # it is asked again once others are ready
        self.waits(key, waiting=False)
        if plan.action is not Action.ROLL_BACK:
            self._planned[key] = (self._question(key, body, boundary), plan)
        # A way back can open without the object's being changed: its Secret comes again.
        stays = plan.quarantine is not None and key.kind in ROLLING
        self.alarms.set(key, "again", self.clock() + LOOK_AGAIN if stays else None)
        await self.note(key, body, plan)
        return acted

    async def _take_back(
        self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary
    ) -> bool:
        """Take back a rollout that failed."""
        case = await self._case(key, body, rolls=True)
        plan = decide_failed(body, boundary, case, self.judge)
        return bool(await self._carry_out(key, body, boundary, (), plan))

    async def _carry_out(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        failures: Sequence[Failure],
        plan: Plan,
    ) -> bool | None:
        """Act, and return whether anything had to be done; None if it may not be done yet.

        Raises:
            Refused: the plan went stale, or the API server refuses it; it is made anew.
        """
        operations = changes(plan, body)
        if operations:
            if not self.pace.admits(key, on_trial=plan.action is Action.ROLL_BACK):
                self.touch(key)
                return None
            await self._change(
                key, body, boundary, _act(plan, body, failures, self.clock()), operations
            )
            return True
        acted = plan.quarantine is not None and await self.isolation.label(
            key, body, plan.quarantine
        )
        quiet = plan.harmless or plan.action in CHANGING or of_cron_job(body)
        if not quiet and (acted or not self.teller.told_before(key, boundary, plan)):
            await self.teller.tell(key, body, boundary, failures, plan)
        return bool(acted)

    async def _change(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        boundary: ZoneBoundary,
        act: Act,
        operations: Sequence[Mapping[str, Any]],
    ) -> None:
        """Change an object, only if nobody changed it since, so that it is done and told once."""
        before = self.histories.of(key, body)
        try:
            await self.histories.write(key, body, remembered.intending(before, act))
            stored = await self.api.amend(resources.WORKLOADS[key.kind], body, *operations)
        except ClusterError as error:
            # Its place is free again; what took place all the same is followed once it is seen.
            self.pace.over(key)
            if isinstance(error, Refused) and self.histories.of(key, body).pending is not None:
                await self.histories.write(key, body, remembered.forgoing(before))
            raise
        self.rollouts.wrote(key, stored)
        await self._finish(key, body, boundary, act)

    async def _settle(self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary) -> None:
        """Bring to its end what was begun, by an operator that ended in the middle of it."""
        memory = self.histories.of(key, body)
        self.teller.recall(key, boundary, memory.acts)
        act = memory.pending
        if act is None:
            return
        if not _happened(act, body):
            # What was seen may be older than the deed, of which only the answer was lost.
            now = await self.api.get(resources.WORKLOADS[key.kind], key.namespace, key.name)
            if now is None or now["metadata"]["uid"] != body["metadata"]["uid"]:
                return
            body = {**now, "kind": key.kind}
        if _happened(act, body):
            await self._finish(key, body, boundary, act)
        else:
            await self.histories.write(key, body, remembered.forgoing(memory))

    async def _finish(
        self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary, act: Act
    ) -> None:
        await self.teller.tell_act(key, body, boundary, act)
        memory = self.histories.of(key, body)
        await self.histories.write(key, body, remembered.done(memory))
        if act.action == "RolledBack":
            self.pace.sent(key)

    async def _release(
        self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary, why: str
    ) -> None:
        """Let go of an object, if it was stopped, in quarantine or held."""
        self._planned.pop(key, None)
        self._violating.discard(key)
        self.waits(key, waiting=False)
        self.alarms.set(key, "pause", None)
        self.alarms.set(key, "again", None)
        started = await self._start_again(key, body, boundary, why)
        quarantined = self.state.quarantined.get(key.namespace, {})
        known = quarantined.get((key.kind, key.name))
        if known is not None:
            # First: new pods are labelled by it.
            quarantined[key.kind, key.name] = replace(known, quarantine=None)
        # Pods of a template that broke rules stay apart until mended ones take their place.
        mended = boundary.enforcement == Enforcement.ENFORCE
        released = await self._unlabel(key, body, newest_alone=mended)
        if known is None and not released:
            return
        self.state.quarantined.get(key.namespace, {}).pop((key.kind, key.name), None)
        self.touch(key)
        if not started and not (known is not None and known.harmless and not released):
            plan = Plan(Action.RELEASE, why)
            await self.teller.tell(key, body, boundary, (), plan)

    async def _start_again(
        self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary, why: str
    ) -> bool:
        """Start what was stopped; return whether it was."""
        memory = self.histories.of(key, body)
        if not memory.stopped:
            return False
        operations = restart(memory, body)
        if operations:
            await self.api.amend(resources.WORKLOADS[key.kind], body, *operations)
        await self.teller.tell(
            key, body, boundary, (), Plan(Action.RELEASE, f"{why}; it is started")
        )
        await self.histories.write(key, body, remembered.let_go(memory))
        return True

    async def _unlabel(
        self, key: AuditKey, body: Mapping[str, Any], *, newest_alone: bool = False
    ) -> int:
        """Let the pods of an object go; return how many were labelled."""
        known = self.state.quarantined.get(key.namespace, {}).get((key.kind, key.name))
        if known is None and key.namespace not in self.state.labelled:
            return 0
        return await self.isolation.label(key, body, None, newest_alone=newest_alone)

    async def _pause(
        self, key: AuditKey, body: Mapping[str, Any], memory: remembered.Memory
    ) -> str:
        """Return why people on call want nothing done now; what they asked for is recorded."""
        wanted = asked(body, self.clock())
        if wanted.problem:
            await self.teller.note(body, key.kind, "PauseNotGranted", wanted.problem)
        pause = wanted.pause
        self.alarms.set(key, "pause", pause.until if pause is not None else None)
        if pause is None:
            return ""
        if memory.pause != pause:
            recorded = memory.model_copy(update={"pause": pause})
            try:
                await self.histories.write(key, body, recorded)
            except Refused as refused:
                # People on call come first, and what is held must be; it is tried again.
                log.warning("pause.unwritten", key=str(key), code=refused.code)
        return told(pause)

    def _note_conflict(self, key: AuditKey, body: Mapping[str, Any], *, denied: bool) -> None:
        """Note who insists on what an object has, as long as it has it."""
        memory = self.histories.of(key, body)
        conflict = insisted_on(body, memory) if denied and memory.acts else ""
        if not denied and memory.acts and key.kind in ROLLING and stage(body) is not Stage.WORKS:
            conflict = rolled_out_again(body, memory)
        known = self.state.conflicts.setdefault(key.namespace, {})
        before = known.get((key.kind, key.name), "")
        if conflict:
            known[key.kind, key.name] = conflict
        else:
            known.pop((key.kind, key.name), None)
        if before != conflict:
            self.touch(key)

    def _question(
        self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary
    ) -> tuple[Any, ...]:
        """Return all that a plan depends on and that changes without its being asked for."""
        metadata = body["metadata"]
        acts = self.histories.of(key, body).acts
        pause = asked(body, self.clock())
        return (metadata["uid"], metadata.get("generation"), boundary, acts[:1], pause)

    def _lock(self, key: AuditKey) -> asyncio.Lock:
        return self._locks.setdefault(key, asyncio.Lock())


def _act(plan: Plan, body: Mapping[str, Any], failures: Sequence[Failure], now: dt.datetime) -> Act:
    author = author_of_template(body)
    found = body["spec"].get("replicas", 1) if plan.action is Action.SCALE_TO_ZERO else None
    target = plan.target
    rules = dict.fromkeys(failure.rule for failure in failures)
    return Act(
        time=now.replace(microsecond=0),
        action=plan.action.value,
        cause=plan.cause,
        template=template_digest(body),
        to_template=target.digest if target is not None else None,
        replicas=found,
        from_revision=revision_of(body),
        to_revision=target.number if target is not None else None,
        rules=tuple(rules),
        changed_by=author.manager if author is not None else None,
        message=plan.why,
        advice=summary(failures) or None,
    )


def _happened(act: Act, body: Mapping[str, Any]) -> bool:
    """Return whether what was begun took place."""
    if act.action == "RolledBack":
        return template_digest(body) == act.to_template
    if act.action == "ScaledToZero":
        return bool(body["spec"].get("replicas") == 0)
    return bool(body["spec"].get("suspend"))
