"""With the operator down nothing is released, and nothing that was is taken back by accident."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.people import person
from e2e.product import Product, running
from e2e.releases import await_standing, decide, release, releases, stated
from e2e.rest import Rest
from e2e.rollouts import quarantine_of
from e2e.test_promotion import BOSS, CI, OTHER, TEAM, approved, declared, of, refused
from e2e.waiting import until
from e2e.workloads import available, deployments, wait


@pytest.fixture
def zone(product: Product, root: Rest) -> Iterator[str]:
    """A zone in care support with a release in force, and no operator."""
    with running(product):
        making = declared(root, "care-support")
        name = next(making)
        approved(person(root, CI), person(root, BOSS), name, "first")
    yield name
    next(making, None)


def test_the_api_server_refuses_by_itself_what_no_release_names(
    product: Product, root: Rest, zone: str
) -> None:
    ci, boss, team = person(root, CI), person(root, BOSS), person(root, TEAM)
    assert "PHI-IMG-003" in refused(team, zone, of("api", OTHER))
    assert team.create(deployments(zone), of("api")).ok
    until(available(root, zone, "api"), "what was released runs")
    assert ci.create(releases(zone), release("second", CI, stated(zone, OTHER))).ok
    assert decide(boss, zone, "second", BOSS).ok
    assert "PHI-IMG-003" in refused(team, zone, of("api", OTHER)), "nobody verified it yet"
    assert decide(boss, zone, "first", BOSS, "Denied").ok
    with running(product):
        await_standing(root, zone, "second", "InForce")
        await_standing(root, zone, "first", "Denied")
        assert refused(team, zone, of("other", OTHER)) == ""
        assert "PHI-IMG-003" in refused(team, zone, of("other"))
        wait(root, zone, "Compliant", "False")
        # What was revoked meanwhile has no way back that phiwarden saw work.
        until(lambda: quarantine_of(root, zone, "api") == {"full"}, "its pods are cut off")
