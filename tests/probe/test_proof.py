"""A proof is what was measured, when, and of which declaration; anything else is none."""

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.probe.proof import ANNOTATION, VALID_DAYS, Proof, doubt, proof_of

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
GOOD = Proof(NOW - dt.timedelta(days=1), generation=3, closed=12, leaking=0, broken=0)
COUNTS = st.integers(min_value=0, max_value=10_000)


@given(
    st.builds(
        Proof,
        st.datetimes(dt.datetime(2000, 1, 1), timezones=st.just(dt.UTC)).map(  # noqa: DTZ001
            lambda time: time.replace(microsecond=0)
        ),
        COUNTS,
        COUNTS,
        COUNTS,
        COUNTS,
    )
)
def test_what_is_written_is_read(proof: Proof) -> None:
    assert proof_of({"annotations": {ANNOTATION: proof.written()}}) == proof


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        "true",
        "2026-06-01",
        "[" * 300,
        "{" + " " * 500 + "}",
        '{"time": "2026-06-01", "generation": 1, "closed": 1, "leaking": 0, "broken": 0}',
        '{"time": "2026-06-01T00:00:00Z", "generation": 1, "closed": 1, "leaking": 0}',
        '{"time": 5, "generation": 1, "closed": 1, "leaking": 0, "broken": 0}',
        '{"time": "2026-06-01T00:00:00Z", "generation": 1, "closed": -1, "leaking": 0, "broken": 0}',
        '{"time": "2026-06-01T00:00:00Z", "generation": 1, "closed": true, "leaking": 0, "broken": 0}',
        '{"time": "2026-06-01T00:00:00Z", "generation": 1, "closed": "1", "leaking": 0, "broken": 0}',
    ],
)
def test_what_cannot_be_read_proves_nothing(text: str) -> None:
    assert proof_of({"annotations": {ANNOTATION: text}}) is None


@given(st.text(max_size=500))
def test_no_annotation_is_an_error(text: str) -> None:
    proof_of({"annotations": {ANNOTATION: text}})


def test_a_good_proof_leaves_no_doubt() -> None:
    assert doubt(GOOD, 3, NOW) is None


@pytest.mark.parametrize(
    ("proof", "why"),
    [
        (None, "never measured"),
        (replace(GOOD, leaking=2), "2 ways that must be closed were open"),
        (replace(GOOD, closed=0), "nothing that must be closed was measured"),
        (replace(GOOD, generation=2), "the declaration was changed"),
        (replace(GOOD, time=NOW - dt.timedelta(days=VALID_DAYS, seconds=1)), "older than 30 days"),
        (replace(GOOD, time=NOW + dt.timedelta(hours=1)), "from the future"),
    ],
)
def test_a_doubt_says_why_and_when_it_was_measured_last(proof: Proof | None, why: str) -> None:
    said = doubt(proof, 3, NOW)
    assert said is not None
    assert why in said
    assert proof is None or f"{proof.time:%Y-%m-%d}" in said
