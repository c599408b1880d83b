"""A plan for programs. Fields are only ever added; what is written here stays."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from phiwarden.cli.formats.printable import printable
from phiwarden.preview.model import (
    Broken,
    Cluster,
    Consequence,
    Fate,
    Gap,
    Outlook,
    Way,
    ZoneOutlook,
)
from phiwarden.preview.pace import Turn, turns
from phiwarden.remediation.steps import Step

API_VERSION = "plan.phiwarden.dev/v1"


def plan_json(found: Sequence[Outlook], cluster: Cluster, exit_code: int) -> str:
    """Return a plan as JSON."""
    document = {
        "apiVersion": API_VERSION,
        "exitCode": exit_code,
        "complete": not cluster.gaps,
        "unread": [_gap(gap) for gap in cluster.gaps],
        "unknownKinds": list(cluster.unknown),
        "workloads": [_workload(outlook) for outlook in found],
        "turns": [_turn(turn) for turn in turns(found)],
    }
    # A patch is told as it is, whatever it holds; in ASCII it does nothing to a terminal.
    return json.dumps(document, indent=2) + "\n"


def _gap(gap: Gap) -> dict[str, Any]:
    return {"what": printable(gap.what), "namespace": printable(gap.where), "why": gap.why}


def _workload(outlook: Outlook) -> dict[str, Any]:
    network = outlook.network
    return {
        "name": outlook.workload,
        "clinicalImpact": outlook.impact,
        "unchanged": outlook.unchanged,
        "enforcement": {"before": outlook.before, "after": outlook.after},
        "summary": {consequence.value: outlook.count(consequence) for consequence in Consequence},
        "zones": [_zone(zone) for zone in outlook.zones],
        "network": {
            "policiesStand": {"before": network.stood, "after": network.stands},
            "open": [_way(way) for way in network.open],
            "opened": [_way(way) for way in network.opened],
            "closed": [_way(way) for way in network.closed],
            "expired": [printable(flow) for flow in network.expired],
        },
        "agreements": [
            {
                "external": state.external,
                "reference": printable(state.reference),
                "expires": state.expires.isoformat(),
                "daysLeft": state.days_left,
                "state": state.state.value,
            }
            for state in outlook.agreements
        ],
    }


def _zone(zone: ZoneOutlook) -> dict[str, Any]:
    return {
        "name": zone.zone,
        "namespace": zone.namespace,
        "namespaceFate": zone.fate.value,
        "message": printable(zone.why),
        "judged": zone.judged,
        "objects": [_object(fate) for fate in zone.objects],
    }


def _turn(turn: Turn) -> dict[str, Any]:
    return {
        "cause": turn.cause.value,
        "clinicalImpact": turn.impact.value,
        "objects": [printable(place, 400) for place in turn.objects],
    }


def _object(fate: Fate) -> dict[str, Any]:
    return {
        "kind": fate.kind,
        "name": printable(fate.name),
        "now": fate.now.value,
        "then": fate.then.value,
        "message": printable(fate.why),
        "toRevision": fate.revision,
        "images": [printable(image) for image in fate.images],
        "cutOff": list(fate.cut_off),
        "rules": [_broken(broken) for broken in fate.broken],
        "cause": fate.cause,
        "notes": [printable(note) for note in fate.notes],
        "steps": None if fate.steps is None else [_step(step) for step in fate.steps],
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "kind": step.kind,
        "name": step.name,
        "contentType": step.content,
        "patch": step.patch,
        "message": step.says,
    }


def _broken(broken: Broken) -> dict[str, Any]:
    return {
        "rule": broken.rule,
        "change": broken.change.value,
        "severity": broken.severity,
        "place": printable(broken.place),
        "problem": broken.problem,
        "found": printable(broken.found),
        "fix": broken.fix,
    }


def _way(way: Way) -> dict[str, str]:
    return {
        "from": way.source,
        "to": way.destination,
        "address": way.address,
        "port": way.port,
        "purpose": way.purpose,
    }
