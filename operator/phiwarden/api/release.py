"""PHIRelease: what may be promoted, signed by a key that the zone declares.

The fields of the spec are what was signed: the envelope's payload must be
their canonical bytes (`phiwarden.releases.canonical`), so that what a person
reads is what a key vouches for. For that nothing signed has a default, which
the API server would fill in, and no list of it is merged by keys.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final, Literal

from pydantic import Field

from phiwarden.api.base import ApiModel, Matches, bounded, checked, list_map, validation
from phiwarden.api.decision import Decision
from phiwarden.api.decision_rules import lasting
from phiwarden.api.status import Condition
from phiwarden.api.values import (
    WHOLE,
    Digest,
    Flag,
    Instant,
    Name,
    Plain,
    Repository,
)

MAX_IMAGES: Final = 64
MAX_TESTS: Final = 32
MAX_SIGNATURES: Final = 8
MAX_RELEASED: Final = 500
"""Digests that the releases of one zone may let run in all: its Namespace carries them."""
MAX_PAYLOAD: Final = 96 * 1024
"""Characters of the payload in base64; the largest statement that there may be has fewer."""

EarlierEnvironment = Literal["staging", "test", "development"]
"""Where something can run before it is promoted."""

Link = Annotated[
    str,
    Field(min_length=1, max_length=512),
    Matches(r"https://[!-~]+", "must begin with https:// and be printable, without white space"),
]

Commit = Annotated[
    str,
    Field(min_length=40, max_length=64),
    Matches(
        "[0-9a-f]{40}|[0-9a-f]{64}",
        "must be a whole commit: 40 or 64 digits and lower-case letters a to f",
    ),
]

Version = Annotated[
    str,
    Field(min_length=1, max_length=128),
    Matches(
        r"[A-Za-z0-9]([A-Za-z0-9._+-]*[A-Za-z0-9])?",
        "must be letters, digits, '.', '_', '+' and '-', and begin and end with a letter or digit",
    ),
]

Count = Annotated[int, Field(ge=0, le=1_000_000), WHOLE]


class ReleasedImage(ApiModel):
    """One image of the release."""

    repository: Annotated[
        Repository,
        Field(description="Where it lies, such as registry.hospital.example/portal/records."),
    ]
    digest: Annotated[
        Digest, Field(description="Its digest: sha256: and 64 lower-case hex digits.")
    ]


class SeverityCounts(ApiModel):
    """How many vulnerabilities a scan found, over all images of the release."""

    critical: Annotated[Count, Field(description="Of critical severity.")]
    high: Annotated[Count, Field(description="Of high severity.")]
    medium: Annotated[Count, Field(description="Of medium severity.")]
    low: Annotated[Count, Field(description="Of low severity.")]
    unknown: Annotated[Count, Field(description="Of a severity that nobody has told yet.")]


class Scan(ApiModel):
    """What a scanner found in the images."""

    tool: Annotated[Plain, Field(description="Name of the scanner.")]
    tool_version: Annotated[Plain, Field(description="Its version.")]
    database_date: Annotated[
        Instant,
        Field(
            description="When its database of vulnerabilities was made, in UTC, such as"
            " 2027-06-30T12:00:00Z."
        ),
    ]
    counts: Annotated[SeverityCounts, Field(description="What it found, by severity.")]


class Sbom(ApiModel):
    """The list of what the images are made of."""

    digest: Annotated[Digest, Field(description="Digest of the document.")]
    format: Annotated[Literal["spdx", "cyclonedx"], Field(description="Its format.")]
    location: Annotated[Link | None, Field(description="Where it lies.")] = None


class Evidence(ApiModel):
    """One test, and how it ended."""

    model_config = checked(
        validation(
            "has(self.digest) || has(self.link)",
            "a test needs evidence: the digest of its report, or a link to it",
            reason="FieldValueRequired",
        )
    )

    name: Annotated[Plain, Field(description="Name of the test or suite.")]
    passed: Annotated[Flag, Field(description="Whether it passed.")]
    date: Annotated[Instant, Field(description="When it ended, in UTC.")]
    digest: Annotated[Digest | None, Field(description="Digest of its report.")] = None
    link: Annotated[Link | None, Field(description="Where its report lies.")] = None


class Source(ApiModel):
    """What the images were built from."""

    repository: Annotated[Plain, Field(description="Repository of the source.")]
    commit: Annotated[Commit, Field(description="Commit in full, in lower case.")]


class Statement(ApiModel):
    """What is signed."""

    workload: Annotated[
        Name,
        Field(description="Name of the PHIWorkload that it is for: it counts in no other's zones."),
    ]
    version: Annotated[Version, Field(description="Version of the application.")]
    images: Annotated[
        tuple[ReleasedImage, ...],
        Field(min_length=1, max_length=MAX_IMAGES, description="The images that may run."),
    ]
    promoted_from: Annotated[
        EarlierEnvironment | None,
        Field(
            description="Environment in which these images ran before. Zones may ask for one: see"
            " images.promotedFrom of a PHIWorkload's zone."
        ),
    ] = None
    scan: Annotated[Scan, Field(description="What a scanner found in the images.")]
    sbom: Annotated[Sbom, Field(description="What the images are made of.")]
    tests: Annotated[
        tuple[Evidence, ...],
        Field(min_length=1, max_length=MAX_TESTS, description="What was tested, and how it ended."),
    ]
    change: Annotated[Plain, Field(description="Identifier of the change record.")]
    source: Annotated[Source, Field(description="What the images were built from.")]


class Signature(ApiModel):
    """One signature of an envelope."""

    keyid: Annotated[
        str | None,
        Field(
            max_length=256,
            description="Hint which key it is by: the SHA-256 of its SubjectPublicKeyInfo, in hex."
            " Nothing rests on it.",
        ),
    ] = None
    sig: Annotated[str, Field(min_length=1, max_length=1024, description="Signature in base64.")]


class Envelope(ApiModel):
    """A DSSE envelope, https://github.com/secure-systems-lab/dsse."""

    payload: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_PAYLOAD,
            description="What was signed, in base64: the canonical bytes of the other fields.",
        ),
    ]
    payload_type: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            description="application/vnd.phiwarden.release.v1alpha1+json.",
        ),
    ]
    signatures: Annotated[
        tuple[Signature, ...],
        Field(
            min_length=1,
            max_length=MAX_SIGNATURES,
            description="Signatures, of which one must be by a key that the zone declares.",
        ),
    ]


IMMUTABLE: Final = validation(
    "self == oldSelf",
    "a release is immutable once signed: sign another one under another name",
    reason="FieldValueForbidden",
)


ROOT: Final = lasting("sign a release that says something else")
"""Of the whole object: a decision outlives what it is on."""


class ReleaseSpec(Statement):
    """A statement with its signatures."""

    model_config = checked(IMMUTABLE)

    envelope: Annotated[
        Envelope,
        Field(description="Signatures over the other fields: kubectl phi release sign makes them."),
    ]


class ReleaseCondition(Condition):
    """A condition of a PHIRelease."""

    type: Annotated[
        str,
        Field(
            max_length=316,
            description="What is said: Verified or InForce. True is the good state of each.",
        ),
    ]


class VerifiedBy(ApiModel):
    """The key by which a release was verified."""

    name: Annotated[str, Field(description="Its name in the declaration of the zone.")]
    key_id: Annotated[str, Field(description="SHA-256 of its SubjectPublicKeyInfo, in hex.")]
    time: Annotated[dt.datetime | None, Field(description="When that was seen.")] = None


class ReleaseStatus(ApiModel):
    """What was decided, and what is true of a PHIRelease, as of `observedGeneration`."""

    decision: Annotated[
        Decision | None,
        Field(
            description="Written by somebody with the verb approve on phireleases. To deny what"
            " was approved is to revoke it."
        ),
    ] = None

    observed_generation: Annotated[
        int | None, Field(description="Generation that this status speaks of.")
    ] = None
    verified: Annotated[
        VerifiedBy | None,
        Field(description="The key by which it was verified; absent if it is not."),
    ] = None
    conditions: Annotated[
        tuple[ReleaseCondition, ...],
        Field(
            description="What is true of it, each with its reason.",
            json_schema_extra=bounded(16, **list_map("type")),
        ),
    ] = ()
