"""Label selectors, with the meaning that Kubernetes gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Labels = Mapping[str, str]


class NotASelector(ValueError):
    """Something that the API server would refuse; names the field and what is wrong with it."""


class Operator(StrEnum):
    """How a requirement compares a label."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement of a label selector."""

    key: str
    operator: Operator
    values: frozenset[str] = frozenset()

    def holds(self, labels: Labels) -> bool:
        """Return whether labels meet it."""
        match self.operator:
            case Operator.IN:
                return labels.get(self.key) in self.values
            case Operator.NOT_IN:
                # Also where there is no such label at all.
                return labels.get(self.key) not in self.values
            case Operator.EXISTS:
                return self.key in labels
            case Operator.DOES_NOT_EXIST:
                return self.key not in labels


Selector = tuple[Requirement, ...]
"""Requirements that must all hold; none at all select everything."""


def selector_of(body: Mapping[str, Any]) -> Selector:
    """Return a selector's requirements in one order, so that equal selectors are equal.

    What an absent selector selects depends on where it is absent.

    Raises:
        NotASelector: naming the field that the API server would refuse.
    """
    found = {
        Requirement(str(key), Operator.IN, frozenset({str(value)}))
        for key, value in (body.get("matchLabels") or {}).items()
    }
    for index, each in enumerate(body.get("matchExpressions") or ()):
        where = f"matchExpressions[{index}]"
        try:
            operator = Operator(each.get("operator"))
        except ValueError as error:
            known = ", ".join(Operator)
            raise NotASelector(f"{where}.operator: must be one of {known}") from error
        values = frozenset(str(value) for value in each.get("values") or ())
        if bool(values) != (operator in {Operator.IN, Operator.NOT_IN}):
            raise NotASelector(f"{where}.values: {operator} takes {_how_many(operator)}")
        found.add(Requirement(str(each["key"]), operator, values))
    return tuple(sorted(found, key=lambda r: (r.key, r.operator, sorted(r.values))))


def selects(selector: Selector, labels: Labels) -> bool:
    """Return whether labels meet every requirement of a selector."""
    return all(requirement.holds(labels) for requirement in selector)


def _how_many(operator: Operator) -> str:
    return "at least one" if operator in {Operator.IN, Operator.NOT_IN} else "none"
