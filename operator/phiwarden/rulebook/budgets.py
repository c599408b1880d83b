"""The second half of PHI-REL-002: several replicas, and a PodDisruptionBudget that protects them.

It rests on another object, and so is told and never refused: to refuse direct care over it would
hurt care.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from phiwarden.api.selectors import Selector, selector_of, selects
from phiwarden.api.workload import ClinicalImpact, DataClass, Environment
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.exceptions import excused
from phiwarden.rulebook.failures import Failure, shown
from phiwarden.rulebook.model import Rule, Severity, rulebook
from phiwarden.rulebook.shapes import WORKLOADS, template_of
from phiwarden.rulebook.subjects import subject_of

RULE: Final = "PHI-REL-002"

_KINDS: Final = ("Deployment", "StatefulSet")
_PERCENT: Final = re.compile("0{0,9}(100|[0-9]{1,2})%", re.ASCII)
_FIX: Final = (
    "give its pods a PodDisruptionBudget that lets some of them go, and never all: with their"
    " labels as selector and maxUnavailable 1"
)


@dataclass(frozen=True, slots=True)
class Budget:
    """A PodDisruptionBudget, as far as it protects pods.

    Attributes:
        name: its name.
        selector: whose pods; None for nobody's.
        max_unavailable: how many may be taken away: a number, or a percentage as text.
        min_available: how many must stay; at most one of the two is said.
    """

    name: str
    selector: Selector | None
    max_unavailable: int | str | None = None
    min_available: int | str | None = None

    def covers(self, labels: Mapping[str, str]) -> bool:
        """Return whether it is about pods with these labels."""
        return self.selector is not None and selects(self.selector, labels)

    def spares(self, replicas: int) -> int:
        """Return how many of so many pods cannot be evicted at once, if they are all it covers.

        k8s.io/kubernetes v1.36.3 pkg/controller/disruption/disruption.go, getExpectedPodCount:
        percentages are rounded up, and where nothing is said nothing may be evicted.
        """
        if self.max_unavailable is not None:
            return max(replicas - _scaled(self.max_unavailable, replicas), 0)
        if self.min_available is not None:
            return min(_scaled(self.min_available, replicas), replicas)
        return replicas


def budget_of(body: Mapping[str, Any]) -> Budget:
    """Return a PodDisruptionBudget; one that the API server would not take protects nobody.

    In policy/v1 an empty selector selects every pod of the namespace, and an absent one none.
    """
    name = str(_map(body.get("metadata")).get("name") or "")
    spec = _map(body.get("spec"))
    selector, most, least = (spec.get(k) for k in ("selector", "maxUnavailable", "minAvailable"))
    amounts = [each for each in (most, least) if each is not None]
    if selector is None or len(amounts) > 1 or not all(map(_is_amount, amounts)):
        return Budget(name, None)
    try:
        return Budget(name, selector_of(selector), most, least)
    except (AttributeError, KeyError, TypeError, ValueError):
        return Budget(name, None)


def unprotected(
    obj: Mapping[str, Any], zone: ZoneBoundary, budgets: Iterable[Budget]
) -> Failure | None:
    """Return what is wrong where no budget protects the pods of an object; None if all is well.

    Args:
        obj: a manifest with `kind`; of Deployments and StatefulSets alone something is asked.
        zone: the boundary of the namespace that it is in.
        budgets: those of the same namespace.
    """
    subject = subject_of(obj)
    if subject is None or obj["kind"] not in _KINDS or not _acts(zone):
        return None
    replicas = _map(obj.get("spec")).get("replicas")
    if not isinstance(replicas, int) or replicas < 2 or RULE in excused(zone, obj):
        return None
    covering = [budget for budget in budgets if budget.covers(_labels(obj))]
    if any(budget.spares(replicas) for budget in covering):
        return None
    found = f"{replicas} replicas"
    problem = "no PodDisruptionBudget covers its pods"
    if covering:
        problem = "the PodDisruptionBudget of its pods lets all of them go at once"
        found += f", of which {covering[0].name} spares none"
    return Failure(
        rule=RULE,
        severity=Severity.WARN,
        path="spec.replicas",
        place="spec.replicas",
        problem=problem,
        found=shown(found),
        fix=_FIX,
        mendable=False,
        at_pods=False,
    )


def _acts(zone: ZoneBoundary) -> bool:
    """Return whether the rule is asked at all in a zone."""
    kind = ClinicalImpact(zone.impact), DataClass(zone.data), Environment(zone.environment)
    return _rule().severity_in(*kind) is not Severity.OFF


@cache
def _rule() -> Rule:
    return next(rule for rule in rulebook() if rule.id == RULE)


def _labels(obj: Mapping[str, Any]) -> dict[str, str]:
    template = template_of(WORKLOADS, obj) or {}
    labels = _map(_map(template.get("metadata")).get("labels"))
    return {str(key): str(value) for key, value in labels.items()}


def _is_amount(found: Any) -> bool:
    if isinstance(found, str):
        return _PERCENT.fullmatch(found) is not None
    return isinstance(found, int) and not isinstance(found, bool) and found >= 0


def _scaled(amount: int | str, replicas: int) -> int:
    """Return an amount as a number of pods, a part of one as a whole one."""
    if isinstance(amount, int):
        return amount
    return -(-replicas * int(amount.removesuffix("%")) // 100)


def _map(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}
