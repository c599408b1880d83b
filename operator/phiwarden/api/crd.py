"""The custom resource definitions, from the models and the rules."""

from __future__ import annotations

from phiwarden.api import exception_rules, names, release, workload_rules
from phiwarden.api.base import marked
from phiwarden.api.decision import Decision
from phiwarden.api.exception import ExceptionSpec, ExceptionStatus
from phiwarden.api.history import HistorySpec, HistoryStatus
from phiwarden.api.release import ReleaseSpec, ReleaseStatus
from phiwarden.api.status import WorkloadStatus
from phiwarden.api.structural import Schema, report, structural
from phiwarden.api.values import MAX_NAME
from phiwarden.api.workload import WorkloadSpec


def _column(
    name: str, path: str, about: str, *, kind: str = "string", wide: bool = False
) -> Schema:
    column: Schema = {"name": name, "type": kind, "jsonPath": path, "description": about}
    if wide:
        column["priority"] = 1
    return column


def _condition(kind: str, field: str) -> str:
    return f'.status.conditions[?(@.type=="{kind}")].{field}'


_COLUMNS = [
    _column("Impact", ".spec.clinicalImpact", "Harm that a failure would do to care."),
    _column("Environment", ".spec.environment", "Stage of the application."),
    _column("Enforcement", ".spec.enforcement", "observe, warn or enforce."),
    _column("Ready", _condition("Ready", "status"), "Whether all of the boundary stands."),
    _column(
        "Compliant",
        _condition("Compliant", "status"),
        "Whether all that runs keeps the rules.",
    ),
    _column("Violations", ".status.violations", "Objects that break a rule.", kind="integer"),
    _column("Quarantined", ".status.quarantined", "Workloads in quarantine.", kind="integer"),
    _column("Team", ".spec.owner.team", "Who answers for the application.", wide=True),
    _column("Reason", _condition("Ready", "message"), "Why it is ready or not.", wide=True),
    _column("Age", ".metadata.creationTimestamp", "Time since it was declared.", kind="date"),
]


def phiworkload() -> Schema:
    """Return the CustomResourceDefinition of PHIWorkload."""
    name = {"type": "string", "maxLength": MAX_NAME}
    schema: Schema = {
        "description": "PHIWorkload declares where the patient data (PHI) of one application may"
        " live and flow.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            # The bound gives rules over the name a known cost.
            "metadata": {"type": "object", "properties": {"name": name, "generateName": name}},
            "spec": structural(WorkloadSpec),
            "status": report(structural(WorkloadStatus)),
        },
        **marked(*workload_rules.ROOT),
    }
    return _definition(
        "PHIWorkload",
        "phiworkloads",
        "phiw",
        schema,
        _COLUMNS,
        scope="Cluster",
        subresources={"status": {}},
    )


_HISTORY_COLUMNS = [
    _column("Kind", ".spec.kind", "Kind of the workload."),
    _column("Workload", ".spec.name", "Name of the workload."),
    _column("Worked", ".status.worked[0].revision", "Newest revision that worked.", kind="integer"),
    _column("Last", ".status.acts[0].action", "What was done to it last."),
    _column("When", ".status.acts[0].time", "Time since then.", kind="date"),
    _column("Paused", ".status.pause.until", "Until when nothing is put back.", wide=True),
    _column("Why", ".status.acts[0].message", "Why that was done.", wide=True),
]


def phihistory() -> Schema:
    """Return the CustomResourceDefinition of PHIHistory.

    Its status is no subresource: phiwarden alone writes the object, in one request.
    """
    schema: Schema = {
        "description": "PHIHistory is what phiwarden remembers of one workload: which of its pod"
        " templates worked, and what was put back. phiwarden alone writes it.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(HistorySpec),
            "status": report(structural(HistoryStatus)),
        },
    }
    return _definition(
        "PHIHistory", "phihistories", "phih", schema, _HISTORY_COLUMNS, scope="Namespaced"
    )


_EXCEPTION_COLUMNS = [
    _column("Rules", ".spec.rules", "Rules that may be broken."),
    _column("Kind", ".spec.objects[0].kind", "Kind of the first object.", wide=True),
    _column("Object", ".spec.objects[0].name", "Name of the first object."),
    _column("Decision", ".status.decision.type", "Approved or Denied; empty while it waits."),
    _column("In force", _condition("InForce", "status"), "Whether rules may be broken now."),
    _column("Days left", ".status.daysLeft", "Whole days until it ends.", kind="integer"),
    _column("Asked by", ".spec.requestedBy.username", "Who asked for it.", wide=True),
    _column("Decided by", ".status.decision.by.username", "Who decided."),
    _column("Ticket", ".spec.ticket", "Where it is followed up.", wide=True),
    _column("Expires", ".spec.expires", "When it ends.", wide=True),
    _column("Reason", _condition("InForce", "message"), "What is true of it now.", wide=True),
]


def phiexception() -> Schema:
    """Return the CustomResourceDefinition of PHIException."""
    status = report(structural(ExceptionStatus))
    # Written by people: what is missing of it is their mistake, and told.
    status["properties"]["decision"] = structural(Decision)
    schema: Schema = {
        "description": "PHIException lets one workload break named rules for a while. One person"
        " asks for it, and another approves.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(ExceptionSpec),
            "status": status,
        },
        **marked(*exception_rules.ROOT),
    }
    return _definition(
        "PHIException",
        "phiexceptions",
        "phie",
        schema,
        _EXCEPTION_COLUMNS,
        scope="Namespaced",
        subresources={"status": {}},
    )


_RELEASE_COLUMNS = [
    _column("Version", ".spec.version", "Version of the application."),
    _column("From", ".spec.promotedFrom", "Environment in which it ran before."),
    _column("Critical", ".spec.scan.counts.critical", "Found by the scan.", kind="integer"),
    _column("High", ".spec.scan.counts.high", "Found by the scan.", kind="integer"),
    _column("Change", ".spec.change", "The change record.", wide=True),
    _column(
        "Verified",
        _condition("Verified", "status"),
        "Whether a declared key vouches for it, and all that is asked of it holds.",
    ),
    _column("Decision", ".status.decision.type", "Approved or Denied; empty while it waits."),
    _column("In force", _condition("InForce", "status"), "Whether its images may run."),
    _column("Decided by", ".status.decision.by.username", "Who decided.", wide=True),
    _column("Key", ".status.verified.name", "The key that vouches for it.", wide=True),
    _column("Scanned", ".spec.scan.databaseDate", "Age of the scanner's database.", kind="date"),
    _column("Reason", _condition("InForce", "message"), "What is true of it now.", wide=True),
    _column("Age", ".metadata.creationTimestamp", "Time since it was created.", kind="date"),
]


def phirelease() -> Schema:
    """Return the CustomResourceDefinition of PHIRelease."""
    status = report(structural(ReleaseStatus))
    # Written by people: what is missing of it is their mistake, and told.
    status["properties"]["decision"] = structural(Decision)
    schema: Schema = {
        "description": "PHIRelease says what may be promoted to the zone in whose namespace it"
        " stands: images by digest, with what was found and tested, signed by a key that the zone"
        " declares.",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": structural(ReleaseSpec),
            "status": status,
        },
        **marked(*release.ROOT),
    }
    return _definition(
        "PHIRelease",
        "phireleases",
        "phir",
        schema,
        _RELEASE_COLUMNS,
        scope="Namespaced",
        subresources={"status": {}},
    )


def _definition(
    kind: str,
    plural: str,
    short: str,
    schema: Schema,
    columns: list[Schema],
    *,
    scope: str,
    subresources: Schema | None = None,
) -> Schema:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{names.GROUP}"},
        "spec": {
            "group": names.GROUP,
            "scope": scope,
            "names": {
                "plural": plural,
                "singular": kind.lower(),
                "kind": kind,
                "listKind": f"{kind}List",
                "shortNames": [short],
                "categories": ["phi"],
            },
            "versions": [
                {
                    "name": names.VERSION,
                    "served": True,
                    "storage": True,
                    **({"subresources": subresources} if subresources is not None else {}),
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }
