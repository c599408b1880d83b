"""Exceptions in words, for those who ask for them and those who decide."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Final

from phiwarden.api.decision import Decision, Identity
from phiwarden.api.values import instant
from phiwarden.cli.excepting.model import Looked, Presence, Sheet, Zone
from phiwarden.cli.formats.printable import printable, what_is_wrong
from phiwarden.rulebook.failures import Failure

_LABEL: Final = 14
_IN_FULL: Final = 4000
"""Characters of a text that its schema holds to less: whoever decides reads all of it."""
_PLACES: Final = 3


def sheet_text(sheet: Sheet, width: int) -> str:
    """Return all that there is to know of an exception.

    Every line of what others wrote stands behind a label or a margin: it cannot pass for ours.
    """
    return "\n".join(_sheet(sheet, width)) + "\n"


def _sheet(sheet: Sheet, width: int) -> Iterator[str]:
    spec = sheet.spec
    yield from _entry("Exception", f"{sheet.name} in {sheet.zone.namespace}", width)
    yield from _entry("Zone", _zone(sheet.zone), width)
    yield ""
    yield "Rules that may be broken"
    for rule in spec.rules:
        page = sheet.rules.pages.get(rule)
        yield f"  {printable(rule)}  {page.title if page else '(not known here)'}"
        if page:
            yield from _wrapped(page.rationale, width, "    ")
    yield ""
    yield "Objects that may break them"
    for looked in sheet.looked:
        yield from _looked(looked, spec.rules, width)
    yield ""
    yield from _entry("Reason", spec.reason, width)
    yield from _entry("Instead", spec.compensating_control, width)
    yield from _entry("Ticket", spec.ticket, width)
    yield from _entry("Emergency", _emergency(emergency=spec.emergency), width)
    asked = f", {instant(sheet.created)}" if sheet.created else ""
    yield from _entry("Asked for by", who(spec.requested_by) + asked, width)
    yield from _entry("Until", _term(sheet), width)
    if sheet.created is not None:
        yield from _entry("Decided", _decided(sheet.decision), width)
        yield from _entry("You are", who(sheet.me), width)


def who(identity: Identity) -> str:
    """Return somebody's name, and the uid where the API server knows one."""
    uid = f" (uid {identity.uid})" if identity.uid else ""
    return identity.username + uid


def _zone(zone: Zone) -> str:
    boundary = zone.boundary
    if boundary is None:
        return f"not known: {zone.problem}"
    return (
        f"{boundary.zone} of {boundary.workload}: data {boundary.data}, {boundary.impact},"
        f" {boundary.environment}, exposure {boundary.exposure}, {boundary.enforcement}"
    )


def _emergency(*, emergency: bool) -> str:
    return "yes: it counts in change freezes, too" if emergency else "no"


def _term(sheet: Sheet) -> str:
    whole = lasting(sheet.ends - sheet.begins)
    if sheet.ends <= sheet.now:
        return f"{instant(sheet.spec.expires)}: {whole} in all; it has ended"
    if sheet.created is None:
        return f"{instant(sheet.spec.expires)}: {whole} from now"
    return f"{instant(sheet.spec.expires)}: {whole} in all, {lasting(sheet.ends - sheet.now)} left"


def _decided(decision: Decision | None) -> str:
    if decision is None:
        return "by nobody yet"
    why = f": {decision.reason}" if decision.reason else ""
    return f"{decision.type.value.lower()} by {who(decision.by)}{why}"


def _looked(looked: Looked, rules: tuple[str, ...], width: int) -> Iterator[str]:
    name = printable(str(looked), _IN_FULL)
    if looked.presence is Presence.ABSENT:
        yield f"  {name} (is not there now)"
        return
    if looked.failures is None:
        may = "you may not read it" if looked.presence is Presence.UNREAD else "it is there"
        yield f"  {name} ({may}: what it breaks now cannot be told)"
        return
    denied = {f.rule for f in looked.failures}
    kept = [rule for rule in rules if rule not in denied]
    yield f"  {name}" + (f" (now keeps {', '.join(kept)})" if kept else "")
    for rule, found in groupby(
        sorted((f for f in looked.failures if f.rule in rules), key=lambda f: f.rule),
        key=lambda f: f.rule,
    ):
        yield from _places(rule, list(found), width)
    if others := sorted(denied.difference(rules)):
        more = f"It also breaks {', '.join(others)}: this exception is not about that."
        yield from _wrapped(more, width, "    ")


def _places(rule: str, failures: list[Failure], width: int) -> Iterator[str]:
    for failure in failures[:_PLACES]:
        place = printable(failure.place)
        yield from _wrapped(
            f"now breaks {rule} at {place}: {what_is_wrong(failure)}", width, "    "
        )
    if len(failures) > _PLACES:
        yield f"    and {rule} at {len(failures) - _PLACES} more places"


def lasting(span: dt.timedelta) -> str:
    """Return how long something is, in its two largest units."""
    minutes = int(span.total_seconds()) // 60
    counts = (minutes // (24 * 60), "day"), (minutes // 60 % 24, "hour"), (minutes % 60, "minute")
    said = [f"{count} {unit}{'' if count == 1 else 's'}" for count, unit in counts if count]
    return " ".join(said[:2]) or "less than a minute"


def notes_text(notes: Iterable[str], width: int) -> str:
    """Return what is to be thought of, one line or more for each; "" for nothing."""
    lines = [line for note in notes for line in _entry("Note", f"{note}.", width)]
    return "\n".join(["", *lines]) + "\n" if lines else ""


def asked_text(namespace: str, name: str) -> str:
    """Return what somebody is told who asked for an exception."""
    return (
        f"\nAsked for. It counts once somebody else approves it who has the verb approve on"
        f" phiexceptions in {namespace}:\n  kubectl phi approve {name} -n {namespace}\n"
    )


def approved_text(said: Mapping[str, Any] | None, look: str) -> str:
    """Return what came of an approval.

    Args:
        said: what phiwarden says of the exception since; None if it said nothing in time.
        look: what to type to look again.
    """
    if said is None:
        return (
            "Approved, and recorded. phiwarden did not answer yet: it counts once phiwarden takes"
            f" it into the boundary. To look again:\n  {look}\n"
        )
    message = printable(str(said.get("message", "")), _IN_FULL)
    if said["status"] == "True":
        return f"Approved, and in force: {message}.\n"
    return f"Approved and recorded, but not in force ({said['reason']}): {message}.\n"


def denied_text(said: Mapping[str, Any] | None, look: str, *, approved: bool) -> str:
    """Return what came of a denial.

    Args:
        said: what phiwarden says of the exception since; None if it said nothing in time.
        look: what to type to look again.
        approved: whether it had been approved before.
    """
    if not approved:
        return "Denied, and recorded: nothing may break these rules by it.\n"
    if said is None:
        return (
            "Denied, and recorded. It was approved before, and phiwarden did not answer yet: it"
            f" ends once phiwarden takes it out of the boundary. To look again:\n  {look}\n"
        )
    return (
        "Denied. It was approved before, and has ended: what breaks these rules is refused from now"
        " on, and what runs is put back as its clinical impact allows.\n"
    )


def _entry(label: str, text: str, width: int) -> Iterator[str]:
    margin = " " * _LABEL
    first = f"{label + ':':<{_LABEL}}"
    for line in text.splitlines() or [""]:
        yield from _wrapped(line, width, margin, first)
        first = margin


def _wrapped(text: str, width: int, margin: str, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        printable(text, _IN_FULL),
        width,
        initial_indent=margin if first is None else first,
        subsequent_indent=margin,
        break_on_hyphens=False,
        break_long_words=False,
    ) or ([first.rstrip()] if first else [])
