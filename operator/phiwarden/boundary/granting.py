"""What becomes of an exception that somebody asked for: whether it is in force, and why not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from phiwarden.api.decision import Decision, DecisionType
from phiwarden.api.exception import LONGEST, LONGEST_EMERGENCY, ExceptionSpec
from phiwarden.api.values import instant
from phiwarden.api.vocabulary import ClinicalImpact
from phiwarden.boundary.exceptions import Entry

MAX_ENTRIES: Final = 200
"""Rules of objects that exceptions of one zone may name in all: the API server goes through them."""

_DAY: Final = dt.timedelta(days=1)
_WEEK: Final = dt.timedelta(days=7)


class Reason(StrEnum):
    """Why an exception is in force or not."""

    IN_FORCE = "InForce"
    ENDS_WITHIN_7_DAYS = "EndsWithin7Days"
    ENDS_WITHIN_1_DAY = "EndsWithin1Day"
    AWAITING_DECISION = "AwaitingDecision"
    DENIED = "Denied"
    ENDED = "Ended"
    UNREADABLE = "Unreadable"
    NOT_INDEPENDENT = "NotIndependent"
    NO_SUCH_RULE = "NoSuchRule"
    TOO_MANY = "TooMany"


WARNINGS: Final = (Reason.ENDS_WITHIN_7_DAYS, Reason.ENDS_WITHIN_1_DAY, Reason.ENDED)
"""Reasons that people are told of by an Event."""


@dataclass(frozen=True, slots=True)
class Request:
    """A PHIException as a value.

    Attributes:
        created: when it was asked for, on the API server's word.
        spec: what is asked for; None if it cannot be read.
        problem: why it cannot be read, naming the field.
        decision: what was decided; None while nothing is.
        deleting: whether it is being deleted, which a finalizer may hold up.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    created: dt.datetime
    spec: ExceptionSpec | None
    problem: str = ""
    decision: Decision | None = None
    deleting: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """What is true of an exception at a moment.

    Attributes:
        reason: in one word.
        message: for a person.
        entries: what the boundary carries of it; none if it is not in force.
        days_left: whole days until it ends; None where there is no end, or nobody granted it.
        next_change: when time alone makes something else of it.
    """

    reason: Reason
    message: str
    entries: tuple[Entry, ...] = ()
    days_left: int | None = None
    next_change: dt.datetime | None = None


def request_of(body: Mapping[str, Any]) -> Request:
    """Return a PHIException as a value; one that cannot be read is a problem, no error."""
    metadata = body["metadata"]
    spec: ExceptionSpec | None = None
    decision: Decision | None = None
    problem = ""
    try:
        spec = ExceptionSpec.model_validate(body.get("spec") or {})
        decided = (body.get("status") or {}).get("decision")
        decision = None if decided is None else Decision.model_validate(decided)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        spec, problem = None, f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return Request(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        metadata.get("generation", 0),
        dt.datetime.fromisoformat(metadata["creationTimestamp"]),
        spec,
        problem,
        decision,
        "deletionTimestamp" in metadata,
    )


def longest(impact: str, *, emergency: bool) -> dt.timedelta:
    """Return how long an exception may be in force."""
    return LONGEST_EMERGENCY if emergency else LONGEST[ClinicalImpact(impact)]


def grant(request: Request, impact: str, exceptable: Collection[str], now: dt.datetime) -> Grant:
    """Return what is true of an exception now.

    What the API server holds people to is looked at again: its policies may
    not have stood when it was asked for or approved.

    Args:
        request: the exception.
        impact: clinical impact of the zone that it is in.
        exceptable: identifiers of the rules that there are exceptions to.
        now: the moment.
    """
    spec, decision = request.spec, request.decision
    if spec is None:
        return Grant(Reason.UNREADABLE, f"it cannot be read: {request.problem}")
    # The clinical impact may be another one by now.
    latest = request.created + longest(impact, emergency=spec.emergency)
    end = min(spec.expires, latest)
    until = instant(end)
    if unknown := [rule for rule in spec.rules if rule not in exceptable]:
        listed = ", ".join(unknown)
        return Grant(Reason.NO_SUCH_RULE, f"there are no exceptions to {listed}")
    if decision is not None and decision.type is DecisionType.DENIED:
        return Grant(Reason.DENIED, f"denied by {decision.by.username}")
    if end <= now:
        return Grant(Reason.ENDED, f"it ended at {until}")
    if request.deleting:
        return Grant(Reason.ENDED, "it is being deleted")
    if decision is None:
        waits = f"asked for by {spec.requested_by.username}; nobody decided yet"
        return Grant(Reason.AWAITING_DECISION, waits, next_change=end)
    if decision.by.may_be(spec.requested_by):
        return Grant(
            Reason.NOT_INDEPENDENT, f"{decision.by.username} both asked for it and approved it"
        )
    left = end - now
    reason = _in_force(left, end - request.created)
    objects = ", ".join(f"{obj.kind}/{obj.name}" for obj in spec.objects)
    return Grant(
        reason,
        f"{objects} may break {', '.join(spec.rules)} until {until}, approved by"
        f" {decision.by.username}",
        tuple(
            Entry(rule, obj.kind, obj.name, until) for rule in spec.rules for obj in spec.objects
        ),
        left // _DAY,
        # The next whole day less: warnings begin with one, too.
        end - (left // _DAY) * _DAY if left % _DAY else end - (left // _DAY - 1) * _DAY,
    )


def within_bounds(grants: Mapping[str, Grant]) -> dict[str, Grant]:
    """Return grants of one zone, by name, without those for which its boundary has no room.

    Those that come first have the room.
    """
    found: dict[str, Grant] = {}
    room = MAX_ENTRIES
    for name, each in grants.items():
        if len(each.entries) <= room:
            found[name] = each
            room -= len(each.entries)
        else:
            full = f"the exceptions of this zone name more than {MAX_ENTRIES} rules of objects"
            found[name] = Grant(Reason.TOO_MANY, full, next_change=each.next_change)
    return found


def _in_force(left: dt.timedelta, term: dt.timedelta) -> Reason:
    """Return how near the end is; an exception that was short from the start gives no warning."""
    if left <= _DAY < term:
        return Reason.ENDS_WITHIN_1_DAY
    if left <= _WEEK < term:
        return Reason.ENDS_WITHIN_7_DAYS
    return Reason.IN_FORCE
