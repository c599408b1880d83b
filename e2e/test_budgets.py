"""Direct care of several replicas is told of when no PodDisruptionBudget protects it, and is let be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Rest
from e2e.rollouts import adopt
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    budget,
    budgets,
    condition,
    deployment,
    deployments,
    unique,
    wait,
    zone_status,
)

OWN = {"matchLabels": {"app": "api"}}


@pytest.fixture
def operator(product: Product) -> Iterator[Operator]:
    with running(product) as started:
        yield started


@pytest.fixture
def name(operator: Operator, admin: Rest) -> Iterator[str]:
    chosen = unique("budgets")
    assert admin.create(NAMESPACES, {"metadata": {"name": chosen}}).ok
    adopt(admin, chosen, clinicalImpact="direct-care")
    wait(admin, chosen)
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def listed(admin: Rest, name: str) -> list[dict[str, Any]]:
    """Return what the status lists of the zone."""
    found: list[dict[str, Any]] = zone_status(admin, name, "app").get("violations", [])
    return found


def wait_for_warning(admin: Rest, name: str, problem: str) -> dict[str, Any]:
    def warned() -> dict[str, Any] | None:
        return next((each for each in listed(admin, name) if problem in each["message"]), None)

    return until(warned, f"the status warns: {problem}")


def wait_for_none(admin: Rest, name: str, what: str) -> None:
    until(
        lambda: zone_status(admin, name, "app").get("workloads") and not listed(admin, name), what
    )


def test_direct_care_without_a_budget_is_listed_until_one_protects_it(
    admin: Rest, developer: Rest, name: str
) -> None:
    answer = developer.create(deployments(name), deployment("api", replicas=2))
    assert (answer.ok, answer.warnings) == (True, ()), "it is told afterwards, and never refused"
    told = wait_for_warning(admin, name, "no PodDisruptionBudget covers its pods")
    assert (told["kind"], told["name"]) == ("Deployment", "api")
    assert (told["rules"], told["severity"]) == (["PHI-REL-002"], "warn")
    assert "PHI-REL-002 spec.replicas" in told["message"]
    zone = zone_status(admin, name, "app")
    assert (zone["warningCount"], zone["violationCount"]) == (1, 0)
    wait(admin, name, "Compliant")
    assert condition(admin, name, "Compliant")["message"].endswith(
        "1 of them break rules that only warn"
    )

    # One of other pods is none.
    other = {"matchLabels": {"app": "other"}}
    assert developer.create(budgets(name), budget("api", selector=other, maxUnavailable=1)).ok
    path = f"{budgets(name)}/api"
    selecting = {"spec": {"selector": {"matchLabels": {"app": "api"}}}}
    until(lambda: admin.get(path).body["status"].get("conditions"), "that budget is at work")
    assert listed(admin, name)
    assert developer.request("PATCH", path, selecting, content=MERGE).ok
    wait_for_none(admin, name, "a budget of its pods ends the warning")

    lax = {"spec": {"maxUnavailable": "100%"}}
    assert developer.request("PATCH", path, lax, content=MERGE).ok
    wait_for_warning(admin, name, "lets all of them go at once (found 2 replicas, of which api")
    assert developer.request("PATCH", path, {"spec": {"maxUnavailable": 1}}, content=MERGE).ok
    wait_for_none(admin, name, "it protects again")

    assert developer.delete(path).ok
    wait_for_warning(admin, name, "no PodDisruptionBudget covers its pods")
    stored = admin.get(f"{deployments(name)}/api").body["metadata"]
    assert stored["generation"] == 1
    scale = {"spec": {"replicas": 3}}
    assert developer.request("PATCH", f"{deployments(name)}/api", scale, content=MERGE).ok
    wait_for_warning(admin, name, "(found 3 replicas)")


def test_a_budget_that_stood_before_is_known_when_the_operator_starts(
    admin: Rest, product: Product
) -> None:
    name = unique("budgets")
    assert admin.create(NAMESPACES, {"metadata": {"name": name}}).ok
    assert admin.create(budgets(name), budget(selector=OWN)).ok
    for each in ("api", "bare"):
        assert admin.create(deployments(name), deployment(each)).ok
    with running(product):
        adopt(admin, name, clinicalImpact="direct-care")
        told = wait_for_warning(admin, name, "no PodDisruptionBudget covers its pods")
        assert [each["name"] for each in listed(admin, name)] == [told["name"]] == ["bare"]
    assert admin.delete(f"{WORKLOADS}/{name}").ok
