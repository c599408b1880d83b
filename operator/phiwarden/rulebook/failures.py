"""What a verdict consists of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from phiwarden.rulebook.model import Severity

_SUMMARY: Final = 500
"""Characters of a failure in a summary."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One rule broken at one place.

    Attributes:
        rule: identifier.
        severity: what the rule does in this zone; deny or warn.
        path: JSON path of the field to mend, with indices: for programs.
        place: the same with names for indices, as the API server's policies say it.
        problem: what is wrong.
        found: what was found, safe to print; never a secret's value.
        fix: what to do.
    """

    rule: str
    severity: Severity
    path: str
    place: str
    problem: str
    found: str
    fix: str

    def __str__(self) -> str:
        return f"{self.rule} {self.place}: {self.problem} (found {self.found}); fix: {self.fix}"


def summary(failures: Sequence[Failure]) -> str:
    """Return the first failure in full, and how many more there are; "" for none."""
    if not failures:
        return ""
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"{str(failures[0])[:_SUMMARY]}{more}"
