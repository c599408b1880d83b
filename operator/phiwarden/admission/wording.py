"""What an application developer reads at a terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Rule
from phiwarden.rulebook.questions import SHOWN

WIDTH: Final = 100
"""Columns of a refusal; paths and found values are never broken."""

PLACES: Final = 12
"""Places listed of one rule."""

# The API server cuts every warning to 256 characters once all of a request have 4,096
# (k8s.io/apiserver v0.36.3, pkg/endpoints/filters/warning.go). Its own policies speak after us.
WARNING_LENGTH: Final = 256
WARNINGS: Final = 10

_HARM: Final = ("GRD", "SEC", "POD", "NET", "IDN", "VOL", "IMG", "RES", "LOG", "AI", "REL")
"""Families of rules, those first whose breach opens patient data most directly."""

_SHOWABLE: Final = re.compile(SHOWN.removesuffix("$") + r"\Z")


def refusal(
    kind: str,
    name: str,
    zone: ZoneBoundary,
    denied: Sequence[Failure],
    rules: Mapping[str, Rule],
    route: str = "",
) -> str:
    """Return why an object is refused, of several lines.

    First what was refused and why it matters; then each rule with every place
    that breaks it, what was found there, and its fix once; last where to read on.

    Args:
        kind: of the object.
        name: of the object; a stranger chose it.
        zone: that refuses it.
        denied: at least one failure.
        rules: the rulebook, by identifier.
        route: how an exception is asked for; "" if there can be none.
    """
    by_rule = _by_rule(denied)
    worst, _ = by_rule[0]
    count = "a rule" if len(by_rule) == 1 else f"{len(by_rule)} rules"
    subject = f"{shown(kind)} {shown(name)}".strip()
    where = f"zone {zone.zone} of {zone.workload} ({zone.impact}, data {zone.data})"
    paragraphs = [
        f"{subject} breaks {count} of {where}. {rules[worst].rationale}",
        *(_paragraph(rules[rule], failures) for rule, failures in by_rule),
        f"More about a rule, with good and bad examples:\n  kubectl phi explain {worst}",
        *([route] if route else ()),
    ]
    return "\n\n".join(paragraphs)


def route(kind: str, name: str, namespace: str, rules: Sequence[str]) -> str:
    """Return how an exception for an object is asked for."""
    asked = " ".join(f"--rule {rule}" for rule in rules)
    return (
        "If it cannot be mended now, ask for an exception; somebody else has to approve it:\n"
        f"  kubectl phi request-exception {kind}/{shown(name)} -n {shown(namespace)} {asked}"
    )


def _paragraph(rule: Rule, failures: Sequence[Failure]) -> str:
    lines = [f"{rule.id}  {rule.title}"]
    for failure in failures[:PLACES]:
        lines += [
            f"  {failure.path or '(object)'}",
            f"    {failure.problem} (found {failure.found})",
        ]
    if len(failures) > PLACES:
        lines.append(f"  and {len(failures) - PLACES} more places")
    fixes = dict.fromkeys(failure.fix for failure in failures)
    lines += [
        textwrap.fill(
            fix,
            WIDTH,
            initial_indent="  fix: ",
            subsequent_indent="       ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        for fix in fixes
    ]
    return "\n".join(lines)


def warnings(denied: Sequence[Failure], warned: Sequence[Failure]) -> tuple[str, ...]:
    """Return warnings, one a rule and the worst first; no more than the API server passes on.

    Args:
        denied: what an enforcing zone would refuse. The API server's own policies warn of it,
            too, in one long line with what was found: here stand the place and the fix.
        warned: what no policy speaks of: the whole story is told.
    """
    lines = [*_lines("would be refused by an enforcing zone: ", denied), *_lines("", warned)]
    if len(lines) <= WARNINGS:
        return tuple(lines)
    kept = WARNINGS - 1
    return (*lines[:kept], f"and {len(lines) - kept} more rules: kubectl phi check")


def _lines(start: str, failures: Sequence[Failure]) -> Iterator[str]:
    for rule, broken in _by_rule(failures):
        first = broken[0]
        more = f" and {len(broken) - 1} more" if len(broken) > 1 else ""
        found = "" if start else f": {first.problem} (found {first.found})"
        line = f"{rule} {start}{first.path}{more}{found}; fix: {first.fix}"
        yield textwrap.shorten(line, WARNING_LENGTH, placeholder=" ...")


def _by_rule(failures: Sequence[Failure]) -> list[tuple[str, list[Failure]]]:
    """Return the failures of each rule, the worst rule first."""
    ordered = sorted(failures, key=lambda failure: (_harm(failure.rule), failure.rule))
    return [(rule, list(broken)) for rule, broken in groupby(ordered, key=lambda f: f.rule)]


def _harm(rule: str) -> int:
    family = rule.split("-")[1]
    return _HARM.index(family) if family in _HARM else len(_HARM)


def shown(text: str) -> str:
    """Return a text that a stranger chose, if it is fit for a terminal."""
    return text if not text or _SHOWABLE.match(text) else "(name not shown)"
