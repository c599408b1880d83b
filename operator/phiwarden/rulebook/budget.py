"""Whether policies stay within what the API server lets one request cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from phiwarden.rulebook import sizes
from phiwarden.rulebook.cost import Cost, cost
from phiwarden.rulebook.syntax import parse

# k8s.io/apiserver v0.36.3 pkg/apis/cel/config.go
PER_EXPRESSION: Final = 1_000_000
"""What one expression may cost (PerCallLimit); each variable of a policy is one."""

PER_POLICY: Final = 10_000_000
"""What all expressions of a policy may cost together (RuntimeCELCostBudget)."""

# github.com/google/cel-go v0.26.0 parser/parser.go
LONGEST: Final = 100_000
"""Characters of an expression."""

_TWICE: Final = 2
"""The verdict, and where there are exceptions what breaks rules, too, is computed once to decide,
and once more for the message."""


def costs(policy: Mapping[str, Any]) -> dict[str, Cost]:
    """Return what each expression of a policy costs at most, for the largest object (`sizes`)."""
    found: dict[str, Cost] = {}
    known = dict(sizes.VARIABLES)
    for variable in (*policy["spec"].get("matchConditions", ()), *policy["spec"]["variables"]):
        names = {
            "object": sizes.OBJECT,
            "oldObject": sizes.OBJECT,
            "namespaceObject": sizes.NAMESPACE,
            "variables": sizes.record(**known),
        }
        bound = cost(parse(variable["expression"]), names)
        found[variable["name"]] = bound
        known.setdefault(variable["name"], bound.value)
    return found


def faults(policy: Mapping[str, Any]) -> Iterator[str]:
    """Yield what in a policy the API server might refuse requests for, or the policy itself."""
    conditions = policy["spec"].get("matchConditions", ())
    for variable in (*conditions, *policy["spec"]["variables"]):
        if len(variable["expression"]) > LONGEST:
            length = f"{len(variable['expression']):,} of at most {LONGEST:,} characters"
            yield f"it takes {length} in a policy: ask less, or in fewer words"
    found = costs(policy)
    lists = [name for name in found if name.startswith(("failures", "found"))]
    for name in ("clean", *lists, *(condition["name"] for condition in conditions)):
        if found[name].most > PER_EXPRESSION:
            yield (
                f"it may cost {found[name].most:,} of at most {PER_EXPRESSION:,}, chiefly"
                f" {found[name].chiefly}: ask the cheap question first, bound the size"
                " (x.size() <= 512 && ...), or loop less"
            )
            return
    # Conditions have a budget of their own, of more than one expression may cost.
    spent = sum(min(bound.most, PER_EXPRESSION) for bound in found.values())
    spent += (_TWICE - 1) * sum(found[name].most for name in ("clean", *lists))
    if spent > PER_POLICY:
        yield f"a request may cost {spent:,} of at most {PER_POLICY:,}: ask less"
