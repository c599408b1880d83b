"""Status of what a boundary rests on: volumes, the classes that make them, and secrets."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal

from pydantic import Field

from phiwarden.api.backup import BackupStatus
from phiwarden.api.base import ApiModel, bounded

MAX_HOLDING: Final = 48
"""Holders of an older value listed in status for one secret."""

Encrypted = Literal["ENCRYPTED_CUSTOMER_KEY", "ENCRYPTED_PLATFORM_KEY", "UNENCRYPTED", "UNKNOWN"]

Traps = Annotated[
    tuple[str, ...],
    Field(
        description="What looks like proof, or like the lack of it, and is not.",
        json_schema_extra=bounded(16),
    ),
]


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
        Encrypted,
        Field(description="What is proven of its data at rest."),
    ]
    key: Annotated[str | None, Field(description="Name of the key, where one is told.")] = None
    evidence: Annotated[str, Field(description="What the verdict rests on.")]
    traps: Traps = ()
    attested_by: Annotated[str | None, Field(description="Who answers for it.")] = None
    backup: Annotated[
        BackupStatus | None, Field(description="Its backups, where some are declared.")
    ] = None


class ClassStatus(ApiModel):
    """What is proven of a StorageClass that the declaration names."""

    name: Annotated[str, Field(description="Name of the StorageClass.")]
    usable: Annotated[
        bool,
        Field(description="Whether claims in zones that may hold patient data may name it."),
    ]
    encryption: Annotated[
        Encrypted,
        Field(description="What its next volume will be."),
    ]
    evidence: Annotated[str, Field(description="What the verdict rests on.")]
    traps: Traps = ()
    attested_by: Annotated[str | None, Field(description="Who answers for it.")] = None


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
    traps: Traps = ()
    holding: Annotated[
        tuple[str, ...],
        Field(
            description="Kind and name of what still runs with an older value; the first ones.",
            json_schema_extra=bounded(64),
        ),
    ] = ()
