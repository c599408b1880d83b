"""One comparison: what Python finds in an object, and what the API server answers to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from e2e.differential.near import Body
from e2e.rest import Answer
from e2e.verdicts import broken, is_cut, to_tell, told
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Rule, Severity
from phiwarden.rulebook.subjects import Subject

ADMITTED, REFUSED, NOT_COMPARED = "admitted", "refused", "not compared"
DENIED, WARNED, KEPT = "denied", "warned", "kept"


@dataclass
class Tally:
    """What was compared.

    Attributes:
        objects: how many, by what they are and what became of them.
        rules: how often each rule was denied, warned of and kept, where it acts.
    """

    objects: Counter[tuple[str, str]] = field(default_factory=Counter)
    rules: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count what another has counted."""
        self.objects += other.objects
        self.rules += other.rules

    def count(self, outcome: str) -> int:
        """Return to how many objects something happened."""
        return sum(count for (_, found), count in self.objects.items() if found == outcome)

    def compared(self) -> int:
        """Return how many objects were compared."""
        return self.count(ADMITTED) + self.count(REFUSED)


def judged(
    tally: Tally, name: str, subject: Subject, zone: ZoneBoundary, answer: Answer, found: Sequence[Failure]
) -> bool:
    """Compare an answer with what Python found.

    Args:
        tally: where to count.
        name: what the object is counted as.
        subject: what it is judged as.
        zone: the boundary that it is judged by.
        answer: what the API server said.
        found: every failure that Python lists.

    Returns:
        Whether there was something to compare.

    Raises:
        AssertionError: the two differ.
    """
    if not by_the_rules(answer):
        tally.objects[name, NOT_COMPARED] += 1
        return False
    denied = [failure for failure in found if failure.severity is Severity.DENY]
    expected = to_tell(denied)
    listed = told(answer)
    if is_cut(answer):
        assert listed[:-1] == expected[: len(listed) - 1]
        assert expected[len(listed) - 1].startswith(listed[-1])
    else:
        assert listed == expected, answer.body
    assert broken(answer) == sorted({failure.rule for failure in denied})
    tally.objects[name, ADMITTED if answer.ok else REFUSED] += 1
    for rule in acting(subject, zone):
        tally.rules[rule.id, _met(rule, found)] += 1
    return True


def by_the_rules(answer: Answer) -> bool:
    """Return whether an answer is the rules' own, and not what the API server itself has against it.

    Raises:
        AssertionError: it is neither: a policy failed, or something nobody thought of.
    """
    if answer.ok or (answer.code == 403 and told(answer)):
        return True
    assert answer.code in (400, 409, 422), answer.body
    assert "ValidatingAdmissionPolicy" not in answer.message, answer.body
    return False


def acting(subject: Subject, zone: ZoneBoundary) -> list[Rule]:
    """Return the rules that look at a subject and act in a zone."""
    kind = zone.impact, zone.data, zone.environment
    return [rule for rule in about(subject) if rule.severity_in(*kind) is not Severity.OFF]


def about(subject: Subject) -> list[Rule]:
    """Return the rules that look at a subject."""
    return [
        rule
        for rule in standard_judge().rules
        if any(subject.reads(rule.reads_of(check)) for check in rule.checks)
    ]


def _met(rule: Rule, found: Iterable[Failure]) -> str:
    severities = {failure.severity for failure in found if failure.rule == rule.id}
    if not severities:
        return KEPT
    return DENIED if Severity.DENY in severities else WARNED
