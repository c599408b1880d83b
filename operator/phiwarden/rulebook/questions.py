"""The checks of a rulebook as CEL: one boolean that is true when nothing offends, and the failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from phiwarden.api.workload import ClinicalImpact
from phiwarden.rulebook.model import Check, Each, Reads, Rule, Severity
from phiwarden.rulebook.shapes import CONTAINER_LISTS

SHOWN: Final = "^[ -~]{1,160}$"
"""What a found value must match to be shown: printable, one line, of bounded length."""


@dataclass(frozen=True, slots=True)
class Question:
    """A check of a rule, with the condition under which the rule denies."""

    rule: Rule
    check: Check
    condition: str | None

    @property
    def offends(self) -> str:
        """Return CEL that is true for an offender of whom the rule denies something."""
        return (
            f"({self.check.offends})"
            if self.condition is None
            else (f"({self.condition} && ({self.check.offends}))")
        )


def condition(rule: Rule, levels: Iterable[Severity]) -> str | None:
    """Return CEL that is true where the rule acts at one of the levels; None: everywhere.

    Raises:
        LookupError: the rule acts at none of them anywhere.
    """
    wanted = set(levels)
    impacts = [impact for impact in ClinicalImpact if rule.severity[impact] in wanted]
    if not impacts:
        raise LookupError(rule.id)
    terms = []
    if len(impacts) < len(ClinicalImpact):
        terms.append(f"variables.impact in {_literal(impacts)}")
    if rule.data is not None:
        terms.append(f"variables.data in {_literal(rule.data)}")
    return " && ".join(terms) or None


def _literal(values: Iterable[str]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"


def questions(rules: Iterable[Rule], reads: Reads, levels: Sequence[Severity]) -> list[Question]:
    """Return the checks that look at `reads` and act at one of the levels, cheapest first."""
    found = [
        Question(rule, check, condition(rule, levels))
        for rule in rules
        if any(severity in levels for severity in rule.severity.values())
        for check in rule.checks
        if rule.reads_of(check) is reads
    ]
    return sorted(found, key=lambda question: question.check.offends.count(".matches("))


def clean(asked: Sequence[Question]) -> str:
    """Return one boolean of CEL: no question finds an offender."""
    terms = [f"!{q.offends}" for q in asked if q.check.each is Each.OBJECT]
    for each, items in ((Each.VOLUME, "volumes"), (Each.CONTAINER, "containers")):
        inner = [f"!{q.offends}" for q in asked if q.check.each is each]
        if inner:
            terms.append(f"variables.{items}.all({each}, {' && '.join(inner)})")
    inner = [f"!{q.offends}" for q in asked if q.check.each is Each.ANNOTATION]
    if inner:
        terms.append(
            "variables.annotations.all(key,"
            f" [variables.annotations[key]].all(annotation, {' && '.join(inner)}))"
        )
    return " && ".join(terms)


def _shown(found: str) -> str:
    return f"[{found}].map(value, value.matches('{SHOWN}') ? value : 'not shown')[0]"


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _line(question: Question, item: str, path: str) -> str:
    """Return CEL of one failure; `item` is CEL of the path to the item, `path` the text of the rest."""
    rule, check = question.rule, question.check
    return (
        f"{_quote(rule.id + ' ')} + {item} + {_quote(path + ': ' + check.problem + ' (found ')}"
        f" + {_shown(check.found)} + {_quote('); fix: ' + rule.fix)}"
    )


def failures(asked: Sequence[Question], base: str) -> str:
    """Return CEL of the list of all failures, in the rulebook's order.

    Args:
        asked: the questions.
        base: path of what they are asked about, such as "spec.template.spec"; "" for the object.
    """
    lists = []
    for question in sorted(asked, key=_in_order):
        path = question.check.path
        match question.check.each:
            case Each.OBJECT:
                line = _line(question, "''", f"{base}{path}".removeprefix("."))
                lists.append(f"({question.offends} ? [{line}] : [])")
            case Each.ANNOTATION:
                where = f"{_quote(_beside(base) + '.metadata.annotations[')} + key + ']'"
                lists.append(
                    "variables.annotations.filter(key,"
                    f" [variables.annotations[key]].exists(annotation, {question.offends}))"
                    f".map(key, {_line(question, where, path)})"
                )
            case Each.VOLUME:
                where = f"{_quote(base + '.volumes[')} + volume.name + ']'"
                lists.append(
                    f"variables.volumes.filter(volume, {question.offends})"
                    f".map(volume, {_line(question, where, path)})"
                )
            case Each.CONTAINER:
                for name in CONTAINER_LISTS:
                    where = f"{_quote(f'{base}.{name}[')} + container.name + ']'"
                    lists.append(
                        f"(has(variables.pod.{name}) ? variables.pod.{name} : [])"
                        f".filter(container, {question.offends})"
                        f".map(container, {_line(question, where, path)})"
                    )
    return " + ".join(lists)


def _in_order(question: Question) -> tuple[str, int]:
    return question.rule.id, question.rule.checks.index(question.check)


def _beside(base: str) -> str:
    """Return the path of what holds the pod spec at `base`, ready for a further step."""
    return base.removesuffix("spec").removesuffix(".")
