"""One PHIWorkload, made true: observe, compile, diff, apply, report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.status import ConditionType
from phiwarden.api.workload import DataClass, DeletionPolicy, WorkloadSpec, Zone
from phiwarden.boundary.claims import Obstacle, obstacle
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.exceptions import refused_by_pod_security
from phiwarden.boundary.labels import ZoneBoundary, decode
from phiwarden.boundary.model import BoundaryPlan, Facts, ZonePlan
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api
from phiwarden.cluster.events import EventType, Recorder
from phiwarden.controller import backup_conditions, release_conditions, remedy_conditions, report
from phiwarden.controller.alarms import Alarms
from phiwarden.controller.apply import Applier
from phiwarden.controller.audit import Auditor
from phiwarden.controller.backups import Backups
from phiwarden.controller.calendar import Clock
from phiwarden.controller.conditions import AGREEMENT_WARNINGS
from phiwarden.controller.exceptions import Exceptions, Grants
from phiwarden.controller.queues import Queues
from phiwarden.controller.releases import Releases, ReleasesOf
from phiwarden.controller.reliance import Reliance
from phiwarden.controller.restarts import Restarts
from phiwarden.controller.secrets import (
    Judged,
    judge,
    look_at_types,
    next_change,
    overdue,
    statuses,
)
from phiwarden.controller.settings import Settings
from phiwarden.controller.state import Declared, State
from phiwarden.controller.teardown import Teardown
from phiwarden.controller.volumes import class_verdicts, named_classes


@dataclass
class Reconciler:
    """Brings the cluster in line with a declaration, and says how far that went."""

    api: Api
    state: State
    queues: Queues
    settings: Settings
    auditor: Auditor
    applier: Applier
    teardown: Teardown
    backups: Backups
    exceptions: Exceptions
    releases: Releases
    reliance: Reliance
    recorder: Recorder
    restarts: Restarts
    alarms: Alarms[str]
    clock: Clock

    async def reconcile(self, name: str) -> None:
        """Reconcile a PHIWorkload; one that is gone leaves its boundary standing."""
        declared = self.state.workloads.get(name)
        if declared is None:
            await self.reliance.forget(name)
            return
        if declared.deleting:
            await self.teardown.run(declared)
            return
        if declared.spec is None:
            await self._report(report.unreadable(declared, self.state, self.clock()), declared)
            return
        await self._hold_finalizer(declared, declared.spec)
        obstacles = self._obstacles(declared, declared.spec)
        unmade = await self.applier.make_classes(declared.spec)
        self.state.unmarkable -= named_classes(declared.spec)  # each look tries again
        await look_at_types(self.api, declared, declared.spec, self.state)
        secrets = tuple(
            each
            for each in judge(declared.name, declared.spec, self.state, self.clock())
            if each.declared.zone not in obstacles
        )
        grants = self.exceptions.granted(declared, declared.spec)
        releases = self.releases.judged(declared, declared.spec)
        facts = self._facts(declared, declared.spec, obstacles, secrets, grants, releases)
        plan = compile_boundary(declared.name, declared.spec, facts)
        while await self.reliance.hold(name, _boundaries(plan)):
            facts = self._facts(declared, declared.spec, obstacles, secrets, grants, releases)
            plan = compile_boundary(declared.name, declared.spec, facts)
        if await self._judge_before_change(plan):
            # Of storage what was marked counts, and nothing that was seen since.
            now = self._facts(declared, declared.spec, obstacles, secrets, grants, releases)
            facts = replace(now, storage=facts.storage)
            plan = compile_boundary(declared.name, declared.spec, facts)
        failures = unmade | await self.applier.apply(plan)
        await self.reliance.release()
        for zone in plan.zones:
            if zone.zone not in failures:
                self.auditor.release_judged(zone.namespace.name)
                await self.exceptions.report(zone.namespace.name, grants[zone.zone])
                await self.releases.report(zone.namespace.name, releases[zone.zone])
        exceptions = {zone.zone: zone_boundary(zone).exceptions for zone in plan.zones}
        ends = self.exceptions.next_change(exceptions, grants)
        self.alarms.set(declared.name, "exceptions", ends)
        ours = (each for each in secrets if self.state.carries(each.namespace, name))
        rolled = await self.restarts.run(declared.spec, ours)
        due = [next_change(secrets), self.clock() + rolled.again if rolled.again else None]
        self.alarms.set(declared.name, "secrets", min((at for at in due if at), default=None))
        backups, refusals = await self.backups.make(declared, declared.spec, facts)
        status = report.status(
            declared,
            declared.spec,
            plan,
            facts,
            report.Findings(
                obstacles, failures, statuses(secrets, rolled.holding), backups, releases
            ),
            self.state,
            self.clock(),
        )
        await self._report(status, declared)
        await self.backups.remove(declared, declared.spec, facts, backups)
        if failures:
            raise Incomplete(name, failures)
        if refusals:
            raise Incomplete(name, refusals, "volume")

    def _facts(
        self,
        declared: Declared,
        spec: WorkloadSpec,
        obstacles: dict[str, Obstacle],
        secrets: tuple[Judged, ...],
        grants: Grants,
        releases: Mapping[str, ReleasesOf],
    ) -> Facts:
        exceptions = self.exceptions.in_boundary(declared.name, spec, grants)
        return Facts(
            today=self.clock().date(),
            api_servers=self.state.api_servers,
            gateway_namespaces=self.settings.gateway_namespaces,
            held={
                zone.name: self.state.held(zone.namespace_in(declared.name)) for zone in spec.zones
            },
            relaxed=frozenset(
                zone.name
                for zone in spec.zones
                if self.state.relaxed(zone.namespace_in(declared.name))
                or refused_by_pod_security(exceptions[zone.name])
            ),
            storage={
                name: found
                for name, found in class_verdicts(spec, self.state.storage).items()
                if name not in self.state.unmarkable
            },
            overdue=overdue(secrets),
            writers=self.settings.writers,
            kinds=self.state.kinds,
            exceptions=exceptions,
            releases=self.releases.in_boundary(declared.name, spec, releases),
            unavailable=frozenset(obstacles),
        )

    def _obstacles(self, declared: Declared, spec: WorkloadSpec) -> dict[str, Obstacle]:
        """Return why zones are not ours to take, by zone."""
        found = {zone.name: self._obstacle(declared, zone) for zone in spec.zones}
        return {zone: reason for zone, reason in found.items() if reason is not None}

    def _obstacle(self, declared: Declared, zone: Zone) -> Obstacle | None:
        namespace = zone.namespace_in(declared.name)
        seen = self.state.namespaces.get(namespace)
        return obstacle(
            namespace,
            declared.name,
            adopt=zone.adopt,
            phi=zone.data is DataClass.PHI,
            found=seen.standing if seen is not None else None,
            claimants=self.state.claimants(namespace),
            reserved=frozenset({self.settings.namespace}),
        )

    async def _judge_before_change(self, plan: BoundaryPlan) -> bool:
        """Judge what runs by a changed boundary or budgets before that stands; True if facts changed.

        What direct care must keep running has to be part of the boundary from
        its first moment: a node that fails just then must not cost a pod.
        """
        changed = False
        for zone in plan.zones:
            namespace = zone.namespace.name
            boundary = zone_boundary(zone)
            self.state.boundaries[namespace] = boundary
            # As it is now: what changes during a look is looked at again.
            asked = self.state.measure(namespace, boundary)
            if self.state.judged.get(namespace) == asked:
                continue
            before = self.state.held(namespace)
            if namespace in self.state.namespaces:
                await self.auditor.judge_zone(namespace, boundary)
            # Noted once it is done: a look that failed half way is taken again.
            self.state.judged[namespace] = asked
            changed = changed or self.state.held(namespace) != before
        return changed

    async def _hold_finalizer(self, declared: Declared, spec: WorkloadSpec) -> None:
        """Hold our finalizer only where a deletion leaves us something to do."""
        wanted = spec.deletion_policy is DeletionPolicy.DELETE
        if wanted != (names.FINALIZER in declared.finalizers):
            await self.teardown.set_finalizer(declared, present=wanted)

    async def _report(self, status: report.Status, declared: Declared) -> None:
        written = report.dump(status)
        if report.same(written, self.state.statuses.get(declared.name, {})):
            return
        body = {
            "apiVersion": names.API_VERSION,
            "kind": "PHIWorkload",
            "metadata": {"name": declared.name, "uid": declared.uid},
            "status": written,
        }
        before = self.state.statuses.get(declared.name, {})
        # Told first: an operator that ends in between must not leave it untold.
        await self._warn_of_agreements(declared, before, written)
        await self._warn(declared, before, written)
        stored = await self.api.apply(resources.PHIWORKLOAD, body, subresource="status")
        # At once, and not when the watch tells: a look in between must not take the
        # old report for the current one.
        self.state.statuses[declared.name] = stored.get("status") or {}

    async def _warn_of_agreements(
        self, declared: Declared, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Tell of an agreement that ends soon or has ended, once for each step."""
        known = report.find(before, ConditionType.AGREEMENTS_IN_FORCE)
        now = report.find(after, ConditionType.AGREEMENTS_IN_FORCE)
        if now.get("reason") in AGREEMENT_WARNINGS and (
            (known.get("reason"), known.get("message")) != (now["reason"], now["message"])
        ):
            about = {"metadata": {"name": declared.name, "uid": declared.uid}}
            await self.recorder.tell(
                about,
                resources.PHIWORKLOAD,
                EventType.WARNING,
                f"Agreement{now['reason']}",
                now["message"],
            )

    async def _warn(
        self, declared: Declared, before: Mapping[str, Any], after: Mapping[str, Any]
    ) -> None:
        """Tell of what people have to look at, once for each change of the reason."""
        for kind, (begins, reasons) in _WARNINGS.items():
            now = report.find(after, kind)
            reason = now.get("reason")
            if reason in reasons and reason != report.find(before, kind).get("reason"):
                about = {"metadata": {"name": declared.name, "uid": declared.uid}}
                await self.recorder.tell(
                    about,
                    resources.PHIWORKLOAD,
                    EventType.WARNING,
                    f"{begins}{reason}",
                    now["message"],
                )


_WARNINGS: Final = {
    **backup_conditions.WARNINGS,
    **remedy_conditions.WARNINGS,
    **release_conditions.WARNINGS,
}


class Incomplete(Exception):
    """Part of what is declared could not be written; the status says which: it is tried again."""

    def __init__(self, workload: str, failures: dict[str, str], of: str = "zone") -> None:
        listed = "; ".join(f"{of} {name}: {why}" for name, why in sorted(failures.items()))
        super().__init__(f"{workload}: {listed}")


def _boundaries(plan: BoundaryPlan) -> dict[str, ZoneBoundary]:
    """Return the boundaries that a plan's namespaces are to carry, by namespace."""
    return {zone.namespace.name: zone_boundary(zone) for zone in plan.zones}


def zone_boundary(zone: ZonePlan) -> ZoneBoundary:
    """Return the boundary that a zone's Namespace is to carry."""
    metadata = zone.namespace.body["metadata"]
    return decode(metadata["labels"], metadata["annotations"])
