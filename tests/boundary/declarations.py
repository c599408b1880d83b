"""Declarations to compile: one by hand, and any number by hypothesis."""

from __future__ import annotations

import datetime as dt
from itertools import product
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from phiwarden.api.workload import (
    ClinicalImpact,
    DataClass,
    Enforcement,
    Environment,
    Exposure,
    Purpose,
    WorkloadSpec,
)
from phiwarden.boundary.model import ApiServer, Facts

# A busy machine is slow, which is not what these tests are about.
unhurried = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

TODAY = dt.date(2026, 11, 20)

ZONES = ("edge", "clinical", "analytics", "a-public", "a")
EXTERNALS = ("ehr", "lab", "everything", "edge")
CIDRS = (
    "203.0.113.0/24",
    "203.0.113.128/25",
    "198.51.100.7/32",
    "0.0.0.0/0",
    "169.255.0.0/16",
    "10.0.0.0/8",
    "2001:db8::/32",
    "::/0",
    "fd00:ec3::/32",
)
PORTS = (53, 80, 443, 5432, 6443)

CLINIC: dict[str, Any] = {
    "owner": {"team": "digital-health", "contact": "digital-health@hospital.example"},
    "environment": "production",
    "clinicalImpact": "direct-care",
    "residency": {"regions": ["us-west-2", "us-east-1"]},
    "zones": [
        {
            "name": "edge",
            "data": "none",
            "exposure": "public",
            "exposedPorts": [{"port": 8080}],
            "images": {"registries": ["registry.hospital.example/portal"]},
            "serviceAccounts": [{"name": "web"}],
        },
        {
            "name": "clinical",
            "namespace": "records",
            "data": "phi",
            "images": {"registries": ["registry.hospital.example/portal"]},
            "serviceAccounts": [{"name": "api", "apiAccess": True}, {"name": "jobs"}],
            "quota": {"cpu": "8000m", "memory": "16384Mi", "pods": 50},
        },
    ],
    "flows": [
        {
            "from": {"zone": "edge"},
            "to": {"zone": "clinical"},
            "ports": [{"port": 8443}],
            "purpose": "treatment",
        },
        {
            "from": {"zone": "clinical"},
            "to": {"external": "epic-fhir"},
            "ports": [{"port": 443}],
            "purpose": "treatment",
        },
        {
            "from": {"zone": "clinical"},
            "to": {"external": "billing"},
            "ports": [{"port": 443}, {"port": 8000, "endPort": 8010}],
            "purpose": "payment",
        },
    ],
    "externals": [
        {
            "name": "epic-fhir",
            "kind": "ehr",
            "cidrs": ["203.0.113.0/24"],
            "agreement": {
                "type": "BAA",
                "counterparty": "Epic",
                "reference": "BAA-2026-014",
                "expires": "2027-06-30",
            },
        },
        {"name": "billing", "kind": "payer", "cidrs": ["0.0.0.0/0", "::/0"]},
    ],
}

CLUSTER = Facts(
    today=TODAY,
    api_servers=(ApiServer("192.0.2.10", 6443), ApiServer("2001:db8::10", 6443)),
    gateway_namespaces=("gateways",),
)


def clinic(**changes: Any) -> WorkloadSpec:
    """Return the clinic's declaration with some fields changed."""
    return WorkloadSpec.model_validate({**CLINIC, **changes})


_port = st.fixed_dictionaries(
    {"port": st.sampled_from(PORTS), "protocol": st.sampled_from(["TCP", "UDP", "SCTP"])},
    optional={"endPort": st.sampled_from([6443, 7000])},
)
_ports = st.lists(_port, min_size=1, max_size=3)

_agreement = st.fixed_dictionaries(
    {
        "type": st.just("BAA"),
        "counterparty": st.just("them"),
        "reference": st.just("BAA-1"),
        "expires": st.sampled_from([-1, 0, 7, 40, -400]).map(
            lambda days: str(TODAY + dt.timedelta(days))
        ),
    }
)


def _zone(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "name": st.just(name),
            "data": st.sampled_from(DataClass),
            "exposure": st.sampled_from(Exposure),
            "exposedPorts": st.lists(_port, max_size=2),
            "serviceAccounts": st.lists(
                st.fixed_dictionaries(
                    {
                        "name": st.sampled_from(["api", "web"]),
                        "apiAccess": st.booleans(),
                    }
                ),
                max_size=2,
                unique_by=lambda account: account["name"],
            ),
        },
        optional={
            "namespace": st.just(f"{name}-of-its-own"),
            "quota": st.fixed_dictionaries(
                {},
                optional={
                    "cpu": st.sampled_from(["8", "50m", "0.5"]),
                    "memory": st.sampled_from(["16Gi", "64Mi", "1G"]),
                    "pods": st.integers(1, 9),
                },
            ),
        },
    ).map(_without_idle_ports)


def _without_idle_ports(zone: dict[str, Any]) -> dict[str, Any]:
    return zone if zone["exposure"] != Exposure.NONE else {**zone, "exposedPorts": []}


def _external(name: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "name": st.just(name),
            "kind": st.just("other"),
            "cidrs": st.lists(st.sampled_from(CIDRS), min_size=1, max_size=3, unique=True),
            "agreement": st.none() | _agreement,
        }
    )


@st.composite
def declarations(draw: st.DrawFn) -> WorkloadSpec:
    """Draw a declaration."""
    zones = draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True))
    externals = draw(st.lists(st.sampled_from(EXTERNALS), max_size=3, unique=True))
    inside = [{"zone": zone} for zone in zones]
    outside = [{"external": external} for external in externals]
    pairs = [*product(inside, inside + outside), *product(outside, inside)]
    flow = st.builds(
        lambda ends, ports, purpose: {
            "from": ends[0],
            "to": ends[1],
            "ports": ports,
            "purpose": purpose,
        },
        st.sampled_from(pairs),
        _ports,
        st.sampled_from(Purpose),
    )
    return WorkloadSpec.model_validate(
        {
            "owner": {"team": "team", "contact": "team@hospital.example"},
            "environment": draw(st.sampled_from(Environment)),
            "clinicalImpact": draw(st.sampled_from(ClinicalImpact)),
            "enforcement": Enforcement.ENFORCE,
            "zones": [draw(_zone(name)) for name in zones],
            "externals": [draw(_external(name)) for name in externals],
            "flows": draw(st.lists(flow, max_size=6)),
        }
    )


@st.composite
def facts(draw: st.DrawFn) -> Facts:
    """Draw what a cluster may say."""
    servers = [ApiServer("192.0.2.10", 6443), ApiServer("2001:db8::10", 443)]
    return Facts(
        today=TODAY,
        api_servers=tuple(draw(st.lists(st.sampled_from(servers), max_size=2))),
        gateway_namespaces=tuple(draw(st.lists(st.sampled_from(["gateways", "mesh"])))),
        held=draw(st.dictionaries(st.sampled_from(ZONES), st.just(("Deployment/api",)))),
        unavailable=draw(st.frozensets(st.sampled_from(ZONES), max_size=2)),
    )
