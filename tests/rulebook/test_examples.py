"""Every rule passes and refuses what its own examples say, in every kind and list."""

import pytest

from phiwarden.rulebook import examples
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example, Rule, Severity, rulebook

CASES = [
    pytest.param(rule, passes, example, id=f"{rule.id}-{'pass' if passes else 'fail'}-{number}")
    for rule, passes, number, example in examples.every(rulebook())
]


@pytest.mark.parametrize(("rule", "passes", "example"), CASES)
def test_python_agrees_with_the_example(rule: Rule, passes: bool, example: Example) -> None:
    """A good example keeps its rule and is denied by no other; a bad one breaks its rule."""
    zone = examples.zone_of(example)
    judged = 0
    for obj in examples.objects(rule, example):
        failures = standard_judge().failures(obj, zone)
        if passes:
            wrong = [f for f in failures if f.rule == rule.id or f.severity is Severity.DENY]
            assert wrong == [], obj
        else:
            assert rule.id in {f.rule for f in failures}, obj
        judged += 1
    assert judged


DEBUGGED = [case for case in CASES if examples.debugged(case.values[0], case.values[2])]


@pytest.mark.parametrize(("rule", "passes", "example"), DEBUGGED)
def test_an_ephemeral_container_is_judged_like_any_other(
    rule: Rule, passes: bool, example: Example
) -> None:
    obj = examples.debugged(rule, example)
    assert obj is not None
    if not passes and not set(example.container or ()) - {"ports"}:
        pytest.skip("the API takes no ports in an ephemeral container")
    failures = standard_judge().failures(obj, examples.zone_of(example))
    assert (rule.id in {f.rule for f in failures}) is not passes
    if not passes:
        assert any(".ephemeralContainers[0]" in f.path for f in failures)


_REQUESTS = (
    "session",
    "node-session",
    "claim-deletion",
    "secret-write",
    "secret-deletion",
    "secret-source",
)


def test_every_rule_that_reads_workloads_has_examples_of_both_kinds() -> None:
    for rule in rulebook():
        # Requests that are no objects, and what phiwarden owns, have tests of their own.
        reads = {rule.reads_of(check) for check in rule.checks}
        if not rule.id.startswith("PHI-GRD-") and not reads <= set(_REQUESTS):
            assert rule.examples.failing, rule.id
            assert rule.examples.passing or rule.reads == "networkpolicy", rule.id
