"""What the README says of the product is so."""

from pathlib import Path

import pytest

from phiwarden.api.status import ConditionType
from phiwarden.rulebook.model import Rule, rulebook

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", rulebook(), ids=lambda rule: rule.id)
def test_every_rule_stands_in_the_readme(rule: Rule) -> None:
    assert f"| {rule.id} | {rule.title} |" in README


@pytest.mark.parametrize("kind", ConditionType)
def test_every_condition_stands_in_the_readme(kind: ConditionType) -> None:
    assert f"| `{kind.value}` |" in README


def test_the_readme_names_no_rule_that_does_not_exist() -> None:
    listed = [
        line.split("|")[1].strip() for line in README.splitlines() if line.startswith("| PHI-")
    ]
    assert listed == [rule.id for rule in rulebook()]
