"""Ways that open and close are those that the compiled network policies open and close."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.workload import Enforcement, WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.model import ApiServer, Facts
from phiwarden.boundary.project import digest
from phiwarden.preview.network import network, ways
from tests.boundary.declarations import CLUSTER, TODAY, clinic, declarations, unhurried

FACTS = Facts(TODAY, api_servers=(ApiServer("192.0.2.10", 6443),), gateway_namespaces=("gateways",))


def policies(spec: WorkloadSpec) -> set[tuple[str, bytes]]:
    plan = compile_boundary("portal", spec, FACTS)
    found = [policy for zone in plan.zones for policy in zone.policies]
    return {(f"{policy.namespace}/{policy.name}", digest(policy.body)) for policy in found}


@st.composite
def pairs(draw: st.DrawFn) -> tuple[WorkloadSpec, WorkloadSpec]:
    """Draw a declaration, and the same with other flows, exposures or addresses."""
    spec, other = draw(declarations()), draw(declarations())
    named = {zone.name: zone for zone in other.zones}
    externals = {external.name for external in spec.externals}
    zones = tuple(
        zone.model_copy(
            update={
                "exposure": named[zone.name].exposure,
                "exposed_ports": named[zone.name].exposed_ports,
                "service_accounts": named[zone.name].service_accounts,
            }
        )
        if zone.name in named and draw(st.booleans())
        else zone
        for zone in spec.zones
    )
    flows = tuple(draw(st.lists(st.sampled_from(spec.flows), unique=True))) if spec.flows else ()
    changed = {
        external.name: external for external in other.externals if external.name in externals
    }
    kept = tuple(changed.get(external.name, external) for external in spec.externals)
    update: dict[str, Any] = {"zones": zones, "flows": flows}
    if draw(st.booleans()):
        update["externals"] = kept
    return spec, spec.model_copy(update=update)


@unhurried
@given(pairs())
def test_ways_differ_exactly_where_policies_differ(pair: tuple[WorkloadSpec, WorkloadSpec]) -> None:
    one, other = pair
    assert (ways(one, FACTS) == ways(other, FACTS)) == (policies(one) == policies(other))


@unhurried
@given(pairs())
def test_what_is_open_is_what_was_open_without_the_closed_and_with_the_opened(
    pair: tuple[WorkloadSpec, WorkloadSpec],
) -> None:
    before, after = pair
    found = network(before, after, FACTS, FACTS)
    assert set(found.open) == ways(before, FACTS) - set(found.closed) | set(found.opened)
    assert not set(found.opened) & set(found.closed)


@unhurried
@given(declarations())
def test_a_declaration_that_stays_opens_and_closes_nothing(spec: WorkloadSpec) -> None:
    found = network(spec, spec, FACTS, FACTS)
    assert (found.opened, found.closed) == ((), ())


def test_a_flow_that_is_taken_back_is_named_with_its_address_and_port() -> None:
    less = clinic(flows=[flow.model_dump(by_alias=True) for flow in clinic().flows[:-1]])
    found = network(clinic(), less, CLUSTER, CLUSTER)
    assert [str(way) for way in found.closed] == [
        f"clinical to external billing ({address}), {port}, for payment"
        for port in ("TCP 443", "TCP 8000-8010")
        for address in ("0.0.0.0/0", "::/0")
    ]
    assert found.opened == ()


def test_exposure_and_api_access_are_ways_too() -> None:
    said = {str(way) for way in ways(clinic(), FACTS)}
    assert "anybody at all to edge, TCP 8080, for exposure" in said
    assert "clinical to the Kubernetes API, its port, for apiAccess" in said


def test_an_agreement_that_ended_closes_its_flow() -> None:
    after = Facts(dt.date(2027, 7, 1))
    found = network(clinic(), clinic(), CLUSTER, after)
    assert [way.destination for way in found.closed] == ["external epic-fhir"]
    assert found.expired == (
        "clinical to epic-fhir, TCP 443, for treatment: BAA-2026-014 expired on 2027-06-30",
    )


def test_a_zone_that_is_not_to_be_had_has_no_ways() -> None:
    facts = Facts(TODAY, unavailable=frozenset({"clinical"}))
    assert {(way.source, way.destination) for way in ways(clinic(), facts)} == {
        ("anybody at all", "edge")
    }


@pytest.mark.parametrize("before", [None, *Enforcement])
@pytest.mark.parametrize("after", Enforcement)
def test_policies_stand_where_the_zone_enforces_alone(
    before: Enforcement | None, after: Enforcement
) -> None:
    stood = clinic(enforcement=before) if before is not None else None
    found = network(stood, clinic(enforcement=after), CLUSTER, CLUSTER)
    assert found.stood is (before is Enforcement.ENFORCE)
    assert found.stands is (after is Enforcement.ENFORCE)
