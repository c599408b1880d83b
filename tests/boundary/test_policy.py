"""What NetworkPolicies must never say."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from phiwarden.api.workload import Port
from phiwarden.boundary.policy import external_peers, namespace_peer, rule

PORT = Port(port=443)


@pytest.mark.parametrize("ports", [None, [PORT]])
def test_a_rule_without_peers_is_refused_since_it_would_mean_all(ports: list[Port] | None) -> None:
    with pytest.raises(ValueError, match="everything"):
        rule("to", [], ports)


def test_a_rule_with_an_empty_list_of_ports_is_refused_since_it_would_mean_all() -> None:
    with pytest.raises(ValueError, match="everything"):
        rule("from", [namespace_peer("gateways")], [])


def test_the_whole_internet_leaves_out_what_is_not_on_it() -> None:
    four, six = external_peers([ip_network("::/0"), ip_network("0.0.0.0/0")])
    assert four["ipBlock"]["cidr"] == "0.0.0.0/0"
    assert "169.254.0.0/16" in four["ipBlock"]["except"]
    assert {"fe80::/10", "fd00:ec2::/32"} <= set(six["ipBlock"]["except"])
    assert not any(":" in excepted for excepted in four["ipBlock"]["except"])


def test_a_range_that_holds_nothing_forbidden_stands_as_it_is() -> None:
    assert external_peers([ip_network("203.0.113.0/24")]) == [
        {"ipBlock": {"cidr": "203.0.113.0/24"}}
    ]
