"""From watched objects to what is known, and to the keys that must be looked at again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from phiwarden.api import names
from phiwarden.api.rollback import Rollback
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.claims import standing
from phiwarden.boundary.endpoints import SLICE, api_servers
from phiwarden.boundary.labels import BoundaryUnreadable, ZoneBoundary, decode
from phiwarden.boundary.manifest import is_ours
from phiwarden.boundary.model import Quarantine
from phiwarden.boundary.project import digest
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api
from phiwarden.cluster.optional import Optional
from phiwarden.cluster.reflector import Key, Reflector
from phiwarden.controller.budgets import BudgetObserver
from phiwarden.controller.calendar import Clock
from phiwarden.controller.enforcement import Enforcement
from phiwarden.controller.exceptions import ExceptionObserver
from phiwarden.controller.pods import PodObserver
from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.releases import ReleaseObserver
from phiwarden.controller.running import gone, touch
from phiwarden.controller.secrets import SELECTED, SecretObserver
from phiwarden.controller.state import Declared, Quarantined, SeenNamespace, State, Verdict
from phiwarden.controller.stores import StorageObserver
from phiwarden.probe.proof import proof_of
from phiwarden.rulebook import shapes

AUDITED = ("Deployment", "StatefulSet", "DaemonSet", "CronJob", "Job")
"""Kinds that are judged while they run. ReplicaSets and most Pods follow from them."""


def declared(body: Mapping[str, Any], known: Declared | None = None) -> Declared:
    """Return a PHIWorkload as a value; a spec that cannot be read is a problem, no error.

    Args:
        body: the object.
        known: what it was before; the spec of the same generation is not read again.
    """
    metadata = body["metadata"]
    same = known is not None and (known.uid, known.generation) == (
        metadata["uid"],
        metadata.get("generation"),
    )
    spec, problem = (known.spec, known.problem) if known is not None and same else _spec(body)
    return Declared(
        name=metadata["name"],
        uid=metadata["uid"],
        generation=metadata.get("generation", 0),
        created=metadata.get("creationTimestamp", ""),
        spec=spec,
        problem=problem,
        deleting="deletionTimestamp" in metadata,
        finalizers=tuple(metadata.get("finalizers") or ()),
        proof=proof_of(metadata),
    )


def _spec(body: Mapping[str, Any]) -> tuple[WorkloadSpec | None, str | None]:
    try:
        return WorkloadSpec.model_validate(body.get("spec") or {}), None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in ("spec", *first["loc"]))
        return None, f"{where}: {first['msg']}"


@dataclass
class Observer:
    """Keeps the state in step with the cluster."""

    state: State
    queues: Queues
    enforcement: Enforcement
    clock: Clock
    stores: StorageObserver
    secrets: SecretObserver
    budgets: BudgetObserver
    exceptions: ExceptionObserver
    releases: ReleaseObserver
    pods: PodObserver
    _settling: asyncio.TimerHandle | None = None

    def reflectors(self, api: Api) -> tuple[list[Reflector], list[Reflector]]:
        """Return what to follow: first the boundary and what it rests on, then what runs."""
        ours = {"labelSelector": f"{names.MANAGED_BY}={names.FIELD_MANAGER}"}
        first = [
            _follow(api, resources.PHIWORKLOAD, self.workload),
            _follow(api, shapes.NAMESPACE, self.namespace),
            _follow(api, shapes.NETWORK_POLICY, self.network_policy),
            Reflector(
                api,
                resources.collection(resources.ENDPOINT_SLICE, "default"),
                "EndpointSlice",
                self.endpoints,
                {"labelSelector": "kubernetes.io/service-name=kubernetes"},
            ),
        ]
        first += [
            _follow(api, resources.STORAGE_CLASS, self.stores.storage_class),
            _follow(api, resources.PERSISTENT_VOLUME, self.stores.volume),
            _follow(api, shapes.CLAIM, self.stores.claim),
            _follow(api, shapes.BUDGET, self.budgets.seen),
        ]
        if self.state.watches_secrets:
            path = resources.collection(resources.SECRET)
            seen = self.secrets.secret
            first.append(Reflector(api, path, "Secret", seen, SELECTED, metadata_only=True))
        policies = {"labelSelector": f"{names.PART_OF}={names.FIELD_MANAGER}"}
        first += [
            Reflector(api, resources.collection(kind), kind.kind, self._owned(kind), ours)
            for kind in (shapes.SERVICE_ACCOUNT, shapes.RESOURCE_QUOTA, shapes.LIMIT_RANGE)
        ]
        first += [
            Reflector(api, resources.collection(kind), kind.kind, self._policy(kind), policies)
            for kind in (resources.ADMISSION_POLICY, resources.ADMISSION_BINDING)
        ]
        then = [_follow(api, resources.WORKLOADS[k], self._audited(k)) for k in AUDITED]
        return first, then

    def optional(self, api: Api) -> Optional:
        """Return what follows kinds that the cluster may have or not."""
        # An upgrade by helm leaves CRDs as they are, so these may be unknown to the cluster.
        ours = {
            shapes.PHI_EXCEPTION: self.exceptions.seen,
            shapes.PHI_RELEASE: self.releases.seen,
        }
        found = Optional(api, {**self.stores.optional(), **self.secrets.optional(), **ours})

        def changed() -> None:
            self.state.kinds = frozenset(kind.kind for kind in found.present)
            self._touch_all()

        found.changed = changed
        return found

    def workload(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a PHIWorkload."""
        _, name = key
        before = self.state.workloads.get(name)
        said = self.state.statuses.get(name)
        if body is None:
            self.state.forget(name)
            self.state.statuses.pop(name, None)
            self.state.remediations.pop(name, None)
        else:
            self.state.declare(declared(body, before))
            self.state.statuses[name] = body.get("status") or {}
        now = self.state.workloads.get(name)
        # Our own report coming back is no news; somebody else's is put right.
        same_report = said is not None and said == self.state.statuses.get(name)
        if before is not None and now == before and same_report:
            return
        self.queues.workloads.add(name)
        for namespace in _zone_namespaces(now):
            self._unbar(namespace)
            if before is not None and _rollback(before) != _rollback(now):
                # A rollout that failed by now is looked at as it is declared now.
                self.state.judged.pop(namespace, None)
        # A namespace that this one gave up or contests may be another's now.
        for seen in (before, now):
            for namespace in _zone_namespaces(seen):
                for other in self.state.claiming(namespace) - {name}:
                    self.queues.workloads.add(other)

    def namespace(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a namespace."""
        _, name = key
        before = self.state.namespaces.get(name)
        if body is None:
            self._let_go(name)
            self.state.namespaces.pop(name, None)
            for known in (
                self.state.boundaries,
                self.state.verdicts,
                self.state.quarantined,
                self.state.owned,
                self.state.readers,
                self.state.waiting,
                self.state.conflicts,
                self.state.ways_back,
                self.state.judged,
                self.queues.later,
            ):
                known.pop(name, None)
        else:
            seen = namespace_of(body)
            self.state.namespaces[name] = seen
            self._take_boundary(name, seen.boundary)
        now = self.state.namespaces.get(name)
        ours = now is not None and now.digest == self.state.wanted.get(("", "Namespace", name))
        if now != before and (now is None or now.standing.terminating or not ours):
            self._touch(name)
        self._unbar(name)
        left = before.boundary if before is not None else None
        if left is not None and (now is None or now.boundary != left):
            # Though nobody declares it any more: what it relied on may be let go.
            self.queues.workloads.add(left.workload)

    def _unbar(self, namespace: str) -> None:
        for kind, name in self.state.barred.pop(namespace, ()):
            self.queues.turns.add(AuditKey(kind, namespace, name))

    def _take_boundary(self, namespace: str, boundary: ZoneBoundary | None) -> None:
        """Take up the boundary of a zone that is new here, or that nobody declares.

        A zone that somebody declares is judged by its declaration, which may
        be ahead of the Namespace; one that nobody declares, by what it says.
        """
        if boundary is None:
            if not self.state.claiming(namespace):
                self._let_go(namespace)
                for known in (
                    self.state.boundaries,
                    self.state.verdicts,
                    self.state.quarantined,
                    self.state.judged,
                ):
                    known.pop(namespace, None)
        elif namespace not in self.state.boundaries:
            self.state.boundaries[namespace] = boundary
            self._remember_held(namespace, boundary)
        elif not self.state.claiming(namespace):
            self.state.boundaries[namespace] = boundary

    def _let_go(self, namespace: str) -> None:
        """Have all be forgotten that ran in a zone that is none any more: nothing tells of it."""
        for kind, name in self.state.verdicts.get(namespace, {}):
            key = AuditKey(kind, namespace, name)
            self.queues.pending.pop(key, None)
            self.queues.audits.add(key)

    def _remember_held(self, namespace: str, boundary: ZoneBoundary) -> None:
        """Take up from the boundary what an earlier run found that direct care must keep."""
        known = self.state.quarantined.setdefault(namespace, {})
        for entry in boundary.held:
            kind, _, name = entry.partition("/")
            known.setdefault((kind, name), Quarantined(Quarantine.CARE, held=True, makers=(entry,)))

    def drop_gone_quarantine(self) -> None:
        """Forget what was in quarantine and is not there any more; call once all was listed."""
        for namespace, known in self.state.quarantined.items():
            running = self.state.verdicts.get(namespace, {})
            for key in [key for key in known if key not in running]:
                del known[key]

    def network_policy(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a NetworkPolicy: ours, or somebody else's in a zone."""
        namespace, name = key
        foreign = self.state.foreign_policies.setdefault(namespace, set())
        was_foreign = name in foreign
        ours = body is not None and is_ours(body)
        if body is not None and not ours:
            foreign.add(name)
        else:
            foreign.discard(name)
        if (name in foreign) != was_foreign:
            self._touch(namespace)
        self._take_owned(namespace, ("NetworkPolicy", name), body if ours else None)

    def endpoints(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in where the API server is."""
        if key != SLICE:
            return
        servers = api_servers(body or {})
        # None at all is an API server that is just restarting.
        if servers and servers != self.state.api_servers:
            self.state.api_servers = servers
            self._touch_all()

    def check_enforcement(self) -> None:
        """Compare the admission policies with what they should be; also when none was seen."""
        faults, settled = self.enforcement.faults(), self.enforcement.settled_at()
        if (faults, settled) == (self.state.enforcement_faults, self.state.enforcement_settled):
            return
        self.state.enforcement_faults = faults
        self.state.enforcement_settled = settled
        self._touch_all()
        self._look_again_when_settled()

    def _look_again_when_settled(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        settled = self.state.enforcement_settled
        if settled is not None and (left := (settled - self.clock()).total_seconds()) > 0:
            loop = asyncio.get_running_loop()
            self._settling = loop.call_later(left, self._settle)

    def _settle(self) -> None:
        # A clock that was set back has more to wait than was slept.
        self._settling = None
        self._look_again_when_settled()
        if self._settling is None:
            self._touch_all()

    def _owned(self, kind: shapes.Kind) -> Any:
        def seen(key: Key, body: Mapping[str, Any] | None) -> None:
            namespace, name = key
            self._take_owned(namespace, (kind.kind, name), body)

        return seen

    def _policy(self, kind: shapes.Kind) -> Any:
        def seen(key: Key, body: Mapping[str, Any] | None) -> None:
            self.enforcement.seen(kind.kind, key[1], body, self.clock())
            self.check_enforcement()

        return seen

    def _audited(self, kind: str) -> Any:
        def seen(key: Key, body: Mapping[str, Any] | None) -> None:
            namespace, name = key
            self.pods.owner(kind, key, body)
            if namespace not in self.state.boundaries:
                return
            self.queues.later.get(namespace, {}).pop(AuditKey(kind, namespace, name), None)
            if body is None:
                gone(self.state, self.queues, AuditKey(kind, namespace, name))
            else:
                self.queues.audit(AuditKey(kind, namespace, name), body)

        return seen

    def _take_owned(
        self, namespace: str, key: tuple[str, str], body: Mapping[str, Any] | None
    ) -> None:
        known = self.state.owned.setdefault(namespace, {})
        before = known.get(key)
        after = digest(body) if body is not None else None
        if after is None:
            known.pop(key, None)
        else:
            known[key] = after
        if before != after and after != self.state.wanted.get((namespace, *key)):
            self._touch(namespace)

    def _touch(self, namespace: str) -> None:
        touch(self.state, self.queues, namespace)

    def _touch_all(self) -> None:
        for workload in self.state.workloads:
            self.queues.workloads.add(workload)


def verdicts_changed(state: State, key: AuditKey, verdict: Verdict) -> bool:
    """Note a verdict; return whether it is news."""
    known = state.verdicts.setdefault(key.namespace, {})
    before = known.get((key.kind, key.name))
    known[key.kind, key.name] = verdict
    return before != verdict


def _follow(api: Api, kind: shapes.Kind, seen: Any) -> Reflector:
    return Reflector(api, resources.collection(kind), kind.kind, seen)


def _zone_namespaces(seen: Declared | None) -> Iterator[str]:
    if seen is not None and seen.spec is not None:
        for zone in seen.spec.zones:
            yield zone.namespace_in(seen.name)


def _rollback(seen: Declared | None) -> Rollback | None:
    return seen.spec.rollback if seen is not None and seen.spec is not None else None


def namespace_of(body: Mapping[str, Any]) -> SeenNamespace:
    """Return a namespace as a value."""
    metadata = body["metadata"]
    labels = metadata.get("labels") or {}
    return SeenNamespace(
        uid=metadata["uid"],
        standing=standing(metadata),
        digest=digest(body),
        boundary=_boundary(labels, metadata.get("annotations") or {}),
    )


def _boundary(labels: Mapping[str, str], annotations: Mapping[str, str]) -> ZoneBoundary | None:
    try:
        return decode(labels, annotations)
    except BoundaryUnreadable:
        return None
