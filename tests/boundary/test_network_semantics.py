"""The judge of the other tests has to know what Kubernetes documents."""

from __future__ import annotations

from typing import Any

import pytest

from .network_semantics import Network, Party

HERE = Party("10.0.0.1", "here")
THERE = Party("10.0.0.2", "there", {"app": "web"})
OUTSIDE = Party("203.0.113.9")


def _policy(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "here"}, "spec": {"podSelector": {}, **spec}}


def _to(*peers: Any, **more: Any) -> dict[str, Any]:
    return _policy(policyTypes=["Egress"], egress=[{"to": list(peers), **more}])


_THERE = {"matchLabels": {"kubernetes.io/metadata.name": "there"}}
_WEB = {"matchLabels": {"app": "web"}}
_DB = {"matchLabels": {"app": "db"}}


@pytest.mark.parametrize(
    ("policies", "leaves"),
    [
        pytest.param([], True, id="no policy allows everything"),
        pytest.param([_policy()], True, id="without types an empty policy leaves egress alone"),
        pytest.param([_policy(policyTypes=["Egress"])], False, id="no rule allows nothing"),
        pytest.param([_to()], True, id="a rule without peers allows every peer"),
        pytest.param(
            [_to({"namespaceSelector": _THERE, "podSelector": _DB})], False, id="selectors are and"
        ),
        pytest.param(
            [_to({"namespaceSelector": _THERE, "podSelector": _WEB})], True, id="both match"
        ),
        pytest.param(
            [
                _to(
                    {"namespaceSelector": _THERE, "podSelector": _DB},
                    {"namespaceSelector": _THERE, "podSelector": _WEB},
                )
            ],
            True,
            id="peers are or",
        ),
        pytest.param([_to({"namespaceSelector": {}})], True, id="an empty selector is all"),
        pytest.param([_policy(policyTypes=["Egress"]), _to()], True, id="policies add up"),
        pytest.param([_to(ports=[{"port": 443}])], True, id="the protocol is TCP by default"),
        pytest.param([_to(ports=[{"protocol": "UDP", "port": 443}])], False, id="protocol counts"),
        pytest.param([_to(ports=[{"port": 440, "endPort": 443}])], True, id="ranges include"),
        pytest.param([_to(ports=[{"port": 444, "endPort": 450}])], False, id="ranges exclude"),
    ],
)
def test_egress_to_a_pod(policies: list[Any], leaves: bool) -> None:
    assert Network(policies).connects(HERE, THERE, "TCP", 443) is leaves


def test_an_exception_is_taken_out_of_its_range() -> None:
    block = {"cidr": "203.0.113.0/24", "except": ["203.0.113.8/30"]}
    policies = [_to({"ipBlock": block})]
    assert not Network(policies).connects(HERE, OUTSIDE, "TCP", 443)
    assert Network(policies).connects(HERE, Party("203.0.113.1"), "TCP", 443)


def test_both_ends_have_a_say() -> None:
    closed = {"metadata": {"namespace": "there"}, "spec": {"podSelector": {}}}
    assert not Network([closed]).connects(HERE, THERE, "TCP", 443)
    assert Network([closed]).connects(THERE, HERE, "TCP", 443)
