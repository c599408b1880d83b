"""Volumes of a zone, and what stands in for proof where a driver gives none."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from phiwarden.api import storage_rules as rules
from phiwarden.api.backup import Backup
from phiwarden.api.base import ApiModel, checked, list_set
from phiwarden.api.quantities import Memory
from phiwarden.api.values import DNS_SUBDOMAIN, Flag, FullDate, Name, Reference, Text

MAX_VOLUMES: Final = 64
MAX_ATTESTATIONS: Final = 32
MAX_CLASSES: Final = 16

ClassName = Annotated[str, Field(min_length=1, max_length=253), DNS_SUBDOMAIN]
"""Name of a StorageClass."""

AccessMode = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]


class DeclaredVolume(ApiModel):
    """A volume claim that is made in a zone, and never deleted or made again."""

    model_config = checked(*rules.VOLUME)

    name: Annotated[
        Name, Field(description="Name of the PersistentVolumeClaim in the zone's namespace.")
    ]
    zone: Annotated[Reference, Field(description="Name of a zone of this workload.")]
    size: Annotated[Memory, Field(description="Storage asked for, such as 100Gi. It can grow.")]
    access_modes: Annotated[
        tuple[AccessMode, ...],
        Field(
            min_length=1,
            max_length=4,
            description="How the volume may be mounted. Cannot be changed.",
            json_schema_extra=list_set(),
        ),
    ]
    storage_class_name: Annotated[
        ClassName,
        Field(
            description="StorageClass that the claim asks for; it must be proven to encrypt"
            " (PHI-VOL-001). Cannot be changed."
        ),
    ]
    customer_managed_key: Annotated[
        Flag,
        Field(
            description="Whether the key must be the customer's own. The claim is withheld until"
            " its class proves that."
        ),
    ] = False
    backup: Annotated[
        Backup | None,
        Field(
            description="Snapshots on schedule; none if left out. Taking this away deletes no"
            " snapshot."
        ),
    ] = None


class StorageAttestation(ApiModel):
    """Somebody's word, for a time, that a class encrypts, where nothing in the cluster shows it."""

    model_config = checked(*rules.ATTESTATION)

    storage_class_name: Annotated[
        ClassName, Field(description="The StorageClass that it speaks of.")
    ]
    attested_by: Annotated[Text, Field(description="Who looked, and answers for it.")]
    attested_on: Annotated[FullDate, Field(description="Day on which they looked.")]
    expires: Annotated[
        FullDate,
        Field(
            description="Last day on which it counts (UTC), at most 400 days after the day on"
            " which they looked."
        ),
    ]
    reason: Annotated[
        str,
        Field(
            min_length=1,
            max_length=1024,
            description="What they saw: such as disks of the array with encryption switched on,"
            " and the number of the report.",
        ),
    ]
