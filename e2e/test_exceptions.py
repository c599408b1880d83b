"""Somebody asks for an exception, somebody else approves, and it ends by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e import workloads
from e2e.exceptions import ask, decide, exception, in_force
from e2e.people import APPROVER, REQUESTER, allow, person
from e2e.product import Operator
from e2e.rest import Rest
from e2e.waiting import until
from e2e.workloads import (
    WORKLOADS,
    bad,
    budget,
    budgets,
    clinic,
    deployment,
    deployments,
    pods,
    unique,
    wait,
)

ASKER, BOSS = "asha@hospital.example", "boris@hospital.example"
ROLES = [REQUESTER, APPROVER, "edit"]


@pytest.fixture
def zone(root: Rest, operator: Operator) -> Iterator[str]:
    """A zone in direct care in which Asha deploys and asks, and Boris approves."""
    yield from declared(root)


def declared(root: Rest, impact: str = "direct-care") -> Iterator[str]:
    name = unique("granting")
    registries = {"registries": ["registry.hospital.example/portal"]}
    zone = workloads.zone("app", namespace=name, data="phi", images=registries, clusterRoles=ROLES)
    wanted = clinic(name, zones=[zone], flows=[], externals=[], clinicalImpact=impact)
    assert workloads.apply(root, wanted).ok
    wait(root, name)
    assert root.create(budgets(name), budget()).ok
    allow(root, name, REQUESTER, ASKER)
    allow(root, name, "edit", ASKER, BOSS)
    allow(root, name, APPROVER, BOSS)
    yield name
    root.delete(f"{WORKLOADS}/{name}")


@pytest.fixture
def asker(root: Rest) -> Rest:
    return person(root, ASKER)


@pytest.fixture
def boss(root: Rest) -> Rest:
    return person(root, BOSS)


def granted(asker: Rest, boss: Rest, zone: str, name: str, **spec: object) -> None:
    """Have an exception asked for and approved, and wait until it counts."""
    answer = ask(asker, zone, exception(name, ASKER, **spec))
    assert answer.ok, answer.message
    answer = decide(boss, zone, name, BOSS)
    assert answer.ok, answer.message
    until(lambda: in_force(boss, zone, name).get("status") == "True", f"{name} is in force")


def test_what_one_asks_for_and_another_approves_may_be_deployed(
    zone: str, asker: Rest, boss: Rest, root: Rest
) -> None:
    tagged = bad(deployment("api"))
    before = asker.create(deployments(zone), tagged)
    assert "PHI-IMG-001" in before.message
    granted(asker, boss, zone, "digests")
    answer = asker.create(deployments(zone), tagged)
    assert answer.ok, answer.message
    until(
        lambda: len(root.get(pods(zone), labelSelector="app=api").body["items"]) == 2,
        "its pods are made",
    )
    other = asker.create(deployments(zone), bad(deployment("other")))
    assert "PHI-IMG-001" in other.message
    wait(root, zone, "Compliant")
