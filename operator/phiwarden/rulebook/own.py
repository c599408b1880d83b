"""Rules that a platform team adds: read from a folder, and refused there if they would not work.

They have the form of phiwarden's own (rules/*.yaml). What is wrong with them is said when they
are added, all of it at once: a deployment must never be the first to find out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import ValidationError

from phiwarden.rulebook.model import Rule, RulebookError, rulebook
from phiwarden.rulebook.vetting import over_budget, rule_faults

_LARGEST: Final = (1 << 53) - 1
"""The largest number that survives as JSON."""

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
        faults = [f"all rules together: {fault}" for fault in over_budget(*rules_of(sources))]
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
