"""Images of a zone: where they may come from, and whose releases they must be of."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from phiwarden.api import images_rules as rules
from phiwarden.api.base import ApiModel, Matches, checked, distinct, list_map, list_set
from phiwarden.api.durations import Duration, DurationBounds
from phiwarden.api.release import Count, EarlierEnvironment
from phiwarden.api.values import Flag, FullDate, Name, Registry
from phiwarden.api.vocabulary import ClinicalImpact

MAX_KEYS: Final = 8

DatabaseAge = Annotated[Duration, DurationBounds("1h", "90d")]

_BASE64: Final = "[A-Za-z0-9+/]"
# Both have but one form: what comes before the key itself says what kind it is, and ends with a
# whole character of base64; of the last character, the bits that stand for nothing are 0.
_ED25519: Final = rf"MCowBQYDK2VwAyEA{_BASE64}{{42}}[AEIMQUYcgkosw048]="
_P256: Final = rf"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE{_BASE64}{{28}}\n{_BASE64}{{57}}[AQgw]=="

PublicKeyText = Annotated[
    str,
    Field(min_length=1, max_length=1024),
    Matches(
        rf"-----BEGIN PUBLIC KEY-----\n({_ED25519}|{_P256})\n-----END PUBLIC KEY-----\n?",
        "must be a public key in PEM, Ed25519 or ECDSA P-256, as `openssl pkey -pubout` writes it:"
        " BEGIN PUBLIC KEY, and never a private key or a certificate",
    ),
]
"""A SubjectPublicKeyInfo in the one form that it has; whether the point is on its curve is not told."""


class ReleaseKey(ApiModel):
    """A key whose signatures count."""

    name: Annotated[Name, Field(description="Name of the key, such as ci-2026.")]
    public_key: Annotated[
        PublicKeyText,
        Field(description="The public key in PEM: Ed25519 or ECDSA P-256, BEGIN PUBLIC KEY."),
    ]
    not_after: Annotated[
        FullDate | None,
        Field(
            description="Last day (UTC) on which a release may be created that this key signed;"
            " those created before go on counting. Take the key out if none shall count."
        ),
    ] = None


class ScanLimits(ApiModel):
    """What a scan may have found; what is left out is as the clinical impact has it."""

    critical: Annotated[
        Count | None, Field(description="Most vulnerabilities of critical severity.")
    ] = None
    high: Annotated[Count | None, Field(description="Most vulnerabilities of high severity.")] = (
        None
    )
    max_database_age: Annotated[
        DatabaseAge | None,
        Field(
            description="Age beyond which the scanner's database is too old, such as 7d: from 1h"
            " to 90d."
        ),
    ] = None


SCAN_LIMITS: Final[Mapping[ClinicalImpact, ScanLimits]] = MappingProxyType(
    {
        ClinicalImpact.DIRECT_CARE: ScanLimits(critical=0, high=0, max_database_age="7d"),
        ClinicalImpact.CARE_SUPPORT: ScanLimits(critical=0, high=5, max_database_age="14d"),
        ClinicalImpact.ADMINISTRATIVE: ScanLimits(critical=0, high=20, max_database_age="30d"),
    }
)
"""What holds where a zone declares nothing else."""


def _limits_in_words() -> str:
    return "; ".join(
        f"{impact} {limits.critical} critical and {limits.high} high, by a database of at most"
        f" {limits.max_database_age}"
        for impact, limits in SCAN_LIMITS.items()
    )


class Images(ApiModel):
    """Where the images of a zone may come from."""

    model_config = checked(*rules.IMAGES)

    registries: Annotated[
        tuple[Registry, ...],
        Field(
            max_length=32,
            description="Approved registries or repository prefixes, such as"
            " registry.hospital.example/portal. Compared by whole path segments; a host alone"
            " approves everything on it. None is approved if left out.",
            json_schema_extra=list_set(),
        ),
    ] = ()
    require_release: Annotated[
        Flag,
        Field(
            description="Whether images must be of a PHIRelease in the zone's namespace that is"
            " verified and approved."
        ),
    ] = False
    release_keys: Annotated[
        tuple[ReleaseKey, ...],
        Field(
            max_length=MAX_KEYS,
            description="Keys whose signatures on releases count.",
            json_schema_extra=list_map("name"),
        ),
    ] = ()
    promoted_from: Annotated[
        EarlierEnvironment | None,
        Field(description="Environment in which a release must have run before; any if left out."),
    ] = None
    scan_limits: Annotated[
        ScanLimits | None,
        Field(
            description="What a scan may have found. What is left out is as the clinical impact"
            f" has it: {_limits_in_words()}."
        ),
    ] = None

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        distinct("release keys", (key.name for key in self.release_keys))
        return self
