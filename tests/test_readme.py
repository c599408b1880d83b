"""What the README says of the product is so."""

from pathlib import Path

import pytest

from phiwarden.api.status import ConditionType

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ConditionType)
def test_every_condition_stands_in_the_readme(kind: ConditionType) -> None:
    assert f"| `{kind.value}` |" in README
