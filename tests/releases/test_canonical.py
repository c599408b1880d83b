"""Canonical bytes: one sequence for one statement, and none for two."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.release import MAX_PAYLOAD, ReleaseSpec
from phiwarden.releases.canonical import LARGEST, NotCanonical, encoded, statement_bytes
from tests.api import releases

from .made import altered, released, statement

JSON = st.recursive(
    st.booleans()
    | st.integers(-LARGEST, LARGEST)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, False, "x"]}, '{"a":[true,false,"x"],"b":1}'),
        ({}, "{}"),
        ((), "[]"),
        (-5, "-5"),
        (dt.datetime(2026, 5, 31, 6, tzinfo=dt.UTC), '"2026-05-31T06:00:00Z"'),
        (
            dt.datetime(2026, 5, 31, 8, tzinfo=dt.timezone(dt.timedelta(hours=2))),
            '"2026-05-31T06:00:00Z"',
        ),
        # The example of RFC 8785, section 3.2.2, but for its numbers.
        (
            {"string": "\u20ac$\u000f\nA'\u0042\u0022\u005c\\\"/"},
            '{"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
        ),
        # The order of RFC 8785, section 3.2.3: by UTF-16, so the smiley comes before U+FB33.
        (
            {"\ufb33": 1, "\U0001f600": 2, "\u20ac": 3, "\r": 4, "1": 5, "\u0080": 6, "\u00f6": 7},
            '{"\\r":4,"1":5,"\u0080":6,"\u00f6":7,"\u20ac":3,"\U0001f600":2,"\ufb33":1}',
        ),
    ],
)
def test_a_value_has_the_bytes_of_rfc_8785(value: Any, text: str) -> None:
    assert encoded(value) == text.encode()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": None}, "the value.a: NoneType"),
        ({"a": [1, 0.5]}, r"the value.a\[1\]: float"),
        (2**53, "beyond what every reader of JSON can hold"),
        (-(2**53), "beyond"),
        ("\ud800", "surrogate"),
        ({"\ud800": 1}, "surrogate"),
        ({1: 1}, "must be a string"),
        (b"bytes", "bytes has no canonical form"),
        (dt.datetime(2026, 5, 31), "known time zone"),  # noqa: DTZ001 - what is refused
        (dt.datetime(2026, 5, 31, 0, 0, 0, 1, tzinfo=dt.UTC), "whole second"),
        (dt.date(2026, 5, 31), "date has no canonical form"),
    ],
)
def test_what_has_no_canonical_form_is_refused_with_its_place(value: Any, words: str) -> None:
    with pytest.raises(NotCanonical, match=words):
        encoded(value)


@given(JSON)
def test_canonical_bytes_read_back_as_the_same_value_and_are_canonical_again(value: Any) -> None:
    read = json.loads(encoded(value))
    assert read == value
    assert encoded(read) == encoded(value)


def test_a_statement_is_all_fields_but_the_envelope_and_no_defaults() -> None:
    fields = json.loads(statement_bytes(released()))
    assert fields == releases.unsigned()["spec"]
    assert statement_bytes(released()) == statement_bytes(statement())


def test_what_is_left_out_is_not_in_the_bytes() -> None:
    assert b"promotedFrom" not in statement_bytes(statement({"promotedFrom": releases.DROP}))


def test_what_the_api_server_stores_has_the_same_bytes_in_whatever_order_it_has_the_fields() -> (
    None
):
    spec = released().model_dump(mode="json", by_alias=True, exclude_none=True)
    turned = ReleaseSpec.model_validate(dict(reversed(spec.items())))
    assert statement_bytes(turned) == statement_bytes(released())


def test_the_order_of_images_is_part_of_what_is_signed() -> None:
    images = releases.unsigned()["spec"]["images"]
    assert statement_bytes(statement({"images": images[::-1]})) != statement_bytes(statement())


def test_the_largest_statement_has_an_envelope_that_fits() -> None:
    largest = released(releases.LARGEST)
    assert MAX_PAYLOAD / 2 < len(largest.envelope.payload) <= MAX_PAYLOAD
    assert altered(largest, {}) == largest
