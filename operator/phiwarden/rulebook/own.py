"""Rules that a platform team adds: read from a folder, and refused there if they would not work.

They have the form of phiwarden's own (rules/*.yaml). What is wrong with them is said when they
are added, all of it at once: a deployment must never be the first to find out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from phiwarden.rulebook import budget, examples, portable
from phiwarden.rulebook.dialect import program
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Check, Example, Rule, RulebookError, rulebook
from phiwarden.rulebook.render import render_own
from phiwarden.rulebook.subjects import subject_of
from phiwarden.rulebook.syntax import parse

PREFIX: Final = "PHI-"
"""What phiwarden's own rules begin with."""

FIX_LENGTH: Final = 300
"""Characters of a fix: several must fit into one refusal."""

_LARGEST: Final = (1 << 53) - 1
"""The largest number that survives as JSON."""

NOT_SHOWN: Final = "not shown"

_FILE: Final = re.compile(r"[A-Za-z0-9][-._A-Za-z0-9]*[.]ya?ml")
"""What can be a key of a ConfigMap."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A file of rules.

    Attributes:
        name: of the file.
        document: what it holds: family, about and rules.
        rules: its rules.
    """

    name: str
    document: Document
    rules: tuple[Rule, ...]


def own_rules(folder: Path) -> tuple[Rule, ...]:
    """Return a folder's rules, ordered by identifier, after every check.

    Raises:
        RulebookError: with one fault a line, each with file, rule, check and what to do.
    """
    return rules_of(checked(folder))


def rules_of(sources: Iterable[Source]) -> tuple[Rule, ...]:
    """Return the rules of some files, ordered by identifier."""
    found = (rule for source in sources for rule in source.rules)
    return tuple(sorted(found, key=lambda rule: rule.id))


def checked(folder: Path) -> tuple[Source, ...]:
    """Return a folder's files after every check.

    Raises:
        RulebookError: with one fault a line, each with file, rule, check and what to do.
    """
    sources, faults = _parsed(folder)
    faults += [
        f"{source.name}: {rule.id}: {fault}"
        for source in sources
        for rule in source.rules
        for fault in rule_faults(rule)
    ]
    faults += _shared_names(sources)
    if not faults:
        faults = [f"all rules together: {fault}" for fault in _over_budget(*rules_of(sources))]
    if faults:
        raise RulebookError("\n".join(faults))
    return sources


def read(folder: Path) -> tuple[Source, ...]:
    """Return a folder's files, as far as they are files of rules: what was checked when built.

    Raises:
        RulebookError: it cannot be read, or a file is none; one fault a line.
    """
    sources, faults = _parsed(folder)
    faults += _shared_names(sources)
    if faults:
        raise RulebookError("\n".join(faults))
    return sources


def _parsed(folder: Path) -> tuple[tuple[Source, ...], list[str]]:
    """Return a folder's files with the rules that are such, and what is wrong with the others."""
    try:
        # A ConfigMap is mounted with folders beside its files.
        paths = [path for path in sorted(folder.iterdir()) if path.suffix in {".yaml", ".yml"}]
        texts = [(path.name, path.read_text(encoding="utf-8")) for path in paths]
    except (OSError, UnicodeDecodeError) as error:
        raise RulebookError(f"{folder} cannot be read: {error}") from error
    if not texts:
        raise RulebookError(f"{folder} holds no file of rules: put one there, named *.yaml")
    sources: list[Source] = []
    faults: list[str] = []
    for name, text in texts:
        if not _FILE.fullmatch(name):
            faults.append(f"{name}: name the file with letters, digits, '-', '_' and '.' alone")
        try:
            document = _document(text)
        except RulebookError as error:
            faults.append(f"{name}: {error}")
            continue
        rules, wrong = _rules(document)
        faults += (f"{name}: {fault}" for fault in wrong)
        sources.append(Source(name, document, rules))
    return tuple(sources), faults


def _document(text: str) -> Document:
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RulebookError(f"no YAML: {' '.join(str(error).split())}") from error
    if not isinstance(document, dict) or set(document) != {"family", "about", "rules"}:
        raise RulebookError("give it the fields family, about and rules, and no other")
    if not isinstance(document["rules"], list) or not document["rules"]:
        raise RulebookError("rules must be a list with a rule in it")
    return document


def _rules(document: Document) -> tuple[tuple[Rule, ...], list[str]]:
    faults = [f"{where} is {what}" for where, what in _unportable(document)]
    rules: list[Rule] = []
    for number, raw in enumerate(document["rules"], 1):
        try:
            rules.append(Rule.model_validate(raw))
        except (ValidationError, KeyError, TypeError, AttributeError) as error:
            named = raw.get("id") if isinstance(raw, dict) else None
            faults += (f"{named or f'rule {number}'}: {told}" for told in _told(error))
    return tuple(rules), faults


def _unportable(node: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Yield what JSON, and with it the API server and helm, would not read as YAML meant it."""
    match node:
        case str():
            # JSON, YAML and helm do not agree on the others.
            if not all(sign.isprintable() or sign in "\n\t" for sign in node):
                yield where, "a text with a character that cannot be printed: leave it out"
        case None | bool():
            return
        case int() if abs(node) > _LARGEST:
            yield where, f"more than {_LARGEST}: put it in quotes"
        case int():
            return
        case list():
            for index, item in enumerate(node):
                yield from _unportable(item, f"{where}[{index}]")
        case dict():
            for key, value in node.items():
                if not isinstance(key, str):
                    yield f"{where}.{key}".lstrip("."), "a key that is no text: put it in quotes"
                else:
                    yield from _unportable(value, f"{where}.{key}".lstrip("."))
        case _:
            yield where, f"a {type(node).__name__}: put it in quotes"


def _told(error: Exception) -> Iterator[str]:
    """Yield the faults that a model found, without its own words around them."""
    if not isinstance(error, ValidationError):
        yield f"{error} is missing or of the wrong type"
        return
    for fault in error.errors(include_url=False):
        where = ".".join(str(step) for step in fault["loc"])
        yield f"{where}: {fault['msg']}" if where else fault["msg"]


def _shared_names(sources: Sequence[Source]) -> Iterator[str]:
    count = Counter(rule.id for source in sources for rule in source.rules)
    builtin = {rule.id for rule in rulebook()}
    for source in sources:
        for rule in source.rules:
            if count[rule.id] > 1 or rule.id in builtin:
                yield f"{source.name}: {rule.id}: another rule has this id: number it anew"


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
        for fault in islice(_over_budget(rule.model_copy(update={"checks": (check,)})), 1):
            blamed = True
            yield f"check {number}: {fault}"
    if not blamed:
        yield from islice(_over_budget(rule), 1)


def _over_budget(*rules: Rule) -> Iterator[str]:
    for manifest in render_own(rules):
        if manifest["kind"] == "ValidatingAdmissionPolicy":
            yield from budget.faults(manifest)
