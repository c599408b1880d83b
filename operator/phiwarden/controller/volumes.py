"""What the status says of volumes: pure, from the declaration and what storage there is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Final

from phiwarden.api.standing import ClassStatus, VolumeStatus
from phiwarden.api.storage import DeclaredVolume
from phiwarden.api.workload import WorkloadSpec, Zone
from phiwarden.backups.objects import is_trial
from phiwarden.backups.plan import Outlook
from phiwarden.boundary.manifest import Place
from phiwarden.boundary.model import Facts
from phiwarden.boundary.storage import (
    SENSITIVE,
    attestation_of,
    class_of,
    declared_classes,
    usable,
    volumes_of,
    withheld,
)
from phiwarden.storage.claims import Claim, Storage, finding, promised
from phiwarden.storage.drivers import Encryption
from phiwarden.storage.verdict import Finding

MAX_UNDECLARED: Final = 32
"""Claims listed that nobody declared; the worst ones."""

GOOD: Final = ("Proven", "Attested", "NotNeeded")
"""Standings of a volume that need nobody's attention."""


def named_classes(spec: WorkloadSpec) -> set[str]:
    """Return the classes that a declaration names."""
    return {name for zone in spec.zones for name in declared_classes(zone, spec)}


def class_verdicts(spec: WorkloadSpec, storage: Storage) -> dict[str, Encryption]:
    """Return what the classes prove that a declaration names, by name; of those that are there."""
    named = named_classes(spec)
    return {name: promised(name, storage).encryption for name in named if name in storage.classes}


def class_statuses(spec: WorkloadSpec, facts: Facts, storage: Storage) -> tuple[ClassStatus, ...]:
    """Return what is proven of the classes that a declaration names, whatever uses them."""
    found = []
    for name in sorted(named_classes(spec)):
        attestation = attestation_of(spec, name, facts.today)
        told = promised(name, storage)
        unknown = told.encryption is Encryption.UNKNOWN
        found.append(
            ClassStatus(
                name=name,
                usable=usable(spec, name, facts),
                encryption=told.encryption.value,
                evidence=told.evidence,
                traps=told.traps,
                attested_by=attestation.attested_by if attestation and unknown else None,
            )
        )
    return tuple(found)


def statuses(
    workload: str,
    spec: WorkloadSpec,
    facts: Facts,
    storage: Storage,
    stored: Mapping[str, Any],
) -> tuple[VolumeStatus, ...]:
    """Return what is true of every declared volume, and of claims that nobody declared.

    Args:
        workload: name of the PHIWorkload.
        spec: its declaration.
        facts: what its boundary was compiled with.
        storage: what the cluster has.
        stored: the status as it was, which remembers the claims that were there.
    """
    declared: list[VolumeStatus] = []
    others: list[VolumeStatus] = []
    for zone in spec.zones:
        place = Place(workload, zone.name, zone.namespace_in(workload))
        claims = storage.claims.get(place.namespace, {})
        volumes = {volume.name: volume for volume in volumes_of(zone, spec)}
        short = {volume.name for volume in withheld(zone, spec, facts)}
        for volume in volumes.values():
            claim = claims.get(volume.name)
            if claim is not None:
                declared.append(_status(zone, spec, facts.today, storage, claim, volume))
            else:
                uid = made_before(stored, zone.name, volume.name)
                declared.append(_absent(zone, storage, volume, short, uid))
        others += [
            _status(zone, spec, facts.today, storage, claim, None)
            for name, claim in claims.items()
            if name not in volumes and not _is_tested(claim, place, storage)
        ]
    others.sort(key=lambda entry: (entry.standing in GOOD, entry.zone, entry.name))
    return (*declared, *others[:MAX_UNDECLARED])


def made_before(stored: Mapping[str, Any], zone: str, name: str) -> str:
    """Return the uid of a declared claim that was there once; "" if there never was one."""
    for entry in stored.get("volumes") or ():
        if (entry.get("zone"), entry.get("name")) == (zone, name) and entry.get("declared"):
            uid: str = entry.get("uid") or ""
            return uid
    return ""


def _is_tested(claim: Claim, place: Place, storage: Storage) -> bool:
    """Whether a claim is a restore test, whose storage is judged as part of that test.

    Not one whose snapshot is gone: nobody judges it any more, and it holds what it was made with.
    """
    return is_trial(claim, place) and claim.source_name in storage.snapshots.get(
        place.namespace, {}
    )


def with_backups(volumes: tuple[VolumeStatus, ...], outlook: Outlook) -> tuple[VolumeStatus, ...]:
    """Return what is true of volumes, and of the backups of those that declare some."""
    of = {(plan.zone, plan.name): plan.status for plan in outlook.volumes}
    return tuple(
        entry.model_copy(update={"backup": of[entry.zone, entry.name]})
        if entry.declared and (entry.zone, entry.name) in of
        else entry
        for entry in volumes
    )


def shortfall(
    zone: Zone,
    spec: WorkloadSpec,
    today: dt.date,
    storage: Storage,
    trial: Claim,
    volume: DeclaredVolume,
) -> str:
    """Return why what a snapshot was restored into is not as proven as the original, "" if it is."""
    found = _status(zone, spec, today, storage, trial, volume)
    original = storage.claims.get(trial.namespace, {}).get(volume.name)
    if found.standing not in GOOD:
        return found.evidence
    if original is not None:
        wanted = finding(original, storage).encryption
        if _STRENGTH[Encryption(found.encryption)] < _STRENGTH[wanted]:
            return f"{found.encryption}, where the original is {wanted}: {found.evidence}"
    return ""


_STRENGTH: Final = {
    Encryption.UNENCRYPTED: 0,
    Encryption.UNKNOWN: 0,
    Encryption.PLATFORM_KEY: 1,
    Encryption.CUSTOMER_KEY: 2,
}


def _absent(
    zone: Zone, storage: Storage, volume: DeclaredVolume, short: set[str], uid: str
) -> VolumeStatus:
    standing = "Lost" if uid else "Withheld" if volume.name in short else "Pending"
    return VolumeStatus(
        zone=zone.name,
        name=volume.name,
        declared=True,
        uid=uid or None,
        standing=standing,
        **_told(promised(class_of(volume), storage)),
    )


def _status(
    zone: Zone,
    spec: WorkloadSpec,
    today: dt.date,
    storage: Storage,
    claim: Claim,
    volume: DeclaredVolume | None,
) -> VolumeStatus:
    found = finding(claim, storage)
    attestation = attestation_of(spec, claim.class_name, today)
    needed = zone.data in SENSITIVE or (volume is not None and volume.customer_managed_key)
    standing, more = _standing(
        found, needed=needed, attested=attestation is not None, volume=volume
    )
    answers = (
        {"attested_by": attestation.attested_by} if attestation and standing == "Attested" else {}
    )
    return VolumeStatus(
        zone=zone.name,
        name=claim.name,
        declared=volume is not None,
        uid=claim.uid,
        volume=claim.volume_name or None,
        created=claim.created,
        standing=standing,
        **answers,
        **(_told(found) | more),
    )


def _standing(
    found: Finding, *, needed: bool, attested: bool, volume: DeclaredVolume | None
) -> tuple[Any, dict[str, Any]]:
    if not needed:
        return "NotNeeded", {}
    key_needed = volume is not None and volume.customer_managed_key
    if key_needed and found.encryption is Encryption.PLATFORM_KEY:
        short = f"{found.evidence}; the key must be the customer's own, and is the platform's"
        return "Unencrypted", {"evidence": short}
    if found.encryption.proven:
        return "Proven", {}
    if found.encryption is Encryption.UNENCRYPTED:
        return "Unencrypted", {}
    return ("Attested" if attested and not key_needed else "Unproven"), {}


def _told(found: Finding) -> dict[str, Any]:
    return {
        "encryption": found.encryption.value,
        "key": found.key or None,
        "evidence": found.evidence,
        "traps": found.traps,
    }


def shortcomings(volumes: tuple[VolumeStatus, ...]) -> Iterator[tuple[str, list[VolumeStatus]]]:
    """Yield the reasons for which not all volumes are encrypted, the worst first."""
    for standing, reason in (
        ("Lost", "ClaimLost"),
        ("Unencrypted", "Unencrypted"),
        ("Withheld", "Withheld"),
        ("Unproven", "Unproven"),
    ):
        found = [entry for entry in volumes if entry.standing == standing]
        if found:
            yield reason, found
