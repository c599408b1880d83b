"""Scalars mean here what they mean to kubectl; e2e/test_check.py asks kubectl itself."""

from __future__ import annotations

import math

import pytest

from phiwarden.cli.manifests.scalars import plain, tagged

from .scalars import SCALARS


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_a_plain_scalar_means_what_kubectl_reads(text: str, value: object) -> None:
    found = plain(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("text", [".nan", ".NaN"])
def test_not_a_number_is_a_float(text: str) -> None:
    assert math.isnan(float(plain(text) or 0))


@pytest.mark.parametrize(
    ("tag", "text", "value"),
    [
        ("str", "12", "12"),
        ("str", "yes", "yes"),
        ("int", "0x10", 16),
        ("float", "3", 3.0),
        ("bool", "on", True),
        ("null", "~", None),
        ("binary", "aGVs\n bG8=", "hello"),
        ("timestamp", "2027-06-30", "2027-06-30"),
        ("whatever", "12", "12"),
    ],
)
def test_a_tag_says_what_a_scalar_is(tag: str, text: str, value: object) -> None:
    found = tagged(f"tag:yaml.org,2002:{tag}", text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("tag", "text"), [("int", "x"), ("int", "yes"), ("bool", "1"), ("binary", "!"), ("null", "0")]
)
def test_a_tag_that_lies_is_refused(tag: str, text: str) -> None:
    with pytest.raises(ValueError, match=tag):
        tagged(f"tag:yaml.org,2002:{tag}", text)
