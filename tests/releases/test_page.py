"""What docs/releases.md says is so."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from phiwarden.api.images import SCAN_LIMITS, Images
from phiwarden.api.vocabulary import ClinicalImpact
from phiwarden.releases.policy import limits_of
from phiwarden.releases.verify import Reason

PAGE = (Path(__file__).parents[2] / "docs" / "releases.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_stands_on_the_page(reason: Reason) -> None:
    assert f"\n| `{reason}` | " in PAGE


@pytest.mark.parametrize("impact", SCAN_LIMITS)
def test_the_limits_of_every_tier_do(impact: ClinicalImpact) -> None:
    limits = limits_of(impact, None)
    days = limits.max_database_age.days
    assert f"\n| `{impact}` | {limits.critical} | {limits.high} | {days} days |" in PAGE


def test_the_declaration_on_the_page_is_one() -> None:
    text = PAGE.split("```yaml\n")[1].split("```")[0]
    (zone,) = yaml.safe_load(text)["spec"]["zones"]
    images = Images.model_validate(zone["images"])
    assert [key.name for key in images.release_keys] == ["ci-2026", "ci-2027"]
