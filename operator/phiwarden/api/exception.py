"""PHIException: one workload's leave to break named rules for a while.

Asked for by one person and granted by another; the API server holds both to
who they are (PHI-GRD-007). What is asked for cannot be changed afterwards:
what was granted is what was read.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from phiwarden.api import exception_rules as rules
from phiwarden.api.base import ApiModel, Matches, bounded, checked, list_map, list_set
from phiwarden.api.decision import Decision, Identity
from phiwarden.api.status import Condition
from phiwarden.api.values import Flag, Instant
from phiwarden.api.vocabulary import ClinicalImpact

MAX_RULES: Final = 8
MAX_OBJECTS: Final = 4

LONGEST: Final = {
    ClinicalImpact.DIRECT_CARE: dt.timedelta(days=14),
    ClinicalImpact.CARE_SUPPORT: dt.timedelta(days=30),
    ClinicalImpact.ADMINISTRATIVE: dt.timedelta(days=90),
}
"""How long an exception may be in force, counted from when it was asked for."""

LONGEST_EMERGENCY: Final = dt.timedelta(days=3)
"""The same for one of an emergency, whatever the clinical impact."""


class ExceptedKind(StrEnum):
    """Kinds of objects that there are exceptions for."""

    DEPLOYMENT = "Deployment"
    STATEFUL_SET = "StatefulSet"
    DAEMON_SET = "DaemonSet"
    CRON_JOB = "CronJob"
    JOB = "Job"
    POD = "Pod"
    SERVICE = "Service"
    INGRESS = "Ingress"
    HTTP_ROUTE = "HTTPRoute"
    NETWORK_POLICY = "NetworkPolicy"
    CONFIG_MAP = "ConfigMap"
    ROLE = "Role"
    ROLE_BINDING = "RoleBinding"
    CLAIM = "PersistentVolumeClaim"


RuleId = Annotated[
    str,
    Field(min_length=1, max_length=20),
    Matches(
        "[A-Z]{2,8}-[A-Z]{2,4}-[0-9]{3}", "must be the identifier of a rule, such as PHI-IMG-001"
    ),
]

ObjectName = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Matches(
        r"[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?",
        "must be the whole name of one object: no wildcard",
    ),
]

Words = Annotated[str, Field(min_length=10, max_length=1000)]
"""Enough of them for somebody who has to decide, and for an auditor in six years."""


class ExceptedObject(ApiModel):
    """An object in the namespace of the exception, and what is made from its template."""

    kind: Annotated[ExceptedKind, Field(description="Kind of the object, such as Deployment.")]
    name: Annotated[ObjectName, Field(description="Its name.")]


class ExceptionSpec(ApiModel):
    """What is asked for, why, and until when."""

    model_config = checked(rules.UNCHANGED)

    rules: Annotated[
        tuple[RuleId, ...],
        Field(
            min_length=1,
            max_length=MAX_RULES,
            description="Identifiers of the rules that may be broken, such as PHI-IMG-001.",
            json_schema_extra=list_set(),
        ),
    ]
    objects: Annotated[
        tuple[ExceptedObject, ...],
        Field(
            min_length=1,
            max_length=MAX_OBJECTS,
            description="The objects of one workload, in the namespace of the exception.",
            json_schema_extra=list_map("kind", "name"),
        ),
    ]
    reason: Annotated[Words, Field(description="Why the rules cannot be kept now.")]
    ticket: Annotated[
        str,
        Field(
            min_length=1, max_length=253, description="Where it is followed up, such as CHG-4711."
        ),
    ]
    compensating_control: Annotated[
        Words, Field(description="What protects patient data meanwhile, in place of the rules.")
    ]
    expires: Annotated[
        Instant,
        Field(
            description="When it ends, in UTC, such as 2027-06-30T12:00:00Z: at most 14 days after"
            " it is asked for in direct care, 30 in care support, 90 in administration; at most 3"
            " days for an emergency."
        ),
    ]
    emergency: Annotated[
        Flag,
        Field(description="Whether it is for an emergency: then it counts in change freezes, too."),
    ] = False
    requested_by: Annotated[
        Identity,
        Field(description="Who asks: the user who makes this object, and nobody else."),
    ]


class ExceptionStatus(ApiModel):
    """What was decided, and what is true of it now."""

    decision: Annotated[
        Decision | None,
        Field(description="Written by somebody with the verb approve on phiexceptions."),
    ] = None
    days_left: Annotated[
        int | None, Field(description="Whole days until it ends; phiwarden writes it once a day.")
    ] = None
    conditions: Annotated[
        tuple[Condition, ...],
        Field(
            description="InForce: whether the API server lets the rules be broken now.",
            json_schema_extra=bounded(8, **list_map("type")),
        ),
    ] = ()
