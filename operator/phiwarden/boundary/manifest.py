"""What every namespaced object of a zone has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phiwarden.api import names
from phiwarden.boundary.model import Desired


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object belongs."""

    workload: str
    zone: str
    namespace: str


def namespaced(place: Place, api_version: str, kind: str, name: str, **fields: Any) -> Desired:
    """Return an object in the zone's namespace that says whose it is."""
    metadata = {
        "name": name,
        "namespace": place.namespace,
        "labels": {
            names.MANAGED_BY: names.FIELD_MANAGER,
            names.WORKLOAD: place.workload,
            names.ZONE: place.zone,
        },
    }
    body = {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}
    return Desired(api_version, kind, place.namespace, name, body)


def is_ours(body: Mapping[str, Any]) -> bool:
    """Return whether a live object in a zone is one of the boundary's own."""
    labels = body["metadata"].get("labels") or {}
    return labels.get(names.MANAGED_BY) == names.FIELD_MANAGER and names.WORKLOAD in labels
