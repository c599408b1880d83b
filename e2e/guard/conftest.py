"""The zone that is attacked, and those who act in it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest

from e2e import zones
from e2e.guard.boundary import Zone, make
from e2e.product import Product
from e2e.rest import Rest, connect
from phiwarden.rulebook import examples


@pytest.fixture(scope="session")
def operator(product: Product) -> Rest:
    return connect(product.operator_kubeconfig())


@pytest.fixture(scope="session")
def zone(product: Product, root: Rest, operator: Rest, engineer: Rest) -> Iterator[Zone]:
    boundary = replace(zones.unique(examples.ZONE), cluster_roles=("edit",))
    name = make(operator, boundary)
    people = f"people-{uuid.uuid4().hex[:6]}"
    assert root.create(zones.CORE, {"metadata": {"name": people}}).ok
    product.cluster.kubectl("create", "serviceaccount", "developer", f"-n={people}")
    product.cluster.kubectl(
        "create",
        "rolebinding",
        "developers",
        "--clusterrole=edit",
        f"--serviceaccount={people}:developer",
        f"-n={name}",
    )
    developer = connect(product.cluster.create_token("developer", people))
    yield Zone(name, operator, engineer, developer)
    root.delete(f"{zones.CORE}/{name}")
    root.delete(f"{zones.CORE}/{people}")
