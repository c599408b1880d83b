"""PHIWorkload: where the patient data of one application may live and flow.

The models are the one source of the API: the CRD is generated from them
(`phiwarden.api.crd`), the rules that the API server judges included. Parsing
checks the form of every value and that names are told apart, by the same
bounds. What parts of a declaration say against each other, such as a flow
that names no declared zone, is for the API server alone to refuse.
"""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field, field_validator, model_validator

from phiwarden.api import workload_rules as rules
from phiwarden.api.base import ApiModel, checked, distinct, list_map, list_set, marked
from phiwarden.api.images import Images, ReleaseKey, ScanLimits
from phiwarden.api.network import Agreement, Endpoint, External, Flow, Port, Ports
from phiwarden.api.quantities import Cpu, Memory
from phiwarden.api.rollback import Rollback
from phiwarden.api.secrets import MAX_SECRETS, DeclaredSecret
from phiwarden.api.storage import (
    MAX_ATTESTATIONS,
    MAX_CLASSES,
    MAX_VOLUMES,
    ClassName,
    DeclaredVolume,
    StorageAttestation,
)
from phiwarden.api.values import (
    DNS_SUBDOMAIN,
    WHOLE,
    ClusterRoleName,
    Flag,
    Name,
    NamespaceName,
    Region,
    Text,
)
from phiwarden.api.vocabulary import (
    ClinicalImpact,
    DataClass,
    DeletionPolicy,
    Enforcement,
    Environment,
    Exposure,
    Purpose,
)

__all__ = [
    "Agreement",
    "ClinicalImpact",
    "DataClass",
    "DeclaredSecret",
    "DeclaredVolume",
    "DeletionPolicy",
    "Endpoint",
    "Enforcement",
    "Environment",
    "Exposure",
    "External",
    "Flow",
    "Images",
    "Owner",
    "Port",
    "Purpose",
    "Quota",
    "ReleaseKey",
    "Residency",
    "Rollback",
    "ScanLimits",
    "StorageAttestation",
    "WorkloadSpec",
    "Zone",
    "ZoneServiceAccount",
]

MAX_ZONES: Final = 24
MAX_ACCOUNTS: Final = 32
MAX_FLOWS: Final = 128
MAX_EXTERNALS: Final = 64


class Owner(ApiModel):
    """Who answers for the application."""

    team: Annotated[
        str,
        Field(min_length=1, max_length=63, description="Team that owns the application."),
    ]
    contact: Annotated[
        Text,
        Field(description="Where to reach the team: an e-mail address, channel or rota."),
    ]


class Residency(ApiModel):
    """Where data may be."""

    regions: Annotated[
        tuple[Region, ...],
        Field(
            min_length=1,
            max_length=16,
            description="Values of the node label topology.kubernetes.io/region to which the pods"
            " of PHI zones must be pinned.",
            json_schema_extra=list_set(),
        ),
    ]


class ZoneServiceAccount(ApiModel):
    """An identity that pods of the zone may use."""

    model_config = checked(*rules.SERVICE_ACCOUNT)

    name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            description="Name of the ServiceAccount; it is created in the zone's namespace.",
        ),
        DNS_SUBDOMAIN,
    ]
    api_access: Annotated[
        Flag,
        Field(description="Whether its pods may reach the Kubernetes API and mount its token."),
    ] = False


PodCount = Annotated[int, Field(ge=1, le=100_000), WHOLE]


class Quota(ApiModel):
    """Upper bounds for everything that runs in the zone."""

    cpu: Annotated[
        Cpu | None,
        Field(description='Sum of CPU requests in cores, such as "8" or 500m. No bound if absent.'),
    ] = None
    memory: Annotated[
        Memory | None,
        Field(description="Sum of memory limits in bytes, such as 16Gi. No bound if absent."),
    ] = None
    pods: Annotated[
        PodCount | None,
        Field(description="Number of pods. No bound if absent."),
    ] = None


class Zone(ApiModel):
    """One trust boundary: one namespace."""

    model_config = checked(*rules.ZONE)

    name: Annotated[Name, Field(description="Name of the zone within this workload.")]
    namespace: Annotated[
        NamespaceName | None,
        Field(
            description="Namespace of the zone; <workload>-<zone> if left out. Cannot be changed."
        ),
    ] = None
    adopt: Annotated[
        Flag,
        Field(
            description="Take over a namespace that exists already. Without it such a namespace"
            " is left untouched and reported."
        ),
    ] = False
    data: Annotated[
        DataClass,
        Field(
            description="The most sensitive data that the zone may hold. phi may be declared in"
            " production alone (PHI-DAT-001), and can never be lowered."
        ),
    ]
    exposure: Annotated[
        Exposure,
        Field(
            description="Who may be offered a Service or Ingress of this zone: public (anybody),"
            " internal (the cluster's gateways), none."
        ),
    ] = Exposure.NONE
    exposed_ports: Annotated[
        Ports,
        Field(
            description="Ports of the zone's pods that its exposure opens; all of them if left"
            " out. Not with exposure none.",
        ),
    ] = ()
    images: Annotated[Images, Field(description="Where images may come from.")] = Images()
    service_accounts: Annotated[
        tuple[ZoneServiceAccount, ...],
        Field(
            max_length=MAX_ACCOUNTS,
            description="The only identities that pods of the zone may use; `default` is never"
            " one of them.",
            json_schema_extra=list_map("name"),
        ),
    ] = ()
    cluster_roles: Annotated[
        tuple[ClusterRoleName, ...],
        Field(
            max_length=32,
            description="ClusterRoles that RoleBindings may grant in the zone, beside `view`"
            " (PHI-IDN-003). Check what they allow: a ClusterRole that reads secrets or runs"
            " commands in pods gives that away here, too.",
            json_schema_extra=list_set(),
        ),
    ] = ()
    storage_classes: Annotated[
        tuple[ClassName, ...],
        Field(
            max_length=MAX_CLASSES,
            description="StorageClasses that claims in the zone may name, beside those of its"
            " declared volumes. Each must be proven to encrypt where the zone may hold patient"
            " data (PHI-VOL-001).",
            json_schema_extra=list_set(),
        ),
    ] = ()
    quota: Annotated[Quota | None, Field(description="Upper bounds for the zone.")] = None

    @field_validator("namespace")
    @classmethod
    def _free(cls, namespace: str | None) -> str | None:
        if namespace is not None and rules.reserved(namespace):
            raise ValueError(rules.RESERVED)
        return namespace

    @model_validator(mode="after")
    def _accounts_differ(self) -> Self:
        distinct("service accounts", (account.name for account in self.service_accounts))
        return self

    def namespace_in(self, workload: str) -> str:
        """Return the name of the zone's namespace in the workload of that name."""
        return self.namespace or f"{workload}-{self.name}"


class WorkloadSpec(ApiModel):
    """Declaration of one application's boundary."""

    model_config = checked(*rules.SPEC)

    owner: Annotated[Owner, Field(description="Who answers for the application.")]
    environment: Annotated[
        Environment,
        Field(
            description="Stage of the application; production alone may hold PHI. Cannot be"
            " changed.",
            json_schema_extra=marked(*rules.ENVIRONMENT),
        ),
    ]
    clinical_impact: Annotated[
        ClinicalImpact,
        Field(
            description="How much harm a failure would do to care. direct-care is never stopped"
            " automatically."
        ),
    ]
    enforcement: Annotated[
        Enforcement,
        Field(
            description="observe records violations, warn also warns whoever applies them,"
            " enforce refuses them and puts back what slipped through."
        ),
    ] = Enforcement.ENFORCE
    deletion_policy: Annotated[
        DeletionPolicy,
        Field(
            description="Retain leaves the boundary standing when this object is deleted; Delete"
            " removes it, but never a namespace that holds volume claims or runs direct care."
        ),
    ] = DeletionPolicy.RETAIN
    rollback: Annotated[
        Rollback,
        Field(description="How rollouts are taken back."),
    ] = Rollback()
    residency: Annotated[
        Residency | None,
        Field(description="Where data may be; anywhere if left out."),
    ] = None
    zones: Annotated[
        tuple[Zone, ...],
        Field(
            min_length=1,
            max_length=MAX_ZONES,
            description="Trust boundaries, one namespace each.",
            json_schema_extra=list_map("name"),
        ),
    ]
    flows: Annotated[
        tuple[Flow, ...],
        Field(
            max_length=MAX_FLOWS,
            description="Permitted flows; everything else is refused. Each is one direction in"
            " which connections are opened; answers pass.",
        ),
    ] = ()
    externals: Annotated[
        tuple[External, ...],
        Field(
            max_length=MAX_EXTERNALS,
            description="Systems outside the cluster that flows may name.",
            json_schema_extra=list_map("name"),
        ),
    ] = ()

    secrets: Annotated[
        tuple[DeclaredSecret, ...],
        Field(
            max_length=MAX_SECRETS,
            description="The Secrets that pods of the zones may read (PHI-SEC-002): references,"
            " never values.",
            json_schema_extra=list_map("zone", "name"),
        ),
    ] = ()
    volumes: Annotated[
        tuple[DeclaredVolume, ...],
        Field(
            max_length=MAX_VOLUMES,
            description="Volume claims that are made in zones.",
            json_schema_extra=list_map("name"),
        ),
    ] = ()
    storage_attestations: Annotated[
        tuple[StorageAttestation, ...],
        Field(
            max_length=MAX_ATTESTATIONS,
            description="What somebody answers for where nothing in the cluster shows whether a"
            " class encrypts. They count for that alone, and never against what is shown.",
            json_schema_extra=list_map("storageClassName"),
        ),
    ] = ()

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        distinct("zones", (zone.name for zone in self.zones))
        distinct("externals", (external.name for external in self.externals))
        distinct("volumes", (volume.name for volume in self.volumes))
        distinct("secrets", (f"{secret.zone}/{secret.name}" for secret in self.secrets))
        return self
