"""Status of a PHIWorkload: what is true of its boundary now."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from phiwarden.api.backup import BackupStatus
from phiwarden.api.base import ApiModel, list_map

MAX_LISTED: Final = 10
"""Violations and remediations listed in status; the rest are counted."""

MAX_HOLDING: Final = 48
"""Holders of an older value listed in status for one secret."""


def _bounded(items: int, **marks: Any) -> dict[str, Any]:
    """Return the schema marks of a list with room for some more items than are ever written.

    Bounds of the schema alone: a status that is too long for it is a defect to
    be seen in the API server's answer, and no reason to fail in its making.
    """
    return {"maxItems": items, **marks}


class ConditionType(StrEnum):
    """What is said of a PHIWorkload; `True` is the good state of each."""

    READY = "Ready"
    BOUNDARY_ENFORCED = "BoundaryEnforced"
    NETWORK_ISOLATED = "NetworkIsolated"
    AGREEMENTS_IN_FORCE = "AgreementsInForce"
    VOLUMES_ENCRYPTED = "VolumesEncrypted"
    SECRETS_CURRENT = "SecretsCurrent"
    BACKUPS_FRESH = "BackupsFresh"
    RECOVERY_PROVEN = "RecoveryProven"
    COMPLIANT = "Compliant"


class Condition(ApiModel):
    """A condition as in Kubernetes' API conventions (metav1.Condition)."""

    type: Annotated[
        str,
        Field(
            max_length=316,
            description="What is said: Ready, BoundaryEnforced, NetworkIsolated,"
            " AgreementsInForce, VolumesEncrypted, SecretsCurrent, BackupsFresh, RecoveryProven or"
            " Compliant. True is the good state of each.",
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
            json_schema_extra=_bounded(64),
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
            json_schema_extra=_bounded(64),
        ),
    ] = ()
    quarantined: Annotated[
        tuple[str, ...],
        Field(
            description="Workloads in quarantine, as Kind/name; the first ones.",
            json_schema_extra=_bounded(64),
        ),
    ] = ()


class Remediation(ApiModel):
    """One thing that was put back."""

    time: Annotated[dt.datetime, Field(description="When it was done.")]
    namespace: Annotated[str, Field(description="Namespace of the workload.")]
    kind: Annotated[str, Field(description="Kind of the workload, such as Deployment.")]
    name: Annotated[str, Field(description="Name of the workload.")]
    action: Annotated[
        Literal["RolledBack", "Isolated", "ScaledToZero", "Held", "LeftAlone", "Released"],
        Field(
            description="RolledBack: an earlier, compliant revision was brought back. Isolated:"
            " its pods were cut off. ScaledToZero: it was stopped. Held: direct care that is"
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
            json_schema_extra=_bounded(64),
        ),
    ] = ()
    changed_by: Annotated[
        str | None,
        Field(description="Field manager that wrote the violating template."),
    ] = None
    message: Annotated[str, Field(description="What was done and why, for a person.")]


class VolumeStatus(ApiModel):
    """What is true of one volume claim of a zone."""

    zone: Annotated[str, Field(description="Name of the zone.")]
    name: Annotated[str, Field(description="Name of the PersistentVolumeClaim.")]
    declared: Annotated[bool, Field(description="Whether spec.volumes declares it.")]
    uid: Annotated[
        str | None,
        Field(description="Of the claim, once it was there: it is never made a second time."),
    ] = None
    volume: Annotated[str | None, Field(description="Its PersistentVolume, once bound.")] = None
    created: Annotated[dt.datetime | None, Field(description="When the claim was made.")] = None
    standing: Annotated[
        Literal[
            "Proven",
            "Attested",
            "NotNeeded",
            "Unencrypted",
            "Unproven",
            "Withheld",
            "Lost",
            "Pending",
        ],
        Field(
            description="Proven: it is encrypted. Attested: nothing shows it, and somebody answers"
            " for it. NotNeeded: the zone holds no patient data. Unencrypted: it is not, or not"
            " with the key that is asked for. Unproven: nothing shows it. Withheld: it is not"
            " made, since its class does not prove what is asked of it. Lost: it was made, and is"
            " gone. Pending: it is about to be made."
        ),
    ]
    encryption: Annotated[
        Literal["ENCRYPTED_CUSTOMER_KEY", "ENCRYPTED_PLATFORM_KEY", "UNENCRYPTED", "UNKNOWN"],
        Field(description="What is proven of its data at rest."),
    ]
    key: Annotated[str | None, Field(description="Name of the key, where one is told.")] = None
    evidence: Annotated[str, Field(description="What the verdict rests on.")]
    traps: Annotated[
        tuple[str, ...],
        Field(
            description="What looks like encryption, or the lack of it, and is not.",
            json_schema_extra=_bounded(16),
        ),
    ] = ()
    attested_by: Annotated[str | None, Field(description="Who answers for it.")] = None
    backup: Annotated[
        BackupStatus | None, Field(description="Its backups, where some are declared.")
    ] = None


class SecretStatus(ApiModel):
    """What is true of one declared secret. Nothing of its value is told, and none is known."""

    zone: Annotated[str, Field(description="Name of the zone.")]
    name: Annotated[str, Field(description="Name of the Secret.")]
    uid: Annotated[str | None, Field(description="Of the Secret.")] = None
    standing: Annotated[
        Literal[
            "Missing",
            "Incomplete",
            "WrongType",
            "Expired",
            "Expiring",
            "Overdue",
            "NotSynced",
            "Unproven",
            "Attested",
            "Proven",
            "Present",
        ],
        Field(
            description="Missing, Incomplete (entries lack), WrongType. Expired, Expiring,"
            " Overdue: nothing new is rolled out with it (PHI-SEC-003). NotSynced: its store could"
            " not deliver it. Unproven: nothing shows how old its value is. Attested: whoever"
            " delivers it says so. Proven: its value was seen to change. Present: no age is asked"
            " for."
        ),
    ]
    written: Annotated[
        dt.datetime | None, Field(description="When its entries were written last.")
    ] = None
    last_change: Annotated[
        dt.datetime | None,
        Field(description="The latest time at which it can have got the value that it has."),
    ] = None
    change_proven: Annotated[
        bool | None, Field(description="Whether the value is known to have changed then.")
    ] = None
    version: Annotated[
        str | None,
        Field(description="Tells versions of the value apart, where a store tells them."),
    ] = None
    not_after: Annotated[
        dt.datetime | None, Field(description="When its certificate ends, where that is told.")
    ] = None
    evidence: Annotated[str, Field(description="What the verdict rests on.")]
    traps: Annotated[
        tuple[str, ...],
        Field(
            description="What looks like a rotation, or like proof, and is none.",
            json_schema_extra=_bounded(16),
        ),
    ] = ()
    holding: Annotated[
        tuple[str, ...],
        Field(
            description="Kind and name of what still runs with an older value; the first ones.",
            json_schema_extra=_bounded(64),
        ),
    ] = ()


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
            json_schema_extra=_bounded(32, **list_map("type")),
        ),
    ] = ()
    zones: Annotated[
        tuple[ZoneStatus, ...],
        Field(
            description="What is true of each zone.",
            json_schema_extra=_bounded(64, **list_map("name")),
        ),
    ] = ()
    volumes: Annotated[
        tuple[VolumeStatus, ...],
        Field(
            description="Every declared volume, and the worst of the claims that nobody declared.",
            json_schema_extra=_bounded(160),
        ),
    ] = ()
    secrets: Annotated[
        tuple[SecretStatus, ...],
        Field(
            description="Every declared secret.",
            json_schema_extra=_bounded(160, **list_map("zone", "name")),
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
        Field(description="What was put back, newest first.", json_schema_extra=_bounded(64)),
    ] = ()
