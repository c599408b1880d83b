"""A zone with the objects of its boundary, as the operator makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from e2e import zones
from e2e.rest import Answer, Rest
from phiwarden.api import names
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.shapes import (
    LIMIT_RANGE,
    NETWORK_POLICY,
    RESOURCE_QUOTA,
    SERVICE_ACCOUNT,
    Kind,
)

Body = dict[str, Any]
GUARD = "PHI-GRD-001"


OWNER = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "name": "gone",
    "uid": "00000000-0000-4000-8000-000000000000",
}


NOBODY = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": OWNER["uid"]}
PORTS = {"selector": {"app": "app"}, "ports": [{"port": 8443}]}


@dataclass(frozen=True)
class Zone:
    """An enforcing zone as the operator makes it, and those who act in it."""

    name: str
    operator: Rest
    engineer: Rest
    """May do everything that RBAC can allow."""
    developer: Rest
    """May edit the namespace, and nothing else."""

    @property
    def path(self) -> str:
        """Return the path of the Namespace."""
        return f"{zones.CORE}/{self.name}"

    def state(self) -> Body:
        """Return what must not change of the Namespace."""
        return standing(self.engineer.get(self.path).body)


def standing(body: Body) -> Body:
    """Return everything of an object that a change of its boundary would change."""
    metadata = body["metadata"]
    assert "uid" in metadata, body
    kept = ("uid", "labels", "annotations", "ownerReferences", "deletionTimestamp")
    rest = {k: v for k, v in body.items() if k not in ("metadata", "status")}
    return {**rest, **{key: metadata.get(key) for key in kept}}


def labels_of(boundary: ZoneBoundary) -> dict[str, str]:
    """Return the labels of an object that phiwarden owns in a zone."""
    return {
        names.MANAGED_BY: names.FIELD_MANAGER,
        names.WORKLOAD: boundary.workload,
        names.ZONE: boundary.zone,
    }


# (kind, what phiwarden makes, what somebody else would like to make of it)
OWNED: tuple[tuple[Kind, Body, Body], ...] = (
    (
        NETWORK_POLICY,
        {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}},
        {"spec": {"egress": [{}]}},
    ),
    (
        SERVICE_ACCOUNT,
        {"automountServiceAccountToken": False},
        {"automountServiceAccountToken": True},
    ),
    (RESOURCE_QUOTA, {"spec": {"hard": {"pods": "50"}}}, {"spec": {"hard": {"pods": "5000"}}}),
    (
        LIMIT_RANGE,
        {"spec": {"limits": [{"type": "Container", "default": {"memory": "512Mi"}}]}},
        {"spec": {"limits": [{"type": "Container", "default": {"memory": "64Gi"}}]}},
    ),
)


def make_object(kind: Kind, metadata: Body, body: Body) -> Body:
    """Return an object of a kind."""
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **body}


def make(operator: Rest, boundary: ZoneBoundary) -> str:
    """Make a zone with the objects that phiwarden owns in it, and return its name."""
    name = zones.make(operator, boundary)
    for kind, body, _ in OWNED:
        metadata = {"name": "boundary", "labels": labels_of(boundary)}
        assert operator.create(collection(kind, name), make_object(kind, metadata, body)).ok
    return name


def refused(answer: Answer, *rules: str) -> None:
    """Assert that a request was refused by one of the rules; of several the first is told."""
    assert answer.code == 403, answer.body
    assert any(rule in answer.message for rule in rules or (GUARD,)), answer.message
