"""Values that go into the compiler and come out of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from phiwarden.storage.drivers import Encryption


class Quarantine(StrEnum):
    """Values of the quarantine label of a pod (`names.QUARANTINE`)."""

    CARE = "care"
    """Cut off from every egress but flows for treatment and DNS; still reachable."""
    FULL = "full"
    """Cut off from everything."""


class AgreementStanding(StrEnum):
    """How long an agreement still is in force."""

    IN_FORCE = "InForce"
    EXPIRES_WITHIN_30_DAYS = "ExpiresWithin30Days"
    EXPIRES_WITHIN_7_DAYS = "ExpiresWithin7Days"
    EXPIRED = "Expired"


@dataclass(frozen=True, slots=True)
class ApiServer:
    """One endpoint of the `kubernetes` service."""

    address: str
    """An IP address: network policies know no names."""
    port: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What the declaration does not say, but the cluster and the calendar do."""

    today: dt.date
    """The day in UTC."""
    api_servers: tuple[ApiServer, ...] = ()
    gateway_namespaces: tuple[str, ...] = ()
    """Where ingress controllers and gateways run."""
    held: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Zone to `Kind/name` of what makes pods of direct care that must run though they break
    rules."""
    relaxed: frozenset[str] = frozenset()
    """Zones where something is held that Pod Security admission may refuse."""
    storage: Mapping[str, Encryption] | None = None
    """What StorageClasses prove, by name. None where nobody looked, as in a folder of manifests:
    then a declared class is taken at its word."""
    overdue: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Zone to the Secrets past their age, and the certificates near their end."""
    writers: Mapping[str, str] = field(default_factory=dict)
    """Kind of a secret's source to the user name of the store's operator."""
    kinds: frozenset[str] | None = None
    """Custom resources of others that the cluster has; None where nobody looked."""
    exceptions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Zone to its exceptions in force, as the boundary carries them; see `boundary.exceptions`."""
    releases: Mapping[str, tuple[str, ...]] | None = None
    """Zone to the digests of the images that releases in force let run. None where nobody looked,
    as in a folder of manifests: then none is asked for."""
    unavailable: frozenset[str] = frozenset()
    """Zones whose namespace is not ours to take: no objects, and no flows to or from them."""


@dataclass(frozen=True, slots=True)
class Desired:
    """One object to apply."""

    api_version: str
    kind: str
    namespace: str | None
    name: str
    body: dict[str, Any]
    """The whole manifest, ready for server-side apply."""


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """Objects of one zone, in the order in which they are to be applied.

    What is allowed precedes the denial of everything, so that a zone that
    already runs is not cut off in between.
    """

    zone: str
    namespace: Desired
    allows: tuple[Desired, ...]
    default_deny: Desired | None
    """None below enforcement `enforce`: a zone that is only watched loses no packet."""
    others: tuple[Desired, ...]
    """Service accounts, quota and limit range."""
    claims: tuple[Desired, ...] = ()
    """Declared volumes that may be made: made once, grown, and never deleted."""
    sources: tuple[Desired, ...] = ()
    """What asks stores for secrets."""

    @property
    def policies(self) -> tuple[Desired, ...]:
        """Return the network policies, in the order in which they are applied."""
        return self.allows if self.default_deny is None else (*self.allows, self.default_deny)

    @property
    def objects(self) -> tuple[Desired, ...]:
        """Return everything, the namespace first."""
        return (self.namespace, *self.policies, *self.others)


@dataclass(frozen=True, slots=True)
class AgreementState:
    """An external's agreement, as of today."""

    external: str
    reference: str
    expires: dt.date
    """The last day in force."""
    days_left: int
    """0 on the last day, negative from the day after it."""
    state: AgreementStanding


@dataclass(frozen=True, slots=True)
class BoundaryPlan:
    """All that a declaration asks for today."""

    zones: tuple[ZonePlan, ...]
    agreements: tuple[AgreementState, ...]
    """Soonest expiry first."""
    closed_flows: tuple[str, ...]
    """Declared flows, in words, that are closed because an agreement expired."""
