"""Exceptions in words."""

from __future__ import annotations

import datetime as dt
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.decision import Decision, DecisionType, Identity
from phiwarden.api.exception import ExceptedObject, ExceptionSpec
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cli.excepting.doubts import moot, remarks
from phiwarden.cli.excepting.model import Looked, Presence, Rules, Sheet, Zone
from phiwarden.cli.formats.exception_text import (
    approved_text,
    denied_text,
    lasting,
    notes_text,
    sheet_text,
)
from phiwarden.cli.formats.refused_text import WORDS, refused_text
from phiwarden.rulebook.approval import may_decide
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import rulebook
from phiwarden.rulebook.shapes import PHI_EXCEPTION

NOW = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
RULES = Rules.known(())
ZONE = ZoneBoundary(
    workload="portal",
    zone="clinical",
    data="phi",
    environment="production",
    impact="direct-care",
    enforcement="enforce",
    exposure="none",
)
SPEC = ExceptionSpec.model_validate(
    {
        "rules": ["PHI-IMG-001", "PHI-POD-001"],
        "objects": [{"kind": "Pod", "name": "records"}],
        "reason": "the vendor is late again",
        "ticket": "CHG-4711",
        "compensatingControl": "tags cannot be moved",
        "expires": "2026-11-28T12:00:00Z",
        "requestedBy": {"username": "asha@hospital.example"},
    }
)
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "records"},
    "spec": {"containers": [{"name": "app", "image": "nginx:1"}]},
}
RECORDS = ExceptedObject.model_validate({"kind": "Pod", "name": "records"})
SHEET = Sheet(
    zone=Zone("portal-clinical", ZONE),
    name="digests",
    spec=SPEC,
    looked=(Looked(RECORDS, Presence.THERE, standard_judge().failures(POD, ZONE)),),
    rules=RULES,
    me=Identity(username="boris@hospital.example", uid="7"),
    now=NOW + dt.timedelta(hours=5),
    created=NOW,
)


def told(sheet: Sheet) -> str:
    return " ".join(sheet_text(sheet, 100).split())


def asked(**change: object) -> Sheet:
    return replace(SHEET, spec=SPEC.model_copy(update=change))


def test_all_that_is_approved_is_told() -> None:
    text = told(SHEET)
    for rule in SPEC.rules:
        assert f"{rule} {RULES.pages[rule].title} {RULES.pages[rule].rationale}" in text
    for words in (
        "Exception: digests in portal-clinical",
        "Zone: clinical of portal: data phi, direct-care, production",
        "now breaks PHI-IMG-001 at spec.containers[app].image: image is not pinned by digest",
        "It also breaks ",
        "Reason: the vendor is late again",
        "Instead: tags cannot be moved",
        "Ticket: CHG-4711",
        "Emergency: no",
        "Asked for by: asha@hospital.example, 2026-11-21T12:00:00Z",
        "Until: 2026-11-28T12:00:00Z: 7 days in all, 6 days 19 hours left",
        "Decided: by nobody yet",
        "You are: boris@hospital.example (uid 7)",
    ):
        assert words in text, words


def test_a_decision_is_told_with_its_reason() -> None:
    by = Identity(username="carla")
    decision = Decision(type=DecisionType.DENIED, by=by, reason="no need")
    assert "Decided: denied by carla: no need" in told(replace(SHEET, decision=decision))


def test_objects_that_are_not_there_or_not_to_be_read_are_told() -> None:
    absent = replace(SHEET, looked=(Looked(RECORDS, Presence.ABSENT),))
    assert "Pod/records (is not there now)" in told(absent)
    unread = replace(SHEET, looked=(Looked(RECORDS, Presence.UNREAD),))
    assert "Pod/records (you may not read it: what it breaks now cannot be told)" in told(unread)
    kept = replace(SHEET, looked=(Looked(RECORDS, Presence.THERE, ()),))
    assert "Pod/records (now keeps PHI-IMG-001, PHI-POD-001)" in told(kept)


@given(st.text(alphabet=st.characters(codec="utf-8"), min_size=10, max_size=1000))
def test_words_of_others_stay_behind_their_label(text: str) -> None:
    """Whatever is written in a reason: no control sign, no line of ours, and all its letters."""
    shown = sheet_text(asked(reason=text), 100)
    assert all(c == "\n" or unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") for c in shown)
    plain = sheet_text(asked(reason="x" * 10), 100).splitlines()
    first = [line for line in shown.splitlines() if line and not line.startswith(" ")]
    allowed = {line for line in plain if line and not line.startswith(" ")}
    assert {line for line in first if not line.startswith("Reason:")} <= allowed
    letters = [c for c in text if c.isalnum()]
    _, _, after = shown.partition("Reason:")
    assert [
        c for c in after.partition("Instead:")[0] if c.isalnum()
    ] == letters or "Instead:" in text


def test_nothing_of_a_long_reason_is_left_out() -> None:
    words = [f"word{number:03}" for number in range(120)]
    assert " ".join(words) in told(asked(reason=" ".join(words)))


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (dt.timedelta(days=7), "7 days"),
        (dt.timedelta(days=6, hours=23, minutes=59), "6 days 23 hours"),
        (dt.timedelta(days=1, minutes=5), "1 day 5 minutes"),
        (dt.timedelta(hours=1), "1 hour"),
        (dt.timedelta(seconds=59), "less than a minute"),
    ],
)
def test_how_long_something_is(span: dt.timedelta, words: str) -> None:
    assert lasting(span) == words


@pytest.mark.parametrize(
    ("sheet", "why"),
    [
        (asked(rules=("PHI-GRD-001",)), "there are no exceptions to PHI-GRD-001: "),
        (asked(rules=("HOSP-NIX-001",)), "HOSP-NIX-001 is none of the rules known here"),
        (asked(expires=dt.datetime.fromisoformat("2026-11-21T17:00:00Z")), "that has passed"),
        (
            asked(expires=dt.datetime.fromisoformat("2026-12-05T12:00:01Z")),
            "a zone of direct-care has at most 14 days: 2026-12-05T12:00:00Z is the longest",
        ),
        (
            asked(expires=dt.datetime.fromisoformat("2026-11-24T12:00:01Z"), emergency=True),
            "an emergency has at most 3 days: 2026-11-24T12:00:00Z is the longest",
        ),
        (
            replace(SHEET, zone=Zone("x", None, "namespace x is no zone", certain=True)),
            "namespace x is no zone: nothing there needs an exception",
        ),
    ],
)
def test_what_is_asked_for_in_vain_is_told(sheet: Sheet, why: str) -> None:
    (only,) = moot(sheet)
    assert why in only


@pytest.mark.parametrize(
    "sheet",
    [
        SHEET,
        asked(expires=dt.datetime.fromisoformat("2026-12-05T12:00:00Z")),
        asked(expires=dt.datetime.fromisoformat("2026-11-24T12:00:00Z"), emergency=True),
        replace(SHEET, zone=Zone("x", None, "you may not read namespace x")),
    ],
)
def test_what_may_come_into_force_is_not_doubted(sheet: Sheet) -> None:
    assert list(moot(sheet)) == []


def test_what_hardly_needs_an_exception_is_told() -> None:
    lax = replace(ZONE, data="none", impact="administrative", environment="development")
    kind = ("administrative", "none", "development")
    held = {rule.id: rule.severity_in(*kind) for rule in rulebook()}  # type: ignore[arg-type]
    for severity, words in (("off", "does not hold in this zone"), ("warn", "only warns")):
        rule = next(r for r, found in held.items() if found == severity and r in RULES.exceptable)
        sheet = replace(asked(rules=(rule,)), zone=Zone("x", lax))
        (only,) = remarks(sheet)
        assert words in only
    assert list(remarks(SHEET)) == []
    assert notes_text((), 80) == ""


_UNSAID = (
    "a decision is not taken back",
    "what is true of an exception is said by phiwarden alone",
)
"""What no command can meet: none of them takes a decision back, or writes a condition."""

_BY_OTHERS = ("cannot ", "already exists", "what was denied stays denied")
"""Beginnings of what Kubernetes says, and the CRD."""


def test_every_refusal_has_words_of_ours() -> None:
    (rule,) = (rule for rule in rulebook() if rule.id == "PHI-GRD-007")
    beside = may_decide(PHI_EXCEPTION, rule.id).message
    problems = [check.problem for check in rule.checks]
    assert [p for p in problems if p not in WORDS and p not in _UNSAID] == []
    ours = [said for said in WORDS if not said.startswith(_BY_OTHERS)]
    assert [said for said in ours if said not in problems and said not in beside] == []
    assert "You may not decide on exceptions in here" in refused_text("here", beside)


def test_a_refusal_nobody_foresaw_is_told_as_it_is() -> None:
    assert refused_text("here", "no {way}") == (
        "The API server refuses this.\nIn the API server's words: no {way}"
    )


def test_what_came_of_it_is_told() -> None:
    good = {"status": "True", "reason": "InForce", "message": "Pod/x may break it"}
    bad = {"status": "False", "reason": "TooMany", "message": "no room"}
    assert approved_text(good, "look") == "Approved, and in force: Pod/x may break it.\n"
    assert "but not in force (TooMany): no room" in approved_text(bad, "look")
    assert "it counts once phiwarden takes it into the boundary" in approved_text(None, "look")
    assert "nothing may break" in denied_text(None, "look", approved=False)
    assert "ends once phiwarden takes it out" in denied_text(None, "look", approved=True)
    assert "has ended" in denied_text(bad, "look", approved=True)
