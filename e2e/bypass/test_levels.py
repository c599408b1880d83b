"""Below `enforce` nothing is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from e2e import zones
from e2e.bypass.pods import DEPLOYMENT, Body, bad, good
from e2e.rest import Answer, Rest
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples


@pytest.mark.parametrize("level", ["warn", "observe"])
def test_below_enforcement_everything_passes(root: Rest, engineer: Rest, level: str) -> None:
    """`warn` tells the caller; `observe` is not seen at all."""
    with zones.zone(root, replace(zones.unique(examples.ZONE), enforcement=level)) as name:

        def ask(body: Body) -> Answer:
            return engineer.create(collection(DEPLOYMENT, name), body, dry_run=True)

        def warned(answer: Answer) -> bool:
            return any("PHI-IMG-001" in warning for warning in answer.warnings)

        assert not warned(ask(good(DEPLOYMENT, "app")))
        if level == "warn":
            told = until(
                lambda: found if warned(found := ask(bad(DEPLOYMENT, "app"))) else None,
                "the caller is warned",
            )
            assert told.ok
            assert f"{names.GROUP}" not in told.message
        else:
            answer = ask(bad(DEPLOYMENT, "app"))
            assert answer.ok
            assert not answer.warnings
