"""An access review for programs. Fields are only ever added; what is written here stays."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from phiwarden.access.rbac import Ref, Subject
from phiwarden.access.report import NOTES, Entry, Finding, Report, Weight, Zone
from phiwarden.access.rights import Right
from phiwarden.access.since import Since
from phiwarden.cli.formats.printable import printable

API_VERSION: Final = "access.phiwarden.dev/v1"


def access_json(report: Report, exit_code: int) -> str:
    """Return a review as JSON; `docs/access.md` describes its fields."""
    zones = {zone.namespace: zone.name for zone in report.zones}
    document = {
        "apiVersion": API_VERSION,
        "exitCode": exit_code,
        "workload": printable(report.workload),
        "summary": {weight.value: report.count(weight) for weight in Weight},
        "zones": [_zone(zone) for zone in report.zones],
        "grants": [_grant(entry, zones) for entry in report.entries],
        "findings": [_finding(finding, zones) for finding in report.findings],
        "gaps": [
            {
                "right": gap.right,
                "resource": gap.resource,
                "namespace": gap.namespace or None,
                "untold": gap.untold,
            }
            for gap in report.gaps
        ],
        "unresolved": [
            {"binding": _ref(binding), "role": _ref(role)} for binding, role in report.unresolved
        ],
        "notes": list(NOTES),
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _zone(zone: Zone) -> dict[str, Any]:
    return {
        "name": printable(zone.name),
        "namespace": printable(zone.namespace),
        "data": str(zone.boundary.data),
        "enforcement": str(zone.boundary.enforcement),
        "stands": zone.stands,
    }


def _grant(entry: Entry, zones: dict[str, str]) -> dict[str, Any]:
    grant = entry.grant
    return {
        "standing": entry.standing.value,
        "subject": _subject(grant.subject),
        "zones": [printable(zones[name]) for name in grant.namespaces],
        "binding": _ref(grant.binding.ref),
        "role": _ref(grant.role),
        "since": _since(grant.since),
        "abilities": [
            {"ability": ability.value, "rights": _rights(rights)}
            for ability, rights in grant.abilities.items()
        ],
    }


def _rights(rights: Iterable[Right]) -> list[dict[str, Any]]:
    return [
        {
            "apiGroup": right.power.group,
            "resource": right.power.resource,
            "verbs": list(right.verbs),
            "names": [printable(name) for name in right.names] or None,
        }
        for right in rights
    ]


def _since(since: Since) -> dict[str, Any]:
    return {
        "time": since.time.strftime("%Y-%m-%dT%H:%M:%SZ") if since.time is not None else None,
        "event": since.event.value,
        "sure": since.sure,
    }


def _finding(finding: Finding, zones: dict[str, str]) -> dict[str, Any]:
    return {
        "weight": finding.weight.value,
        "reason": finding.reason.value,
        "rule": finding.rule or None,
        "object": _ref(finding.object),
        "zones": [printable(zones[name]) for name in finding.namespaces],
        "subjects": [_subject(subject) for subject in finding.subjects],
        "abilities": [ability.value for ability in finding.abilities],
        "problem": printable(finding.problem, 2000),
        "fix": finding.fix,
    }


def _subject(subject: Subject) -> dict[str, Any]:
    return {
        "kind": subject.kind.value,
        "name": printable(subject.name),
        "namespace": printable(subject.namespace) or None,
    }


def _ref(ref: Ref) -> dict[str, Any]:
    return {
        "kind": printable(ref.kind),
        "name": printable(ref.name),
        "namespace": printable(ref.namespace) or None,
    }
