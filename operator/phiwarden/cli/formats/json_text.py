"""A report for programs. Fields are only ever added; what is written here stays."""

from __future__ import annotations

import json
from typing import Any

from phiwarden.cli.formats.printable import printable
from phiwarden.cli.report import Finding, Judged, Report
from phiwarden.rulebook.model import Severity


def json_text(report: Report, exit_code: int) -> str:
    """Return a report as JSON; `docs/check.md` describes its fields."""
    document = {
        "apiVersion": "check.phiwarden.dev/v1",
        "exitCode": exit_code,
        "summary": {
            "judged": len(report.judged),
            "denied": sum(judged.worst is Severity.DENY for judged in report.judged),
            "warned": sum(judged.worst is Severity.WARN for judged in report.judged),
            "unread": report.unread,
            "elsewhere": {printable(name): count for name, count in report.elsewhere},
        },
        "problems": [
            {
                "level": problem.level,
                "file": printable(problem.source),
                "line": problem.line,
                "column": problem.column,
                "message": printable(problem.message, 2000),
            }
            for problem in report.problems
        ],
        "objects": [_object(judged) for judged in report.judged],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _object(judged: Judged) -> dict[str, Any]:
    return {
        "file": printable(judged.source),
        "line": judged.place.line if judged.place is not None else None,
        "kind": printable(judged.kind),
        "name": printable(judged.name),
        "namespace": printable(judged.namespace),
        "workload": judged.zone.workload if judged.zone is not None else None,
        "zone": judged.zone.zone if judged.zone is not None else None,
        "failures": [_failure(found) for found in judged.findings],
    }


def _failure(found: Finding) -> dict[str, Any]:
    failure = found.failure
    return {
        "rule": failure.rule,
        "severity": str(failure.severity),
        "path": printable(failure.path),
        "line": found.place.line if found.place is not None else None,
        "column": found.place.column if found.place is not None else None,
        "problem": printable(failure.problem),
        "found": printable(failure.found),
        "fix": failure.fix,
    }
