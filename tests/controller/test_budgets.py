"""PodDisruptionBudgets as they are watched: what is kept of them, and when zones are judged anew."""

from __future__ import annotations

from typing import Any

import pytest

from phiwarden.controller.budgets import BudgetObserver
from phiwarden.controller.state import Declared, State
from phiwarden.rulebook.budgets import budget_of
from phiwarden.rulebook.examples import ZONE
from tests.boundary.declarations import clinic
from tests.controller.made import idle_queues

NAMESPACE = "records"


def body(name: str = "api", *, allowed: int = 1, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {}, **spec},
        "status": {"disruptionsAllowed": allowed},
    }


class Seen:
    """An observer of a cluster in which one workload declares the namespace."""

    def __init__(self) -> None:
        self.woken: list[str] = []
        self.state = State()
        self.state.declare(
            Declared(
                name="portal",
                uid="u",
                generation=1,
                created="",
                spec=clinic(),
                problem=None,
                deleting=False,
                finalizers=(),
            )
        )

        queues = idle_queues()
        queues.workloads.add = self.woken.append  # type: ignore[method-assign]
        self.observer = BudgetObserver(self.state, queues)

    def tell(self, name: str, found: dict[str, Any] | None, namespace: str = NAMESPACE) -> bool:
        """Tell the observer of a budget; return whether its zone is to be judged anew."""
        before = self.state.measure(namespace, ZONE)
        self.observer.seen((namespace, name), found)
        anew = self.state.measure(namespace, ZONE) != before
        assert self.woken == (["portal"] if anew and namespace == NAMESPACE else [])
        self.woken.clear()
        return anew


@pytest.fixture
def seen() -> Seen:
    return Seen()


def test_what_changes_of_a_budget_has_its_zone_judged_anew(seen: Seen) -> None:
    assert seen.tell("api", body())
    assert seen.tell("api", body(maxUnavailable=1))
    assert seen.tell("api", body(maxUnavailable=1, selector={"matchLabels": {"app": "api"}}))
    assert seen.tell("api", None)
    assert seen.state.budgets == {}


def test_its_status_is_no_news(seen: Seen) -> None:
    assert seen.tell("api", body(allowed=1))
    assert not seen.tell("api", body(allowed=0))
    assert not seen.tell("gone", None)


def test_all_of_a_namespace_are_kept_in_whatever_order_they_come(seen: Seen) -> None:
    other = Seen()
    for name in ("a", "b", "c"):
        seen.tell(name, body(name))
    for name in ("c", "a", "b"):
        other.tell(name, body(name))
    assert seen.state.measure(NAMESPACE, ZONE) == other.state.measure(NAMESPACE, ZONE)
    assert seen.tell("b", None)
    assert seen.state.budgets[NAMESPACE] == (budget_of(body("a")), budget_of(body("c")))


def test_budgets_of_a_namespace_that_nobody_declares_wake_nobody(seen: Seen) -> None:
    assert seen.tell("api", body(), namespace="elsewhere")
