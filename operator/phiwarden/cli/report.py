"""What a check found: values that every output format writes in its own way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cli.manifests.objects import Level
from phiwarden.cli.manifests.places import Place
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Rule, Severity

CLEAN: Final = 0
DENIED: Final = 1
INCOMPLETE: Final = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule broken at one place.

    Attributes:
        failure: the verdict.
        place: where the field to mend stands in its file; None for an object of a cluster.
    """

    failure: Failure
    place: Place | None


@dataclass(frozen=True, slots=True)
class Judged:
    """One object, with every rule that it breaks.

    Attributes:
        source: file that it stands in, or the cluster.
        place: where it begins there; None for an object of a cluster.
        kind: its kind.
        name: its name.
        namespace: the zone's namespace; "" for a declaration, which has none.
        zone: the boundary that it was judged by; None for a declaration.
        findings: in the rulebook's order.
    """

    source: str
    place: Place | None
    kind: str
    name: str
    namespace: str
    zone: ZoneBoundary | None
    findings: tuple[Finding, ...]

    @property
    def denied(self) -> bool:
        """Return whether the API server of an enforcing zone would refuse it."""
        return any(found.failure.severity is Severity.DENY for found in self.findings)

    @property
    def worst(self) -> Severity:
        """Return what becomes of it in an enforcing zone; off if it keeps the rules."""
        if not self.findings:
            return Severity.OFF
        return Severity.DENY if self.denied else Severity.WARN


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about the check itself, or about a text, that its author should know.

    Attributes:
        level: `error` if the check is not complete for it, `warning` for something that may not
            mean what its author thinks, `note` for something that was left out rightly.
        source: file that it is about.
        line: there; from 1.
        column: there; from 1.
        message: what is wrong, and what to do.
    """

    level: Level
    source: str
    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a check found.

    Attributes:
        judged: every object that was judged, in the order of the files.
        problems: in the same order.
        elsewhere: namespaces that no declaration names, with the number of objects for each.
        unread: objects of kinds that no rule reads.
        own_rules: rules beside phiwarden's that they were judged by.
    """

    judged: tuple[Judged, ...]
    problems: tuple[Problem, ...]
    elsewhere: tuple[tuple[str, int], ...] = ()
    unread: int = 0
    own_rules: tuple[Rule, ...] = ()

    def exit_code(self, *, strict: bool) -> int:
        """Return 2 for an incomplete check, 1 for a denied object, else 0.

        Args:
            strict: whether warnings count as denials.
        """
        if any(problem.level == "error" for problem in self.problems):
            return INCOMPLETE
        if any(judged.denied or (strict and judged.findings) for judged in self.judged):
            return DENIED
        if strict and any(problem.level == "warning" for problem in self.problems):
            return DENIED
        return CLEAN
