"""What becomes of a release that somebody brought: whether its images may run, and why not."""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from pydantic import ValidationError

from phiwarden.api import names
from phiwarden.api.decision import Decision, DecisionType, Identity
from phiwarden.api.release import MAX_RELEASED, ReleaseSpec
from phiwarden.releases.policy import Policy
from phiwarden.releases.verify import Verdict, verdict


class Reason(StrEnum):
    """Why a release is in force or not."""

    IN_FORCE = "InForce"
    AWAITING_DECISION = "AwaitingDecision"
    DENIED = "Denied"
    REVOKED = "Revoked"
    NOT_VERIFIED = "NotVerified"
    NOT_INDEPENDENT = "NotIndependent"
    UNREADABLE = "Unreadable"
    TOO_MANY = "TooMany"


WARNINGS: Final = (
    Reason.DENIED,
    Reason.REVOKED,
    Reason.NOT_VERIFIED,
    Reason.NOT_INDEPENDENT,
    Reason.UNREADABLE,
    Reason.TOO_MANY,
)
"""Reasons that people are told of by an Event."""

_SHOWN: Final = 3
"""Refusals that a message has room for."""


@dataclass(frozen=True, slots=True)
class Request:
    """A PHIRelease as a value.

    Attributes:
        created: when it was brought, on the API server's word.
        submitter: who brought it, as the API server made them say; None if nobody is named.
        packed: its spec, as `judged` reads it; None if it cannot be read. A release may have
            100 KiB, and is read but when it is new or its zone asks for something else.
        problem: why it cannot be read, naming the field.
        digests: of its images.
        decision: what was decided; None while nothing is.
    """

    namespace: str
    name: str
    uid: str
    generation: int
    created: dt.datetime
    submitter: Identity | None
    packed: bytes | None
    problem: str = ""
    digests: tuple[str, ...] = ()
    decision: Decision | None = None

    @property
    def denied(self) -> bool:
        """Return whether somebody denied or revoked it."""
        return self.decision is not None and self.decision.type is DecisionType.DENIED


@dataclass(frozen=True, slots=True)
class Standing:
    """What is true of a release now.

    Attributes:
        reason: in one word.
        message: for a person.
        verdict: what the signature and the zone's policy make of it; None if it cannot be read.
        digests: of the images that it lets run; none if it is not in force.
    """

    reason: Reason
    message: str
    verdict: Verdict | None = None
    digests: tuple[str, ...] = ()


def request_of(body: Mapping[str, Any]) -> Request:
    """Return a PHIRelease as a value; one that cannot be read is a problem, no error."""
    metadata = body["metadata"]
    packed: bytes | None = None
    decision: Decision | None = None
    digests: tuple[str, ...] = ()
    problem = ""
    try:
        # First: what was denied stays denied, whatever else cannot be read of it.
        decided = (body.get("status") or {}).get("decision")
        decision = None if decided is None else Decision.model_validate(decided)
        stored = body.get("spec") or {}
        images = ReleaseSpec.model_validate(stored).images
        digests = tuple(sorted({image.digest for image in images}))
        packed = zlib.compress(json.dumps(stored).encode())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return Request(
        metadata["namespace"],
        metadata["name"],
        metadata["uid"],
        metadata.get("generation", 0),
        dt.datetime.fromisoformat(metadata["creationTimestamp"]),
        _submitter(metadata.get("annotations") or {}),
        packed,
        problem,
        digests,
        decision,
    )


def _submitter(annotations: Mapping[str, str]) -> Identity | None:
    username = annotations.get(names.SUBMITTED_BY)
    if not username:
        return None
    # No model_validate: a name that is too long for a decision is still somebody's.
    return Identity.model_construct(
        username=username, uid=annotations.get(names.SUBMITTED_BY_UID) or None
    )


def judged(request: Request, policy: Policy) -> Verdict | None:
    """Return the verdict on a release; None if it cannot be read.

    Ages are told as of when it was brought: a scan that was new enough then does not grow too old
    while the images run.
    """
    if request.packed is None:
        return None
    spec = ReleaseSpec.model_validate(json.loads(zlib.decompress(request.packed)))
    return verdict(spec, policy, request.created, created=request.created)


def standings(
    requests: Iterable[Request], verdicts: Mapping[str, Verdict | None]
) -> dict[str, Standing]:
    """Return what is true of the releases of one zone, by name.

    Args:
        requests: all of them.
        verdicts: what `judged` says of each, by its name.
    """
    requests = sorted(requests, key=lambda each: each.name)
    # A statement is the same under another name and with another signature.
    revoked = {
        denied.statement: each.name
        for each in reversed(requests)
        if each.denied and (denied := verdicts[each.name]) is not None
    }
    found = {each.name: _standing(each, verdicts[each.name], revoked) for each in requests}
    newest = sorted(requests, key=lambda each: each.created, reverse=True)
    return _within_bounds({each.name: found[each.name] for each in newest})


def let_run(found: Mapping[str, Standing]) -> tuple[str, ...]:
    """Return the digests of the images that the releases of a zone let run, as it carries them."""
    return tuple(sorted({digest for each in found.values() for digest in each.digests}))


def _standing(request: Request, found: Verdict | None, revoked: Mapping[str, str]) -> Standing:
    """Return what is true of one release.

    What the API server holds people to is looked at again: its policies may not have stood when
    it was brought or approved.
    """
    decision = request.decision
    if decision is not None and decision.type is DecisionType.DENIED:
        return Standing(Reason.DENIED, f"denied by {decision.by.username}", found)
    if found is None:
        return Standing(Reason.UNREADABLE, f"it cannot be read: {request.problem}")
    if found.statement in revoked:
        same = f"it says the same as {revoked[found.statement]}, which was denied"
        return Standing(Reason.REVOKED, same, found)
    if not found.verified:
        return Standing(Reason.NOT_VERIFIED, refused(found), found)
    if request.submitter is None:
        nobody = f"nobody is named who brought it (annotation {names.SUBMITTED_BY})"
        return Standing(Reason.NOT_INDEPENDENT, nobody, found)
    if decision is None:
        waits = f"brought by {request.submitter.username}; nobody decided yet"
        return Standing(Reason.AWAITING_DECISION, waits, found)
    if decision.by.may_be(request.submitter):
        both = f"{decision.by.username} both brought it and approved it"
        return Standing(Reason.NOT_INDEPENDENT, both, found)
    return Standing(
        Reason.IN_FORCE,
        f"images that may run: {len(request.digests)}, approved by {decision.by.username}",
        found,
        request.digests,
    )


def refused(found: Verdict) -> str:
    """Return in words why a release is not verified."""
    first = "; ".join(map(str, found.refusals[:_SHOWN]))
    more = len(found.refusals) - _SHOWN
    return f"{first}; and {more} more" if more > 0 else first


def _within_bounds(found: Mapping[str, Standing]) -> dict[str, Standing]:
    """Return releases without those that a zone has no room for; the first ones have it first."""
    kept: dict[str, Standing] = {}
    named: set[str] = set()
    for name, each in found.items():
        together = named | set(each.digests)
        if len(together) <= MAX_RELEASED:
            named, kept[name] = together, each
        else:
            full = f"newer releases in force name {len(named)} of at most {MAX_RELEASED} digests"
            kept[name] = replace(each, reason=Reason.TOO_MANY, message=full, digests=())
    return kept
