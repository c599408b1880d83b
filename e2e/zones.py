"""Zones made by hand: a Namespace with a boundary, without an operator."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from e2e.rest import Rest
from e2e.waiting import until
from phiwarden.boundary.labels import ZoneBoundary, encode

CORE = "/api/v1/namespaces"


def make(admin: Rest, boundary: ZoneBoundary, name: str | None = None) -> str:
    """Create a namespace that carries a boundary, with its service accounts; return its name."""
    name = name or f"{boundary.workload}-{boundary.zone}-{uuid.uuid4().hex[:6]}"
    labels, annotations = encode(boundary)
    metadata = {"name": name, "labels": labels, "annotations": annotations}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    answer = admin.create(CORE, body)
    assert answer.ok, answer.body
    for account in boundary.service_accounts:
        answer = admin.create(
            f"{CORE}/{name}/serviceaccounts",
            {
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": account},
                "automountServiceAccountToken": False,
            },
        )
        assert answer.ok, answer.body
    return name


@contextmanager
def zone(admin: Rest, boundary: ZoneBoundary) -> Iterator[str]:
    """Have a zone for the duration of a block."""
    name = make(admin, boundary)
    try:
        yield name
    finally:
        admin.delete(f"{CORE}/{name}")
        until(lambda: admin.get(f"{CORE}/{name}").code == 404, f"{name} is gone", within=60)


def unique(boundary: ZoneBoundary) -> ZoneBoundary:
    """Return the boundary under a workload name that nobody else uses."""
    return replace(boundary, workload=f"{boundary.workload}-{uuid.uuid4().hex[:6]}")
