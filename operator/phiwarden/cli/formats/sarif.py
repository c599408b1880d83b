"""A report as SARIF 2.1.0, for code scanning.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, Final
from urllib.parse import quote

from phiwarden import __version__
from phiwarden.cli.formats.printable import printable, what_is_wrong
from phiwarden.cli.report import Finding, Judged, Problem, Report
from phiwarden.rulebook.model import Severity
from phiwarden.rulebook.pages import Page, pages

MAX_RESULTS: Final = 25_000
"""Results of one run that GitHub code scanning takes.
https://docs.github.com/en/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning"""

_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_LEVELS: Final = {Severity.DENY: "error", Severity.WARN: "warning"}
_SECURITY_SEVERITY: Final = {Severity.DENY: "8.0", Severity.WARN: "5.0"}


def sarif(report: Report, exit_code: int) -> str:
    """Return a report as SARIF; refusals come first where there are too many results."""
    results = [
        (judged, found)
        for severity in (Severity.DENY, Severity.WARN)
        for judged in report.judged
        for found in judged.findings
        if found.failure.severity is severity
    ]
    notices = [_notice(problem) for problem in report.problems]
    if len(results) > MAX_RESULTS:
        text = f"{len(results) - MAX_RESULTS} more results are left out of this file"
        notices.append({"level": "warning", "message": {"text": text}})
    rules = [
        page for page in pages(report.own_rules) if page.id in {f.failure.rule for _, f in results}
    ]
    order = {page.id: index for index, page in enumerate(rules)}
    run = {
        "tool": {
            "driver": {
                "name": "phiwarden",
                "semanticVersion": __version__,
                "rules": [_rule(page) for page in rules],
            }
        },
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": all(p.level != "error" for p in report.problems),
                "exitCode": exit_code,
                "toolExecutionNotifications": notices,
            }
        ],
        "results": [_result(judged, found, order) for judged, found in results[:MAX_RESULTS]],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=1) + "\n"


def _rule(page: Page) -> dict[str, Any]:
    worst = Severity.DENY if Severity.DENY in page.severity.values() else Severity.WARN
    return {
        "id": page.id,
        "name": page.id.replace("-", ""),
        "shortDescription": {"text": page.title},
        "fullDescription": {"text": page.rationale},
        "help": {
            "text": f"{page.rationale}\n\nFix: {page.fix}",
            "markdown": "\n\n".join(_help(page)),
        },
        "defaultConfiguration": {"level": _LEVELS[worst]},
        "properties": {
            "tags": [
                "security",
                *(f"{framework}/{control}" for framework, control in page.answers()),
            ],
            "precision": "very-high",
            "security-severity": _SECURITY_SEVERITY[worst],
        },
    }


def _help(page: Page) -> Iterator[str]:
    yield page.rationale
    yield f"**Fix:** {page.fix}"
    for title, examples in (("Good", page.good), ("Bad", page.bad)):
        for example in examples[:1]:
            yield f"**{title}:**\n\n```yaml\n{example}\n```"


def _result(judged: Judged, found: Finding, order: dict[str, int]) -> dict[str, Any]:
    failure = found.failure
    name = f"{printable(judged.kind)}/{printable(judged.name)}"
    return {
        "ruleId": failure.rule,
        "ruleIndex": order[failure.rule],
        "level": _LEVELS[failure.severity],
        "message": {
            "text": f"{name} {printable(failure.place)}: {what_is_wrong(failure)}."
            f" Fix: {failure.fix}"
        },
        "locations": [
            {
                "physicalLocation": _location(judged.source, found),
                "logicalLocations": [
                    {
                        "name": printable(judged.name),
                        "fullyQualifiedName": f"{printable(judged.namespace)}/{name}",
                        "kind": "resource",
                    }
                ],
            }
        ],
        "partialFingerprints": {"phiwarden/v1": _fingerprint(judged, found)},
    }


def _location(source: str, found: Finding) -> dict[str, Any]:
    location: dict[str, Any] = {"artifactLocation": _artifact(source)}
    if found.place is not None:
        location["region"] = {
            "startLine": found.place.line,
            "startColumn": found.place.column,
            "endColumn": found.place.end,
        }
    return location


def _artifact(source: str) -> dict[str, str]:
    path = PurePath(source)
    uri = quote(printable(path.as_posix()))
    return {"uri": f"file://{uri}" if path.is_absolute() else uri}


def _fingerprint(judged: Judged, found: Finding) -> str:
    """Return what stays the same while lines move: the rule, the object and the field."""
    failure = found.failure
    parts = (
        failure.rule,
        judged.namespace,
        judged.kind,
        judged.name,
        failure.path,
        failure.problem,
    )
    return hashlib.sha256("\n".join(parts).encode(errors="replace")).hexdigest()[:32]


def _notice(problem: Problem) -> dict[str, Any]:
    region = {"startLine": problem.line, "startColumn": problem.column}
    return {
        "level": problem.level,
        "message": {"text": printable(problem.message, 2000)},
        "locations": [
            {"physicalLocation": {"artifactLocation": _artifact(problem.source), "region": region}}
        ],
    }
