"""What becomes of one object, by the boundary that stands and by the one to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from phiwarden.api.workload import Enforcement
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.preview.model import Broken, Change, Consequence, Fate, Object, Way
from phiwarden.preview.network import lost
from phiwarden.remediation.history import Revision, revisions
from phiwarden.remediation.plan import REMEDIED, Action, Case, Plan, decide, needs_history
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
        replica_sets: by the uid of the Deployment that controls them; None if they could
            not be read.
        open_ways: ways of the network that the declaration to be allows.
        judge: the rulebook.
        budgets: the zone's PodDisruptionBudgets; None if they could not be read.
    """

    now: ZoneBoundary | None
    then: ZoneBoundary
    replica_sets: Mapping[str, tuple[Object, ...]] | None
    open_ways: tuple[Way, ...]
    judge: Judge
    budgets: tuple[Budget, ...] | None = None

    def failures(self, obj: Object, boundary: ZoneBoundary) -> tuple[Failure, ...]:
        """Return every rule that an object breaks by a boundary."""
        found = self.judge.failures(obj, boundary)
        lack = unprotected(obj, boundary, self.budgets) if self.budgets is not None else None
        return found if lack is None else (*found, lack)


def fate_of(obj: Object, around: Surroundings) -> Fate:
    """Return what becomes of an object."""
    failures = around.failures(obj, around.then)
    before = _before(obj, around, failures)
    now, _ = _foreseen(obj, around.now, before, around) if around.now else (None, None)
    then, plan = _foreseen(obj, around.then, failures, around)
    target = plan.target if plan is not None else None
    quarantine = plan.quarantine if plan is not None else None
    return Fate(
        kind=obj["kind"],
        name=obj["metadata"]["name"],
        now=now or Consequence.UNAFFECTED,
        then=then,
        broken=_broken(before, failures),
        why=plan.why if plan is not None else _WHY.get(then, ""),
        revision=target.number if target is not None else None,
        images=_images(target) if target is not None else (),
        cut_off=lost(around.then.zone, quarantine, around.open_ways),
    )


_WHY: Final = {
    Consequence.UNTOLD: "its revisions (ReplicaSets) could not be read: it goes back to one that"
    " keeps the rules if there is one; otherwise its clinical impact decides"
}


def _before(obj: Object, around: Surroundings, failures: Sequence[Failure]) -> Sequence[Failure]:
    """Return what an object breaks by the boundary that stands."""
    if around.now is None:
        return ()
    # No rule reads the level, and most plans raise nothing else.
    same = replace(around.now, enforcement=around.then.enforcement, held=around.then.held)
    return failures if same == around.then else around.failures(obj, around.now)


def _foreseen(
    obj: Object, boundary: ZoneBoundary, failures: Sequence[Failure], around: Surroundings
) -> tuple[Consequence, Plan | None]:
    denied = [failure for failure in failures if failure.severity is Severity.DENY]
    if not failures:
        return Consequence.UNAFFECTED, None
    if boundary.enforcement == Enforcement.OBSERVE:
        return Consequence.NOTED, None
    if boundary.enforcement == Enforcement.WARN or not denied:
        return Consequence.WARNED, None
    if obj["kind"] not in REMEDIED:
        return Consequence.REFUSED, None
    history: tuple[Revision, ...] = ()
    if needs_history(obj["kind"], denied):
        if around.replica_sets is None:
            return Consequence.UNTOLD, None
        uid = obj["metadata"]["uid"]
        history = revisions(uid, around.replica_sets.get(uid, ()))
    plan = decide(obj, boundary, denied, Case(history), around.judge)
    return _DEEDS[plan.action], plan


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
