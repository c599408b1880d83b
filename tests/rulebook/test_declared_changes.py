"""Which changes of a stored declaration are refused: Python's answers are the API server's.

The same table is put to a real API server in e2e/test_declaration.py.
"""

import json

import pytest

from phiwarden.api.workload import WorkloadSpec
from phiwarden.rulebook.declaration import Declaration, declaration, refused_changes
from tests.api.declarations import TRANSITIONS, Changes, Transition, changed, portal


def read(changes: Changes) -> Declaration:
    manifest = changed(portal(), changes)
    text = json.dumps(manifest).replace('"$-', '"portal-')
    found = declaration(json.loads(text))
    assert isinstance(found, Declaration), found
    return found


@pytest.mark.parametrize("case", TRANSITIONS, ids=lambda case: case.what)
def test_a_change_is_refused_with_its_field_and_why(case: Transition) -> None:
    before, after = read(case.before), read(case.after)
    errors = (*after.errors, *refused_changes("portal", before.spec, after.spec))
    if not case.path:
        assert errors == ()
        return
    said = [error.message for error in errors if error.path == case.path]
    assert any(all(word in message for word in case.says) for message in said), errors


def test_what_stays_is_never_refused() -> None:
    spec = WorkloadSpec.model_validate(portal()["spec"])
    assert refused_changes("portal", spec, spec) == ()
