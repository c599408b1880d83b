"""What becomes of one object, by the boundary that stands and by the one to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from phiwarden.api import names
from phiwarden.api.durations import to_timedelta
from phiwarden.api.rollback import Rollback
from phiwarden.api.workload import Enforcement
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.preview.model import Broken, Change, Consequence, Fate, Object, Way
from phiwarden.preview.network import lost
from phiwarden.preview.past import Past
from phiwarden.remediation.deeds import Action, Plan
from phiwarden.remediation.history import Revision
from phiwarden.remediation.memory import on_trial
from phiwarden.remediation.plan import (
    REMEDIED,
    decide,
    decide_failed,
    needs_history,
    template_digest,
)
from phiwarden.remediation.rollout import ROLLING, failed, takes_back
from phiwarden.remediation.steps import Step, describe, describe_release
from phiwarden.rulebook.budgets import Budget, unprotected
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Severity
from phiwarden.rulebook.shapes import CONTAINER_LISTS

_DEEDS: Final = {
    Action.ROLL_BACK: Consequence.ROLLED_BACK,
    Action.HOLD: Consequence.HELD,
    Action.ISOLATE: Consequence.ISOLATED,
    Action.SCALE_TO_ZERO: Consequence.SCALED_TO_ZERO,
    Action.SUSPEND: Consequence.SUSPENDED,
    Action.LEAVE: Consequence.REFUSED,
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the fate of a zone's objects depends on.

    Attributes:
        now: the boundary that stands; None if none does.
        then: the boundary to be.
        rollback_now: how rollouts are taken back by the declaration that stands.
        rollback: how they are by the declaration to be.
        past: what the namespace keeps of its workloads.
        open_ways: ways of the network that the declaration to be allows.
        judge: the rulebook.
        budgets: the zone's PodDisruptionBudgets; None if they could not be read.
    """

    now: ZoneBoundary | None
    then: ZoneBoundary
    rollback_now: Rollback
    rollback: Rollback
    past: Past
    open_ways: tuple[Way, ...]
    judge: Judge
    budgets: tuple[Budget, ...] | None = None

    def failures(self, obj: Object, boundary: ZoneBoundary) -> tuple[Failure, ...]:
        """Return every rule that an object breaks by a boundary."""
        found = self.judge.failures(obj, boundary)
        lack = unprotected(obj, boundary, self.budgets) if self.budgets is not None else None
        return found if lack is None else (*found, lack)


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """What becomes of an object by one boundary.

    Attributes:
        consequence: what.
        why: for a person; "" where the consequence says it all.
        plan: the plan for it; None if it is not put back.
        steps: the requests that carry it out; None where they are not known.
        notes: what a person should know beside it.
    """

    consequence: Consequence
    why: str = ""
    plan: Plan | None = None
    steps: tuple[Step, ...] | None = ()
    notes: tuple[str, ...] = ()


def fate_of(obj: Object, around: Surroundings) -> Fate:
    """Return what becomes of an object."""
    failures = around.failures(obj, around.then)
    before = _before(obj, around, failures)
    now = Consequence.UNAFFECTED
    if around.now is not None:
        now = _foreseen(obj, around.now, around.rollback_now, before, around).consequence
    then = _foreseen(obj, around.then, around.rollback, failures, around)
    plan = then.plan
    target = plan.target if plan is not None else None
    quarantine = plan.quarantine if plan is not None else None
    return Fate(
        kind=obj["kind"],
        name=obj["metadata"]["name"],
        now=now,
        then=then.consequence,
        broken=_broken(before, failures),
        why=then.why,
        revision=target.number if target is not None else None,
        images=_images(target) if target is not None else (),
        cut_off=lost(around.then.zone, quarantine, around.open_ways),
        cause=plan.cause if plan is not None and plan.action is not Action.LEAVE else None,
        steps=then.steps,
        notes=then.notes,
    )


def _before(obj: Object, around: Surroundings, failures: Sequence[Failure]) -> Sequence[Failure]:
    """Return what an object breaks by the boundary that stands."""
    if around.now is None:
        return ()
    # No rule reads the level, and most plans raise nothing else.
    same = replace(around.now, enforcement=around.then.enforcement, held=around.then.held)
    return failures if same == around.then else around.failures(obj, around.now)


def _foreseen(
    obj: Object,
    boundary: ZoneBoundary,
    rollback: Rollback,
    failures: Sequence[Failure],
    around: Surroundings,
) -> _Foreseen:
    denied = [failure for failure in failures if failure.severity is Severity.DENY]
    enforced = boundary.enforcement == Enforcement.ENFORCE
    if obj["kind"] not in REMEDIED:
        return _Foreseen(Consequence.REFUSED if enforced and denied else _told(boundary, failures))
    if enforced and denied:
        return _put_back(obj, boundary, denied, around)
    if enforced and _has_failed(obj, boundary, rollback, around.past):
        return _taken_back(obj, boundary, around)
    released = describe_release(around.past.memory(obj), obj, around.past.pods(obj) or ())
    return _Foreseen(_told(boundary, failures), steps=released)


def _told(boundary: ZoneBoundary, failures: Sequence[Failure]) -> Consequence:
    """Return what becomes of an object that nothing is refused of."""
    if not failures:
        return Consequence.UNAFFECTED
    observed = boundary.enforcement == Enforcement.OBSERVE
    return Consequence.NOTED if observed else Consequence.WARNED


def _put_back(
    obj: Object, boundary: ZoneBoundary, denied: Sequence[Failure], around: Surroundings
) -> _Foreseen:
    past = around.past
    plan = decide(obj, boundary, denied, past.case(obj), around.judge)
    unread = past.unread(obj, rolls=needs_history(obj["kind"], denied))
    # What is left alone is so whatever its past is.
    if unread and plan.action is not Action.LEAVE:
        why = (
            f"{unread} could not be read: it goes back to a revision that keeps the rules and has"
            " worked if there is one; otherwise its clinical impact decides"
        )
        return _Foreseen(Consequence.UNTOLD, why, notes=past.notes(obj, None))
    return _planned(obj, plan, past)


def _has_failed(obj: Object, boundary: ZoneBoundary, rollback: Rollback, past: Past) -> bool:
    """Return whether an object's rollout failed, and is to be taken back if it can."""
    if obj["kind"] not in ROLLING or not takes_back(boundary.impact, rollback):
        return False
    # A Deployment reports itself how far it got; of the others the pods tell.
    pods = () if obj["kind"] == "Deployment" else past.pods(obj)
    if pods is None or not failed(obj, pods, to_timedelta(rollback.progress_deadline), past.now):
        return False
    # What was put back already, and does not get ready, is left to people.
    return on_trial(past.memory(obj), template_digest(obj)) is None


def _taken_back(obj: Object, boundary: ZoneBoundary, around: Surroundings) -> _Foreseen:
    past = around.past
    case = past.case(obj)
    paused = case.paused or obj["spec"].get("paused")
    if not paused and (unread := past.unread(obj, rolls=True)):
        why = (
            f"{unread} could not be read: its rollout failed, and goes back to a revision that has"
            " worked if there is one"
        )
        return _Foreseen(Consequence.UNTOLD, why, notes=past.notes(obj, None))
    plan = decide_failed(obj, boundary, case, around.judge)
    found = _planned(obj, plan, past)
    if plan.action is Action.LEAVE:
        return replace(found, consequence=Consequence.LEFT_ALONE)
    return found


def _planned(obj: Object, plan: Plan, past: Past) -> _Foreseen:
    pods = past.pods(obj)
    notes = past.notes(obj, plan.target)
    steps: tuple[Step, ...] | None = describe(plan, obj, pods or ())
    if pods is None and plan.quarantine is not None:
        steps = None
        label = f"{names.QUARANTINE}={plan.quarantine}"
        notes = (*notes, f"its pods could not be read: each gets the label {label}")
    return _Foreseen(_DEEDS[plan.action], plan.why, plan, steps, notes)


def _broken(before: Sequence[Failure], after: Sequence[Failure]) -> tuple[Broken, ...]:
    """Return each rule once, by its first failure: new ones, then those that stay or are mended."""
    earlier, later = _first_of_each(before), _first_of_each(after)
    found = [
        _as_broken(failure, Change.STAYS if rule in earlier else Change.NEW)
        for rule, failure in later.items()
    ]
    found += [_as_broken(f, Change.MENDED) for rule, f in earlier.items() if rule not in later]
    order = tuple(Change)
    return tuple(sorted(found, key=lambda broken: order.index(broken.change)))


def _first_of_each(failures: Sequence[Failure]) -> dict[str, Failure]:
    found: dict[str, Failure] = {}
    for failure in failures:
        found.setdefault(failure.rule, failure)
    return found


def _as_broken(failure: Failure, change: Change) -> Broken:
    return Broken(
        rule=failure.rule,
        change=change,
        severity=failure.severity.value,
        place=failure.place,
        problem=failure.problem,
        found=failure.found,
        fix=failure.fix,
    )


def _images(revision: Revision) -> tuple[str, ...]:
    spec = revision.template.get("spec") or {}
    return tuple(
        str(container.get("image", ""))
        for name in CONTAINER_LISTS
        for container in spec.get(name) or ()
    )
