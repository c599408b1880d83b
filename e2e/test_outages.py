"""What breaks later is an outage and no rollout that failed; and memory begins when it can."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.product import Product, running
from e2e.rest import STRATEGIC, Rest
from e2e.rollouts import adopt, history_of, roll_out, worked
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    deployment,
    deployments,
    status,
    unique,
    wait,
)
from phiwarden.api.crd import phihistory

LATER = """
import datetime as dt
from phiwarden.controller.run import run, utc_now
from phiwarden.controller.settings import from_environment
from phiwarden.evidence import logs

logs.configure()
run(from_environment(), clock=lambda: utc_now() + dt.timedelta(hours=1))
"""

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
FOLLOWED = {"onFailedRollout": True, "progressDeadline": "1m"}


@pytest.fixture
def later(product: Product, tmp_path: Path) -> Callable[[], Any]:
    """Run the operator with a clock that is an hour ahead: whatever began is late."""
    script = tmp_path / "later.py"
    script.write_text(LATER)
    return lambda: running(product, command=(str(script),))


@pytest.fixture
def name(product: Product, admin: Rest) -> Iterator[str]:
    chosen = unique("outage")
    assert admin.create(NAMESPACES, {"metadata": {"name": chosen}}).ok
    account = {"metadata": {"name": "app"}}
    assert admin.create(f"{NAMESPACES}/{chosen}/serviceaccounts", account).ok
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def released(number: int, name: str = "api") -> dict[str, Any]:
    return deployment(name, env=[{"name": "RELEASE", "value": str(number)}])


def release_of(admin: Rest, namespace: str) -> str:
    (container,) = admin.get(f"{deployments(namespace)}/api").body["spec"]["template"]["spec"][
        "containers"
    ]
    found: str = container["env"][0]["value"]
    return found


def lose(admin: Rest, namespace: str, app: str) -> None:
    """Have a pod of a Deployment fail, as when its node does."""
    pods = admin.get(f"{NAMESPACES}/{namespace}/pods", labelSelector=f"app={app}").body["items"]
    path = f"{NAMESPACES}/{namespace}/pods/{pods[0]['metadata']['name']}/status"
    condition = {"type": "Ready", "status": "False", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    patch = {"status": {"conditions": [condition]}}
    answer = admin.request("PATCH", path, patch, content=STRATEGIC)
    assert answer.ok, answer.message
    body = f"{deployments(namespace)}/{app}"
    until(
        lambda: admin.get(body).body["status"].get("availableReplicas") == 1, "a pod is not ready"
    )


def test_a_pod_that_fails_long_after_takes_no_rollout_back(
    admin: Rest, product: Product, later: Callable[[], Any], name: str
) -> None:
    """The template has worked; an older one mends no node."""
    with running(product):
        adopt(admin, name, clinicalImpact="direct-care", rollback=FOLLOWED)
        wait(admin, name)
        for number in (1, 2):
            roll_out(admin, name, released(number), first=number == 1)
            until(
                lambda number=number: len(worked(admin, name, "Deployment", "api")) == number,
                f"release {number} was seen to work",
            )
    with later():
        lose(admin, name, "api")
        # What can only follow a look at that: another one that rolls out, and is seen to work.
        roll_out(admin, name, released(1, "other"))
        until(lambda: worked(admin, name, "Deployment", "other"), "the other was seen to work")
        assert release_of(admin, name) == "2"
        assert "acts" not in history_of(admin, name, "Deployment", "api")
        told = status(admin, name).get("remediations", [])
        assert [entry for entry in told if entry["name"] == "api"] == []


def test_memory_begins_once_the_cluster_has_the_kind(
    admin: Rest, product: Product, name: str
) -> None:
    """As after an update of the chart, which makes no new CRDs by itself."""
    crd = phihistory()
    path = f"{CRDS}/{crd['metadata']['name']}"
    assert admin.delete(path).ok
    try:
        until(lambda: admin.get(path).code == 404, "the kind is gone")
        with running(product):
            adopt(admin, name)
            roll_out(admin, name, released(1))
            wait(admin, name, "Remediated", "False", "NoMemory")
            assert admin.create(CRDS, crd).ok
            until(lambda: worked(admin, name, "Deployment", "api"), "it is remembered", within=90)
            wait(admin, name, "Remediated")
    finally:
        answer = admin.create(CRDS, crd)
        assert answer.ok or answer.code == 409, answer.message
