"""Every verdict on a declared secret, at its edges."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.rotation.model import Delivery, LastChange, Secret
from phiwarden.rotation.verdict import HOLDS_BACK, Finding, Standing, finding, rotation
from tests.rotation.made import (
    DAY,
    HOUR,
    NOW,
    OLD,
    SECOND,
    YOUNG,
    change,
    declared,
    delivery,
    secret,
)

TLS = {"type": "kubernetes.io/tls", "minimumRemaining": "21d"}
AGED = {"maxAge": "90d"}
KEYS = {"keys": ["password", "user"]}


def judged(
    asked: dict[str, Any],
    found: Secret | None = None,
    told: Delivery | None = None,
    known: LastChange | None = None,
    *,
    right_type: bool | None = None,
) -> Finding:
    """Return the verdict; what is known of a secret is that it was written, if nothing else is."""
    if found is not None and known is None:
        known = change(time=found.written or found.created, written=found.written)
    return finding(declared(**asked), found, told, known, NOW, right_type=right_type)


OLDER = change(time=OLD)
SEEN = change(proven=True)
REFUSED = delivery(ready=False, reason="InvalidPath")


@pytest.mark.parametrize(
    ("asked", "found", "told", "known", "standing", "says"),
    [
        ({}, None, None, None, "Missing", "there is no such Secret"),
        ({}, None, delivery(ready=None), None, "Missing", "VaultStaticSecret db: has said nothing yet"),
        ({}, None, REFUSED, None, "Missing", "VaultStaticSecret db: InvalidPath"),
        ({}, None, delivery(), None, "Missing", "VaultStaticSecret db: is ready"),
        ({}, secret(), None, None, "Present", "it is there"),
        ({}, secret(), delivery(), None, "Present", "it is there"),
        (KEYS, secret(), None, None, "Incomplete", "without user"),
        (KEYS, secret(keys=frozenset()), None, None, "Incomplete", "without password, user"),
        (KEYS, secret(keys=frozenset({"password", "user", "more"})), None, None, "Present", ""),
        (KEYS, secret(keys=None), None, None, "Present", ""),
        (AGED, secret(), None, None, "Unproven", "written last on 2026-11-11; whether"),
        (AGED, secret(), None, SEEN, "Proven", "its value was seen to change on 2026-11-11"),
        (AGED, secret(), delivery(rotated=YOUNG), OLDER, "Proven", "as VaultStaticSecret db tells"),
        (AGED, secret(rotated_at=YOUNG), None, None, "Attested", "on the word of whoever delivers"),
        (AGED, secret(written=OLD), None, None, "Overdue", "older than 90 days"),
        (AGED, secret(written=OLD), None, change(time=OLD, proven=True), "Overdue", "seen to change"),
        (AGED, secret(), delivery(rotated=OLD), SEEN, "Overdue", "rotated 2026-08-22, as Vault"),
        (AGED, secret(rotated_at=OLD), None, None, "Overdue", "on the word of"),
        # Without account of its fields it is known to be as old as it is.
        (AGED, secret(written=None, keys=None), None, None, "Overdue", ""),
        (AGED, secret(), REFUSED, None, "NotSynced", "is not ready (InvalidPath); written last"),
        ({}, secret(), delivery(ready=False), None, "NotSynced", "(no reason); it is there"),
        ({}, secret(), delivery(ready=None), None, "Present", ""),
        # What a secret lacks besides must not hide that it is overdue.
        (AGED, secret(written=OLD), REFUSED, None, "Overdue", "older than"),
        ({**AGED, **KEYS}, secret(written=OLD), None, None, "Overdue", "older than"),
        (KEYS, secret(), REFUSED, None, "Incomplete", "without user"),
        (TLS, secret(), None, None, "Unproven", "nothing tells when its certificate ends"),
        (TLS, secret(not_after=NOW + 22 * DAY), None, None, "Present", "on the word of"),
        (TLS, secret(not_after=NOW + 20 * DAY), None, None, "Expiring", "ends on 2026-12-11"),
        (TLS, secret(not_after=NOW), None, None, "Expired", "ends on 2026-11-21"),
        (TLS, secret(), delivery(not_after=NOW + 20 * DAY), None, "Expiring", "db tells"),
        # The store knows better than the one who delivers.
        (TLS, secret(not_after=NOW + 300 * DAY), delivery(not_after=NOW - DAY), None, "Expired", "tells"),
        ({"type": "kubernetes.io/tls"}, secret(not_after=NOW - DAY), None, None, "Present", ""),
    ],
)  # fmt: skip
def test_every_standing(
    asked: dict[str, Any], found: Any, told: Any, known: Any, standing: str, says: str
) -> None:
    verdict = judged(asked, found, told, known)
    assert verdict.standing == standing
    assert says in verdict.evidence


def test_a_type_counts_where_somebody_could_look() -> None:
    asked = {"type": "Opaque"}
    assert judged(asked, secret(), right_type=False).standing is Standing.WRONG_TYPE
    assert judged(asked, secret(), right_type=True).standing is Standing.PRESENT
    assert judged(asked, secret()).standing is Standing.PRESENT
    old = judged({**asked, **AGED}, secret(written=OLD), right_type=False)
    assert old.standing is Standing.OVERDUE


def test_what_holds_back_is_worse_than_all_but_that_there_is_none() -> None:
    order = list(Standing)
    assert set(order[1 : 1 + len(HOLDS_BACK)]) == HOLDS_BACK


@pytest.mark.parametrize(
    ("since", "standing"),
    [(90 * DAY - SECOND, "Proven"), (90 * DAY, "Proven"), (90 * DAY + SECOND, "Overdue")],
)
def test_the_last_moment_of_an_age(since: dt.timedelta, standing: str) -> None:
    time = NOW - since
    verdict = judged(AGED, secret(written=time), known=change(time=time, proven=True))
    assert verdict.standing == standing
    assert verdict.until == (time + 90 * DAY if standing == "Proven" else None)


@pytest.mark.parametrize(
    ("left", "standing", "until"),
    [
        (21 * DAY + SECOND, "Present", SECOND),
        (21 * DAY, "Present", dt.timedelta(0)),
        (21 * DAY - SECOND, "Expiring", 21 * DAY - SECOND),
        (SECOND, "Expiring", SECOND),
        (dt.timedelta(0), "Expired", None),
        (-SECOND, "Expired", None),
    ],
)
def test_the_last_moments_of_a_certificate(
    left: dt.timedelta, standing: str, until: dt.timedelta | None
) -> None:
    verdict = judged(TLS, secret(not_after=NOW + left))
    assert verdict.standing == standing
    assert verdict.not_after == NOW + left
    assert verdict.until == (NOW + until if until is not None else None)


@pytest.mark.parametrize(
    ("age", "left", "standing", "until"),
    [
        (DAY, 30 * DAY, "Proven", 9 * DAY),
        (80 * DAY, 40 * DAY, "Proven", 10 * DAY),
        (DAY, 20 * DAY, "Expiring", 20 * DAY),
        (89 * DAY, 20 * DAY, "Expiring", DAY),
        (91 * DAY, 20 * DAY, "Expiring", 20 * DAY),
        (91 * DAY, 30 * DAY, "Overdue", 9 * DAY),
        (91 * DAY, -DAY, "Expired", None),
    ],
)
def test_the_worse_of_age_and_end_and_the_sooner_of_their_times(
    age: dt.timedelta, left: dt.timedelta, standing: str, until: dt.timedelta | None
) -> None:
    found = secret(written=NOW - age, not_after=NOW + left)
    known = change(time=NOW - age, proven=True)
    verdict = judged({**AGED, **TLS}, found, known=known)
    assert verdict.standing == standing
    assert verdict.until == (NOW + until if until is not None else None)
    assert verdict.not_after == NOW + left


TOMORROW = NOW + DAY


@pytest.mark.parametrize(
    ("found", "told", "known", "standing", "trap"),
    [
        # The store's clock, the API server's, and the one of whoever writes notes.
        (secret(), delivery(rotated=TOMORROW), None, "Unproven", "in the future"),
        (secret(rotated_at=TOMORROW), None, None, "Unproven", "in the future"),
        (secret(written=TOMORROW, rotated_at=TOMORROW), None, None, "Overdue", "clocks disagree"),
        (secret(written=TOMORROW), None, None, "Overdue", "clocks disagree"),
        (secret(written=TOMORROW), None, change(time=TOMORROW, proven=True), "Overdue", "clocks"),
        (secret(written=TOMORROW, created=YOUNG), None, None, "Unproven", "clocks disagree"),
        (secret(), delivery(rotated=YOUNG + HOUR), None, "Unproven", "after its entries were written"),
        (secret(rotated_at=YOUNG + HOUR), None, None, "Unproven", "after its entries were written"),
        (secret(written=OLD, rotated_at=YOUNG), None, None, "Overdue", "after its entries"),
        (secret(written=OLD), delivery(rotated=YOUNG), None, "Overdue", "after its entries"),
    ],
)  # fmt: skip
def test_times_that_cannot_be_do_not_count_and_are_told(
    found: Secret, told: Delivery | None, known: LastChange | None, standing: str, trap: str
) -> None:
    verdict = judged(AGED, found, told, known)
    assert verdict.standing == standing
    assert any(trap in each for each in verdict.traps)


@pytest.mark.parametrize("ahead", [SECOND, dt.timedelta(minutes=5)])
def test_clocks_may_be_a_little_apart(ahead: dt.timedelta) -> None:
    soon = NOW + ahead
    for found, told, known, standing in (
        (secret(written=NOW), delivery(rotated=soon), None, Standing.PROVEN),
        (secret(written=NOW, rotated_at=soon), None, None, Standing.ATTESTED),
        (secret(written=soon), None, None, Standing.UNPROVEN),
        (secret(written=soon), None, change(time=soon, proven=True), Standing.PROVEN),
        (secret(written=YOUNG, rotated_at=YOUNG + ahead), None, None, Standing.ATTESTED),
    ):
        verdict = judged(AGED, found, told, known)
        assert (verdict.standing, verdict.traps) == (standing, ())


def test_what_looks_like_more_than_it_is_is_told_whatever_the_verdict() -> None:
    found = secret(odd=("odd",), keys=None, written=TOMORROW)
    told = delivery(traps=("only asked",), not_after=NOW - DAY)
    verdict = judged({**AGED, **TLS, **KEYS}, found, told)
    assert verdict.standing is Standing.EXPIRED
    assert verdict.traps[:2] == ("odd", "only asked")
    assert any("whether its entries are there is not known" in trap for trap in verdict.traps)
    assert any("clocks disagree" in trap for trap in verdict.traps)


def test_the_last_rotation_that_is_known_of() -> None:
    for found, told, known, time, standing in (
        (secret(), None, change(), None, Standing.UNPROVEN),
        (secret(rotated_at=YOUNG), None, change(), YOUNG, Standing.ATTESTED),
        (secret(rotated_at=OLD), None, SEEN, YOUNG, Standing.PROVEN),
        (secret(), delivery(rotated=OLD), SEEN, OLD, Standing.PROVEN),
        (secret(), delivery(), change(), None, Standing.UNPROVEN),
    ):
        last = rotation(found, told, known, NOW)
        assert (last.time, last.standing) == (time, standing)


END = dt.datetime.max.replace(tzinfo=dt.UTC)
BEGIN = dt.datetime.min.replace(tzinfo=dt.UTC)
times = st.datetimes(timezones=st.just(dt.UTC)) | st.sampled_from([BEGIN, END, NOW, YOUNG, OLD])
maybe = st.none() | times


@given(
    found=st.builds(secret, written=maybe, rotated_at=maybe, not_after=maybe),
    told=st.none()
    | st.builds(
        delivery, rotated=maybe, not_after=maybe, ready=st.sampled_from([None, True, False])
    ),
    known=st.builds(change, time=times, proven=st.booleans(), written=maybe),
)
def test_a_verdict_is_found_at_the_ends_of_the_calendar(
    found: Secret, told: Delivery | None, known: LastChange
) -> None:
    verdict = finding(declared(**AGED, **TLS), found, told, known, NOW)
    if verdict.standing in (Standing.PROVEN, Standing.ATTESTED):
        last = rotation(found, told, known, NOW)
        assert last.time is not None
        assert NOW - last.time <= 90 * DAY
        assert last.time - NOW <= dt.timedelta(minutes=5)
    if verdict.until is not None:
        assert verdict.until >= NOW
