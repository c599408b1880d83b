"""Reach for programs. Fields are only ever added; what is written here stays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from phiwarden.cli.formats.printable import printable
from phiwarden.reach.ports import PortSet
from phiwarden.reach.report import Edge, End, Place, Pods, Report, Verdict
from phiwarden.reach.world import RuleRef

API_VERSION: Final = "reach.phiwarden.dev/v1"


def reach_json(report: Report, exit_code: int) -> str:
    """Return a report as JSON; `docs/reach.md` describes its fields."""
    document = {
        "apiVersion": API_VERSION,
        "exitCode": exit_code,
        "summary": {verdict.value: report.count(verdict) for verdict in Verdict},
        "places": [_place(place) for place in report.places],
        "edges": [_edge(edge) for edge in report.edges],
        "expired": [printable(flow) for flow in report.expired],
        "unavailable": [printable(zone) for zone in report.unavailable],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _place(place: Place) -> dict[str, Any]:
    return {
        "kind": place.end.kind.value,
        "name": printable(place.end.name),
        "namespace": printable(place.end.namespace),
        "workload": printable(place.end.workload) or None,
        "data": place.data or None,
        "enforcement": place.enforcement or None,
        "pods": place.pods,
        "unpolicedPods": [printable(name) for name in place.unpoliced],
    }


def _edge(edge: Edge) -> dict[str, Any]:
    return {
        "verdict": edge.verdict.value,
        "from": _ends(edge.sources),
        "to": _ends(edge.targets),
        "ports": _ports(edge.ports),
        "rules": [_rule(rule) for rule in edge.rules],
        "unisolated": [side.value for side in edge.unisolated],
        "closedOn": [side.value for side in edge.missing],
        "fromPods": _pods(edge.source_pods),
        "toPods": _pods(edge.target_pods),
        "services": [printable(name) for name in edge.services],
    }


def _ends(ends: Sequence[End]) -> dict[str, Any]:
    """Return the ends of one side, which are of one kind and belong to one workload, or to none."""
    first, *others = ends
    return {
        "kind": first.kind.value,
        "names": [printable(end.name) for end in ends],
        "namespace": printable(first.namespace) if first.namespace and not others else None,
        "workload": printable(first.workload) or None,
    }


def _ports(ports: PortSet) -> list[dict[str, Any]]:
    return [
        {"protocol": protocol, "port": first, "endPort": last}
        for protocol, first, last in ports.spans
    ]


def _rule(rule: RuleRef) -> dict[str, Any]:
    return {
        "namespace": printable(rule.namespace),
        "policy": printable(rule.policy),
        "direction": rule.direction.value,
        "rule": rule.index,
    }


def _pods(pods: Pods | None) -> dict[str, Any] | None:
    if pods is None:
        return None
    names = [printable(name) for name in pods.names]
    return {"names": names, "count": pods.count, "total": pods.total}
