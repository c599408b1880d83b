"""Objects of Kubernetes, read in every form that the API server takes or once took."""

from __future__ import annotations

from typing import Any

import pytest

from phiwarden.reach.model import Block, Direction, PodPeer
from phiwarden.reach.ports import EVERY_PORT, NO_PORT, port_set
from phiwarden.reach.read import NotUnderstood, pod_of, policy_of, service_of


def policy(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "n"}, "spec": {"podSelector": {}, **spec}}


INGRESS, EGRESS = Direction.INGRESS, Direction.EGRESS


@pytest.mark.parametrize(
    ("spec", "isolated"),
    [
        ({}, {INGRESS}),
        ({"policyTypes": []}, {INGRESS}),
        ({"egress": []}, {INGRESS}),
        ({"egress": [{}]}, {INGRESS, EGRESS}),
        ({"policyTypes": ["Egress"], "ingress": [{}]}, {EGRESS}),
        ({"policyTypes": ["Ingress"], "egress": [{}]}, {INGRESS}),
        ({"policyTypes": ["Ingress", "Egress"]}, {INGRESS, EGRESS}),
    ],
)
def test_policy_types_that_are_left_out_are_those_of_the_api_server(
    spec: dict[str, Any], isolated: set[Direction]
) -> None:
    assert set(policy_of(policy(**spec)).rules) == isolated


@pytest.mark.parametrize(
    ("peers", "means"),
    [
        (None, None),
        ([], None),
        ([{"podSelector": {}}], (PodPeer(None, ()),)),
        ([{"namespaceSelector": {}}], (PodPeer((), ()),)),
        ([{"namespaceSelector": {}, "podSelector": {}}], (PodPeer((), ()),)),
        ([{"podSelector": None, "namespaceSelector": {}}], (PodPeer((), ()),)),
    ],
)
def test_what_is_left_out_of_a_peer_is_told_from_what_is_empty(peers: Any, means: Any) -> None:
    (rule,) = policy_of(policy(ingress=[{"from": peers}])).rules[INGRESS]
    assert rule.peers == means


@pytest.mark.parametrize(
    ("cidr", "means"),
    [
        ("10.1.2.3/8", "10.0.0.0/8"),
        ("010.000.0.0/8", "10.0.0.0/8"),
        ("2001:0DB8::1/32", "2001:db8::/32"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::/0", "::/0"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
def test_a_range_is_read_as_go_reads_it(cidr: str, means: str) -> None:
    (rule,) = policy_of(policy(ingress=[{"from": [{"ipBlock": {"cidr": cidr}}]}])).rules[INGRESS]
    assert rule.peers is not None
    (block,) = rule.peers
    assert isinstance(block, Block)
    assert str(block.network) == means


@pytest.mark.parametrize(
    ("ports", "numbered", "named"),
    [
        ([], EVERY_PORT, set()),
        ([{}], port_set([("TCP", 1, 65535)]), set()),
        ([{"protocol": "UDP"}], port_set([("UDP", 1, 65535)]), set()),
        ([{"port": 80}], port_set([("TCP", 80, 80)]), set()),
        ([{"port": 80, "endPort": 90}], port_set([("TCP", 80, 90)]), set()),
        ([{"port": 80}, {"port": 81}], port_set([("TCP", 80, 81)]), set()),
        ([{"port": "web", "protocol": "SCTP"}], NO_PORT, {("SCTP", "web")}),
    ],
)
def test_ports_are_read_with_the_defaults_of_the_api_server(
    ports: list[Any], numbered: Any, named: set[tuple[str, str]]
) -> None:
    (rule,) = policy_of(policy(ingress=[{"ports": ports}])).rules[INGRESS]
    assert (rule.ports.numbered, rule.ports.named) == (numbered, named)


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"from": [{}]}, "spec.ingress[0].from[0]"),
        ({"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}]}, "from[0]"),
        ({"from": [{"ipBlock": {"cidr": "10.0.0.0/33"}}]}, "from[0].ipBlock.cidr"),
        ({"from": [{"ipBlock": {"cidr": "10.0.0.1"}}]}, "from[0].ipBlock.cidr"),
        ({"from": [{"ipBlock": {"cidr": "::/0", "except": ["x"]}}]}, "ipBlock.except[0]"),
        ({"ports": [{"port": 9, "endPort": 8}]}, "spec.ingress[0].ports[0]"),
        ({"ports": [{"port": 70000}]}, "spec.ingress[0].ports[0]"),
        ({"ports": [{"port": "web", "endPort": 80}]}, "ports[0].endPort"),
        ({"ports": [{"endPort": 80}]}, "ports[0].endPort"),
        ({"ports": [{"port": 80, "protocol": "ICMP"}]}, "ports[0].protocol"),
        (
            {"from": [{"podSelector": {"matchExpressions": [{"key": "a", "operator": "Like"}]}}]},
            "from[0].podSelector.matchExpressions[0].operator",
        ),
        (
            {"from": [{"podSelector": {"matchExpressions": [{"key": "a", "operator": "In"}]}}]},
            "from[0].podSelector.matchExpressions[0].values",
        ),
    ],
)
def test_what_the_api_server_refuses_is_named_by_its_field(rule: Any, field: str) -> None:
    with pytest.raises(NotUnderstood, match=r"^NetworkPolicy n/p: ") as caught:
        policy_of(policy(ingress=[rule]))
    assert field in str(caught.value)


def test_a_pod_that_has_ended_has_no_network() -> None:
    assert pod_of({"metadata": {"name": "a"}, "status": {"phase": "Succeeded"}}) is None
    assert pod_of({"metadata": {"name": "a"}, "status": {"phase": "Running"}}) is not None


def test_ports_are_named_by_containers_and_sidecars_and_not_by_what_runs_before() -> None:
    port = {"name": "web", "containerPort": 1}
    spec = {
        "containers": [{"ports": [port, {"containerPort": 9}]}],
        "initContainers": [
            {"ports": [{"name": "web", "containerPort": 2}], "restartPolicy": "Always"},
            {"ports": [{"name": "web", "containerPort": 3}]},
        ],
    }
    pod = pod_of({"metadata": {"name": "a"}, "spec": spec})
    assert pod is not None
    assert pod.ports == {("TCP", "web"): (1, 2)}


def test_a_service_without_a_selector_leads_to_no_pod() -> None:
    assert service_of({"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}) is None
