"""One PHIWorkload, made true: observe, compile, diff, apply, report."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from phiwarden.api import names
from phiwarden.api.workload import DataClass, DeletionPolicy, WorkloadSpec, Zone
from phiwarden.boundary.claims import Obstacle, Standing, obstacle
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.labels import ZoneBoundary, decode
from phiwarden.boundary.model import BoundaryPlan, Desired, Facts, ZonePlan
from phiwarden.boundary.project import digest
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, Refused
from phiwarden.controller import report
from phiwarden.controller.audit import Auditor
from phiwarden.controller.observe import standing
from phiwarden.controller.queues import Queues
from phiwarden.controller.settings import Settings
from phiwarden.controller.state import Declared, State
from phiwarden.controller.teardown import Teardown
from phiwarden.rulebook import shapes

log = structlog.get_logger(__name__)

Clock = Callable[[], dt.datetime]


@dataclass
class Reconciler:
    """Brings the cluster in line with a declaration, and says how far that went."""

    api: Api
    state: State
    queues: Queues
    settings: Settings
    auditor: Auditor
    teardown: Teardown
    clock: Clock

    async def reconcile(self, name: str) -> None:
        """Reconcile a PHIWorkload; one that is gone leaves its boundary standing."""
        declared = self.state.workloads.get(name)
        if declared is None:
            self.queues.reported.pop(name, None)
            return
        if declared.deleting:
            await self.teardown.run(declared)
            return
        if declared.spec is None:
            await self._report(report.unreadable(declared, self.clock()), declared)
            return
        await self._hold_finalizer(declared, declared.spec)
        obstacles = await self._obstacles(declared, declared.spec)
        plan = self._compile(declared, declared.spec, obstacles)
        if await self._judge_before_change(plan):
            plan = self._compile(declared, declared.spec, obstacles)
        failures = await self._apply(plan)
        status = report.status(
            declared,
            declared.spec,
            plan,
            report.Findings(obstacles, failures),
            self.state,
            self.clock(),
        )
        await self._report(status, declared)
        if failures:
            raise Incomplete(name, failures)

    def _compile(
        self, declared: Declared, spec: WorkloadSpec, obstacles: dict[str, Obstacle]
    ) -> BoundaryPlan:
        return compile_boundary(
            declared.name,
            spec,
            Facts(
                today=self.clock().date(),
                api_servers=self.state.api_servers,
                gateway_namespaces=self.settings.gateway_namespaces,
                held={
                    zone.name: self.state.held(zone.namespace_in(declared.name))
                    for zone in spec.zones
                },
                unavailable=frozenset(obstacles),
            ),
        )

    async def _obstacles(self, declared: Declared, spec: WorkloadSpec) -> dict[str, Obstacle]:
        """Return why zones are not ours to take, by zone."""
        found = {}
        for zone in spec.zones:
            if reason := await self._obstacle(declared, zone):
                found[zone.name] = reason
        return found

    async def _obstacle(self, declared: Declared, zone: Zone) -> Obstacle | None:
        namespace = zone.namespace_in(declared.name)
        seen = self.state.namespaces.get(namespace)
        standing = seen.standing if seen is not None else await self._look_up(namespace)
        return obstacle(
            namespace,
            declared.name,
            adopt=zone.adopt,
            phi=zone.data is DataClass.PHI,
            found=standing,
            claimants=self.state.claimants(namespace),
            reserved=frozenset({self.settings.namespace}),
        )

    async def _look_up(self, namespace: str) -> Standing | None:
        """Ask for a namespace that no watch has told of yet.

        An apply would take over what somebody else made a moment ago.
        """
        body = await self.api.get(shapes.NAMESPACE, None, namespace)
        if body is None:
            return None
        return standing(body["metadata"])

    async def _judge_before_change(self, plan: BoundaryPlan) -> bool:
        """Judge what runs by a changed boundary before it stands; True if facts changed.

        What direct care must keep running has to be part of the boundary from
        its first moment: a node that fails just then must not cost a pod.
        """
        changed = False
        for zone in plan.zones:
            namespace = zone.namespace.name
            boundary = zone_boundary(zone)
            if self.state.boundaries.get(namespace) == boundary:
                continue
            before = self.state.held(namespace)
            self.state.boundaries[namespace] = boundary
            if namespace in self.state.namespaces:
                await self.auditor.judge_zone(namespace, boundary)
            changed = changed or self.state.held(namespace) != before
        return changed

    async def _apply(self, plan: BoundaryPlan) -> dict[str, str]:
        """Write what differs; return what the API server refused, by zone."""
        results = await asyncio.gather(*(self._apply_zone(zone) for zone in plan.zones))
        return {
            zone.zone: problem
            for zone, problem in zip(plan.zones, results, strict=True)
            if problem is not None
        }

    async def _apply_zone(self, zone: ZonePlan) -> str | None:
        namespace = zone.namespace.name
        try:
            if self._differs(zone.namespace):
                await self._write(zone.namespace)
            # What is allowed stands before everything else is denied: a zone that
            # runs already must not lose its declared flows for a moment.
            await self._write_all((*zone.allows, *zone.others))
            if zone.default_deny is not None:
                await self._write_all((zone.default_deny,))
            await self._remove_surplus(zone)
        except Refused as refused:
            log.warning("zone.refused", namespace=namespace, code=refused.code)
            return f"{refused.code} {refused.reason}: {refused.message}"
        self.auditor.release_judged(namespace)
        return None

    def _differs(self, desired: Desired) -> bool:
        if desired.namespace is None:
            seen = self.state.namespaces.get(desired.name)
            return seen is None or seen.digest != digest(desired.body)
        known = self.state.owned.get(desired.namespace, {})
        return known.get((desired.kind, desired.name)) != digest(desired.body)

    async def _write_all(self, objects: Iterable[Desired]) -> None:
        await asyncio.gather(*(self._write(o) for o in objects if self._differs(o)))

    async def _write(self, desired: Desired) -> None:
        kind = resources.kind_of(desired.kind)
        stored = await self.api.apply(kind, desired.body)
        if desired.namespace is not None and digest(stored) != digest(desired.body):
            # Server-side apply leaves what others added to a map of ours, such as one
            # more entry of a quota. The object is ours as a whole: it is replaced.
            await self.api.replace(kind, {**desired.body, "metadata": _kept(stored, desired)})

    async def _remove_surplus(self, zone: ZonePlan) -> None:
        """Delete our objects in a zone that the declaration no longer asks for."""
        wanted = {(desired.kind, desired.name) for desired in (*zone.policies, *zone.others)}
        surplus = set(self.state.owned.get(zone.namespace.name, {})) - wanted
        await asyncio.gather(
            *(
                self.api.delete(resources.kind_of(kind), zone.namespace.name, name)
                for kind, name in sorted(surplus)
            )
        )

    async def _hold_finalizer(self, declared: Declared, spec: WorkloadSpec) -> None:
        """Hold our finalizer only where a deletion leaves us something to do."""
        wanted = spec.deletion_policy is DeletionPolicy.DELETE
        if wanted != (names.FINALIZER in declared.finalizers):
            await self.teardown.set_finalizer(declared, present=wanted)

    async def _report(self, status: report.Status, declared: Declared) -> None:
        written = status.model_dump(mode="json", by_alias=True, exclude_none=True)
        if report.same(written, declared.status):
            self.queues.reported[declared.name] = dict(declared.status)
            return
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "PHIWorkload",
            "metadata": {"name": declared.name, "uid": declared.uid},
            "status": written,
        }
        stored = await self.api.apply(resources.PHIWORKLOAD, body, subresource="status")
        self.queues.reported[declared.name] = stored.get("status") or {}


class Incomplete(Exception):
    """Part of a boundary could not be written; the status says which, and it is tried again."""

    def __init__(self, workload: str, failures: dict[str, str]) -> None:
        listed = "; ".join(f"zone {zone}: {why}" for zone, why in sorted(failures.items()))
        super().__init__(f"{workload}: {listed}")


def _kept(stored: Mapping[str, Any], desired: Desired) -> dict[str, Any]:
    """Return the metadata with which an object of ours is replaced: others' marks stay."""
    metadata = stored["metadata"]
    labels = {**(metadata.get("labels") or {}), **desired.body["metadata"]["labels"]}
    kept = {key: metadata[key] for key in ("annotations", "ownerReferences") if key in metadata}
    return {
        **kept,
        "name": desired.name,
        "namespace": desired.namespace,
        "resourceVersion": metadata["resourceVersion"],
        "labels": labels,
    }


def zone_boundary(zone: ZonePlan) -> ZoneBoundary:
    """Return the boundary that a zone's Namespace is to carry."""
    metadata = zone.namespace.body["metadata"]
    return decode(metadata["labels"], metadata["annotations"])
