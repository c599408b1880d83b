"""From watched storage objects to what is known, and to the declarations that rest on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from phiwarden.boundary.storage import declared_classes
from phiwarden.cluster import resources
from phiwarden.cluster.reflector import Key, Seen
from phiwarden.controller.queues import Queues
from phiwarden.controller.reliance import is_marked
from phiwarden.controller.state import Declared, State
from phiwarden.rulebook.shapes import Kind
from phiwarden.storage.claims import OPENED_WITH
from phiwarden.storage.read import (
    claim_of,
    class_of,
    of_trident,
    policy_of,
    snapshot_of,
    volume_of,
)

T = TypeVar("T")


@dataclass
class StorageObserver:
    """Keeps what is known of storage in step with the cluster."""

    state: State
    queues: Queues
    _trident: dict[str, dict[str, Mapping[str, str]]] = field(default_factory=dict)

    def optional(self) -> dict[Kind, Seen]:
        """Return the kinds that a cluster may have or not, and who is told of their objects."""
        return {
            resources.VOLUME_SNAPSHOT: self.snapshot,
            resources.TRIDENT_VOLUME: self.trident_volume,
            resources.STORAGE_POLICY_INFO: self.policy,
        }

    def storage_class(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a StorageClass."""
        _, name = key
        after = class_of(body) if body is not None else None
        was_marked = name in self.state.marked
        (self.state.marked.add if is_marked(body) else self.state.marked.discard)(name)
        lost = was_marked and name not in self.state.marked
        if _noted(self.state.storage_classes, name, after) or lost:
            self._touch_class(name)

    def _touch_class(self, name: str) -> None:
        for declared in self.state.workloads.values():
            if self._relies_on(declared, name):
                self.queues.workloads.add(declared.name)

    def _relies_on(self, declared: Declared, storage_class: str) -> bool:
        if declared.spec is None:
            return False
        return any(
            storage_class in declared_classes(zone, declared.spec)
            or any(
                claim.class_name == storage_class
                for claim in self.state.claims.get(zone.namespace_in(declared.name), {}).values()
            )
            for zone in declared.spec.zones
        )

    def keys_of_secret(self, name: str) -> None:
        """Look again at what is opened with a Secret of that name: drivers go by its keys."""
        for storage_class in self.state.storage_classes.values():
            named = storage_class.parameters.get(OPENED_WITH, "")
            if named == name or "${" in named:
                self._touch_class(storage_class.name)

    def volume(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a PersistentVolume."""
        _, name = key
        after = None
        if body is not None:
            known = self.state.volumes.get(name)
            made_by = self.state.storage_classes.get(body["spec"].get("storageClassName") or "")
            pinned = known.pinned if known is not None else made_by.uid if made_by else ""
            after = volume_of(body, pinned)
        if _noted(self.state.volumes, name, after):
            bound = (body or {}).get("spec", {}).get("claimRef") or {}
            self._touch(bound.get("namespace", ""))

    def claim(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a PersistentVolumeClaim."""
        namespace, name = key
        known = self.state.claims.setdefault(namespace, {})
        if _noted(known, name, claim_of(body) if body is not None else None):
            self._touch(namespace)

    def snapshot(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a VolumeSnapshot."""
        namespace, name = key
        known = self.state.snapshots.setdefault(namespace, {})
        if _noted(known, name, snapshot_of(body) if body is not None else None):
            self._touch(namespace)

    def trident_volume(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a TridentVolume: it has the name of its PersistentVolume.

        The driver keeps all of them in one namespace. One of the same name somewhere else is
        somebody's own, and then nothing is known.
        """
        namespace, name = key
        said = self._trident.setdefault(name, {})
        _noted(said, namespace, of_trident(body) if body is not None else None)
        only = next(iter(said.values())) if len(said) == 1 else None
        if _noted(self.state.trident, name, only):
            for namespace, claims in self.state.claims.items():
                if any(claim.volume_name == name for claim in claims.values()):
                    self._touch(namespace)

    def policy(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a ClusterStoragePolicyInfo."""
        _, name = key
        before = self.state.policies.get(name)
        after = policy_of(body) if body is not None else None
        if _noted(self.state.policies, name, after):
            for known in filter(None, (before, after)):
                for storage_class in known.classes:
                    self._touch_class(storage_class)

    def _touch(self, namespace: str) -> None:
        for workload in self.state.claiming(namespace):
            self.queues.workloads.add(workload)


def _noted(known: dict[str, T], name: str, after: T | None) -> bool:
    """Note what an object is now; return whether that is news."""
    before = known.get(name)
    if after is None:
        known.pop(name, None)
    else:
        known[name] = after
    return before != after
