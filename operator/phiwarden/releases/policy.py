"""What a zone asks of a release."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from phiwarden.api.durations import to_timedelta
from phiwarden.api.images import SCAN_LIMITS, ScanLimits
from phiwarden.api.vocabulary import ClinicalImpact
from phiwarden.api.workload import WorkloadSpec, Zone
from phiwarden.releases.keys import Key, UnreadableKey, public_key


@dataclass(frozen=True, slots=True)
class Limits:
    """What a scan may have found.

    Attributes:
        critical: most vulnerabilities of critical severity.
        high: most of high severity.
        max_database_age: age beyond which the scanner's database is too old.
    """

    critical: int
    high: int
    max_database_age: dt.timedelta


@dataclass(frozen=True, slots=True)
class Doubt:
    """A key that is declared and cannot be used.

    Attributes:
        field: where it stands in the declaration.
        name: its name.
        problem: why.
    """

    field: str
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What is asked of a release.

    Attributes:
        keys: whose signatures count.
        unreadable: keys that are declared and cannot be used.
        workload: name of the PHIWorkload that it must be for; None where that is not asked.
        promoted_from: where it must have run before; None where that is not asked.
        limits: what its scan may have found; None where that is not asked.
    """

    keys: tuple[Key, ...]
    unreadable: tuple[Doubt, ...] = ()
    workload: str | None = None
    promoted_from: str | None = None
    limits: Limits | None = None


def policy_of(workload: str, spec: WorkloadSpec, zone: Zone) -> Policy:
    """Return what a zone of a PHIWorkload asks of a release.

    Nobody vouches for a key before it is used: that it has the form of one is
    all that the API server can tell.
    """
    index = spec.zones.index(zone)
    keys: list[Key] = []
    unreadable: list[Doubt] = []
    for number, declared in enumerate(zone.images.release_keys):
        try:
            keys.append(public_key(declared.name, declared.public_key, declared.not_after))
        except UnreadableKey as error:
            field = f"spec.zones[{index}].images.releaseKeys[{number}].publicKey"
            unreadable.append(Doubt(field, declared.name, str(error)))
    return Policy(
        tuple(keys),
        tuple(unreadable),
        workload,
        zone.images.promoted_from,
        limits_of(spec.clinical_impact, zone.images.scan_limits),
    )


def limits_of(impact: ClinicalImpact, declared: ScanLimits | None) -> Limits:
    """Return the limits of a zone: what it declares, and else those of the clinical impact."""
    said = declared.model_dump(exclude_none=True) if declared is not None else {}
    every = SCAN_LIMITS[impact].model_dump() | said
    age = to_timedelta(every["max_database_age"])
    return Limits(every["critical"], every["high"], age)
