"""From watched PodDisruptionBudgets to what is known, and to the zones that are judged by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phiwarden.cluster.reflector import Key
from phiwarden.controller.queues import Queues
from phiwarden.controller.running import touch
from phiwarden.controller.state import State
from phiwarden.rulebook.budgets import budget_of


@dataclass
class BudgetObserver:
    """Keeps what is known of budgets in step with the cluster."""

    state: State
    queues: Queues

    def seen(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a PodDisruptionBudget; what runs beside it is judged again if it changed.

        Its status changes with every pod, and is no news.
        """
        namespace, name = key
        before = self.state.budgets.get(namespace, ())
        kept = [budget for budget in before if budget.name != name]
        now = [] if body is None else [budget_of(body)]
        after = tuple(sorted([*kept, *now], key=lambda budget: budget.name))
        if after == before:
            return
        if after:
            self.state.budgets[namespace] = after
        else:
            del self.state.budgets[namespace]
        touch(self.state, self.queues, namespace)
