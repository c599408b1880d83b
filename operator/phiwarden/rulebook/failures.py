"""What a verdict consists of."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from phiwarden.rulebook.model import Severity
from phiwarden.rulebook.questions import SHOWN

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
        mendable: whether what runs is put back for it, to a pod template that keeps the rule.
        at_pods: whether pods are judged by it, too: a lost one would not be replaced.
    """

    rule: str
    severity: Severity
    path: str
    place: str
    problem: str
    found: str
    fix: str
    mendable: bool = True
    at_pods: bool = True

    def __str__(self) -> str:
        return f"{self.rule} {self.place}: {self.problem} (found {self.found}); fix: {self.fix}"


def summary(failures: Sequence[Failure]) -> str:
    """Return the first failure in full, and how many more there are; "" for none."""
    if not failures:
        return ""
    more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
    return f"{str(failures[0])[:_SUMMARY]}{more}"


def shown(found: object) -> str:
    """Return what was found, if it is a text that is safe to print."""
    return found if isinstance(found, str) and _SHOWABLE.match(found) else "not shown"


_SHOWABLE: Final = re.compile(SHOWN.removesuffix("$") + r"\Z")


def named(key: object) -> str:
    """Return the name of an annotation or entry, if it can be one; those may be long."""
    return key if isinstance(key, str) and _NAME.match(key) else "not shown"


_NAME: Final = re.compile(r"[ -~]{1,317}\Z")
"""A prefix of 253 characters, a slash and a name of 63 are the longest that the API server takes."""
