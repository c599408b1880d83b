"""The verdict on a release: which key vouches for it, or why none does."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from phiwarden.api.release import ReleaseSpec, Scan, Statement
from phiwarden.api.values import instant
from phiwarden.releases.canonical import digest, encoded, statement_bytes, statement_fields
from phiwarden.releases.dsse import PAYLOAD_TYPE, Malformed, Opened, Signed, opened
from phiwarden.releases.keys import Key
from phiwarden.releases.policy import Limits, Policy

SKEW: Final = dt.timedelta(days=1)
"""How far in the future a time may lie: a clock that takes its local time for UTC is off by up to
14 hours, and one that is off by more says nothing about how old something is."""

_SHOWN: Final = 120


class Reason(StrEnum):
    """Why a release is not verified."""

    MALFORMED = "Malformed"
    OTHER_TYPE = "OtherType"
    OTHER_BYTES = "OtherBytes"
    NO_KEYS = "NoKeys"
    UNREADABLE_KEY = "UnreadableKey"
    UNKNOWN_KEY = "UnknownKey"
    WRONG_SIGNATURE = "WrongSignature"
    EXPIRED_KEY = "ExpiredKey"
    OTHER_WORKLOAD = "OtherWorkload"
    NOT_PROMOTED = "NotPromoted"
    OVER_LIMIT = "OverLimit"
    DATABASE_TOO_OLD = "DatabaseTooOld"
    IN_THE_FUTURE = "InTheFuture"
    FAILED_TEST = "FailedTest"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that is wrong with a release.

    Attributes:
        reason: what kind of thing.
        field: the field to blame; of the release, but for a key of the declaration.
        problem: what is wrong, with what was found.
        fix: what to do.
    """

    reason: Reason
    field: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}; fix: {self.fix}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of a release.

    Attributes:
        statement: digest of the canonical bytes of its fields. It is the same for the same
            statement under whatever name and signature.
        key: whose signature counts; None if nobody's does.
        refusals: all that is wrong with it.
    """

    statement: str
    key: Key | None
    refusals: tuple[Refusal, ...]

    @property
    def verified(self) -> bool:
        """Return whether a key vouches for it, and it is all that is asked for."""
        return self.key is not None and not self.refusals


def verdict(
    release: ReleaseSpec,
    policy: Policy,
    now: dt.datetime,
    *,
    created: dt.datetime | None = None,
) -> Verdict:
    """Return the verdict on a release.

    Args:
        release: the release.
        policy: what is asked of it.
        now: the time by which ages are told.
        created: when the API server stored it, which is when signatures are held against the end
            of their keys: what came in before goes on counting. None for what is yet to come in.
    """
    content, faults = read(release)
    refusals = list(faults)
    key: Key | None = None
    if content is not None:
        found = _signer(content, policy, (created or now).astimezone(dt.UTC).date())
        if isinstance(found, Key):
            key = found if not faults else None
        else:
            refusals += found
    refusals += _asked(release, policy, now)
    return Verdict(digest(statement_bytes(release)), key, tuple(refusals))


def read(release: ReleaseSpec) -> tuple[Opened | None, tuple[Refusal, ...]]:
    """Return what is in the envelope of a release, and what is wrong with it, whoever signed it."""
    try:
        content = opened(release.envelope)
    except Malformed as error:
        field = f"spec.envelope.{error.field}"
        return None, (Refusal(Reason.MALFORMED, field, error.problem, _SIGN),)
    return content, tuple(_faults(content, statement_fields(release)))


_SIGN: Final = "sign it again: kubectl phi release sign"


def _faults(content: Opened, fields: Mapping[str, Any]) -> Iterator[Refusal]:
    if content.payload_type != PAYLOAD_TYPE:
        problem = f"is {_shown(content.payload_type)}, and a release is {PAYLOAD_TYPE}"
        yield Refusal(Reason.OTHER_TYPE, "spec.envelope.payloadType", problem, _SIGN)
    if content.payload != encoded(fields):
        field, problem = _difference(content.payload, fields)
        fix = f"bring back what was signed, or {_SIGN}"
        yield Refusal(Reason.OTHER_BYTES, field, problem, fix)


def _signer(content: Opened, policy: Policy, day: dt.date) -> Key | tuple[Refusal, ...]:
    """Return whose signature counts on a day, or why nobody's does."""
    by_someone = [
        (index, key)
        for index, each in enumerate(content.signatures)
        for key in policy.keys
        if key.verifies(content.message, each.signature)
    ]
    for _, key in by_someone:
        if key.not_after is None or day <= key.not_after:
            return key
    if by_someone:
        return tuple(_expired(index, key, day) for index, key in by_someone)
    if not policy.keys and not policy.unreadable:
        problem = "no key is declared whose signature would count"
        fix = "declare one in images.releaseKeys of the zone"
        return (Refusal(Reason.NO_KEYS, "spec.envelope.signatures", problem, fix),)
    unreadable = (
        Refusal(
            Reason.UNREADABLE_KEY,
            doubt.field,
            f"key {doubt.name} {doubt.problem}",
            "declare the public key as openssl pkey -pubout writes it",
        )
        for doubt in policy.unreadable
    )
    by_nobody = (_by_nobody(i, each, policy) for i, each in enumerate(content.signatures))
    return (*by_nobody, *unreadable)


def _expired(index: int, key: Key, day: dt.date) -> Refusal:
    return Refusal(
        Reason.EXPIRED_KEY,
        f"spec.envelope.signatures[{index}]",
        f"key {key.name} counts for releases that were created by {key.not_after}, and this one is"
        f" of {day}",
        "sign it with the key that took its place",
    )


def _by_nobody(index: int, signature: Signed, policy: Policy) -> Refusal:
    where = f"spec.envelope.signatures[{index}]"
    known = ", ".join(f"{key.name} ({key.id[:12]})" for key in policy.keys) or "none"
    named = next((key for key in policy.keys if key.id == signature.key_id), None)
    if named is not None:
        return Refusal(
            Reason.WRONG_SIGNATURE,
            where,
            f"names key {named.name}, and is no signature of it over this payload",
            f"bring back what was signed, or {_SIGN}",
        )
    claimed = f"it names {_shown(signature.key_id)}" if signature.key_id else "it names none"
    return Refusal(
        Reason.UNKNOWN_KEY,
        where,
        f"is by none of the keys that are declared, over this payload ({claimed}; there are {known})",
        "sign it with one of these, or declare its public key in images.releaseKeys of the zone",
    )


def _asked(release: Statement, policy: Policy, now: dt.datetime) -> Iterator[Refusal]:
    """Yield what a zone asks for that the statement does not say."""
    if policy.workload is not None and release.workload != policy.workload:
        yield Refusal(
            Reason.OTHER_WORKLOAD,
            "spec.workload",
            f"it is for {release.workload}, and this is a zone of {policy.workload}",
            "sign a release for this workload",
        )
    if policy.promoted_from is not None and release.promoted_from != policy.promoted_from:
        found = release.promoted_from or "nothing"
        yield Refusal(
            Reason.NOT_PROMOTED,
            "spec.promotedFrom",
            f"must be {policy.promoted_from}, and is {found}",
            f"run it in {policy.promoted_from} first, and sign what ran there",
        )
    if policy.limits is not None:
        yield from _over(release.scan, policy.limits, now)
    if _future(release.scan.database_date, now):
        yield _ahead("spec.scan.databaseDate", release.scan.database_date, now)
    for index, test in enumerate(release.tests):
        if not test.passed:
            yield Refusal(
                Reason.FAILED_TEST,
                f"spec.tests[{index}].passed",
                f"{test.name} failed",
                "mend what failed, and sign a release of what passed",
            )
        if _future(test.date, now):
            yield _ahead(f"spec.tests[{index}].date", test.date, now)


def _over(scan: Scan, limits: Limits, now: dt.datetime) -> Iterator[Refusal]:
    for severity, found, most in (
        ("critical", scan.counts.critical, limits.critical),
        ("high", scan.counts.high, limits.high),
    ):
        if found > most:
            yield Refusal(
                Reason.OVER_LIMIT,
                f"spec.scan.counts.{severity}",
                f"{found} vulnerabilities of {severity} severity, and at most {most} may be there",
                "mend them, and scan and sign what comes of it",
            )
    age = now - scan.database_date
    if age > limits.max_database_age:
        yield Refusal(
            Reason.DATABASE_TOO_OLD,
            "spec.scan.databaseDate",
            f"the scanner's database is of {instant(scan.database_date)}, {_in_words(age)} ago, and"
            f" may be {_in_words(limits.max_database_age)} old",
            "scan again with a newer database, and sign that",
        )


def _future(time: dt.datetime, now: dt.datetime) -> bool:
    return time - now > SKEW


def _ahead(field: str, time: dt.datetime, now: dt.datetime) -> Refusal:
    return Refusal(
        Reason.IN_THE_FUTURE,
        field,
        f"{instant(time)} lies in the future: it is {instant(now)}",
        "set the clock of whoever wrote it, and sign again",
    )


def _in_words(span: dt.timedelta) -> str:
    hours = span // dt.timedelta(hours=1)
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"


def _difference(payload: bytes, fields: Mapping[str, Any]) -> tuple[str, str]:
    """Return where a release says other than what was signed, and what."""
    try:
        signed = json.loads(payload)
    except (ValueError, RecursionError):
        return "spec.envelope.payload", "what was signed is no JSON, and so no release"
    stated = json.loads(encoded(fields))
    if not isinstance(signed, dict):
        return "spec.envelope.payload", "what was signed is no release"
    found = _first_difference(signed, stated, "spec")
    if found is None:
        return "spec.envelope.payload", "says the same as the fields, but not in canonical form"
    path, was, is_ = found
    return path, f"{_said(was)} was signed, and it says {_said(is_)} now"


_ABSENT: Final = object()


def _first_difference(signed: Any, stated: Any, path: str) -> tuple[str, Any, Any] | None:
    match signed, stated:
        case dict(), dict():
            steps = [
                (f"{path}.{_shown(key)}", signed.get(key, _ABSENT), stated.get(key, _ABSENT))
                for key in sorted({*signed, *stated})
            ]
        case list(), list():
            longest = max(len(signed), len(stated))
            steps = [(f"{path}[{i}]", _at(signed, i), _at(stated, i)) for i in range(longest)]
        case _:
            same = type(signed) is type(stated) and signed == stated
            return None if same else (path, signed, stated)
    return next(
        (found for step in steps if (found := _first_difference(step[1], step[2], step[0]))), None
    )


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else _ABSENT


def _said(value: Any) -> str:
    if value is _ABSENT:
        return "nothing"
    if isinstance(value, dict | list):
        return "something else"
    return _shown(json.dumps(value))


def _shown(text: str) -> str:
    """Return the beginning of a text that anybody may have written, in one line of ASCII."""
    plain = text[:_SHOWN].encode("unicode_escape").decode("ascii")
    return plain if len(text) <= _SHOWN else f"{plain}..."
