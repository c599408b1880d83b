"""What the controller knows: the declarations, and digests of what stands in the cluster.

Whole objects are not kept: a digest is enough to tell whether a write is
needed, and keeps memory small at hundreds of workloads.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from phiwarden.api.status import MAX_LISTED, Remediation
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.claims import Claimant, Standing
from phiwarden.boundary.granting import Request
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.boundary.model import ApiServer, Quarantine
from phiwarden.probe.proof import Proof
from phiwarden.releases import standing
from phiwarden.remediation.references import Present, References
from phiwarden.rotation.model import Delivery, LastChange, Secret
from phiwarden.rulebook.budgets import Budget
from phiwarden.storage.claims import Claim, Snapshot, Storage
from phiwarden.storage.read import Policy
from phiwarden.storage.verdict import StorageClass, Volume

ObjectKey = tuple[str, str]
"""(kind, name) of an object within a namespace."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A PHIWorkload as it was seen last.

    Attributes:
        spec: the declaration, None if it cannot be read.
        problem: why it cannot be read, naming the field.
        proof: what was measured of its network last.
    """

    name: str
    uid: str
    generation: int
    created: str
    spec: WorkloadSpec | None
    problem: str | None
    deleting: bool
    finalizers: tuple[str, ...]
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class SeenNamespace:
    """A namespace of the cluster.

    Attributes:
        standing: who owns it.
        digest: of what phiwarden manages of it.
        boundary: what its labels and annotations say, None if it is no readable zone.
    """

    uid: str
    standing: Standing
    digest: bytes
    boundary: ZoneBoundary | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of an object that runs in a zone."""

    rules: tuple[str, ...] = ()
    message: str = ""
    denied: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """What everything in a zone is judged by.

    Attributes:
        boundary: the zone's, without its held list: that follows from the verdicts.
        budgets: its PodDisruptionBudgets.
    """

    boundary: ZoneBoundary
    budgets: tuple[Budget, ...]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A workload, or a pod by itself, in quarantine."""

    quarantine: Quarantine | None
    held: bool
    harmless: bool = False
    """Held for rules that cost reliability and no boundary, and not in quarantine."""
    makers: tuple[str, ...] = ()
    """`Kind/name` of what makes its pods: a Deployment's ReplicaSets, else the object itself."""


@dataclass(frozen=True, slots=True)
class WayBack:
    """Whether a workload could go back to an earlier revision.

    Attributes:
        revision: the one that it would go back to; None if there is none.
        why: why there is none.
        needs: what that revision needs to be there.
    """

    revision: int | None
    why: str = ""
    needs: References | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What we made to ask a store for a secret.

    Attributes:
        wanted: digest of what was compiled.
        stored: digest of what the API server made of it, with what its CRD fills in.
    """

    wanted: bytes
    stored: bytes


@dataclass
class State:
    """Everything that is known. Changed by the event loop's thread alone.

    Attributes:
        workloads: declarations by name.
        statuses: status of each declaration, as it was stored last.
        namespaces: every namespace by name.
        owned: digests of our objects, by namespace.
        wanted: digests of what was compiled last, by (namespace, kind, name); a change
            towards them is our own and asks for no second look.
        foreign_policies: names of others' NetworkPolicies, by namespace.
        boundaries: what zones are judged by, by namespace; ahead of the Namespace
            itself while a change is being written.
        budgets: PodDisruptionBudgets, by namespace.
        exceptions: exceptions that were asked for, by namespace and name.
        exception_statuses: what the status of each says, by (namespace, name), as it was stored
            last; the decision, which is not phiwarden's, left out.
        releases: releases that were brought, by namespace and name.
        release_statuses: what the status of each says, as for exceptions.
        judged: what all that runs in a zone was judged by, by namespace.
        verdicts: what was found of objects that run in zones, by namespace.
        quarantined: what is in quarantine, by namespace. New pods are labelled by it, so
            it is noted before a label is put on or taken off.
        labelled: namespaces in which pods carry the quarantine label.
        remediations: what was put back, by workload, newest first.
        waiting: what waits for its turn to be put back, by namespace.
        barred: what breaks rules and may not be changed while the boundary does not stand as it is
            declared, by namespace: it is looked at again once either changes.
        conflicts: who insists on what was put back, by namespace and object.
        ways_back: whether going back would work, by namespace and object.
        halted: put-backs that did not become ready, if they are so many that no more are made.
        unremembered: whether the cluster lacks the kind that memory is kept in.
        storage_classes: StorageClasses, by name.
        marked: names of StorageClasses that carry our mark (`names.RELIED_ON`).
        unmarkable: those that could not be marked, by name, and prove nothing until they are.
        volumes: PersistentVolumes, by name.
        claims: PersistentVolumeClaims, by namespace and name.
        watches_secrets: whether Secrets are looked at.
        secrets: what is known of Secrets, by namespace and name.
        reports: what stores' operators report, by namespace, kind and name of the object.
        deliveries: the same by (namespace, Secret), then by kind and name of the object.
        changes: when declared secrets can have got their values, by (namespace, name).
        types: whether a Secret has a type, by (uid, type): neither can change.
        readers: Secrets that workloads read as environment variables, by namespace, and kind and
            name of the workload.
        asked: what asks stores for secrets, by (namespace, kind, name).
        snapshots: VolumeSnapshots, by namespace and name.
        trident: what TridentVolumes say of volumes, by the volume's name.
        policies: what ClusterStoragePolicyInfos say of classes, by the policy's name.
        kinds: custom resources of others that the cluster has, by name of the kind.
        api_servers: endpoints of the API server.
        enforcement_faults: what is wrong with the admission policies.
        enforcement_settled: when API servers can be held to have taken these up.
    """

    workloads: dict[str, Declared] = field(default_factory=dict)
    statuses: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    namespaces: dict[str, SeenNamespace] = field(default_factory=dict)
    owned: dict[str, dict[ObjectKey, bytes]] = field(default_factory=dict)
    wanted: dict[tuple[str, str, str], bytes] = field(default_factory=dict)
    foreign_policies: dict[str, set[str]] = field(default_factory=dict)
    boundaries: dict[str, ZoneBoundary] = field(default_factory=dict)
    budgets: dict[str, tuple[Budget, ...]] = field(default_factory=dict)
    exceptions: dict[str, dict[str, Request]] = field(default_factory=dict)
    exception_statuses: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    releases: dict[str, dict[str, standing.Request]] = field(default_factory=dict)
    release_statuses: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    judged: dict[str, Measure] = field(default_factory=dict)
    verdicts: dict[str, dict[ObjectKey, Verdict]] = field(default_factory=dict)
    quarantined: dict[str, dict[ObjectKey, Quarantined]] = field(default_factory=dict)
    remediations: dict[str, list[Remediation]] = field(default_factory=dict)
    waiting: dict[str, set[ObjectKey]] = field(default_factory=dict)
    barred: dict[str, set[ObjectKey]] = field(default_factory=dict)
    conflicts: dict[str, dict[ObjectKey, str]] = field(default_factory=dict)
    ways_back: dict[str, dict[ObjectKey, WayBack]] = field(default_factory=dict)
    halted: tuple[str, ...] = ()
    unremembered: bool = False
    labelled: set[str] = field(default_factory=set)
    storage_classes: dict[str, StorageClass] = field(default_factory=dict)
    marked: set[str] = field(default_factory=set)
    unmarkable: set[str] = field(default_factory=set)
    volumes: dict[str, Volume] = field(default_factory=dict)
    claims: dict[str, dict[str, Claim]] = field(default_factory=dict)
    watches_secrets: bool = True
    secrets: dict[str, dict[str, Secret]] = field(default_factory=dict)
    reports: dict[tuple[str, str, str], tuple[Delivery, ...]] = field(default_factory=dict)
    deliveries: dict[tuple[str, str], dict[ObjectKey, Delivery]] = field(default_factory=dict)
    changes: dict[tuple[str, str], LastChange] = field(default_factory=dict)
    types: dict[tuple[str, str], bool] = field(default_factory=dict)
    readers: dict[str, dict[ObjectKey, frozenset[str]]] = field(default_factory=dict)
    asked: dict[tuple[str, str, str], Asked] = field(default_factory=dict)
    snapshots: dict[str, dict[str, Snapshot]] = field(default_factory=dict)
    trident: dict[str, Mapping[str, str]] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset()
    api_servers: tuple[ApiServer, ...] = ()
    enforcement_faults: tuple[str, ...] = ()
    enforcement_settled: dt.datetime | None = None
    _claims: dict[str, set[str]] = field(default_factory=dict)

    def declare(self, declared: Declared) -> None:
        """Note a PHIWorkload as it is now."""
        self.forget(declared.name)
        self.workloads[declared.name] = declared
        for namespace in _namespaces(declared):
            self._claims.setdefault(namespace, set()).add(declared.name)

    def forget(self, workload: str) -> None:
        """Note that a PHIWorkload is gone."""
        known = self.workloads.pop(workload, None)
        if known is not None:
            for namespace in _namespaces(known):
                self._claims[namespace].discard(workload)

    @property
    def storage(self) -> Storage:
        """What the cluster has of storage."""
        of_classes = {name: p.facts for p in self.policies.values() for name in p.classes}
        return Storage(
            self.storage_classes,
            self.volumes,
            self.claims,
            self.snapshots,
            of_volumes=self.trident,
            of_classes=of_classes,
            secret_keys=self._secret_keys,
        )

    def _secret_keys(self, namespace: str, name: str) -> frozenset[str] | None:
        secret = self.secrets.get(namespace, {}).get(name)
        return secret.keys if secret is not None else None

    def claiming(self, namespace: str) -> frozenset[str]:
        """Return the names of all workloads that declare a zone in a namespace."""
        return frozenset(self._claims.get(namespace, ()))

    def carries(self, namespace: str, workload: str) -> bool:
        """Return whether a namespace that stays carries the boundary of a workload."""
        seen = self.namespaces.get(namespace)
        return (
            seen is not None
            and not seen.standing.terminating
            and seen.boundary is not None
            and seen.boundary.workload == workload
        )

    def claimants(self, namespace: str) -> list[Claimant]:
        """Return all workloads that declare a zone in a namespace."""
        return [Claimant(self.workloads[w].created, w) for w in self.claiming(namespace)]

    def measure(self, namespace: str, boundary: ZoneBoundary) -> Measure:
        """Return what a zone of that boundary is judged by now."""
        return Measure(replace(boundary, held=()), self.budgets.get(namespace, ()))

    def held(self, namespace: str) -> tuple[str, ...]:
        """Return `Kind/name` of what must be able to make pods though they break rules."""
        found = self.quarantined.get(namespace, {}).values()
        return tuple(sorted({maker for entry in found if entry.held for maker in entry.makers}))

    def relaxed(self, namespace: str) -> bool:
        """Return whether something must run that Pod Security admission may refuse."""
        found = self.quarantined.get(namespace, {}).values()
        return any(entry.held and not entry.harmless for entry in found)

    def remembered(self, workload: str) -> list[Remediation]:
        """Return what was put back in a workload, newest first; survives in its status."""
        if workload not in self.remediations:
            stored = self.statuses.get(workload, {}).get("remediations") or ()
            self.remediations[workload] = [Remediation.model_validate(entry) for entry in stored]
        return self.remediations[workload]

    def remember(self, workload: str, entry: Remediation) -> bool:
        """Note what was put back; return whether that is news. The oldest are forgotten."""
        known = self.remembered(workload)
        if entry in known:
            return False
        # Of the same second the one that is told last is the newer one.
        at = next((i for i, old in enumerate(known) if old.time <= entry.time), len(known))
        if at >= MAX_LISTED:
            return False
        known.insert(at, entry)
        del known[MAX_LISTED:]
        return True

    def missing_in(self, namespace: str) -> Callable[[References], Iterator[str]]:
        """Return what tells what a pod template needs and a namespace has not, in words."""
        owned = self.owned.get(namespace, {})
        return Present(
            self.secrets.get(namespace, {}) if self.watches_secrets else None,
            self.claims.get(namespace, {}),
            {name for kind, name in owned if kind == "ServiceAccount"},
        ).missing


def _namespaces(declared: Declared) -> set[str]:
    if declared.spec is None:
        return set()
    return {zone.namespace_in(declared.name) for zone in declared.spec.zones}
