"""An operator that is killed at any of its writes leaves nothing that the next one cannot end."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from e2e.kills import When, killed_at
from e2e.product import Product, settled
from e2e.rest import Rest
from e2e.rollouts import adopt, roll_out
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    available,
    bad,
    collection_of,
    condition,
    deployment,
    deployments,
    image_of,
    status,
    unique,
)
from phiwarden.rulebook.examples import DIGEST


@pytest.mark.parametrize("when", When)
def test_a_put_back_is_done_once_wherever_the_operator_is_killed(
    admin: Rest, product: Product, when: When
) -> None:
    settled(product)  # it would write of that once more, whenever that is
    ends = {}
    for n in count(1):
        name = legacy(admin)
        adopt(admin, name)
        with killed_at(product, n, when, lambda name=name: is_back(admin, name)) as write:
            ends[f"{n}: {write}"] = end_of(admin, name)
            admin.delete(f"{WORKLOADS}/{name}")
            until(lambda name=name: admin.get(f"{WORKLOADS}/{name}").code == 404, "it is gone")
        if write is None:
            break
    assert any("/deployments/api" in where for where in ends), "the put-back was never met"
    assert {where: end for where, end in ends.items() if not is_right(end)} == {}


def legacy(admin: Rest) -> str:
    """Return the name of a namespace with a Deployment whose newest revision breaks a rule."""
    name = unique("killed")
    assert admin.create(NAMESPACES, {"metadata": {"name": name}}).ok
    account = {"metadata": {"name": "app"}}
    assert admin.create(f"{NAMESPACES}/{name}/serviceaccounts", account).ok
    good = deployment("api")
    roll_out(admin, name, good, bad(good))
    return name


def is_back(admin: Rest, name: str) -> bool:
    return (
        image_of(admin, name, "api").endswith(DIGEST)
        and available(admin, name, "api")()
        and condition(admin, name, "Compliant").get("status") == "True"
    )


def end_of(admin: Rest, name: str) -> dict[str, Any]:
    metadata = admin.get(f"{deployments(name)}/api").body["metadata"]
    told = status(admin, name)
    replica_sets = admin.get(collection_of("ReplicaSet", name)).body["items"]
    return {
        "revision": metadata["annotations"]["deployment.kubernetes.io/revision"],
        "changes": metadata["generation"],
        "templates": len(replica_sets),
        "told": [entry["action"] for entry in told.get("remediations", ())],
        "violations": told["violations"],
    }


def is_right(end: dict[str, Any]) -> bool:
    """Whether the good template is back by one change, and told of at most once."""
    once = {"revision": "3", "changes": 3, "templates": 2, "violations": 0}
    return end in ({**once, "told": []}, {**once, "told": ["RolledBack"]})
