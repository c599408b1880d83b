"""A report for a person at a terminal: what is wrong, where, and what to do, object by object."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from phiwarden.cli.formats.printable import printable, what_is_wrong
from phiwarden.cli.report import Finding, Judged, Problem, Report
from phiwarden.rulebook.model import Severity

_BOLD = "1"
_COLORS = {
    "error": "31",
    "warning": "33",
    "note": "36",
    Severity.DENY: "31",
    Severity.WARN: "33",
}


@dataclass(frozen=True, slots=True)
class Style:
    """How a report is written.

    Attributes:
        width: columns.
        color: whether escape sequences may be used.
    """

    width: int = 80
    color: bool = False

    def paint(self, text: str, code: str) -> str:
        """Return text in a color or weight, where that is allowed."""
        return f"\x1b[{code}m{text}\x1b[0m" if self.color else text


def table(report: Report, style: Style) -> str:
    """Return a report as text, problems first and the sum at the end."""
    blocks = ["\n".join(_problem(problem, style)) for problem in report.problems]
    blocks += ["\n".join(_object(judged, style)) for judged in report.judged if judged.findings]
    blocks.append("\n".join(_summary(report, style)))
    return "\n\n".join(blocks) + "\n"


def _problem(problem: Problem, style: Style) -> Iterator[str]:
    where = f"{printable(problem.source)}:{problem.line}:{problem.column}"
    yield f"{style.paint(problem.level, _COLORS[problem.level])}: {where}"
    yield from _wrapped(printable(problem.message, 2000), style, "  ")


def _object(judged: Judged, style: Style) -> Iterator[str]:
    source = printable(judged.source)
    where = f"{source}:{judged.place.line}" if judged.place is not None else f"{source}:"
    yield style.paint(f"{where} {printable(judged.kind)}/{printable(judged.name)}", _BOLD)
    if (zone := judged.zone) is not None:
        yield (
            f"  zone {zone.zone} of {zone.workload} (data {zone.data}, {zone.impact},"
            f" {zone.enforcement})"
        )
    for rule in dict.fromkeys(found.failure.rule for found in judged.findings):
        broken = [found for found in judged.findings if found.failure.rule == rule]
        yield from _rule(rule, broken, style)


def _rule(rule: str, broken: list[Finding], style: Style) -> Iterator[str]:
    first = broken[0].failure
    verb = "refused" if first.severity is Severity.DENY else "warning"
    yield f"  {style.paint(f'{rule} {verb}', _COLORS[first.severity])}"
    for found in broken:
        failure = found.failure
        at = f"{found.place.line}:{found.place.column} " if found.place is not None else ""
        yield from _wrapped(f"{at}{what_is_wrong(failure)}", style, "    ")
        yield from _wrapped(printable(failure.place), style, "      ")
    yield from _wrapped(f"fix: {printable(first.fix)}", style, "    ")


@lru_cache(maxsize=1024)  # the same rules break in the same way again and again
def _wrapped(text: str, style: Style, indent: str) -> list[str]:
    if len(text) + len(indent) <= style.width:
        return [indent + text]
    return textwrap.wrap(
        text,
        width=style.width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _summary(report: Report, style: Style) -> Iterator[str]:
    worst = Counter(judged.worst for judged in report.judged)
    denied, warned = worst[Severity.DENY], worst[Severity.WARN]
    said = [f"{_objects(len(report.judged))} judged", f"{denied} would be refused"]
    if warned:
        said.append(f"{warned} with warnings")
    if report.unread:
        said.append(f"{report.unread} of kinds that no rule reads")
    color = _COLORS[Severity.DENY] if denied else "32"
    yield style.paint(", ".join(said) + ".", color)
    if report.elsewhere:
        total = sum(count for _, count in report.elsewhere)
        verb = "is" if total == 1 else "are"
        names = ", ".join(printable(name) for name, _ in report.elsewhere)
        yield from _wrapped(
            f"{_objects(total)} {verb} for namespaces that no declaration names: {names}.",
            style,
            "",
        )
    if denied or warned:
        yield "kubectl phi explain RULE says why a rule is there and shows what keeps it."
    if any(problem.level == "error" for problem in report.problems):
        yield style.paint("The check is not complete: see the errors above.", _COLORS["error"])


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"
