"""A PHIWorkload is refused offline for what the API server refuses, by the same field.

The tables are those that e2e/test_declaration.py asks a real API server.
"""

from __future__ import annotations

from typing import Any

import pytest

from phiwarden.rulebook import declared
from phiwarden.rulebook.crd_form import FieldError
from phiwarden.rulebook.declaration import Declaration, declaration
from phiwarden.rulebook.declared import DeclaredRule
from tests.api.declarations import ACCEPTED, DROP, changed, portal
from tests.api.rejections import BAD_NAMES, REJECTED, Rejected


def errors(manifest: dict[str, Any]) -> tuple[FieldError, ...]:
    found = declaration(manifest)
    return found.errors if isinstance(found, Declaration) else found


@pytest.mark.parametrize("what", ACCEPTED)
def test_what_the_api_server_accepts_is_clean(what: str) -> None:
    found = declaration(changed(portal(), ACCEPTED[what]))
    assert isinstance(found, Declaration)
    assert found.errors == ()


@pytest.mark.parametrize("case", REJECTED, ids=lambda case: case.what)
def test_what_the_api_server_rejects_is_refused_at_the_same_field(case: Rejected) -> None:
    found = errors(changed(portal(), case.changes))
    assert any(case.path.startswith(error.path) for error in found), found
    if not case.form:
        messages = [error.message for error in found if error.path == case.path]
        # A single value is blamed in words of its own; a contradiction in the API server's.
        spoken = [m for m in messages if all(words in m for words in case.says)]
        assert spoken or not isinstance(declaration(changed(portal(), case.changes)), Declaration)


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_cannot_begin_a_namespaces_is_refused(name: str) -> None:
    assert [e.path for e in errors(changed(portal(), {"metadata.name": name}))] == ["metadata.name"]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"zones[0].namepace": "x"}, "spec.zones[0].namepace"),
        ({"flows[1].to.exernal": "x"}, "spec.flows[1].to.exernal"),
        ({"metadata.name": DROP}, "metadata.name"),
        ({"metadata.name": 5}, "metadata.name"),
    ],
)
def test_a_field_that_is_misspelt_or_missing_is_named(changes: dict[str, Any], path: str) -> None:
    assert path in [error.path for error in errors(changed(portal(), changes))]


@pytest.mark.parametrize("wrong", [{}, {"spec": None}, {"spec": []}, {"spec": {}, "metadata": []}])
def test_what_is_hardly_a_declaration_is_refused(wrong: dict[str, Any]) -> None:
    head = {"apiVersion": "phiwarden.dev/v1alpha1", "kind": "PHIWorkload"}
    assert errors({**head, **wrong})


RULES = [pytest.param(rule, id=rule.id) for rule in declared.rules()]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_passes_and_refuses_what_its_examples_say(rule: DeclaredRule) -> None:
    for example in rule.examples.passing:
        assert errors(declared.manifest(example)) == ()
    for example in rule.examples.failing:
        assert rule.id in [error.rule for error in errors(declared.manifest(example))]


def test_every_rule_that_the_crd_names_is_explained() -> None:
    named = {error.rule for case in REJECTED for error in errors(changed(portal(), case.changes))}
    assert named - {None} == {rule.id for rule in declared.rules()}
