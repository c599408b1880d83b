"""One comparison: what Python finds in an object, and what the API server answers to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from e2e.rest import Answer
from e2e.verdicts import broken, is_cut, to_tell, told
from phiwarden.api.workload import ClinicalImpact, DataClass, Environment
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Rule, Severity
from phiwarden.rulebook.subjects import Subject

ADMITTED, REFUSED, NOT_COMPARED = "admitted", "refused", "not compared"
DENIED, WARNED, KEPT = "denied", "warned of", "kept"


@dataclass(frozen=True)
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
        self.objects.update(other.objects)
        self.rules.update(other.rules)

    def total(self, *outcomes: str) -> int:
        """Return how many objects had one of the outcomes."""
        return sum(count for (_, outcome), count in self.objects.items() if outcome in outcomes)

    def __str__(self) -> str:
        return "\n".join(
            (
                *_table("object", self.objects, (ADMITTED, REFUSED, NOT_COMPARED)),
                *_table("rule", self.rules, (KEPT, DENIED, WARNED)),
            )
        )


def _table(about: str, counts: Counter[tuple[str, str]], columns: Sequence[str]) -> list[str]:
    rows = [
        (name, [counts[name, column] for column in columns])
        for name in sorted({n for n, _ in counts})
    ]
    rows.append(("all", [sum(numbers) for numbers in zip(*(row for _, row in rows), strict=True)]))
    lines = [f"{about:24}" + "".join(f"{column:>14}" for column in columns)]
    return lines + [f"{name:24}" + "".join(f"{n:>14}" for n in numbers) for name, numbers in rows]


@dataclass(frozen=True)
class Case:
    """What is compared.

    Attributes:
        name: what it is counted as.
        subject: what it is judged as.
        zone: the boundary that it is judged by.
    """

    name: str
    subject: Subject
    zone: ZoneBoundary


def compare(seen: Tally, case: Case, answer: Answer, found: Sequence[Failure]) -> bool:
    """Compare an answer with every failure that Python found, and count it.

    Returns:
        Whether there was something to compare.

    Raises:
        AssertionError: the two differ.
    """
    if not _by_the_rules(answer):
        seen.objects[case.name, NOT_COMPARED] += 1
        return False
    denied = [failure for failure in found if failure.severity is Severity.DENY]
    assert broken(answer) == sorted({failure.rule for failure in denied}), answer.body
    _compare_lists(answer, to_tell(denied))
    seen.objects[case.name, ADMITTED if answer.ok else REFUSED] += 1
    for rule in about(case.subject):
        if (outcome := _outcome(rule, case.zone, found)) is not None:
            seen.rules[rule.id, outcome] += 1
    return True


def _by_the_rules(answer: Answer) -> bool:
    """Return whether an answer is the rules' own, and not what the API server itself objects to.

    Raises:
        AssertionError: it is neither: a policy failed, or something nobody thought of.
    """
    if answer.ok or (answer.code == 403 and told(answer)):
        return True
    assert answer.code in (400, 422), answer.body
    assert "ValidatingAdmissionPolicy" not in answer.message, answer.body
    return False


def _compare_lists(answer: Answer, expected: Sequence[str]) -> None:
    listed = told(answer)
    if is_cut(answer):
        listed = listed[:-1]
    else:
        assert len(listed) == len(expected), answer.body
    # The API server goes through a map in any order; everything else is told in one order.
    order = [_KEY.sub("", line) for line in listed]
    assert order == [_KEY.sub("", line) for line in expected[: len(listed)]], answer.body
    assert not Counter(listed) - Counter(expected), answer.body


_KEY = re.compile(r"\b(annotations|data)\[[^]]*\]")


def about(subject: Subject) -> list[Rule]:
    """Return the rules that look at a subject."""
    return [
        rule
        for rule in standard_judge().rules
        if any(subject.reads(rule.reads_of(check)) for check in rule.checks)
    ]


def outcomes(rule: Rule) -> set[str]:
    """Return what can become of something that a rule looks at."""
    of_severity = {Severity.DENY: DENIED, Severity.WARN: WARNED, Severity.OFF: KEPT}
    return {KEPT, *(of_severity[severity] for severity in rule.severity.values())}


def _outcome(rule: Rule, zone: ZoneBoundary, found: Sequence[Failure]) -> str | None:
    """Return what became of something by a rule; None where the rule does not act."""
    if any(failure.rule == rule.id for failure in found):
        denies = rule.severity_in(*_kind(zone)) is Severity.DENY
        return DENIED if denies else WARNED
    return None if rule.severity_in(*_kind(zone)) is Severity.OFF else KEPT


def _kind(zone: ZoneBoundary) -> tuple[ClinicalImpact, DataClass, Environment]:
    return ClinicalImpact(zone.impact), DataClass(zone.data), Environment(zone.environment)
