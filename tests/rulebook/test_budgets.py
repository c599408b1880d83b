"""Which PodDisruptionBudgets protect pods, and what is said where none does."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.rulebook.budgets import Budget, budget_of, unprotected
from phiwarden.rulebook.examples import ZONE, manifest, pod_template
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Example, Severity
from phiwarden.rulebook.shapes import POD_SHAPES

KINDS = {kind.kind: kind for shape in POD_SHAPES for kind in shape.kinds}
ALL: dict[str, Any] = {"selector": {}}


def budget(name: str = "web", **spec: Any) -> Budget:
    return budget_of({"metadata": {"name": name}, "spec": spec})


def runs(kind: str = "Deployment", **settings: Any) -> dict[str, Any]:
    """Return an object whose pods are labelled app=app."""
    body = manifest(KINDS[kind], pod_template(Example()))
    return {**body, "spec": {**body["spec"], **settings}}


def found(obj: dict[str, Any], *budgets: Budget, **zone: Any) -> Failure | None:
    return unprotected(obj, replace(ZONE, **zone), budgets)


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_several_replicas_without_a_budget_are_told(kind: str) -> None:
    assert found(runs(kind, replicas=3)) == Failure(
        rule="PHI-REL-002",
        severity=Severity.WARN,
        path="spec.replicas",
        place="spec.replicas",
        problem="no PodDisruptionBudget covers its pods",
        found="3 replicas",
        fix="give its pods a PodDisruptionBudget that lets some of them go, and never all: with"
        " their labels as selector and maxUnavailable 1",
        mendable=False,
        at_pods=False,
    )


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"Deployment", "StatefulSet"}))
def test_of_other_kinds_nothing_is_asked(kind: str) -> None:
    assert found(runs(kind, replicas=3)) is None


@pytest.mark.parametrize("replicas", [0, 1, None, "3", 2.0, True])
def test_of_one_replica_nothing_is_asked(replicas: Any) -> None:
    """The first half of the rule is about that, and about what is no number of replicas."""
    assert found(runs(replicas=replicas)) is None


@pytest.mark.parametrize(
    ("impact", "asked"), [("direct-care", True), ("care-support", True), ("administrative", False)]
)
def test_the_rule_is_asked_where_its_first_half_is(impact: str, asked: bool) -> None:
    failure = found(runs(replicas=2), impact=impact)
    assert (failure is not None) is asked
    assert failure is None or failure.severity is Severity.WARN


@pytest.mark.parametrize(
    ("selector", "protects"),
    [
        ({}, True),
        ({"matchLabels": {}}, True),
        ({"matchLabels": {"app": "app"}}, True),
        ({"matchLabels": {"app": "other"}}, False),
        ({"matchLabels": {"app": "app", "tier": "web"}}, False),
        ({"matchExpressions": [{"key": "app", "operator": "In", "values": ["app", "x"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["app"]}]}, False),
        ({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
        # What policy/v1beta1 stored with an empty selector is read like this by policy/v1.
        (
            {
                "matchExpressions": [
                    {
                        "key": "pdb.kubernetes.io/deprecated-v1beta1-empty-selector-match",
                        "operator": "Exists",
                    }
                ]
            },
            False,
        ),
        (None, False),
        ({"matchExpressions": [{"key": "app", "operator": "Like"}]}, False),
        ({"matchExpressions": [{"operator": "Exists"}]}, False),
        ([], False),
        ("app=app", False),
    ],
)
def test_a_budget_is_about_the_pods_that_it_selects(selector: Any, protects: bool) -> None:
    each = budget(selector=selector, maxUnavailable=1)
    assert (found(runs(replicas=2), each) is None) is protects


def test_a_budget_without_a_selector_is_about_no_pod() -> None:
    assert found(runs(replicas=2), budget(maxUnavailable=1)) is not None


@pytest.mark.parametrize(
    ("spec", "replicas", "spared"),
    [
        ({"maxUnavailable": 0}, 2, 2),
        ({"maxUnavailable": 1}, 2, 1),
        ({"maxUnavailable": 2}, 2, 0),
        ({"maxUnavailable": 9}, 2, 0),
        ({"maxUnavailable": "0%"}, 2, 2),
        ({"maxUnavailable": "1%"}, 2, 1),
        ({"maxUnavailable": "50%"}, 2, 1),
        ({"maxUnavailable": "51%"}, 2, 0),
        ({"maxUnavailable": "51%"}, 3, 1),
        ({"maxUnavailable": "67%"}, 3, 0),
        ({"maxUnavailable": "100%"}, 20, 0),
        ({"maxUnavailable": "0100%"}, 20, 0),
        ({"minAvailable": 0}, 2, 0),
        ({"minAvailable": 1}, 2, 1),
        ({"minAvailable": 2}, 2, 2),
        ({"minAvailable": 9}, 2, 2),
        ({"minAvailable": "0%"}, 2, 0),
        ({"minAvailable": "1%"}, 2, 1),
        ({"minAvailable": "51%"}, 3, 2),
        ({"minAvailable": "100%"}, 3, 3),
        # Nothing said: the disruption controller lets nothing go.
        ({}, 2, 2),
    ],
)
def test_what_a_budget_spares(spec: dict[str, Any], replicas: int, spared: int) -> None:
    each = budget(**ALL, **spec)
    assert each.spares(replicas) == spared
    assert (found(runs(replicas=replicas), each) is None) is (spared > 0)


@given(st.integers(0, 100), st.integers(2, 1000))
def test_a_percentage_is_rounded_up(percent: int, replicas: int) -> None:
    part = math.ceil(percent * replicas / 100)
    assert budget(**ALL, maxUnavailable=f"{percent}%").spares(replicas) == replicas - part
    assert budget(**ALL, minAvailable=f"{percent}%").spares(replicas) == part


@pytest.mark.parametrize(
    "spec",
    [
        {"maxUnavailable": "1"},
        {"maxUnavailable": "101%"},
        {"maxUnavailable": "-1%"},
        {"maxUnavailable": "1%\n"},
        {"maxUnavailable": f"{'0' * 9000}1%"},
        {"maxUnavailable": -1},
        {"maxUnavailable": 1.5},
        {"maxUnavailable": True},
        {"maxUnavailable": [1]},
        {"minAvailable": "\u0661%"},
        {"maxUnavailable": 1, "minAvailable": 1},
    ],
)
def test_what_the_api_server_would_not_take_protects_nobody(spec: dict[str, Any]) -> None:
    assert found(runs(replicas=2), budget(**ALL, **spec)) is not None


@pytest.mark.parametrize("body", [{}, {"spec": None}, {"spec": []}, {"metadata": 1, "spec": "x"}])
def test_what_is_no_budget_at_all_protects_nobody(body: dict[str, Any]) -> None:
    assert found(runs(replicas=2), budget_of(body)) is not None


def test_one_that_protects_is_enough() -> None:
    others = (budget("other", selector={"matchLabels": {"app": "x"}}), budget(maxUnavailable=1))
    lax = budget("lax", **ALL, minAvailable=0)
    assert found(runs(replicas=2), *others, lax) is not None
    assert found(runs(replicas=2), *others, lax, budget(**ALL, minAvailable=1)) is None


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("lax", "2 replicas, of which lax spares none"),
        ("\x1b[31m", "not shown"),
    ],
)
def test_one_that_spares_no_pod_is_told_by_its_name(name: str, told: str) -> None:
    failure = found(runs(replicas=2), budget(name, **ALL, maxUnavailable="100%"))
    assert failure is not None
    assert failure.problem == "the PodDisruptionBudget of its pods lets all of them go at once"
    assert failure.found == told


@pytest.mark.parametrize(
    "template", [None, [], {}, {"metadata": None}, {"metadata": {"labels": ["app"]}}]
)
def test_a_template_without_labels_is_selected_by_what_selects_everything(template: Any) -> None:
    obj = runs(replicas=2, template=template)
    assert found(obj, budget(selector={"matchLabels": {"app": "app"}})) is not None
    assert found(obj, budget(**ALL)) is None


def test_an_object_of_another_api_of_that_kind_is_not_meant() -> None:
    assert found({**runs(replicas=2), "apiVersion": "acme.example/v1"}) is None
    listed = {key: value for key, value in runs(replicas=2).items() if key != "apiVersion"}
    assert found(listed) is not None
