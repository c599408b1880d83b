"""Every rule passes and refuses what its own examples say, in every kind and list."""

import pytest

from phiwarden.rulebook import examples
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example, Rule, rulebook

CASES = [
    pytest.param(rule, passes, example, id=f"{rule.id}-{'pass' if passes else 'fail'}-{number}")
    for rule, passes, number, example in examples.every(rulebook())
]


@pytest.mark.parametrize(("rule", "passes", "example"), CASES)
def test_python_agrees_with_the_example(rule: Rule, passes: bool, example: Example) -> None:
    zone = examples.zone_of(example)
    judged = 0
    for _, obj in examples.objects(example):
        broken = {failure.rule for failure in standard_judge().failures(obj, zone)}
        assert broken == (set() if passes else broken | {rule.id}), obj
        judged += 1
    assert judged


@pytest.mark.parametrize(("rule", "passes", "example"), CASES)
def test_an_ephemeral_container_is_judged_like_any_other(
    rule: Rule, passes: bool, example: Example
) -> None:
    zone = examples.zone_of(example)
    for _, obj in examples.shapes_with_ephemeral(example):
        failures = standard_judge().failures(obj, zone)
        assert (rule.id in {f.rule for f in failures}) is not passes
        if not passes:
            assert any(".ephemeralContainers[0]" in f.path for f in failures)


def test_every_rule_that_reads_workloads_has_examples_of_both_kinds() -> None:
    for rule in rulebook():
        if rule.reads is not None:
            assert rule.examples.failing, rule.id
            assert rule.examples.passing or rule.reads == "networkpolicy", rule.id
