"""What is known of a cluster, and what is foreseen: values, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from phiwarden.api.history import Cause
from phiwarden.api.workload import ClinicalImpact, Enforcement, WorkloadSpec
from phiwarden.boundary.model import AgreementState
from phiwarden.remediation.steps import Step
from phiwarden.storage.drivers import Encryption

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Declared:
    """A PHIWorkload: one of a file, or one that stands in the cluster.

    Attributes:
        name: its name.
        spec: what it declares.
        created: when it was created, RFC 3339; for one that is not applied yet, now.
    """

    name: str
    spec: WorkloadSpec
    created: str


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that could not be read, so that not all can be told.

    Attributes:
        what: the kind.
        where: the namespace, "" for all of the cluster.
        why: the API server's reason, such as Forbidden.
    """

    what: str
    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """What was read of a cluster.

    Attributes:
        workloads: the PHIWorkloads that stand, by name.
        namespaces: the Namespaces of zones, by name; those that are not there are left out.
        objects: what is in the namespaces of zones, by namespace; each with its kind.
        gaps: what could not be read.
        unknown: kinds that the cluster does not know, and so cannot hold.
        storage: what StorageClasses prove, by name; None if they could not be read.
        histories: the PHIHistories of the namespaces of zones, by namespace.
        secrets: names of the Secrets of those namespaces in which it matters which there are, by
            namespace; one in which they may not be listed is left out.
    """

    workloads: Mapping[str, Declared]
    namespaces: Mapping[str, Object]
    objects: Mapping[str, tuple[Object, ...]]
    gaps: tuple[Gap, ...] = ()
    unknown: tuple[str, ...] = ()
    storage: Mapping[str, Encryption] | None = None
    histories: Mapping[str, tuple[Object, ...]] = field(default_factory=dict)
    secrets: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def could_read(self, what: str, where: str = "") -> bool:
        """Return whether a kind was read, in a namespace if one is named."""
        return not any(gap.what == what and gap.where in ("", where) for gap in self.gaps)


class Consequence(StrEnum):
    """What becomes of an object, worst first; deeds as Events and the status name them."""

    SCALED_TO_ZERO = "ScaledToZero"
    SUSPENDED = "Suspended"
    ISOLATED = "Isolated"
    HELD = "Held"
    ROLLED_BACK = "RolledBack"
    UNTOLD = "Untold"
    """Put back or set apart: which one depends on what could not be read."""
    REFUSED = "Refused"
    """Left alone, and refused when it is next changed."""
    WARNED = "Warned"
    LEFT_ALONE = "LeftAlone"
    """Keeps the rules, and its rollout failed: nothing is done about it."""
    NOTED = "Noted"
    UNAFFECTED = "Unaffected"


WORST_FIRST: Final = tuple(Consequence)
HARD: Final = WORST_FIRST[: WORST_FIRST.index(Consequence.WARNED)]
"""Consequences for whose sake one thinks again: something is refused or put back."""


class Change(StrEnum):
    """What the declaration does to a rule's being broken."""

    NEW = "new"
    STAYS = "stays"
    MENDED = "mended"


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that an object breaks, by the boundary that stands or by the one to be.

    Attributes:
        rule: identifier.
        change: which of the two.
        severity: deny or warn, by the boundary in which it is broken.
        place: the first field to mend.
        problem: what is wrong there.
        found: what was found, safe to print.
        fix: what to do.
    """

    rule: str
    change: Change
    severity: str
    place: str
    problem: str
    found: str
    fix: str


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one object.

    Attributes:
        kind: its kind.
        name: its name.
        now: its consequence by the boundary that stands.
        then: its consequence by the boundary to be.
        broken: the rules concerned, new ones first.
        why: for a person; "" where the consequence says it all.
        revision: the revision to go back to.
        images: the images of that revision.
        cut_off: ways of the network that it loses.
        cause: what something is done for; None if nothing is done.
        steps: the requests to the API server, as they would be sent now; None where they are not
            known, since its pods could not be read.
        notes: what a person should know beside it.
    """

    kind: str
    name: str
    now: Consequence
    then: Consequence
    broken: tuple[Broken, ...]
    why: str = ""
    revision: int | None = None
    images: tuple[str, ...] = ()
    cut_off: tuple[str, ...] = ()
    cause: Cause | None = None
    steps: tuple[Step, ...] | None = ()
    notes: tuple[str, ...] = ()

    @property
    def told(self) -> bool:
        """Return whether there is anything to tell of it."""
        return bool(self.broken or self.steps or self.then is not Consequence.UNAFFECTED)


class NamespaceFate(StrEnum):
    """What becomes of the namespace of a zone."""

    MADE = "made"
    ADOPTED = "adopted"
    KEPT = "kept"
    REFUSED = "refused"
    """Not the workload's to take."""
    LEFT = "left"
    """No longer declared: its boundary stays, and nothing is put back in it any more."""
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class ZoneOutlook:
    """What becomes of one zone.

    Attributes:
        zone: its name.
        namespace: its namespace.
        fate: what becomes of that.
        why: for a namespace that is not taken, or not judged.
        objects: those that something becomes of or was, worst first.
        judged: how many were judged in all.
    """

    zone: str
    namespace: str
    fate: NamespaceFate
    why: str = ""
    objects: tuple[Fate, ...] = ()
    judged: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Way:
    """A way of the network between two ends, on one port.

    Attributes:
        source: a zone, an external, or who a zone is exposed to.
        destination: a zone, an external, or the Kubernetes API.
        port: such as "TCP 443" or "TCP 8000-8010"; "every port".
        purpose: why data flows; "exposure" or "apiAccess" where no flow is declared.
        address: the external's range, "" between zones.
    """

    source: str
    destination: str
    port: str
    purpose: str
    address: str = ""

    def __str__(self) -> str:
        address = f" ({self.address})" if self.address else ""
        return f"{self.source} to {self.destination}{address}, {self.port}, for {self.purpose}"


@dataclass(frozen=True, slots=True)
class Network:
    """What becomes of the ways in and out of zones.

    Attributes:
        stood: whether network policies stand now.
        stands: whether they stand then; below `enforce` none do, and all is open.
        open: ways that the declaration to be allows.
        opened: those of them that the declaration that stands does not allow.
        closed: ways that this one allows and the other does not.
        expired: flows, in words, that an expired agreement keeps closed.
    """

    stood: bool
    stands: bool
    open: tuple[Way, ...]
    opened: tuple[Way, ...]
    closed: tuple[Way, ...]
    expired: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What becomes of everything that one declaration reaches.

    Attributes:
        workload: its name.
        impact: its clinical impact.
        unchanged: whether it is the declaration that stands.
        before: the level of enforcement that stands; None if it is not applied yet.
        after: the level to be.
        zones: worst first.
        network: ways in and out.
        agreements: those that have ended, or end within 30 days.
    """

    workload: str
    impact: ClinicalImpact
    unchanged: bool
    before: Enforcement | None
    after: Enforcement
    zones: tuple[ZoneOutlook, ...]
    network: Network
    agreements: tuple[AgreementState, ...]

    @property
    def judged(self) -> int:
        """Return how many objects were judged."""
        return sum(zone.judged for zone in self.zones)

    def count(self, consequence: Consequence) -> int:
        """Return how many objects that becomes of."""
        if consequence is Consequence.UNAFFECTED:
            return self.judged - sum(self.count(c) for c in WORST_FIRST if c is not consequence)
        return sum(fate.then is consequence for zone in self.zones for fate in zone.objects)

    @property
    def hard(self) -> bool:
        """Return whether something would be refused or put back."""
        refused = any(zone.fate is NamespaceFate.REFUSED for zone in self.zones)
        return refused or any(self.count(consequence) for consequence in HARD)
