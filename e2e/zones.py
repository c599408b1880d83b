"""Zones made by hand: a Namespace with a boundary, without an operator."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from e2e.rest import Rest
from e2e.waiting import until
from phiwarden.boundary.labels import ZoneBoundary, encode
from phiwarden.boundary.namespace import namespace_object

CORE = "/api/v1/namespaces"


def make(
    admin: Rest,
    boundary: ZoneBoundary,
    name: str | None = None,
    *,
    pod_security: bool = False,
) -> str:
    """Create a namespace that carries a boundary, with its service accounts; return its name.

    Args:
        admin: somebody who may make a zone.
        boundary: the boundary.
        name: of the namespace; a new one by default.
        pod_security: whether Pod Security admission holds it, too, as in the operator's zones.
            Without it a refusal can only be a rule's.
    """
    name = name or f"{boundary.workload}-{boundary.zone}-{uuid.uuid4().hex[:6]}"
    body = namespace_object(name, boundary, relaxed=bool(boundary.held)).body
    if not pod_security:
        body["metadata"]["labels"], _ = encode(boundary)
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
