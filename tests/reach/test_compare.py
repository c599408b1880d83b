"""The network beside its declaration: what is open, what is closed, and who opened it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from phiwarden.api.workload import Enforcement, WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.model import Facts
from phiwarden.reach.compare import compare
from phiwarden.reach.declared import intent
from phiwarden.reach.model import Direction, Pod, Policy, Service, Surroundings
from phiwarden.reach.ports import port_set
from phiwarden.reach.read import policy_of
from phiwarden.reach.report import Edge, Report, Verdict
from phiwarden.reach.world import RuleRef
from tests.boundary.declarations import CLUSTER, clinic

SPEC = clinic()
ZONES = ("portal-edge", "records")
LABELS = {
    name: {"kubernetes.io/metadata.name": name, "phiwarden.dev/workload": "portal"}
    for name in ZONES
} | {name: {"kubernetes.io/metadata.name": name} for name in ("strangers", "others")}
PODS = (
    Pod("portal-edge", "web", addresses=("10.0.0.1",)),
    Pod("records", "api", {"app": "api"}, addresses=("10.0.0.2",)),
    Pod("records", "jobs", {"app": "jobs"}, addresses=("10.0.0.3",)),
    Pod("strangers", "runner", addresses=("10.0.0.4",)),
)


def compiled(spec: WorkloadSpec = SPEC, facts: Facts = CLUSTER) -> tuple[Policy, ...]:
    plan = compile_boundary("portal", spec, facts)
    return tuple(policy_of(each.body) for zone in plan.zones for each in zone.policies)


def foreign(namespace: str, **spec: Any) -> Policy:
    metadata = {"name": "foreign", "namespace": namespace}
    return policy_of({"metadata": metadata, "spec": {"podSelector": {}, **spec}})


def report(
    *policies: Policy, pods: tuple[Pod, ...] = PODS, spec: WorkloadSpec = SPEC, **cluster: Any
) -> Report:
    surroundings = Surroundings(LABELS, pods, policies, **cluster)
    return compare(surroundings, intent({"portal": spec}, LABELS, CLUSTER), ZONES)


def told(found: Report, verdict: Verdict) -> list[Edge]:
    return [edge for edge in found.edges if edge.verdict is verdict]


def names(edge: Edge) -> tuple[list[str], list[str]]:
    return [end.name for end in edge.sources], [end.name for end in edge.targets]


def test_what_was_compiled_is_as_it_was_declared() -> None:
    found = report(*compiled())
    assert not found.differs
    flows = {(edge.sources[0].name, edge.targets[0].name) for edge in told(found, Verdict.OPEN)}
    assert {("edge", "clinical"), ("clinical", "epic-fhir"), ("anywhere outside", "edge")} <= flows


def test_a_hole_is_named_by_its_policy_and_rule_and_by_the_pods_it_selects() -> None:
    hole = foreign(
        "records",
        podSelector={"matchLabels": {"app": "api"}},
        ingress=[
            {"from": [{"podSelector": {"matchLabels": {"app": "nobody"}}}]},
            {"from": [{"namespaceSelector": {}}], "ports": [{"port": 5005}]},
        ],
    )
    found = report(*compiled(), hole)
    (edge,) = told(found, Verdict.UNDECLARED)
    assert found.differs
    assert names(edge) == (["strangers"], ["clinical"])
    assert edge.ports == port_set([("TCP", 5005, 5005)])
    assert edge.rules == (RuleRef("records", "foreign", Direction.INGRESS, 1),)
    assert edge.target_pods is not None
    assert (edge.target_pods.names, edge.target_pods.count, edge.target_pods.total) == (
        ("api",),
        1,
        2,
    )


def test_half_a_hole_opens_nothing() -> None:
    ingress = foreign("records", ingress=[{"from": [{"namespaceSelector": {}}]}])
    between_zones = [
        edge
        for edge in told(report(*compiled(), ingress), Verdict.UNDECLARED)
        if edge.sources[0].name == "edge"
    ]
    assert not between_zones, "the egress of edge does not allow it"


def test_a_hole_on_both_sides_names_both_policies() -> None:
    holes = (
        foreign("records", ingress=[{"ports": [{"port": 9}]}]),
        foreign("portal-edge", policyTypes=["Egress"], egress=[{"ports": [{"port": 9}]}]),
    )
    edges = told(report(*compiled(), *holes), Verdict.UNDECLARED)
    (edge,) = [edge for edge in edges if names(edge) == (["edge"], ["clinical"])]
    assert edge.rules == (
        RuleRef("portal-edge", "foreign", Direction.EGRESS, 0),
        RuleRef("records", "foreign", Direction.INGRESS, 0),
    )


def test_a_missing_policy_closes_a_flow_and_says_on_which_side() -> None:
    gone = "phiwarden-from-zone-edge-treatment"
    found = report(*(policy for policy in compiled() if policy.name != gone))
    (edge,) = told(found, Verdict.CLOSED)
    assert names(edge) == (["edge"], ["clinical"])
    assert edge.missing == (Direction.INGRESS,)


def test_a_stranger_who_may_not_leave_its_own_namespace_closes_nothing() -> None:
    own = foreign("strangers", policyTypes=["Egress"])
    assert not report(*compiled(), own).differs


def test_without_policies_all_is_open_and_the_sides_are_named() -> None:
    found = report()
    (edge,) = [
        edge for edge in told(found, Verdict.UNDECLARED) if names(edge) == (["edge"], ["clinical"])
    ]
    assert edge.unisolated == (Direction.EGRESS, Direction.INGRESS)
    assert not edge.rules


def test_a_zone_that_only_observes_is_compared_as_if_it_were_enforced() -> None:
    watched = SPEC.model_copy(update={"enforcement": Enforcement.OBSERVE})
    assert not report(*compiled(), spec=watched).differs
    assert report(spec=watched).differs


def test_a_pod_on_the_host_network_is_outside_of_every_policy() -> None:
    pods = (*PODS, Pod("records", "agent", addresses=("10.9.9.9",), on_host=True))
    found = report(*compiled(), pods=pods)
    (place,) = [place for place in found.places if place.end.name == "clinical"]
    assert place.unpoliced == ("agent",)
    assert found.differs


def test_a_zone_without_pods_is_told_by_pods_to_come() -> None:
    hole = foreign("records", ingress=[{"from": [{"podSelector": {}}]}])
    found = report(*compiled(), hole, pods=())
    assert not told(found, Verdict.UNDECLARED), "pods to come may not leave"
    both = foreign("records", ingress=[{}], egress=[{}])
    edges = told(report(*compiled(), both, pods=()), Verdict.UNDECLARED)
    assert (["clinical"], ["clinical"]) in map(names, edges)


def test_an_expired_agreement_is_told_and_its_flow_is_no_longer_declared() -> None:
    flow = {
        "from": {"zone": "clinical"},
        "to": {"external": "epic-fhir"},
        "ports": [{"port": 443}],
        "purpose": "treatment",
    }
    spec = clinic(flows=[flow])
    surroundings = Surroundings(LABELS, PODS, compiled(spec))
    expires = min(each.agreement.expires for each in spec.externals if each.agreement is not None)
    after = dataclasses.replace(CLUSTER, today=expires + dt.timedelta(days=1))
    assert not compare(surroundings, intent({"portal": spec}, LABELS, CLUSTER), ZONES).expired
    found = compare(surroundings, intent({"portal": spec}, LABELS, after), ZONES)
    assert found.expired
    (edge,) = told(found, Verdict.UNDECLARED)
    assert names(edge) == (["clinical"], ["epic-fhir"])


def test_a_namespace_of_somebody_else_is_told() -> None:
    labels = {**LABELS, "records": {"kubernetes.io/metadata.name": "records"}}
    found = intent({"portal": SPEC}, labels, CLUSTER)
    assert "records" not in found.zones
    assert found.unavailable == ("zone clinical of portal: namespace records",)


def test_services_that_lead_to_an_open_port_are_named() -> None:
    service = Service("records", "api", {"app": "api"}, (("TCP", 8443),))
    other = Service("records", "jobs", {"app": "jobs"}, (("TCP", 9),))
    found = report(*compiled(), services=(service, other))
    (edge,) = [edge for edge in found.edges if names(edge) == (["edge"], ["clinical"])]
    assert edge.services == ("records/api",)


def test_thousands_of_policies_on_one_pod_add_up() -> None:
    ports = range(20_000, 23_000)
    crowd = [
        policy_of(
            {
                "metadata": {"name": f"p{port}", "namespace": "records"},
                "spec": {
                    "podSelector": {"matchLabels": {"app": "api"}},
                    "ingress": [{"from": [{"namespaceSelector": {}}], "ports": [{"port": port}]}],
                },
            }
        )
        for port in ports
    ]
    (edge,) = told(report(*compiled(), *crowd), Verdict.UNDECLARED)
    assert edge.ports == port_set([("TCP", ports[0], ports[-1])])


@pytest.mark.parametrize(
    "rule",
    [
        {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.0.0/9", "10.128.0.0/9"]}}]},
        {"from": [{"ipBlock": {"cidr": "10.0.0.4/32", "except": ["10.0.0.4/32"]}}]},
        {"from": [{"ipBlock": {"cidr": "2001:db8::/32"}}]},
        {"from": [{"namespaceSelector": {}}], "ports": [{"port": "no-pod-has-it"}]},
        {"from": [{"podSelector": {}, "namespaceSelector": {"matchLabels": {"no": "where"}}}]},
    ],
    ids=["halves-excepted", "all-excepted", "of-the-other-family", "port-of-no-pod", "nowhere"],
)
def test_a_rule_that_contradicts_itself_opens_nothing_to_a_pod(rule: dict[str, Any]) -> None:
    found = report(*compiled(), foreign("records", ingress=[rule]))
    strangers = [edge for edge in told(found, Verdict.UNDECLARED) if "strangers" in names(edge)[0]]
    assert strangers == []


@pytest.mark.parametrize(
    "spec",
    [
        {"ingress": [{}]},
        {"ingress": [{"from": []}]},
        {"ingress": [{"from": [], "ports": []}]},
        {"ingress": [{"from": [{"namespaceSelector": {}}]}]},
        {"ingress": [{"from": [{"namespaceSelector": {}, "podSelector": {}}]}]},
        {"podSelector": {"matchExpressions": []}, "ingress": [{"ports": None}]},
    ],
)
def test_what_is_empty_is_everything(spec: dict[str, Any]) -> None:
    (edge,) = (
        edge
        for edge in told(report(*compiled(), foreign("records", **spec)), Verdict.UNDECLARED)
        if "strangers" in names(edge)[0]
    )
    assert edge.ports == port_set([(each, 1, 65535) for each in ("TCP", "UDP", "SCTP")])


def test_an_empty_selector_without_a_namespace_means_its_own_namespace_alone() -> None:
    found = report(*compiled(), foreign("records", ingress=[{"from": [{"podSelector": {}}]}]))
    assert all("strangers" not in names(edge)[0] for edge in told(found, Verdict.UNDECLARED))
