"""The checks of a rulebook as CEL: one boolean that is true when nothing offends, and the failures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from phiwarden.api.workload import ClinicalImpact
from phiwarden.rulebook.model import LISTS, Check, Each, Reads, Rule, Running, Severity
from phiwarden.rulebook.shapes import CONTAINER_LISTS
from phiwarden.rulebook.subjects import Part

SHOWN: Final = "^[ -~]{1,160}$"
"""What a found value must match to be shown: printable, one line, of bounded length."""


_OTHERS: Final = "!variables.putBack"


@dataclass(frozen=True, slots=True)
class Question:
    """A check of a rule, with the condition under which the rule denies."""

    rule: Rule
    check: Check
    condition: str | None

    @property
    def guard(self) -> str | None:
        """Return CEL, the same for every item, without which nothing offends; None: always asked."""
        # A put-back by phiwarden must not fail over what phiwarden would never put back.
        report = (
            self.rule.running is Running.REPORT or self.rule.reads_of(self.check) is Reads.SETTINGS
        )
        return " && ".join(filter(None, (self.condition, _OTHERS if report else None))) or None

    @property
    def offends(self) -> str:
        """Return CEL that is true for an offender of whom the rule denies something."""
        asked = f"({self.check.offends})"
        return asked if self.guard is None else f"({self.guard} && {asked})"


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
        terms.append(_among("variables.impact", impacts))
    if rule.data is not None:
        terms.append(_among("variables.data", rule.data))
    if rule.environments is not None:
        terms.append(_among("variables.environment", rule.environments))
    return " && ".join(terms) or None


def _among(variable: str, values: Sequence[str]) -> str:
    if len(values) == 1:
        return f"{variable} == '{values[0]}'"
    return f"{variable} in [" + ", ".join(f"'{value}'" for value in values) + "]"


def questions(rules: Iterable[Rule], part: Part, levels: Sequence[Severity]) -> list[Question]:
    """Return the checks that look at a part and act at one of the levels: gates, then cheapest first."""
    found = [
        Question(rule, check, condition(rule, levels))
        for rule in rules
        if any(severity in levels for severity in rule.severity.values())
        for check in rule.checks
        if rule.reads_of(check) in part.reads
    ]
    return sorted(found, key=lambda q: (not q.rule.gate, q.check.offends.count(".matches(")))


_EVERY: Final = {
    Each.OBJECT: "{}",
    Each.VOLUME: "variables.volumes.all(volume, {})",
    Each.CONTAINER: "variables.containers.all(container, {})",
    Each.LASTING_CONTAINER: "variables.lastingContainers.all(container, {})",
    Each.MAIN_CONTAINER: "variables.pod.containers.all(container, {})",
    Each.ANNOTATION: (
        "variables.annotations.all(key, [variables.annotations[key]].all(annotation, {}))"
    ),
    Each.ENTRY: "variables.entries.all(key, [variables.entries[key]].all(entry, {}))",
}
_ORDER: Final = tuple(_EVERY)


def clean(asked: Sequence[Question], *, debuggable: bool = True, guarded: bool = True) -> str:
    """Return one boolean of CEL: no question finds an offender.

    Args:
        asked: the questions.
        debuggable: whether what is asked about can have ephemeral containers. A template
            cannot, and so one loop serves for both kinds of checks.
        guarded: whether a question counts only behind its guard, or everywhere.
    """
    groups: dict[tuple[Each, str | None], list[str]] = {}
    for question in asked:
        loop = _loop(question.check.each, debuggable)
        guard = question.guard if guarded else None
        groups.setdefault((loop, guard), []).append(f"!({question.check.offends})")
    # A guard stands before a loop, not in it: the API server pays for every node it goes through.
    return " && ".join(
        _guarded(guard, _EVERY[each].format(" && ".join(inner)))
        for (each, guard), inner in sorted(
            groups.items(), key=lambda group: _ORDER.index(group[0][0])
        )
    )


def _guarded(guard: str | None, holds: str) -> str:
    return holds if guard is None else f"(!({guard}) || ({holds}))"


def _loop(each: Each, debuggable: bool) -> Each:  # noqa: FBT001 - the one thing it depends on
    return Each.CONTAINER if each is Each.LASTING_CONTAINER and not debuggable else each


def _shown(found: str) -> str:
    return f"[{found}].map(value, value.matches('{SHOWN}') ? value : 'not shown')[0]"


def quote(text: str) -> str:
    """Return a text as a CEL literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _line(question: Question, item: str, path: str) -> str:
    """Return CEL of one failure; `item` is CEL of the path to the item, `path` the text of the rest."""
    rule, check = question.rule, question.check
    return (
        f"{quote(rule.id + ' ')} + {item} + {quote(path + ': ' + check.problem + ' (found ')}"
        f" + {_shown(check.found)} + ')'"
    )


LONGEST: Final = 6000
"""Characters of one list of failures, about. What an API server takes to compile an expression
grows with the square of its length: 66,000 characters took it 3 s, the same in parts 0.2 s."""


def failures(asked: Sequence[Question], base: str) -> list[str]:
    """Return CEL of lists that together are all failures; behind a gate, of its alone.

    Args:
        asked: the questions.
        base: path of what they are asked about, such as "spec.template.spec"; "" for the object.
    """
    gates = [question for question in asked if question.rule.gate]
    others = [question for question in asked if not question.rule.gate]
    if not gates:
        return _joined(_listed(others, base))
    passed = clean(gates)
    found = [f"({passed} ? {lists} : [])" for lists in _joined(_listed(others, base))]
    return [*found, *_joined(_listed(gates, base))]


def _joined(lists: Sequence[str]) -> list[str]:
    """Return lists put together, so far as they are not too long then."""
    found: list[str] = []
    for each in lists:
        if found and len(found[-1]) + len(each) <= LONGEST:
            found[-1] = f"{found[-1]} + {each}"
        else:
            found.append(each)
    return found


def _listed(asked: Sequence[Question], base: str) -> list[str]:
    lists = []
    for question in sorted(asked, key=_in_order):
        path = question.check.path
        match question.check.each:
            case Each.OBJECT:
                line = _line(question, "''", f"{base}{path}".removeprefix("."))
                lists.append(f"({question.offends} ? [{line}] : [])")
            case Each.ANNOTATION:
                where = f"{quote(beside(base) + 'metadata.annotations[')} + key + ']'"
                lists.append(_mapped(question, "annotations", "annotation", where, path))
            case Each.ENTRY:
                lists.append(_mapped(question, "entries", "entry", "'data[' + key + ']'", path))
            case Each.VOLUME:
                where = f"{quote(base + '.volumes[')} + volume.name + ']'"
                lists.append(
                    f"variables.volumes.filter(volume, {question.offends})"
                    f".map(volume, {_line(question, where, path)})"
                )
            case each:
                for name in LISTS[each]:
                    where = f"{quote(f'{base}.{name}[')} + container.name + ']'"
                    lists.append(
                        f"{container_list(name)}"
                        f".filter(container, {question.offends})"
                        f".map(container, {_line(question, where, path)})"
                    )
    return lists


def _mapped(question: Question, items: str, item: str, where: str, path: str) -> str:
    return (
        f"variables.{items}.filter(key,"
        f" [variables.{items}[key]].exists({item}, {question.offends}))"
        f".map(key, [variables.{items}[key]].map({item}, {_line(question, where, path)})[0])"
    )


def container_list(name: str) -> str:
    """Return CEL of one of a pod's lists of containers."""
    assert name in CONTAINER_LISTS  # a slip here would let containers go unseen
    return f"(has(variables.pod.{name}) ? variables.pod.{name} : [])"


def _in_order(question: Question) -> tuple[str, int]:
    return question.rule.id, question.rule.checks.index(question.check)


def beside(base: str) -> str:
    """Return the path of what holds the pod spec at `base`, ready for a further step."""
    return base.removesuffix("spec")
