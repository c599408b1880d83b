"""The verdict on a class or volume: pure, from what the cluster shows of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from phiwarden.storage.drivers import Answer, Condition, Driver, Encryption, Proof, driver_of
from phiwarden.storage.making import Recipe

_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""What Go's strconv.ParseBool takes, and nothing else."""


@dataclass(frozen=True, slots=True)
class StorageClass:
    """A StorageClass as it stands now.

    Attributes:
        name: its name.
        uid: tells it from another of the same name.
        created: when the API server stored it.
        provisioner: its driver.
        parameters: by their names as written; they cannot be changed.
        waits: whether a claim gets no volume before a pod uses it.
    """

    name: str
    uid: str
    created: dt.datetime
    provisioner: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Volume:
    """A PersistentVolume.

    Attributes:
        name: its name.
        created: when the API server stored it.
        driver: a CSI driver's name, or that of a plug-in in the tree, as `kubernetes.io/nfs`.
        class_name: of the StorageClass that it was made by or for; "" for none.
        provisioned: whether a driver made it, so that its class says how.
        attributes: what the driver noted, and the Secrets that the volume names, under the names
            that classes have for them (`csi.storage.k8s.io/node-stage-secret-name`).
        pinned: uid of its class when the volume was first seen; "" if that is not known.
    """

    name: str
    created: dt.datetime
    driver: str
    class_name: str
    provisioned: bool = True
    attributes: Mapping[str, str] = field(default_factory=dict)
    pinned: str = ""


@dataclass(frozen=True, slots=True)
class Beside:
    """What else drivers go by.

    Attributes:
        annotations: of the claim.
        objects: fields of the driver's own object about the volume or class, by name.
        secret_keys: names of the keys of the Secret that the volume names; None if not known.
    """

    annotations: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[str, str] = field(default_factory=dict)
    secret_keys: frozenset[str] | None = None


NOTHING: Final = Beside()


@dataclass(frozen=True, slots=True)
class Source:
    """What a volume was made from: another claim or a snapshot.

    Attributes:
        kind: `PersistentVolumeClaim` or `VolumeSnapshot`.
        name: its name.
        finding: about its own volume; None if nothing is known of it.
    """

    kind: str
    name: str
    finding: Finding | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A verdict, and what it rests on.

    Attributes:
        encryption: the verdict.
        evidence: what it rests on, in words.
        key: the name of the key, "" if none is named.
        traps: what looked like encryption, or the lack of it, and is not.
    """

    encryption: Encryption
    evidence: str
    key: str = ""
    traps: tuple[str, ...] = ()


def of_class(storage_class: StorageClass, beside: Beside = NOTHING) -> Finding:
    """Return what volumes are that this class is asked for from now on."""
    driver = driver_of(storage_class.provisioner)
    if driver is None:
        return _stranger(storage_class.provisioner)
    found = _judged(driver, storage_class.parameters, beside)
    return replace(found, evidence=f"StorageClass {storage_class.name}: {found.evidence}")


def of_recipe(made: Recipe) -> Finding:
    """Return what volumes will be of a class that is yet to be made."""
    driver = driver_of(made.provisioner)
    return _judged(driver, made.parameters, NOTHING) if driver else _stranger(made.provisioner)


def of_volume(
    volume: Volume,
    storage_class: StorageClass | None,
    beside: Beside = NOTHING,
    source: Source | None = None,
) -> Finding:
    """Return what a volume is.

    Args:
        volume: the PersistentVolume.
        storage_class: the class that has the volume's class name now, if any.
        beside: what else the driver goes by.
        source: what the volume was made from, if anything.
    """
    driver = driver_of(volume.driver)
    if driver is None:
        return _stranger(volume.driver)
    own = _own(driver, volume, storage_class, beside)
    if source is None:
        return own
    return _copied(driver, own, source)


def _own(
    driver: Driver, volume: Volume, storage_class: StorageClass | None, beside: Beside
) -> Finding:
    if driver.volume == "everything" or (
        driver.volume == "proofs" and _proof(driver, volume, beside)
    ):
        found = _judged(driver, volume.attributes, beside)
        return replace(found, evidence=f"PersistentVolume {volume.name}: {found.evidence}")
    doubt = _doubt(volume, storage_class)
    if doubt is None and storage_class is not None:
        return of_class(storage_class, beside)
    if driver.always:
        return Finding(Encryption.PLATFORM_KEY, f"{driver.otherwise.evidence} ({driver.title})")
    return Finding(Encryption.UNKNOWN, doubt or "", traps=_told(driver, {}, beside))


def _proof(driver: Driver, volume: Volume, beside: Beside) -> Proof | None:
    return _first(driver, _known_as(driver, volume.attributes), beside)


def _doubt(volume: Volume, storage_class: StorageClass | None) -> str | None:
    """Return why the class of that name says nothing about the volume; None if it does."""
    if not volume.class_name or not volume.provisioned:
        return "the volume was made by hand, so no class says what it is"
    if storage_class is None:
        return f"StorageClass {volume.class_name} is gone, and the volume itself does not tell"
    recreated = f"StorageClass {volume.class_name} was made again after the volume"
    if storage_class.created > volume.created:
        return f"{recreated}, and says nothing about it"
    if volume.pinned and volume.pinned != storage_class.uid:
        return f"{recreated} was first seen, and says nothing about it"
    if driver_of(storage_class.provisioner) is not driver_of(volume.driver):
        return f"StorageClass {volume.class_name} is of another driver than the volume"
    return None


def _copied(driver: Driver, own: Finding, source: Source) -> Finding:
    ways = driver.clones if source.kind == "PersistentVolumeClaim" else driver.restores
    what = f"{source.kind} {source.name}"
    match ways or driver.clones:
        case "inherit":
            if source.finding is None:
                unknown = (
                    f"made from {what}, whose encryption it has, and of which nothing is known"
                )
                return Finding(Encryption.UNKNOWN, unknown, traps=own.traps)
            return replace(source.finding, evidence=f"made from {what}: {source.finding.evidence}")
        case "either" if not own.encryption.proven and source.finding is not None:
            if source.finding.encryption.proven:
                said = f"made from {what}, and encrypted as it is: {source.finding.evidence}"
                return replace(source.finding, evidence=said)
    if source.finding is None or not source.finding.encryption.proven:
        plain = f"its source, {what}, is not proven to be encrypted, and stays as it is"
        return replace(own, traps=(*own.traps, plain))
    return own


def _stranger(name: str) -> Finding:
    return Finding(Encryption.UNKNOWN, f"driver {name} is not one whose encryption is known here")


def _judged(driver: Driver, parameters: Mapping[str, str], beside: Beside) -> Finding:
    known = _known_as(driver, parameters)
    proof = _first(driver, known, beside)
    answer: Answer = proof or driver.otherwise
    named = proof.key if proof is not None else None
    key = known.get(_name(driver, named), "") or beside.annotations.get(named, "") if named else ""
    return Finding(answer.verdict, answer.evidence, key, _told(driver, known, beside))


def _told(driver: Driver, known: Mapping[str, str], beside: Beside) -> tuple[str, ...]:
    return tuple(
        trap.say
        for trap in driver.traps
        if all(_holds(driver, c, known, beside) for c in trap.when)
    )


def _first(driver: Driver, known: Mapping[str, str], beside: Beside) -> Proof | None:
    for proof in driver.proofs:
        if all(_holds(driver, condition, known, beside) for condition in proof.when):
            return proof
    return None


def _name(driver: Driver, name: str) -> str:
    name = name.lower() if driver.case == "insensitive" else name
    return name.removeprefix(driver.prefix)


def _known_as(driver: Driver, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return parameters under the names that the driver knows them by."""
    return {_name(driver, name): value for name, value in parameters.items()}


def _holds(driver: Driver, condition: Condition, known: Mapping[str, str], beside: Beside) -> bool:
    if condition.secret_key is not None:
        keys = beside.secret_keys
        there = keys is not None and condition.secret_key in keys
        return there if condition.is_ == "there" else keys is not None and not there
    if condition.parameter is not None:
        value = known.get(_name(driver, condition.parameter), "")
    elif condition.annotation is not None:
        value = beside.annotations.get(condition.annotation, "")
    else:
        value = beside.objects.get(condition.object or "", "")
    return _is(condition, value)


def _is(condition: Condition, value: str) -> bool:
    match condition.is_:
        case "given":
            return bool(value)
        case "absent":
            return not value
        case tuple(values):
            return value in values
    if condition.is_not is not None:
        return value not in condition.is_not
    if condition.boolean is not None:
        return _boolean(value) == condition.boolean
    if condition.word is not None:
        return condition.word in _words(value)
    if condition.contains is not None:
        return condition.contains in value.lower() or condition.contains in value
    if condition.starts is not None:
        return value.startswith(condition.starts)
    return not value.startswith(condition.starts_not or "")


def _boolean(value: str) -> bool | str:
    if value in _TRUE:
        return True
    return False if value in _FALSE else "invalid"


def _words(value: str) -> Iterable[str]:
    return value.lower().split()
