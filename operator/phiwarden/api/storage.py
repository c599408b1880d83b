"""Volumes of a zone, and what stands in for proof where a driver gives none."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field

from phiwarden.api import storage_rules as rules
from phiwarden.api.backup import Backup
from phiwarden.api.base import ApiModel, Matches, checked, list_set
from phiwarden.api.quantities import Memory
from phiwarden.api.values import DNS_SUBDOMAIN, Flag, FullDate, Name, Reference, Text

MAX_VOLUMES: Final = 64
MAX_ATTESTATIONS: Final = 32
MAX_CLASSES: Final = 16

ClassName = Annotated[str, Field(min_length=1, max_length=253), DNS_SUBDOMAIN]
"""Name of a StorageClass."""

KEY: Final = Matches("[!-~]+", "a key is named by printable characters without spaces")

AccessMode = Literal["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]


Provisioner = Literal[
    "blockvolume.csi.oraclecloud.com",
    "disk.csi.azure.com",
    "dobs.csi.digitalocean.com",
    "ebs.csi.aws.com",
    "file.csi.azure.com",
    "filestore.csi.storage.gke.io",
    "linodebs.csi.linode.com",
    "pd.csi.storage.gke.io",
    "storage.csi.upcloud.com",
]
"""Drivers that need nothing more than a key; a test holds them to those of phiwarden.storage."""


class RequestedEncryption(ApiModel):
    """Encrypted storage that phiwarden makes a StorageClass for."""

    model_config = checked(*rules.ENCRYPTION)

    provisioner: Annotated[
        Provisioner,
        Field(
            description="The CSI driver. Others need more than a key: make their class yourself."
        ),
    ]
    key: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=512,
            description="Key of the customer's as the driver names it, such as the ARN of a KMS key;"
            " the platform's own if left out.",
        ),
        KEY,
    ] = None


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
        ClassName | None,
        Field(
            description="StorageClass that the claim asks for; it must be proven to encrypt"
            " (PHI-VOL-001). Cannot be changed."
        ),
    ] = None
    encryption: Annotated[
        RequestedEncryption | None,
        Field(
            description="In place of storageClassName: encrypted storage that phiwarden makes a"
            " StorageClass for, once for all who ask for the same. Cannot be changed."
        ),
    ] = None
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
