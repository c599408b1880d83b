"""Status of a PHIWorkload: what is true of its boundary now."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from phiwarden.api.base import ApiModel, bounded, list_map
from phiwarden.api.standing import ClassStatus, SecretStatus, VolumeStatus

MAX_LISTED: Final = 10
"""Violations and remediations listed in status; the rest are counted."""


class ConditionType(StrEnum):
    """What is said of a PHIWorkload; `True` is the good state of each but GitOpsConflict."""

    READY = "Ready"
    BOUNDARY_ENFORCED = "BoundaryEnforced"
    NETWORK_ISOLATED = "NetworkIsolated"
    AGREEMENTS_IN_FORCE = "AgreementsInForce"
    VOLUMES_ENCRYPTED = "VolumesEncrypted"
    SECRETS_CURRENT = "SecretsCurrent"
    RELEASES_VERIFIED = "ReleasesVerified"
    BACKUPS_FRESH = "BackupsFresh"
    RECOVERY_PROVEN = "RecoveryProven"
    ROLLBACK_READY = "RollbackReady"
    REMEDIATED = "Remediated"
    GITOPS_CONFLICT = "GitOpsConflict"
    COMPLIANT = "Compliant"


class Condition(ApiModel):
    """A condition as in Kubernetes' API conventions (metav1.Condition)."""

    type: Annotated[
        str,
        Field(
            max_length=316,
            description="What is said: Ready, BoundaryEnforced, NetworkIsolated,"
            " AgreementsInForce, VolumesEncrypted, SecretsCurrent, ReleasesVerified, BackupsFresh,"
            " RecoveryProven, RollbackReady, Remediated, Compliant or GitOpsConflict. True is the good state of"
            " each but the last.",
        ),
    ]
    status: Annotated[
        Literal["True", "False", "Unknown"],
        Field(description="Whether it is true."),
    ]
    observed_generation: Annotated[
        int | None,
        Field(description="Generation of the object that it was said of."),
    ] = None
    last_transition_time: Annotated[dt.datetime, Field(description="When status changed last.")]
    reason: Annotated[
        str,
        Field(max_length=1024, description="Machine-readable cause, in CamelCase."),
    ]
    message: Annotated[str, Field(max_length=32768, description="The same for a person.")]


class ObjectViolation(ApiModel):
    """One object that breaks rules."""

    kind: Annotated[str, Field(description="Kind of the object, such as Deployment.")]
    name: Annotated[str, Field(description="Name of the object in the zone's namespace.")]
    rules: Annotated[
        tuple[str, ...],
        Field(
            description="Identifiers of the rules that it breaks, such as PHI-IMG-001.",
            json_schema_extra=bounded(64),
        ),
    ]
    severity: Annotated[
        Literal["deny", "warn"],
        Field(description="deny: its next change is refused. warn: its author is warned, no more."),
    ] = "deny"
    message: Annotated[str, Field(description="First failure, without values of secrets.")]


class ZoneStatus(ApiModel):
    """What is true of one zone."""

    name: Annotated[str, Field(description="Name of the zone.")]
    namespace: Annotated[str, Field(description="Its namespace.")]
    state: Annotated[
        Literal["Enforced", "Observed", "Pending", "Conflict", "Terminating"],
        Field(
            description="Enforced: the boundary stands, and what breaks a rule is refused."
            " Observed: it stands, but enforcement is below enforce. Pending: not all of it"
            " stands. Conflict: the namespace belongs to somebody else. Terminating: the"
            " namespace is being deleted."
        ),
    ]
    message: Annotated[
        str | None,
        Field(description="Why, where the state is not Enforced."),
    ] = None
    workloads: Annotated[int, Field(description="Workload objects that run in the zone.")] = 0
    violation_count: Annotated[
        int, Field(description="Of these, how many break a rule that denies.")
    ] = 0
    warning_count: Annotated[
        int, Field(description="Of these, how many break rules that only warn.")
    ] = 0
    violations: Annotated[
        tuple[ObjectViolation, ...],
        Field(
            description="The worst of both kinds; the counts are of all.",
            json_schema_extra=bounded(64),
        ),
    ] = ()
    quarantined: Annotated[
        tuple[str, ...],
        Field(
            description="Workloads in quarantine, as Kind/name; the first ones.",
            json_schema_extra=bounded(64),
        ),
    ] = ()
    without_way_back: Annotated[
        tuple[str, ...],
        Field(
            description="Workloads that could not go back to an earlier revision now, as Kind/name"
            " (why); the first ones.",
            json_schema_extra=bounded(64),
        ),
    ] = ()


class Remediation(ApiModel):
    """One thing that was put back."""

    time: Annotated[dt.datetime, Field(description="When it was done.")]
    namespace: Annotated[str, Field(description="Namespace of the workload.")]
    kind: Annotated[str, Field(description="Kind of the workload, such as Deployment.")]
    name: Annotated[str, Field(description="Name of the workload.")]
    action: Annotated[
        Literal[
            "RolledBack",
            "Isolated",
            "ScaledToZero",
            "Suspended",
            "Held",
            "LeftAlone",
            "Released",
        ],
        Field(
            description="RolledBack: an earlier, compliant revision was brought back. Isolated:"
            " its pods were cut off. ScaledToZero, Suspended: it was stopped. Held: direct care that is"
            " kept running, cut off from all but treatment. LeftAlone: for a person to decide."
            " Released: quarantine was lifted."
        ),
    ]
    from_revision: Annotated[
        int | None,
        Field(description="Revision that broke a rule, where there are revisions."),
    ] = None
    to_revision: Annotated[
        int | None,
        Field(description="Revision that was brought back."),
    ] = None
    rules: Annotated[
        tuple[str, ...],
        Field(
            description="Identifiers of the rules that it broke.",
            json_schema_extra=bounded(64),
        ),
    ] = ()
    changed_by: Annotated[
        str | None,
        Field(description="Field manager that wrote the violating template."),
    ] = None
    message: Annotated[str, Field(description="What was done and why, for a person.")]


class WorkloadStatus(ApiModel):
    """What is true of a PHIWorkload, as of `observedGeneration`."""

    observed_generation: Annotated[
        int | None,
        Field(description="Generation that this status speaks of."),
    ] = None
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            description="What is true of the whole, each with its reason.",
            json_schema_extra=bounded(32, **list_map("type")),
        ),
    ] = ()
    zones: Annotated[
        tuple[ZoneStatus, ...],
        Field(
            description="What is true of each zone.",
            json_schema_extra=bounded(64, **list_map("name")),
        ),
    ] = ()
    volumes: Annotated[
        tuple[VolumeStatus, ...],
        Field(
            description="Every declared volume, and the worst of the claims that nobody declared.",
            json_schema_extra=bounded(160),
        ),
    ] = ()
    storage_classes: Annotated[
        tuple[ClassStatus, ...],
        Field(
            description="Every StorageClass that the declaration names.",
            json_schema_extra=bounded(512, **list_map("name")),
        ),
    ] = ()
    secrets: Annotated[
        tuple[SecretStatus, ...],
        Field(
            description="Every declared secret.",
            json_schema_extra=bounded(160, **list_map("zone", "name")),
        ),
    ] = ()
    violations: Annotated[
        int,
        Field(description="Objects that break a rule that denies, over all zones."),
    ] = 0
    quarantined: Annotated[
        int,
        Field(description="Workloads in quarantine, over all zones."),
    ] = 0
    remediations: Annotated[
        tuple[Remediation, ...],
        Field(description="What was put back, newest first.", json_schema_extra=bounded(64)),
    ] = ()
