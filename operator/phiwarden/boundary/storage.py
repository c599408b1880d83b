"""What a declaration and the storage classes that stand make of the claims of a zone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.storage import DeclaredVolume, StorageAttestation
from phiwarden.api.workload import DataClass, Enforcement, WorkloadSpec, Zone
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.boundary.manifest import Place, namespaced
from phiwarden.boundary.model import Desired, Facts
from phiwarden.storage.drivers import Encryption
from phiwarden.storage.making import CannotMake, Recipe, recipe
from phiwarden.storage.verdict import of_recipe

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
    of_volumes = (class_of(volume) for volume in volumes_of(zone, spec))
    return tuple(dict.fromkeys((*zone.storage_classes, *filter(None, of_volumes))))


def class_of(volume: DeclaredVolume) -> str:
    """Return the name of the class that a volume is of; "" for one that cannot be made."""
    if volume.storage_class_name is not None:
        return volume.storage_class_name
    made = _recipe(volume)
    return made.name if made is not None else ""


def requested(spec: WorkloadSpec) -> tuple[Recipe, ...]:
    """Return the classes that are to be made for volumes of a declaration, each once."""
    made = (_recipe(volume) for volume in spec.volumes if volume.storage_class_name is None)
    return tuple({each.name: each for each in made if each is not None}.values())


def _recipe(volume: DeclaredVolume) -> Recipe | None:
    asked = volume.encryption
    if asked is None:
        return None
    try:
        return recipe(asked.provisioner, asked.key or "")
    except CannotMake:
        return None  # the API server admits none; a file may hold anything


def with_requested(
    spec: WorkloadSpec, known: Mapping[str, Encryption] | None
) -> Mapping[str, Encryption] | None:
    """Return what classes prove, with those that will be made as soon as they are asked for."""
    if known is None:
        return None
    return {made.name: of_recipe(made).encryption for made in requested(spec)} | dict(known)


def made_class(made: Recipe) -> Desired:
    """Return a StorageClass that is made on request, for everybody who asks for the same.

    A volume outlives its claim (Retain), and is made where its pod runs.
    """
    body = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": made.name, "labels": {names.MANAGED_BY: names.FIELD_MANAGER}},
        "provisioner": made.provisioner,
        "parameters": dict(made.parameters),
        "allowVolumeExpansion": True,
        "reclaimPolicy": "Retain",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    return Desired("storage.k8s.io/v1", "StorageClass", None, made.name, body)


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
        "storageClassName": class_of(volume),
        "resources": {"requests": {"storage": volume.size}},
    }


def _falls_short(zone: Zone, spec: WorkloadSpec, facts: Facts, volume: DeclaredVolume) -> bool:
    if volume.customer_managed_key and facts.storage is not None:
        return facts.storage.get(class_of(volume)) is not Encryption.CUSTOMER_KEY
    return zone.data in SENSITIVE and not usable(spec, class_of(volume), facts)
