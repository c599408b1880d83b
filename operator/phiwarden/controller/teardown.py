"""What becomes of a boundary whose PHIWorkload is deleted with deletionPolicy Delete."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import structlog

from phiwarden.api import names
from phiwarden.api.workload import ClinicalImpact, WorkloadSpec, Zone
from phiwarden.cluster import resources
from phiwarden.cluster.client import JSON_PATCH, Api, Refused
from phiwarden.cluster.events import EventType, Recorder
from phiwarden.controller.apply import remove
from phiwarden.controller.state import Declared, State
from phiwarden.rulebook import shapes

log = structlog.get_logger(__name__)


@dataclass
class Teardown:
    """Removes a boundary as far as nobody is hurt by it, and then lets the object go."""

    api: Api
    state: State
    recorder: Recorder

    async def run(self, declared: Declared) -> None:
        """Remove what may be removed; without our finalizer nothing is to be done.

        A namespace stays, boundary and all, while it holds volume claims or
        snapshots, or pods of direct care. One that was adopted loses the boundary only.
        """
        if names.FINALIZER not in declared.finalizers:
            return
        if declared.spec is None:
            log.warning("teardown.unreadable", workload=declared.name)
            return  # what cannot be read cannot be removed, and must not be forgotten
        for zone in declared.spec.zones:
            await self._zone(declared, declared.spec, zone)
        await self.set_finalizer(declared, present=False)

    async def _zone(self, declared: Declared, spec: WorkloadSpec, zone: Zone) -> None:
        namespace = zone.namespace_in(declared.name)
        seen = self.state.namespaces.get(namespace)
        if seen is None or seen.standing.owner != declared.name:
            return
        if reason := await self._keep(namespace, spec):
            log.warning("teardown.kept", workload=declared.name, namespace=namespace, why=reason)
            about = {"metadata": {"name": namespace, "uid": seen.uid}}
            message = f"PHIWorkload {declared.name} is deleted; the zone stands, because {reason}"
            await self.recorder.tell(
                about, shapes.NAMESPACE, EventType.WARNING, "BoundaryKept", message
            )
        elif zone.adopt:
            await self._release(namespace)
        else:
            await self.api.delete(shapes.NAMESPACE, None, namespace, uid=seen.uid)

    async def _keep(self, namespace: str, spec: WorkloadSpec) -> str | None:
        """Return why a namespace must stay, or None if it may go."""
        claims = resources.collection(shapes.CLAIM, namespace)
        if await self.api.list(claims):
            return "it holds volume claims"
        if resources.VOLUME_SNAPSHOT.kind in self.state.kinds and await self.api.list(
            resources.collection(resources.VOLUME_SNAPSHOT, namespace)
        ):
            return "it holds volume snapshots"
        if spec.clinical_impact is ClinicalImpact.DIRECT_CARE and await self.api.list(
            resources.collection(resources.POD, namespace)
        ):
            return "direct care runs in it"
        return None

    async def _release(self, namespace: str) -> None:
        """Take the boundary off a namespace that was somebody's before.

        The marks go last: until then the zone is known as one, and an
        interrupted release is taken up again.
        """
        await remove(self.api, namespace, self.state.owned.get(namespace, {}))
        # An apply of nothing takes off what we applied, and no mark of anybody else.
        bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        await self.api.apply(shapes.NAMESPACE, bare)

    async def set_finalizer(self, declared: Declared, *, present: bool) -> None:
        """Add our finalizer to a PHIWorkload, or take it off; others' are left alone."""
        kept = [entry for entry in declared.finalizers if entry != names.FINALIZER]
        wanted = [*kept, names.FINALIZER] if present else kept
        patch: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": declared.uid},
        ]
        if declared.finalizers:
            # Somebody else's finalizer that came or went meanwhile must not be lost.
            known = list(declared.finalizers)
            patch.append({"op": "test", "path": "/metadata/finalizers", "value": known})
        patch.append({"op": "add", "path": "/metadata/finalizers", "value": wanted})
        try:
            await self.api.patch(
                resources.PHIWORKLOAD, None, declared.name, patch, content=JSON_PATCH
            )
        except Refused as refused:
            if refused.code != 404:
                raise
