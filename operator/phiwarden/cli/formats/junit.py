"""A report as JUnit XML: a suite for each file, a case for each object."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from phiwarden.cli.formats.printable import printable, what_is_wrong
from phiwarden.cli.report import Finding, Judged, Report
from phiwarden.rulebook.model import Severity


def junit(report: Report, *, strict: bool) -> str:
    """Return a report as JUnit XML.

    Args:
        report: the report.
        strict: whether warnings count as denials.
    """
    return "\n".join(_lines(report, strict=strict)) + "\n"


def _lines(report: Report, *, strict: bool) -> Iterator[str]:
    errors = [problem for problem in report.problems if problem.level == "error"]
    failed = sum(_fails(judged, strict=strict) for judged in report.judged)
    tests = len(report.judged) + len(errors)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites name="phiwarden" tests="{tests}" failures="{failed}" errors="{len(errors)}">'
    for source, group in groupby(report.judged, lambda judged: judged.source):
        cases = list(group)
        failures = sum(_fails(judged, strict=strict) for judged in cases)
        yield (
            f'  <testsuite name={_attribute(source)} tests="{len(cases)}" failures="{failures}"'
            ' errors="0">'
        )
        for judged in cases:
            yield from _case(judged, strict=strict)
        yield "  </testsuite>"
    for problem in errors:
        name = _attribute(problem.source)
        yield f'  <testsuite name={name} tests="1" failures="0" errors="1">'
        yield f'    <testcase classname="check" name={name} line="{problem.line}">'
        message = _attribute(printable(problem.message, 2000))
        yield f'      <error message={message} type="incomplete"/>'
        yield "    </testcase>"
        yield "  </testsuite>"
    yield "</testsuites>"


def _fails(judged: Judged, *, strict: bool) -> bool:
    return judged.denied or (strict and bool(judged.findings))


def _case(judged: Judged, *, strict: bool) -> Iterator[str]:
    place = f' line="{judged.place.line}"' if judged.place is not None else ""
    zone = judged.namespace or "declaration"
    yield (
        f"    <testcase classname={_attribute(zone)}"
        f" name={_attribute(f'{judged.kind}/{judged.name}')} file={_attribute(judged.source)}{place}>"
    )
    failing = [f for f in judged.findings if strict or f.failure.severity is Severity.DENY]
    rest = [found for found in judged.findings if found not in failing]
    if failing:
        rules = ", ".join(dict.fromkeys(found.failure.rule for found in failing))
        yield f'      <failure message={_attribute(rules)} type="deny">{_text(failing)}</failure>'
    if rest:
        yield f"      <system-out>{_text(rest)}</system-out>"
    yield "    </testcase>"


def _text(findings: list[Finding]) -> str:
    lines = []
    for found in findings:
        failure = found.failure
        line = f"line {found.place.line}: " if found.place is not None else ""
        said = f"{failure.rule} {printable(failure.place)}: {what_is_wrong(failure)}"
        lines.append(f"{line}{said}; fix: {printable(failure.fix)}")
    return escape("\n".join(lines))


def _attribute(text: str) -> str:
    # Every character that can be printed can stand in XML.
    return quoteattr(printable(text, 2000))
