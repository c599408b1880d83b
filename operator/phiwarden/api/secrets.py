"""Secrets of a zone: which there are, who reads them, where they come from, how old they may be.

References, never values: nothing here can hold a credential.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from phiwarden.api import secrets_rules as rules
from phiwarden.api.base import ApiModel, Matches, checked, list_set
from phiwarden.api.durations import Duration, DurationBounds
from phiwarden.api.values import DNS_SUBDOMAIN, Reference

MAX_SECRETS: Final = 48
MAX_KEYS: Final = 32
MAX_CONSUMERS: Final = 6
MAX_PARAMETERS: Final = 32

Refresh = Annotated[Duration, DurationBounds("1h", "31d")]
MaxAge = Annotated[Duration, DurationBounds("1h", "1100d")]
Remaining = Annotated[Duration, DurationBounds("1h", "366d")]

ObjectName = Annotated[str, Field(min_length=1, max_length=253), DNS_SUBDOMAIN]
"""Name of an object of the cluster."""

Account = Annotated[str, Field(min_length=1, max_length=63)]
"""Name of a service account of the zone; whether there is one is checked."""

SecretKey = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Matches(r"[-._a-zA-Z0-9]+", "must be letters, digits, '-', '_' and '.'"),
]

SecretType = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Matches(
        r"[-._/a-zA-Z0-9]+",
        "must be the type of a Secret: letters, digits, '-', '_', '.' and '/'",
    ),
]
"""Type of a Secret; it stands in a field selector, which has its own marks."""

Locator = Annotated[
    str,
    Field(min_length=1, max_length=1024),
    Matches(
        r"[!-~]+",
        "must be printable, without white space: the name of an entry in a store, never a value",
    ),
]
"""Where an entry lies in a store."""


class ExternalSecretSource(ApiModel):
    """An entry of a store that the External Secrets operator reads."""

    store: Annotated[ObjectName, Field(description="Name of the store.")]
    store_kind: Annotated[
        Literal["SecretStore", "ClusterSecretStore"],
        Field(description="SecretStore of the zone's namespace, or ClusterSecretStore."),
    ] = "ClusterSecretStore"
    key: Annotated[Locator, Field(description="Name of the entry in the store.")]
    refresh_interval: Annotated[
        Refresh, Field(description="How often the store is asked, such as 1h: from 1h to 31d.")
    ] = "1h"


class VaultStaticSecretSource(ApiModel):
    """An entry of Vault that the Vault Secrets Operator reads."""

    auth_ref: Annotated[
        ObjectName | None,
        Field(description="VaultAuth by which Vault is asked; the operator's default if left out."),
    ] = None
    mount: Annotated[Locator, Field(description="Where the secrets engine is mounted.")]
    path: Annotated[Locator, Field(description="Path of the entry within the mount.")]
    engine: Annotated[
        Literal["kv-v1", "kv-v2"], Field(description="Version of the key-value engine.")
    ] = "kv-v2"
    refresh_after: Annotated[
        Refresh, Field(description="How often Vault is asked, such as 1h: from 1h to 31d.")
    ] = "1h"


class ProviderParameter(ApiModel):
    """One parameter of a provider."""

    name: Annotated[SecretKey, Field(description="Name of the parameter.")]
    value: Annotated[
        str,
        Field(
            min_length=1,
            max_length=16384,
            description="Its value, as the provider's documentation has it. It names entries and"
            " never holds a credential.",
        ),
    ]


class SecretProviderClassSource(ApiModel):
    """Entries that a provider of the Secrets Store CSI driver mounts and copies to a Secret."""

    provider: Annotated[SecretKey, Field(description="Name of the provider, such as vault or aws.")]
    parameters: Annotated[
        tuple[ProviderParameter, ...],
        Field(
            max_length=MAX_PARAMETERS,
            description="Parameters of the provider. The objects that they name must be called"
            " as the keys of the secret.",
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
    ] = ()


class SecretSource(ApiModel):
    """Where a secret comes from: exactly one of these."""

    model_config = checked(*rules.SOURCE)

    external_secret: Annotated[
        ExternalSecretSource | None,
        Field(description="An ExternalSecret of the secret's name is made in the zone."),
    ] = None
    vault_static_secret: Annotated[
        VaultStaticSecretSource | None,
        Field(description="A VaultStaticSecret of the secret's name is made in the zone."),
    ] = None
    secret_provider_class: Annotated[
        SecretProviderClassSource | None,
        Field(description="A SecretProviderClass of the secret's name is made in the zone."),
    ] = None


class DeclaredSecret(ApiModel):
    """A Secret of a zone: a reference, never a value."""

    model_config = checked(*rules.SECRET)

    name: Annotated[ObjectName, Field(description="Name of the Secret in the zone's namespace.")]
    zone: Annotated[Reference, Field(description="Name of a zone of this workload.")]
    type: Annotated[
        SecretType | None,
        Field(
            description="Type that the Secret must have, such as kubernetes.io/tls; any if left out."
        ),
    ] = None
    keys: Annotated[
        tuple[SecretKey, ...],
        Field(
            max_length=MAX_KEYS,
            description="Entries that the Secret must have.",
            json_schema_extra=list_set(),
        ),
    ] = ()
    max_age: Annotated[
        MaxAge | None,
        Field(
            description="Age beyond which the value is overdue and admits no new rollout"
            " (PHI-SEC-003), such as 90d: from 1h to 1100d; no limit if left out."
        ),
    ] = None
    minimum_remaining: Annotated[
        Remaining | None,
        Field(
            description="Of a certificate, the time before its end from which it admits no new"
            " rollout (PHI-SEC-003), such as 21d: from 1h to 366d."
        ),
    ] = None
    consumers: Annotated[
        tuple[Account, ...],
        Field(
            max_length=MAX_CONSUMERS,
            description="Service accounts of the zone whose pods may read it (PHI-SEC-002); none"
            " if left out.",
            json_schema_extra=list_set(),
        ),
    ] = ()
    source: Annotated[
        SecretSource | None,
        Field(
            description="Store that delivers it, and alone may write it (PHI-SEC-004). If left"
            " out somebody else delivers the Secret."
        ),
    ] = None
    on_rotation: Annotated[
        Literal["Restart", "Report"],
        Field(
            description="What becomes of what reads it as environment variables once it has a new"
            " value: Restart rolls it over, in direct care one workload of the zone at a time and"
            " never the only replica; Report lists it."
        ),
    ] = "Restart"

    @field_validator("keys", "consumers")
    @classmethod
    def _distinct(cls, found: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({name for name in found if found.count(name) > 1}):
            raise ValueError(f"given twice: {', '.join(twice)}")
        return found

    @model_validator(mode="after")
    def _certificate(self) -> Self:
        if self.minimum_remaining is not None and self.type != "kubernetes.io/tls":
            raise ValueError("minimumRemaining is for certificates: type must be kubernetes.io/tls")
        return self
