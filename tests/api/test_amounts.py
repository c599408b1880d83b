"""Quantities as the API server reads them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from phiwarden.api.amounts import canonical_quantity, lower_quantity, parse_quantity


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1000m", "1"),
        ("16384Mi", "16Gi"),
        ("1e3", "1k"),
        ("1E3", "1000"),
        ("1E", "1000P"),
        ("0.5", "500m"),
        (".5", "500m"),
        ("1.", "1"),
        ("+1", "1"),
        ("1500000u", "1500m"),
        ("0.1n", "1n"),
        ("9999999P", "9223372036854775807"),
    ],
)
def test_spellings_of_one_quantity_are_one(one: str, other: str) -> None:
    assert canonical_quantity(one) == canonical_quantity(other)


@pytest.mark.parametrize(("one", "other"), [("1G", "1Gi"), ("1m", "1M"), ("-1", "1"), ("x", "1")])
def test_different_quantities_stay_different(one: str, other: str) -> None:
    assert canonical_quantity(one) != canonical_quantity(other)


def test_a_number_means_what_its_text_means() -> None:
    assert canonical_quantity(50) == canonical_quantity("50")


@pytest.mark.parametrize("text", ["", "m", "1 Gi", "1gi", "1e", "0x1", "1_000", "1Gi\n"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a quantity"):
        parse_quantity(text)


def test_values_are_exact() -> None:
    assert parse_quantity("0.1") == Fraction(1, 10)
    assert parse_quantity("-1.5Ki") == -1536


def test_the_lower_keeps_its_spelling() -> None:
    assert lower_quantity("512Mi", "0.25Gi") == "0.25Gi"
    assert lower_quantity("512Mi", "16Gi") == "512Mi"
