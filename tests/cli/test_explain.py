"""`kubectl phi explain`."""

from __future__ import annotations

import pytest

from phiwarden.rulebook.pages import Page, pages

from .run import phi


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.id)
def test_every_rule_is_explained(page: Page) -> None:
    ran = phi("explain", page.id)
    assert ran.code == 0
    said = " ".join(ran.out.split())
    for words in (page.title, page.rationale, page.fix, page.reads):
        assert " ".join(words.split()) in said
    for framework, control in page.answers():
        assert f"{framework} {control}" in said
    for example in (*page.good, *page.bad):
        assert " ".join(example.split()) in said


@pytest.mark.parametrize("asked", ["PHI-NET-001", "phi-net-001", "net-001", "Net-001"])
def test_a_rule_is_found_however_it_is_spelled(asked: str) -> None:
    assert phi("explain", asked).out.startswith("PHI-NET-001  Only phiwarden")


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("PHI-NET-01", "PHI-NET-001"),
        ("img1", "PHI-IMG-001"),
        ("zzz", "kubectl phi explain lists them"),
        ("\x1b[31m", "no rule \ufffd[31m"),
    ],
)
def test_an_unknown_rule_is_told_with_the_nearest(asked: str, near: str) -> None:
    ran = phi("explain", asked)
    assert (ran.code, ran.out) == (2, "")
    assert near in ran.err


def test_without_a_rule_all_are_listed() -> None:
    lines = phi("explain").out.splitlines()
    assert [line.split()[0] for line in lines] == [page.id for page in pages()]


def test_json_is_for_programs() -> None:
    one = phi("explain", "dat-001", "-o", "json").json
    assert one["severity"] == {
        "direct-care": "deny",
        "care-support": "deny",
        "administrative": "deny",
    }
    assert one["controls"] == ["HIPAA 164.502(b)", "GDPR 5(1)(c)"]
    every = phi("explain", "-o", "json").json
    assert [each["id"] for each in every] == [page.id for page in pages()]
