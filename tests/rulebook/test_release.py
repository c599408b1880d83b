"""A PHIRelease is refused offline for what the API server refuses, by the same field.

The tables are those that e2e/test_releases.py asks a real API server.
"""

from __future__ import annotations

from typing import Any

import pytest

from phiwarden.api.release import ReleaseSpec, Statement
from phiwarden.rulebook.crd_form import FieldError
from phiwarden.rulebook.release import release, statement
from tests.api.declarations import DROP, Rejected, changed
from tests.api.releases import ACCEPTED, REJECTED, portal_release, unsigned


def errors(manifest: dict[str, Any]) -> tuple[FieldError, ...]:
    found = release(manifest)
    return () if isinstance(found, ReleaseSpec) else found


@pytest.mark.parametrize("what", ACCEPTED)
def test_what_the_api_server_accepts_is_read(what: str) -> None:
    assert errors(changed(portal_release(), ACCEPTED[what])) == ()


@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case.what)
def test_what_the_api_server_rejects_is_refused_at_the_same_field(case: Rejected) -> None:
    found = errors(changed(portal_release(), case.changes))
    assert [e.path for e in found] == [case.path], found
    if not case.form:
        assert all(words in found[0].message for words in case.says)


def test_the_example_is_a_statement_and_no_release() -> None:
    found = statement(unsigned())
    assert isinstance(found, Statement)
    assert not isinstance(found, ReleaseSpec)
    assert [(e.path, e.message) for e in errors(unsigned())] == [
        ("spec.envelope", "Field required")
    ]


def test_a_statement_may_come_with_an_envelope_of_another() -> None:
    assert statement(portal_release()) == statement(unsigned())


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"promotedfrom": "staging"}, "spec.promotedfrom"),
        ({"scan.counts.Critical": 1}, "spec.scan.counts.Critical"),
        ({"images[0].tag": "1.4.2"}, "spec.images[0].tag"),
        ({"metadata.name": DROP}, "metadata.name"),
        ({"metadata.name": "Portal_1"}, "metadata.name"),
        ({"metadata.name": "n" * 254}, "metadata.name"),
    ],
)
def test_a_field_that_would_not_be_signed_is_refused(changes: dict[str, Any], path: str) -> None:
    found = statement(changed(unsigned(), changes))
    assert not isinstance(found, Statement)
    assert [e.path for e in found] == [path]


def test_another_version_of_the_api_is_none_that_is_known() -> None:
    found = statement({**unsigned(), "apiVersion": "phiwarden.dev/v2"})
    assert not isinstance(found, Statement)
    assert [e.path for e in found] == ["apiVersion"]


def test_a_field_is_known_by_its_name_of_the_api_alone() -> None:
    manifest = unsigned()
    manifest["spec"]["promoted_from"] = manifest["spec"].pop("promotedFrom")
    assert [e.path for e in errors(manifest)] == ["spec.promoted_from", "spec.envelope"]


@pytest.mark.parametrize("wrong", [{}, {"spec": None}, {"spec": []}, {"spec": "x", "metadata": []}])
def test_what_has_no_spec_is_refused(wrong: dict[str, Any]) -> None:
    found = statement({"apiVersion": "phiwarden.dev/v1alpha1", "kind": "PHIRelease", **wrong})
    assert not isinstance(found, Statement)
    assert "spec" in [e.path for e in found]
