"""What a declaration and the storage classes that stand make of the claims of a zone."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from phiwarden.api.storage import DeclaredVolume, StorageAttestation
from phiwarden.api.workload import DataClass, Enforcement, WorkloadSpec, Zone
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.boundary.manifest import Place, namespaced
from phiwarden.boundary.model import Desired, Facts
from phiwarden.storage.drivers import Encryption

SENSITIVE: Final = frozenset({DataClass.PHI, DataClass.DEIDENTIFIED})
"""Data that lies on encrypted storage alone (PHI-VOL-001)."""


def attestation_of(
    spec: WorkloadSpec, storage_class: str, today: dt.date
) -> StorageAttestation | None:
    """Return the attestation of a class that counts today, if there is one."""
    for attestation in spec.storage_attestations:
        if attestation.storage_class_name == storage_class and (
            attestation.attested_on <= today <= attestation.expires
        ):
            return attestation
    return None


def usable(spec: WorkloadSpec, storage_class: str, facts: Facts) -> bool:
    """Return whether a class is proven to encrypt, or somebody answers for what cannot be seen."""
    if facts.storage is None:
        return True
    found = facts.storage.get(storage_class)
    if found is None:
        return False
    attested = attestation_of(spec, storage_class, facts.today) is not None
    return found.proven or (found is Encryption.UNKNOWN and attested)


def volumes_of(zone: Zone, spec: WorkloadSpec) -> tuple[DeclaredVolume, ...]:
    """Return the declared volumes of a zone."""
    return tuple(volume for volume in spec.volumes if volume.zone == zone.name)


def declared_classes(zone: Zone, spec: WorkloadSpec) -> tuple[str, ...]:
    """Return the classes that claims of a zone may name, if they encrypt."""
    of_volumes = (volume.storage_class_name for volume in volumes_of(zone, spec))
    return tuple(dict.fromkeys((*zone.storage_classes, *of_volumes)))


def usable_classes(zone: Zone, spec: WorkloadSpec, facts: Facts) -> tuple[str, ...]:
    """Return the classes that claims of a zone may name today."""
    return tuple(
        name
        for name in declared_classes(zone, spec)
        if zone.data not in SENSITIVE or usable(spec, name, facts)
    )


def relied_on(zone: ZoneBoundary) -> frozenset[str]:
    """Return the classes that the API server takes for encrypted because a zone lists them."""
    if zone.enforcement != Enforcement.ENFORCE or zone.data not in SENSITIVE:
        return frozenset()
    return frozenset(zone.storage_classes)


def withheld(zone: Zone, spec: WorkloadSpec, facts: Facts) -> tuple[DeclaredVolume, ...]:
    """Return the declared volumes that may not be made today: their class does not prove enough."""
    return tuple(
        volume for volume in volumes_of(zone, spec) if _falls_short(zone, spec, facts, volume)
    )


def claims(place: Place, zone: Zone, spec: WorkloadSpec, facts: Facts) -> tuple[Desired, ...]:
    """Return the claims of a zone that are declared and not withheld."""
    kept = withheld(zone, spec, facts)
    return tuple(
        namespaced(place, "v1", "PersistentVolumeClaim", volume.name, spec=_claim(volume))
        for volume in sorted(volumes_of(zone, spec), key=lambda volume: volume.name)
        if volume not in kept
    )


def _claim(volume: DeclaredVolume) -> dict[str, Any]:
    return {
        "accessModes": sorted(volume.access_modes),
        "storageClassName": volume.storage_class_name,
        "resources": {"requests": {"storage": volume.size}},
    }


def _falls_short(zone: Zone, spec: WorkloadSpec, facts: Facts, volume: DeclaredVolume) -> bool:
    if volume.customer_managed_key and facts.storage is not None:
        return facts.storage.get(volume.storage_class_name) is not Encryption.CUSTOMER_KEY
    return zone.data in SENSITIVE and not usable(spec, volume.storage_class_name, facts)
