"""Each driver's own examples, and the table as a whole."""

from __future__ import annotations

import datetime as dt
from collections import Counter

import pytest
from pydantic import ValidationError

from phiwarden.storage.drivers import Condition, Driver, Example, driver_of, drivers
from phiwarden.storage.verdict import Beside, Finding, StorageClass, Volume, of_class, of_volume

NOW = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)

CASES = [
    pytest.param(driver, name, example, id=f"{name}-{number}")
    for driver in drivers()
    for name in driver.names
    for number, example in enumerate(driver.examples)
]


def judged(name: str, example: Example) -> Finding:
    keys = frozenset(example.secret_keys) if example.secret_keys is not None else None
    beside = Beside(example.annotations, example.objects, keys)
    if example.attributes is not None:
        alone = Volume("pvc-1", NOW, name, "", provisioned=False, attributes=example.attributes)
        return of_volume(alone, None, beside)
    return of_class(StorageClass("c", "u", NOW, name, example.parameters or {}), beside)


@pytest.mark.parametrize(("driver", "name", "example"), CASES)
def test_every_example_is_judged_as_it_says(driver: Driver, name: str, example: Example) -> None:
    found = judged(name, example)
    assert found.encryption is example.verdict
    assert found.evidence


@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.title)
def test_every_verdict_trap_and_key_of_a_driver_is_met_by_an_example(driver: Driver) -> None:
    found = [judged(driver.names[0], example) for example in driver.examples]
    assert {proof.verdict for proof in driver.proofs} <= {each.encryption for each in found}
    for proof in driver.proofs:
        assert any(proof.evidence in each.evidence for each in found), proof.evidence
    assert any(driver.otherwise.evidence in each.evidence for each in found)


def test_a_provisioner_stands_for_one_driver() -> None:
    names = Counter(name for driver in drivers() for name in driver.names)
    assert [name for name, count in names.items() if count > 1] == []
    assert len(drivers()) >= 35
    assert driver_of("nobody.example") is None


def test_what_says_that_it_encrypts_always_never_says_otherwise() -> None:
    for driver in drivers():
        if driver.always:
            assert driver.otherwise.verdict.proven
            assert all(proof.verdict.proven for proof in driver.proofs)
        else:
            assert not driver.otherwise.verdict.proven


@pytest.mark.parametrize(
    "wrong",
    [
        {"parameter": "a"},
        {"is": "given"},
        {"parameter": "a", "annotation": "b", "is": "given"},
        {"parameter": "a", "is": "given", "word": "b"},
        {"parameter": "a", "is": "perhaps"},
    ],
)
def test_a_condition_that_says_nothing_is_no_condition(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Condition.model_validate(wrong)
