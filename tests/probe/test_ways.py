"""What is measured, and which of it must be open, follows from the declaration."""

import datetime as dt

import pytest

from e2e.workloads import clinic, external, flow, zone
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.model import Facts
from phiwarden.probe.ways import CONTROL, MAX_PORTS, OUTSIDER, Verdict, Way, ports_of, ways

TODAY = Facts(today=dt.date(2026, 6, 1))


def spec(**fields: object) -> WorkloadSpec:
    return WorkloadSpec.model_validate(clinic("portal", **fields)["spec"])


def declared(found: tuple[Way, ...]) -> set[tuple[str, str, int]]:
    return {(way.source, way.destination, way.port) for way in found if way.declared}


def test_every_pair_of_zones_is_measured_on_every_port_that_somebody_declares() -> None:
    found = ways(spec(), TODAY, outsider=False)
    zones = {"edge", "clinical", "analytics"}
    assert {(way.source, way.destination) for way in found} == {
        (a, b) for a in zones for b in zones
    }
    assert declared(found) == {("edge", "clinical", 8443), ("clinical", "analytics", 5432)}
    for name in zones:
        assert {w.port for w in found if w.destination == name} == set(
            ports_of(spec(), TODAY)[name]
        )


def test_the_control_port_must_be_closed_to_everybody() -> None:
    found = ways(spec(), TODAY, outsider=True)
    control = [way for way in found if way.port == CONTROL]
    assert len(control) == 3 * 4
    assert not any(way.declared for way in control)


def test_somebody_outside_may_reach_nothing_but_what_is_exposed() -> None:
    found = [way for way in ways(spec(), TODAY, outsider=True) if way.source == OUTSIDER]
    assert not any(way.declared for way in found)
    assert {way.port for way in found if way.destination == "edge"} == {CONTROL}
    assert {way.port for way in found if way.destination == "clinical"} == {8443, CONTROL}


def test_both_ends_of_a_range_are_measured_and_udp_is_not() -> None:
    ports = [{"port": 8000, "endPort": 8010}, {"port": 5353, "protocol": "UDP"}]
    ranged = {**flow({"zone": "edge"}, {"zone": "clinical"}, 1), "ports": ports}
    found = ways(spec(flows=[ranged]), TODAY, outsider=False)
    assert declared(found) == {("edge", "clinical", 8000), ("edge", "clinical", 8010)}
    assert 5353 not in {way.port for way in found}


def test_what_an_expired_agreement_closed_is_not_expected() -> None:
    incoming = flow({"external": "lab"}, {"zone": "clinical"}, 8443)
    flows = [incoming, flow({"zone": "edge"}, {"zone": "clinical"}, 8443)]
    ended = spec(flows=flows, externals=[external("lab", "2026-01-01")])
    assert declared(ways(ended, TODAY, outsider=False)) == {("edge", "clinical", 8443)}


def test_a_declaration_of_very_many_ports_is_cut() -> None:
    many = [{"port": 2000 + number} for number in range(MAX_PORTS + 8)]
    flows = [
        {**flow({"zone": "a"}, {"zone": "b"}, 1), "ports": many[:16]},
        {**flow({"zone": "c"}, {"zone": "b"}, 1), "ports": many[16:]},
    ]
    zones = [zone(name, data="none", exposure="none") for name in "abc"]
    listening = ports_of(spec(zones=zones, flows=flows, externals=[]), TODAY)["b"]
    assert len(listening) == MAX_PORTS + 1
    assert listening[-1] == CONTROL


@pytest.mark.parametrize(
    ("must", "opened", "verdict"),
    [
        (True, True, Verdict.AS_DECLARED),
        (False, False, Verdict.AS_DECLARED),
        (True, False, Verdict.BROKEN),
        (False, True, Verdict.LEAK),
    ],
)
def test_what_a_measurement_means(must: bool, opened: bool, verdict: Verdict) -> None:
    assert Way("a", "b", 443, declared=must).verdict(opened=opened) is verdict
