"""Backups of a volume: what is declared of them, and what is true of them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal

from pydantic import Field

from phiwarden.api.base import ApiModel
from phiwarden.api.durations import Duration, DurationBounds
from phiwarden.api.values import DNS_SUBDOMAIN, WHOLE

MOST_KEPT: Final = 100

Every = Annotated[Duration, DurationBounds("1h", "31d")]
TestEvery = Annotated[Duration, DurationBounds("1d", "366d")]


class Backup(ApiModel):
    """Snapshots of a volume, taken on schedule, and proof that they can be restored."""

    every: Annotated[
        Every,
        Field(description="Time from one snapshot to the next, such as 24h: from 1h to 31d."),
    ]
    snapshot_class: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            description="VolumeSnapshotClass that the snapshots are made with.",
        ),
        DNS_SUBDOMAIN,
    ]
    keep: Annotated[
        int,
        Field(
            ge=1,
            le=MOST_KEPT,
            description="Snapshots that are kept. Older ones are deleted once so many are ready"
            " to use.",
        ),
        WHOLE,
    ]
    restore_test_every: Annotated[
        TestEvery | None,
        Field(
            description="Time from one restore test to the next, such as 90d: from 1d to 366d."
            " Never tested if left out."
        ),
    ] = None


class BackupStatus(ApiModel):
    """What is true of a volume's backups."""

    last_snapshot: Annotated[
        str | None, Field(description="Newest VolumeSnapshot that is ready to use.")
    ] = None
    last_snapshot_time: Annotated[dt.datetime | None, Field(description="When that was taken.")] = (
        None
    )
    ready: Annotated[int, Field(description="Snapshots that are ready to use.")] = 0
    next_due: Annotated[dt.datetime | None, Field(description="When the next snapshot is due.")] = (
        None
    )
    message: Annotated[
        str | None, Field(description="What is wrong with the snapshots, if anything.")
    ] = None
    last_restore_test: Annotated[
        dt.datetime | None, Field(description="When a restore test ended last.")
    ] = None
    last_proof: Annotated[
        dt.datetime | None, Field(description="When a restore test passed last.")
    ] = None
    restore_test: Annotated[
        Literal["Passed", "Failed", "Running", "NotTestable"] | None,
        Field(
            description="Passed, Failed: how the last one ended. Running: one is under way."
            " NotTestable: none can be made."
        ),
    ] = None
    restore_test_message: Annotated[
        str | None, Field(description="What the restore test was of, or why it failed.")
    ] = None
