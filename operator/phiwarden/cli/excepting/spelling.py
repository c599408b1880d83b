"""What people type of an exception: objects, how long, until when, and a name for it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from phiwarden.api import names
from phiwarden.api.decision import Decision, DecisionType, Identity
from phiwarden.api.exception import ExceptedKind, ExceptionSpec
from phiwarden.api.values import instant
from phiwarden.cli.formats.printable import printable
from phiwarden.cli.rule_names import NoSuchRule, named
from phiwarden.rulebook.shapes import PHI_EXCEPTION, Kind
from phiwarden.rulebook.subjects import SUBJECTS


class Misspelt(ValueError):
    """An option or argument says nothing that can be asked for; names it and what to write."""


KINDS: Final = {
    kind.kind: kind
    for subject in SUBJECTS
    for kind in subject.kinds
    if kind.kind in tuple(ExceptedKind)
}
"""Where objects of the excepted kinds are found."""

# https://kubernetes.io/docs/reference/kubectl/#resource-types
_SHORT: Final = {
    "Deployment": ("deploy",),
    "StatefulSet": ("sts",),
    "DaemonSet": ("ds",),
    "CronJob": ("cj",),
    "Pod": ("po",),
    "Service": ("svc",),
    "Ingress": ("ing",),
    "NetworkPolicy": ("netpol",),
    "ConfigMap": ("cm",),
    "PersistentVolumeClaim": ("pvc",),
}

_SPELLINGS: Final = {
    spelling: kind
    for name, kind in KINDS.items()
    for spelling in (name.lower(), kind.plural, *_SHORT.get(name, ()))
}


def object_of(text: str) -> dict[str, str]:
    """Return KIND/NAME as an exception has it, in every spelling that kubectl takes or prints.

    Raises:
        Misspelt: it is not KIND/NAME, or there are no exceptions for objects of the kind.
    """
    kind, slash, name = text.partition("/")
    if not slash or not kind or not name:
        raise Misspelt(f"{_said(text)} is not KIND/NAME, such as deployment/records")
    return {"kind": _kind(kind).kind, "name": name}


def _kind(text: str) -> Kind:
    spelling, dot, group = text.lower().partition(".")
    kind = _SPELLINGS.get(spelling)
    if kind is None or (dot and group not in (kind.group, f"{kind.version}.{kind.group}")):
        raise Misspelt(
            f"there are no exceptions for {_said(text)}: they are for"
            f" {', '.join(kind.value for kind in ExceptedKind)}"
        )
    return kind


_UNITS: Final = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_LENGTH: Final = re.compile("".join(f"(?:([0-9]{{1,5}}){unit})?" for unit in _UNITS), re.ASCII)


def length(text: str) -> dt.timedelta:
    """Return how long 7d, 12h, 1d12h or 30s is.

    Raises:
        Misspelt: it is no such text.
    """
    match = _LENGTH.fullmatch(text)
    if match is None or not text:
        raise Misspelt(f"{_said(text)} is no length of time, such as 7d, 12h or 1d12h")
    counts = zip(_UNITS.values(), match.groups(), strict=True)
    return dt.timedelta(**{unit: int(count) for unit, count in counts if count is not None})


def end(until: str | None, lasting: str | None, now: dt.datetime) -> str:
    """Return when an exception is to end.

    Args:
        until: a moment, in any time zone that it names.
        lasting: how long from now; one of the two is given.
        now: the moment.

    Raises:
        Misspelt: both or none are given, or what is given is no moment.
    """
    if (until is None) == (lasting is None):
        raise Misspelt("say when it ends: either --until 2026-12-01T12:00:00Z or --for 7d")
    if lasting is not None:
        try:
            return instant(now + length(lasting))
        except Misspelt as error:
            raise Misspelt(f"--for: {error}") from error
    assert until is not None
    try:
        at = dt.datetime.fromisoformat(until)
        told = None if at.tzinfo is None else instant(at)
    except (ValueError, OverflowError):
        told = None
    if told is None:
        raise Misspelt(
            f"--until: {_said(until)} is no moment with a time zone, such as 2026-12-01T12:00:00Z"
        )
    return told


@dataclass(frozen=True, slots=True)
class Options:
    """What somebody asks for, as it was typed.

    Attributes:
        rules: rules, as people name them.
        objects: KIND/NAME each.
        until: when it ends; None where `lasting` says so.
        lasting: how long it lasts; None where `until` says when it ends.
    """

    rules: tuple[str, ...]
    objects: tuple[str, ...]
    reason: str
    ticket: str
    control: str
    until: str | None
    lasting: str | None
    emergency: bool

    def spec(self, by: Identity, now: dt.datetime) -> ExceptionSpec:
        """Return what is asked for.

        Args:
            by: who asks.
            now: the moment.

        Raises:
            Misspelt: it cannot be asked for.
        """
        objects = {f"{o['kind']}/{o['name']}": o for o in map(object_of, self.objects)}
        try:
            return ExceptionSpec.model_validate(
                {
                    "rules": tuple(dict.fromkeys(self.rules)),
                    "objects": tuple(objects.values()),
                    "reason": self.reason,
                    "ticket": self.ticket,
                    "compensatingControl": self.control,
                    "expires": end(self.until, self.lasting, now),
                    "emergency": self.emergency,
                    "requestedBy": by,
                }
            )
        except ValidationError as error:
            raise Misspelt("\n".join(_faults(error))) from error


def checked(options: Options, known: Collection[str], now: dt.datetime) -> Options:
    """Return options that can be asked for, with the identifiers of their rules.

    Args:
        options: what was typed.
        known: identifiers of all rules.
        now: the moment, by the caller's clock.

    Raises:
        Misspelt: what was typed says nothing that can be asked for.
    """
    try:
        found = replace(options, rules=tuple(named(rule, known) for rule in options.rules))
    except NoSuchRule as error:
        own = "; a rule of your own is known with --rules FOLDER"
        raise Misspelt(f"--rule: {error}{own}") from error
    found.spec(_SOMEBODY, now)
    return found


_SOMEBODY: Final = Identity(username="somebody")
"""Whoever asks: the API server tells who that is once the rest is right."""


def denial(reason: str) -> Decision:
    """Return a denial by somebody who is yet to be told.

    Raises:
        Misspelt: the reason is none, or too long to be kept.
    """
    if not reason.strip():
        raise Misspelt("--reason: say why, for those who asked")
    try:
        return Decision(type=DecisionType.DENIED, by=_SOMEBODY, reason=reason)
    except ValidationError as error:
        raise Misspelt("\n".join(_faults(error))) from error


_OPTIONS: Final = {
    "rules": "--rule",
    "objects": "KIND/NAME",
    "reason": "--reason",
    "ticket": "--ticket",
    "compensatingControl": "--control",
    "expires": "--until",
}


def _faults(error: ValidationError) -> list[str]:
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        field, *_ = fault["loc"]
        said = fault["msg"].removeprefix("Value error, ")
        faults.append(f"{_OPTIONS.get(str(field), field)}: {said}")
    return faults


_LONGEST_NAME: Final = 40


def name_for(spec: ExceptionSpec, mark: str) -> str:
    """Return a name that tells what an exception is about.

    Args:
        spec: what is asked for.
        mark: a few characters that make it the only one of its kind.
    """
    about = re.sub("[^a-z0-9]+", "-", spec.objects[0].name.lower())[:_LONGEST_NAME].strip("-")
    return f"{about}-{spec.rules[0].lower()}-{mark}"


def manifest(namespace: str, name: str, spec: ExceptionSpec) -> dict[str, Any]:
    """Return the PHIException that asks."""
    return {
        "apiVersion": names.API_VERSION,
        "kind": PHI_EXCEPTION.kind,
        "metadata": {"namespace": namespace, "name": name},
        "spec": spec.model_dump(mode="json", by_alias=True, exclude_none=True),
    }


def _said(text: str) -> str:
    return f"'{printable(text, 80)}'"
