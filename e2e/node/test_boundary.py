"""What is declared is what packets do: from the first moment, and whatever happens to the operator."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator

import pytest

from e2e import workloads
from e2e.conftest import NODE_LABELS
from e2e.node import Node, acquire
from e2e.node.clinic import EHR, FLOWS, Clinic, Matrix, Row, declared, running_clinic
from e2e.node.peers import OPEN, dial
from e2e.product import Operator, running
from e2e.waiting import until
from e2e.workloads import WORKLOADS, external, flow, wait
from phiwarden.boundary.network import DEFAULT_DENY
from phiwarden.cluster.resources import collection, item
from phiwarden.rulebook.shapes import NETWORK_POLICY


@pytest.fixture(scope="module")
def site(node: Node) -> Iterator[tuple[Clinic, Operator]]:
    with running_clinic(node) as found:
        yield found


@pytest.fixture(scope="module")
def clinic(site: tuple[Clinic, Operator]) -> Clinic:
    return site[0]


def hold(clinic: Clinic, flows: tuple[Row, ...] = FLOWS) -> Matrix:
    """Wait until what is measured is what is declared, row by row; return it."""
    found = clinic.measured()
    must = declared(found, flows=flows)
    try:
        return until(lambda: (now := clinic.measured()) == must and now, "declared", every=0.3)
    except AssertionError:
        found = clinic.measured()
        assert found == must  # shows the rows that differ
        raise


def as_declared(clinic: Clinic) -> None:
    """Hold that the policies that stand add up to what is declared."""
    told = clinic.phi("reach", "-w", clinic.name)
    assert told.returncode == 0, told.stdout + told.stderr


def test_declared_computed_and_measured_are_the_same(clinic: Clinic) -> None:
    found = clinic.measured()
    for source in dict.fromkeys(source for source, _ in found):
        opened = [row for (who, row), way in found.items() if who == source and way]
        print(f"{source:10} -> {', '.join(opened) or 'nothing'}")
    assert found == declared(found)
    as_declared(clinic)


def test_a_hole_that_somebody_makes_is_seen_by_packets_and_by_reach(clinic: Clinic) -> None:
    path = collection(NETWORK_POLICY, clinic.namespace("clinical"))
    hole = {
        "metadata": {"name": "hole"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
    }
    # Nobody but an exempt group may.
    assert clinic.admin.create(path, hole).ok
    must = declared(clinic.measured())
    until(
        lambda: (
            {row for row, way in clinic.measured().items() if way != must[row]}
            == {
                (who, f"clinical:{port}")
                for who in ("neighbour", "outside")
                for port in (8443, 5432, 9999)
            }
        ),
        "the hole is open",
        every=0.3,
    )
    told = clinic.phi("reach", "-w", clinic.name)
    assert told.returncode == 1, told.stderr
    assert "hole" in told.stdout
    assert clinic.admin.delete(f"{path}/hole").ok
    hold(clinic)


def test_a_deleted_policy_comes_back(clinic: Clinic) -> None:
    path = item(NETWORK_POLICY, clinic.namespace("clinical"), DEFAULT_DENY)
    before = clinic.admin.get(path).body["metadata"]["uid"]
    assert clinic.admin.delete(path).ok
    until(
        lambda: clinic.admin.get(path).body.get("metadata", {}).get("uid") not in (None, before),
        "the policy is back",
    )
    hold(clinic)


def test_an_agreement_that_ends_closes_the_way_to_the_external(clinic: Clinic) -> None:
    ended = external("epic-fhir", f"{dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)}")
    assert workloads.change(clinic.admin, clinic.name, externals=[ended]).ok
    wait(clinic.admin, clinic.name, "AgreementsInForce", "False", "Expired")
    hold(clinic, tuple(row for row in FLOWS if row != ("clinical", f"{EHR}:443")))
    as_declared(clinic)
    renewed = [external("epic-fhir", "2199-12-31")]
    assert workloads.change(clinic.admin, clinic.name, externals=renewed).ok
    hold(clinic)


def test_a_declared_flow_opens_soon_and_closes_again(clinic: Clinic) -> None:
    flows = clinic.admin.get(f"{WORKLOADS}/{clinic.name}").body["spec"]["flows"]
    more = [*flows, flow({"zone": "edge"}, {"zone": "analytics"}, 9999, purpose="operations")]
    begun = time.monotonic()
    assert workloads.change(clinic.admin, clinic.name, flows=more).ok
    target = clinic.targets["analytics:9999"]
    edge = clinic.namespace("edge")
    until(lambda: dial(clinic.node, edge, "caller", target) == {target: OPEN}, "the flow is open")
    print(f"from the declaration to an open connection: {time.monotonic() - begun:.2f} s")
    hold(clinic, (*FLOWS, ("edge", "analytics:9999")))
    assert workloads.change(clinic.admin, clinic.name, flows=flows).ok
    hold(clinic)


def test_without_the_operator_the_boundary_holds_and_its_return_changes_nothing(
    site: tuple[Clinic, Operator],
) -> None:
    clinic, operator = site
    operator.kill()
    assert clinic.measured() == hold(clinic)
    with running(clinic.product):
        wait(clinic.admin, clinic.name)
        hold(clinic)


def test_without_an_enforcer_everything_is_open(here: None) -> None:
    """The negative control: else a closed row would prove nothing."""
    with acquire(enforcer=False, labels=NODE_LABELS) as node, running_clinic(node) as (clinic, _):
        found = clinic.measured()
        must = declared(found)
        # The API server refuses nobody a connection; every row that must be closed is open.
        assert {row for row, way in found.items() if not way} == set()
        assert {row for row in must if not must[row]}
        assert all(condition_false(clinic))


def condition_false(clinic: Clinic) -> list[bool]:
    entry = workloads.condition(clinic.admin, clinic.name, "NetworkIsolated")
    return [entry["status"] == "False", entry["reason"] == "EnforcementNotProven"]
