"""Manifests that the compiler makes."""

from __future__ import annotations

import dataclasses
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api import names
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.labels import decode
from phiwarden.boundary.model import BoundaryPlan, Desired, Facts, ZonePlan

from .declarations import CLINIC, CLUSTER, clinic, declarations, facts, unhurried

PSA = "pod-security.kubernetes.io/"


def plan(spec: WorkloadSpec | None = None, seen: Facts = CLUSTER) -> dict[str, ZonePlan]:
    compiled = compile_boundary("portal", spec or clinic(), seen)
    return {zone.zone: zone for zone in compiled.zones}


def objects(compiled: BoundaryPlan) -> list[Desired]:
    return [desired for zone in compiled.zones for desired in zone.objects]


def as_bytes(compiled: BoundaryPlan) -> str:
    return json.dumps(dataclasses.asdict(compiled), default=str)


def pod_security(zone: ZonePlan) -> dict[str, str]:
    labels = zone.namespace.body["metadata"]["labels"]
    return {key.removeprefix(PSA): labels[key] for key in labels if key.startswith(PSA)}


def shuffled(spec: WorkloadSpec, seed: int) -> WorkloadSpec:
    """Return the same declaration with every list in another order."""

    def shuffle(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shuffle(item) for key, item in value.items()}
        if isinstance(value, list):
            return order.sample([shuffle(item) for item in value], len(value))
        return value

    order = random.Random(seed)
    return WorkloadSpec.model_validate(shuffle(spec.model_dump(mode="json", by_alias=True)))


@unhurried
@given(declarations(), facts(), st.integers())
def test_the_order_of_a_declaration_makes_no_difference(
    spec: WorkloadSpec, seen: Facts, seed: int
) -> None:
    one = compile_boundary("portal", spec, seen)
    other = compile_boundary("portal", shuffled(spec, seed), seen)
    assert as_bytes(one) == as_bytes(other)


@unhurried
@given(declarations(), facts())
def test_every_object_says_whose_it_is_and_no_two_are_one(spec: WorkloadSpec, seen: Facts) -> None:
    compiled = compile_boundary("portal", spec, seen)
    made = objects(compiled)
    assert len({(one.kind, one.namespace, one.name) for one in made}) == len(made)
    for desired in made:
        metadata = desired.body["metadata"]
        assert (desired.body["apiVersion"], desired.body["kind"], metadata["name"]) == (
            desired.api_version,
            desired.kind,
            desired.name,
        )
        assert metadata.get("namespace") == desired.namespace
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "phiwarden"
        assert metadata["labels"][names.WORKLOAD] == "portal"


@unhurried
@given(declarations(), facts())
def test_an_unavailable_zone_gets_nothing_and_is_named_by_nobody(
    spec: WorkloadSpec, seen: Facts
) -> None:
    compiled = compile_boundary("portal", spec, seen)
    assert {zone.zone for zone in compiled.zones} == (
        {zone.name for zone in spec.zones} - seen.unavailable
    )
    mentioned = json.dumps([desired.body for desired in objects(compiled)])
    for zone in spec.zones:
        if zone.name in seen.unavailable:
            assert json.dumps(zone.namespace_in("portal")) not in mentioned


def test_a_policy_leaves_nothing_to_a_default() -> None:
    for zone in plan().values():
        for policy in zone.policies:
            spec = policy.body["spec"]
            assert set(spec) == {"podSelector", "policyTypes", "ingress", "egress"}
            for rule in (*spec["ingress"], *spec["egress"]):
                assert rule.get("from") or rule.get("to")
                assert all("protocol" in port for port in rule.get("ports", ()))


def test_default_deny_selects_every_pod_and_allows_nothing() -> None:
    assert plan()["clinical"].default_deny.body["spec"] == {
        "podSelector": {},
        "policyTypes": ["Ingress", "Egress"],
        "ingress": [],
        "egress": [],
    }


def test_policies_are_named_after_side_peer_and_purpose() -> None:
    zones = plan()
    assert [policy.name for policy in zones["clinical"].allows] == [
        "phiwarden-api-server",
        "phiwarden-dns",
        "phiwarden-from-zone-edge-treatment",
        "phiwarden-to-external-billing-payment",
        "phiwarden-to-external-epic-fhir-treatment",
    ]
    assert [policy.name for policy in zones["edge"].allows] == [
        "phiwarden-dns",
        "phiwarden-exposure",
        "phiwarden-to-zone-clinical-treatment",
    ]


def test_ports_of_flows_between_the_same_ends_for_one_purpose_are_merged() -> None:
    flow = CLINIC["flows"][0]
    more = {**flow, "ports": [{"port": 8443, "endPort": 8443}, {"port": 53, "protocol": "UDP"}]}
    (policy,) = (
        policy
        for policy in plan(clinic(flows=[flow, more]))["clinical"].allows
        if policy.name == "phiwarden-from-zone-edge-treatment"
    )
    assert policy.body["spec"]["ingress"][0]["ports"] == [
        {"protocol": "TCP", "port": 8443},
        {"protocol": "UDP", "port": 53},
    ]


def test_the_namespace_carries_the_boundary_that_rules_read() -> None:
    metadata = plan()["clinical"].namespace.body["metadata"]
    boundary = decode(metadata["labels"], metadata["annotations"])
    assert (boundary.workload, boundary.zone, boundary.data) == ("portal", "clinical", "phi")
    assert (boundary.environment, boundary.impact) == ("production", "direct-care")
    assert boundary.service_accounts == ("api", "jobs")
    assert boundary.api_access == ("api",)
    assert boundary.regions == ("us-east-1", "us-west-2")
    assert metadata["name"] == "records"


KEY = (
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAj35HnGcjYkAW7nm3JIUHwAbGytqbd1Kkg4ka4+/dGN4=\n"
    "-----END PUBLIC KEY-----\n"
)


@pytest.mark.parametrize(
    ("asked", "let_run", "carried"),
    [
        (True, {"clinical": ("sha256:" + "0" * 64,)}, ("sha256:" + "0" * 64,)),
        (True, {}, ()),
        (True, None, None),  # nobody looked, as in a folder of manifests
        (False, {"clinical": ("sha256:" + "0" * 64,)}, None),
    ],
)
def test_a_zone_that_asks_for_releases_carries_what_they_let_run(
    asked: bool, let_run: dict[str, tuple[str, ...]] | None, carried: tuple[str, ...] | None
) -> None:
    images = {"releaseKeys": [{"name": "ci", "publicKey": KEY}], "requireRelease": asked}
    zones = [
        {**each, "images": images} if each["name"] == "clinical" else each
        for each in CLINIC["zones"]
    ]
    seen = dataclasses.replace(CLUSTER, releases=let_run)
    metadata = plan(clinic(zones=zones), seen)["clinical"].namespace.body["metadata"]
    assert decode(metadata["labels"], metadata["annotations"]).releases == carried


@pytest.mark.parametrize(
    ("enforcement", "levels"),
    [
        ("observe", {"audit": "restricted"}),
        ("warn", {"audit": "restricted", "warn": "restricted"}),
        ("enforce", {"enforce": "restricted"}),
    ],
)
def test_pod_security_follows_enforcement_in_every_zone(
    enforcement: str, levels: dict[str, str]
) -> None:
    versions = {f"{mode}-version": "latest" for mode in levels}
    for zone in plan(clinic(enforcement=enforcement)).values():
        assert pod_security(zone) == {**levels, **versions}


@pytest.mark.parametrize("enforcement", ["observe", "warn"])
def test_a_zone_that_is_only_watched_changes_nothing_that_runs(enforcement: str) -> None:
    """Any policy cuts what it does not allow, a quota refuses pods, a token goes missing."""
    watched = plan(clinic(enforcement=enforcement))
    enforced = plan()
    for name, zone in watched.items():
        assert (zone.allows, zone.default_deny) == ((), None)
        assert {desired.kind for desired in zone.others} <= {"ServiceAccount"}
        assert not any("automountServiceAccountToken" in desired.body for desired in zone.others)
        accounts = [o.name for o in enforced[name].others if o.kind == "ServiceAccount"]
        assert [desired.name for desired in zone.others] == accounts


def test_a_held_workload_lifts_pod_security_from_its_own_zone_alone() -> None:
    held = dataclasses.replace(
        CLUSTER, held={"clinical": ("Deployment/api",)}, relaxed=frozenset({"clinical"})
    )
    zones = plan(seen=held)
    assert pod_security(zones["clinical"])["enforce"] == "privileged"
    assert pod_security(zones["edge"])["enforce"] == "restricted"
    annotations = zones["clinical"].namespace.body["metadata"]["annotations"]
    assert annotations[names.HELD] == "Deployment/api"


def test_what_is_held_for_reliability_alone_leaves_pod_security_as_it_is() -> None:
    held = dataclasses.replace(CLUSTER, held={"clinical": ("Deployment/api",)})
    zones = plan(seen=held)
    assert pod_security(zones["clinical"])["enforce"] == "restricted"
    annotations = zones["clinical"].namespace.body["metadata"]["annotations"]
    assert annotations[names.HELD] == "Deployment/api"


def test_a_zone_carries_the_addresses_that_its_flows_lead_to() -> None:
    annotations = plan()["clinical"].namespace.body["metadata"]["annotations"]
    assert annotations[names.DESTINATIONS] == "0.0.0.0/0,203.0.113.0/24,::/0"
    annotations = plan()["edge"].namespace.body["metadata"]["annotations"]
    assert annotations[names.DESTINATIONS] == ""


@pytest.mark.parametrize(("rollback", "kept"), [({}, "2"), ({"keepRevisions": 12}, "12")])
def test_every_zone_carries_how_many_revisions_are_to_be_kept(
    rollback: dict[str, Any], kept: str
) -> None:
    for zone in plan(clinic(rollback=rollback)).values():
        assert zone.namespace.body["metadata"]["annotations"][names.KEEP_REVISIONS] == kept


def test_a_token_is_mounted_only_where_the_api_may_be_used() -> None:
    accounts = {
        desired.name: desired.body["automountServiceAccountToken"]
        for desired in plan()["clinical"].others
        if desired.kind == "ServiceAccount"
    }
    assert accounts == {"api": True, "jobs": False}


def test_nobody_reaches_an_api_server_that_is_not_known() -> None:
    unknown = dataclasses.replace(CLUSTER, api_servers=())
    assert "phiwarden-api-server" not in {p.name for p in plan(seen=unknown)["clinical"].allows}


def test_internal_exposure_without_gateways_opens_nothing() -> None:
    edge = {**CLINIC["zones"][0], "exposure": "internal"}
    spec = clinic(zones=[edge, CLINIC["zones"][1]])
    without = dataclasses.replace(CLUSTER, gateway_namespaces=())
    assert "phiwarden-exposure" in {p.name for p in plan(spec)["edge"].allows}
    assert "phiwarden-exposure" not in {p.name for p in plan(spec, without)["edge"].allows}


@pytest.mark.parametrize(
    ("quota", "hard", "limits"),
    [
        (
            {"cpu": "8", "memory": "16Gi", "pods": 50},
            {"requests.cpu": "8", "limits.memory": "16Gi", "pods": "50"},
            {
                "defaultRequest": {"cpu": "100m", "memory": "128Mi"},
                "default": {"memory": "512Mi"},
            },
        ),
        ({"cpu": "50m"}, {"requests.cpu": "50m"}, {"defaultRequest": {"cpu": "50m"}}),
        (
            {"memory": "256Mi"},
            {"limits.memory": "256Mi"},
            {"defaultRequest": {"memory": "128Mi"}, "default": {"memory": "256Mi"}},
        ),
        ({"pods": 3}, {"pods": "3"}, None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_quota_and_container_defaults(
    quota: dict[str, Any] | None, hard: dict[str, str] | None, limits: dict[str, Any] | None
) -> None:
    zone = {"name": "clinical", "data": "phi", "quota": quota}
    made = {
        desired.kind: desired.body["spec"]
        for desired in plan(clinic(zones=[zone], flows=[]))["clinical"].others
    }
    assert made.get("ResourceQuota", {}).get("hard") == hard
    expected = None if limits is None else {"limits": [{"type": "Container", **limits}]}
    assert made.get("LimitRange") == expected
