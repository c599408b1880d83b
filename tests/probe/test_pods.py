"""The pods of a probe keep every rule of the zones that they run in."""

from dataclasses import replace

import pytest

from phiwarden.api.workload import ClinicalImpact, DataClass, Environment
from phiwarden.probe import pods
from phiwarden.probe.pods import Place
from phiwarden.probe.ways import CONTROL
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.examples import DIGEST, ZONE

IMAGE = f"registry.hospital.example/portal/phiwarden@{DIGEST}"


@pytest.mark.parametrize("impact", ClinicalImpact)
@pytest.mark.parametrize("data", DataClass)
@pytest.mark.parametrize("environment", Environment)
def test_no_rule_has_anything_against_them(
    impact: ClinicalImpact, data: DataClass, environment: Environment
) -> None:
    zone = replace(ZONE, impact=impact, data=data, environment=environment)
    place = Place("portal-clinical", zone)
    for pod in (
        pods.listener(place, "a", IMAGE, [443, 8443, CONTROL]),
        pods.dialer(place, "b", IMAGE, ["10.0.0.7:8443"]),
    ):
        assert standard_judge().failures(pod, zone) == ()


def test_ports_of_the_privileged_kind_are_allowed_for_by_a_safe_sysctl_alone() -> None:
    place = Place("portal-clinical", ZONE)
    low = pods.listener(place, "a", IMAGE, [443, CONTROL])["spec"]["securityContext"]
    high = pods.listener(place, "a", IMAGE, [8443, CONTROL])["spec"]["securityContext"]
    assert [entry["name"] for entry in low["sysctls"]] == ["net.ipv4.ip_unprivileged_port_start"]
    assert "sysctls" not in high


def test_a_pod_outside_the_zones_asks_for_nothing_of_theirs() -> None:
    spec = pods.dialer(Place("default", None), "b", IMAGE, ["10.0.0.7:8443"])["spec"]
    assert "serviceAccountName" not in spec
    assert "nodeSelector" not in spec
