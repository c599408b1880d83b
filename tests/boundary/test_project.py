"""What counts as a difference between desired and live, and what does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from phiwarden.api import names
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.project import digest, managed

from .declarations import CLUSTER, clinic

Body = dict[str, Any]
BODIES = {
    f"{desired.kind}/{desired.name}": desired.body
    for zone in compile_boundary("portal", clinic(), CLUSTER).zones
    if zone.zone == "clinical"
    for desired in zone.objects
}
DENY = "NetworkPolicy/phiwarden-default-deny"
BILLING = "NetworkPolicy/phiwarden-to-external-billing-payment"
DNS = "NetworkPolicy/phiwarden-dns"
NAMESPACE = "Namespace/records"
ACCOUNT = "ServiceAccount/jobs"
QUOTA = "ResourceQuota/phiwarden-quota"
LIMITS = "LimitRange/phiwarden-limits"


def changed(name: str, change: Callable[[Body], object]) -> Body:
    body = copy.deepcopy(BODIES[name])
    change(body)
    return body


def _set(*path: str | int, value: object) -> Callable[[Any], None]:
    def change(body: Any) -> None:
        for key in path[:-1]:
            body = body[key]
        body[path[-1]] = value

    return change


def _drop(*path: str | int) -> Callable[[Any], None]:
    def change(body: Any) -> None:
        for key in path[:-1]:
            body = body[key]
        del body[path[-1]]

    return change


@pytest.mark.parametrize("name", BODIES)
def test_what_others_write_beside_us_is_no_difference(name: str) -> None:
    def beside(body: Body) -> None:
        body["status"] = {"phase": "Active"}
        body["metadata"] |= {
            "uid": "1",
            "resourceVersion": "2",
            "managedFields": [],
            "labels": {**body["metadata"]["labels"], "team": "theirs"},
        }
        body["metadata"].setdefault("annotations", {})["note"] = "theirs"

    assert digest(changed(name, beside)) == digest(BODIES[name])


@pytest.mark.parametrize("name", BODIES)
def test_a_label_of_ours_that_is_gone_or_changed_is_a_difference(name: str) -> None:
    assert digest(changed(name, _drop("metadata", "labels"))) != digest(BODIES[name])
    for key in (names.MANAGED_BY, names.WORKLOAD, names.ZONE):
        other = changed(name, _set("metadata", "labels", key, value="other"))
        assert digest(other) != digest(BODIES[name])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (DENY, _drop("spec", "ingress")),
        (DENY, _drop("spec", "egress")),
        (DENY, _set("spec", "policyTypes", value=["Egress", "Ingress"])),
        (DENY, _set("spec", "podSelector", value={"matchLabels": {}})),
        (BILLING, _drop("spec", "egress", 0, "ports", 0, "protocol")),
        (QUOTA, _set("spec", "hard", "requests.cpu", value="8")),
        (QUOTA, _set("spec", "hard", "limits.memory", value="16Gi")),
        (QUOTA, _set("spec", "hard", "pods", value=50)),
        (QUOTA, _drop("spec", "scopeSelector")),
        (LIMITS, _set("spec", "limits", 0, "defaultRequest", "cpu", value="0.1")),
        (
            NAMESPACE,
            _set("metadata", "labels", "pod-security.kubernetes.io/warn", value="baseline"),
        ),
    ],
)
def test_the_same_in_other_words_is_no_difference(
    name: str, change: Callable[[Body], object]
) -> None:
    assert digest(changed(name, change)) == digest(BODIES[name])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (DENY, _set("spec", "ingress", value=[{}])),
        (DENY, _set("spec", "egress", value=[{"to": []}])),
        (DENY, _set("spec", "policyTypes", value=["Ingress"])),
        (DENY, _drop("spec", "policyTypes")),
        (DENY, _set("spec", "podSelector", value={"matchLabels": {"a": "b"}})),
        (DENY, _set("spec", "someday", value={"allow": "all"})),
        (BILLING, _drop("spec", "egress", 0, "ports")),
        (BILLING, _set("spec", "egress", 0, "ports", 0, "protocol", value="UDP")),
        (BILLING, _set("spec", "egress", 0, "ports", 0, "endPort", value=65535)),
        (BILLING, _set("spec", "egress", 0, "ports", 0, "port", value="https")),
        (BILLING, _drop("spec", "egress", 0, "to")),
        (BILLING, _drop("spec", "egress", 0, "to", 0, "ipBlock", "except")),
        (BILLING, _drop("spec", "podSelector")),
        (DNS, _drop("spec", "egress", 0, "to", 0, "podSelector")),
        (DNS, _set("spec", "egress", 0, "to", 0, "podSelector", value={})),
        (DNS, _set("spec", "egress", 0, "to", 0, "namespaceSelector", value={})),
        (ACCOUNT, _drop("automountServiceAccountToken")),
        (ACCOUNT, _set("automountServiceAccountToken", value=True)),
        (QUOTA, _set("spec", "hard", "requests.cpu", value="800")),
        (QUOTA, _drop("spec", "hard", "pods")),
        (QUOTA, _set("spec", "scopes", value=["BestEffort"])),
        (QUOTA, _set("spec", "scopeSelector", value={"matchExpressions": [{"a": "b"}]})),
        (LIMITS, _set("spec", "limits", value=[])),
        (LIMITS, _set("spec", "limits", 0, "default", "memory", value="512M")),
        (NAMESPACE, _set("metadata", "labels", names.ENFORCEMENT, value="observe")),
        (NAMESPACE, _set("metadata", "labels", names.ENFORCEMENT, value="unheard-of")),
        (NAMESPACE, _drop("metadata", "labels", names.ENFORCEMENT)),
        (NAMESPACE, _set("metadata", "annotations", names.REGISTRIES, value="docker.io")),
        (NAMESPACE, _drop("metadata", "annotations", names.REGIONS)),
        (
            NAMESPACE,
            _set("metadata", "labels", "pod-security.kubernetes.io/enforce", value="privileged"),
        ),
        (
            NAMESPACE,
            _set("metadata", "labels", "pod-security.kubernetes.io/enforce-version", value="v1.20"),
        ),
    ],
)
def test_a_widening_is_a_difference(name: str, change: Callable[[Body], object]) -> None:
    assert digest(changed(name, change)) != digest(BODIES[name])


def test_objects_that_mean_different_things_differ() -> None:
    assert len({digest(body) for body in BODIES.values()}) == len(BODIES)


def test_an_object_is_not_changed_by_looking_at_it() -> None:
    for body in BODIES.values():
        before = copy.deepcopy(body)
        digest(body)
        assert body == before


def test_a_kind_that_the_boundary_has_no_objects_of_is_refused() -> None:
    for body in ({"kind": "Deployment"}, {}):
        with pytest.raises(ValueError, match="manages no objects"):
            managed(body)
