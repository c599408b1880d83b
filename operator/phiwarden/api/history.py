"""PHIHistory: what is remembered of one workload, so that going back is no guess.

One object for each workload that is put back, owned by it and written by
phiwarden alone. A write-ahead log, too: what is about to be done is noted
before it is done, so that an operator that ends in between loses nothing and
does nothing twice.
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from phiwarden.api.base import ApiModel, bounded, list_map

MAX_WORKED: Final = 12
"""Templates remembered of one workload; more than Kubernetes keeps revisions, by default."""

MAX_ACTS: Final = 10
"""Deeds remembered of one workload."""


class Cause(StrEnum):
    """Why something is put back."""

    VIOLATION = "Violation"
    FAILED_ROLLOUT = "FailedRollout"


class HistorySpec(ApiModel):
    """Whose history it is."""

    kind: Annotated[str, Field(description="Kind of the workload, such as Deployment.")]
    name: Annotated[str, Field(description="Name of the workload, in the same namespace.")]


class Worked(ApiModel):
    """A pod template that was seen to work: all its pods were available."""

    template: Annotated[str, Field(description="Digest of the pod template.")]
    revision: Annotated[int | None, Field(description="Its number when that was seen.")] = None
    time: Annotated[dt.datetime, Field(description="When that was seen last.")]


class Act(ApiModel):
    """One thing that was done to the workload."""

    time: Annotated[dt.datetime, Field(description="When it was decided.")]
    action: Annotated[
        Literal["RolledBack", "ScaledToZero", "Suspended"], Field(description="What was done.")
    ]
    cause: Annotated[Cause, Field(description="What for.")] = Cause.VIOLATION
    template: Annotated[str, Field(description="Digest of the pod template that was found.")]
    to_template: Annotated[
        str | None, Field(description="Digest of the one that was brought back.")
    ] = None
    replicas: Annotated[
        int | None, Field(description="Replicas that were found, for what was scaled to zero.")
    ] = None
    from_revision: Annotated[int | None, Field(description="Revision that was found.")] = None
    to_revision: Annotated[int | None, Field(description="Revision that was brought back.")] = None
    rules: Annotated[
        tuple[str, ...],
        Field(description="Identifiers of the rules broken.", json_schema_extra=bounded(64)),
    ] = ()
    changed_by: Annotated[
        str | None, Field(description="Field manager that wrote what was found.")
    ] = None
    message: Annotated[str, Field(description="What was done and why, for a person.")]
    advice: Annotated[
        str | None,
        Field(description="The first rule that was broken, where, and how that is mended."),
    ] = None


class Pause(ApiModel):
    """Somebody on call asked for nothing to be put back for a while."""

    until: Annotated[dt.datetime, Field(description="When it ends by itself.")]
    by: Annotated[str | None, Field(description="Field manager that wrote the annotation.")] = None
    reason: Annotated[str | None, Field(description="Why, in their words.")] = None


class HistoryStatus(ApiModel):
    """What is remembered."""

    worked: Annotated[
        tuple[Worked, ...],
        Field(
            description="Templates that worked, newest first.",
            json_schema_extra=bounded(32, **list_map("template")),
        ),
    ] = ()
    pending: Annotated[
        Act | None,
        Field(description="What is being done; noted before, and moved to acts once it is done."),
    ] = None
    acts: Annotated[
        tuple[Act, ...],
        Field(description="What was done, newest first.", json_schema_extra=bounded(32)),
    ] = ()
    stopped: Annotated[
        bool,
        Field(description="Whether it is phiwarden that keeps it scaled to zero or suspended."),
    ] = False
    replicas: Annotated[
        int | None, Field(description="Replicas to bring back once it keeps the rules.")
    ] = None
    pause: Annotated[Pause | None, Field(description="The pause that was noted last.")] = None
