"""Whether a rule would work: in both languages, on its own examples, and within the budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from phiwarden.rulebook import budget, examples, portable
from phiwarden.rulebook.dialect import program
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Check, Example, Rule, RulebookError
from phiwarden.rulebook.render import render_own
from phiwarden.rulebook.subjects import subject_of
from phiwarden.rulebook.syntax import parse

PREFIX: Final = "PHI-"
"""What phiwarden's own rules begin with."""

FIX_LENGTH: Final = 300
"""Characters of a fix: several must fit into one refusal."""

NOT_SHOWN: Final = "not shown"


def rule_faults(rule: Rule) -> Iterator[str]:
    """Yield what is wrong with a rule on its own."""
    if rule.id.startswith(PREFIX):
        yield f"{PREFIX} is the prefix of phiwarden's rules: choose one of your own"
    found = list(_texts(rule))
    found += [
        f"check {number}: {fault}"
        for number, check in enumerate(rule.checks, 1)
        for fault in _check_faults(rule, check)
    ]
    # What does not compile can be neither asked nor priced.
    yield from found or [*_example_faults(rule), *_cost_faults(rule)]


def _texts(rule: Rule) -> Iterator[str]:
    if len(rule.fix) > FIX_LENGTH:
        yield f"fix has {len(rule.fix)} characters, and at most {FIX_LENGTH}: say it shorter"
    problems = ((f"problem of check {n}", check.problem) for n, check in enumerate(rule.checks, 1))
    for name, text in (("title", rule.title), ("fix", rule.fix), *problems):
        if not (text.isascii() and text.isprintable() and text.strip()):
            yield f"{name} must be one line of ASCII text: the API server shows it in its answer"


def _check_faults(rule: Rule, check: Check) -> Iterator[str]:
    reads = rule.reads_of(check)
    if reads not in portable.READABLE:
        known = ", ".join(portable.READABLE)
        yield f"reads {reads} is phiwarden's alone: use one of {known}"
        return
    if check.each not in portable.askable(reads):
        known = ", ".join(portable.askable(reads))
        yield f"each {check.each} is not part of what reads {reads} looks at: use one of {known}"
        return
    for name, expression in (("offends", check.offends), ("found", check.found)):
        try:
            program(expression, name)
            yield from (
                f"{name}: {fault}"
                for fault in dict.fromkeys(portable.faults(parse(expression), reads, check.each))
            )
        except RulebookError as error:
            yield f"{name} does not compile: {' '.join(str(error).split())}"


def _example_faults(rule: Rule) -> Iterator[str]:
    """Yield where a rule does not judge its own examples as it says."""
    if not rule.examples.passing or not rule.examples.failing:
        yield "examples need at least one that passes and one that fails"
    judge, opposite = Judge([rule]), Judge([_opposite(rule)])
    broken: set[str] = set()
    for _, passes, number, example in examples.every((rule,)):
        named = f"{'passing' if passes else 'failing'} example {number + 1}"
        try:
            zone = examples.zone_of(example)
            objects = list(_objects(rule, example))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            yield f"{named} cannot be made into an object: {error}"
            continue
        verdicts = [
            (obj, judge.failures(obj, zone), opposite.failures(obj, zone)) for obj in objects
        ]
        broken |= {failure.problem for _, failures, _ in verdicts for failure in failures}
        # The same fault shows in every kind and list, and is told once.
        found = (fault for verdict in verdicts for fault in _verdict_faults(rule, *verdict, passes))
        yield from (f"{named} {fault}" for fault in islice(found, 1))
    for number, check in enumerate(rule.checks, 1):
        if check.problem not in broken and rule.examples.failing:
            yield f"check {number}: no failing example breaks it: add one"


def _objects(rule: Rule, example: Example) -> Iterator[Mapping[str, Any]]:
    yield from examples.objects(rule, example)
    debugged = examples.debugged(rule, example)
    if debugged is not None:
        yield debugged


def _opposite(rule: Rule) -> Rule:
    """Return a rule that what passes offends: what offends both cannot be judged."""
    checks = tuple(
        check.model_copy(update={"offends": f"!({check.offends})"}) for check in rule.checks
    )
    return rule.model_copy(update={"checks": checks})


def _verdict_faults(
    rule: Rule,
    obj: Mapping[str, Any],
    failures: Sequence[Failure],
    opposite: Sequence[Failure],
    passes: bool,  # noqa: FBT001 - the one question
) -> Iterator[str]:
    subject = subject_of(obj)
    kind = obj.get("kind")
    if subject is None or not any(subject.reads(rule.reads_of(check)) for check in rule.checks):
        yield f"is a {kind}, which the rule does not look at"
    both = {(f.problem, f.place) for f in failures} & {(f.problem, f.place) for f in opposite}
    for problem, place in sorted(both):
        yield (
            f"cannot be judged as {kind}, at {place} ({problem}):"
            " ask has() before a field that may be absent"
        )
    if passes and failures:
        yield f"is refused as {kind}, at {failures[0].place} ({failures[0].problem})"
    if not passes and not failures:
        yield f"passes as {kind}"
    for failure in failures:
        if failure.found == NOT_SHOWN:
            yield (
                f"is refused as {kind}, but found yields no text of 1 to 160 printable ASCII"
                f" characters ({failure.problem})"
            )


def _cost_faults(rule: Rule) -> Iterator[str]:
    """Yield which checks cost too much, or else whether the rule does as a whole."""
    blamed = False
    for number, check in enumerate(rule.checks, 1):
        for fault in islice(over_budget(rule.model_copy(update={"checks": (check,)})), 1):
            blamed = True
            yield f"check {number}: {fault}"
    if not blamed:
        yield from islice(over_budget(rule), 1)


def over_budget(*rules: Rule) -> Iterator[str]:
    """Yield what the policies of some rules may cost too much."""
    for manifest in render_own(rules):
        if manifest["kind"] == "ValidatingAdmissionPolicy":
            yield from budget.faults(manifest)
