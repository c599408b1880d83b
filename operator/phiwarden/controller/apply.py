"""Writes what differs, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from phiwarden.api import names
from phiwarden.api.amounts import parse_quantity
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.model import BoundaryPlan, Desired, ZonePlan
from phiwarden.boundary.network import DEFAULT_DENY
from phiwarden.boundary.project import digest, spec_digest
from phiwarden.boundary.storage import class_of as storage_class
from phiwarden.boundary.storage import made_class, requested
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, ClusterError, Refused
from phiwarden.controller.observe import namespace_of
from phiwarden.controller.state import Asked, ObjectKey, State
from phiwarden.controller.volumes import made_before
from phiwarden.rulebook import shapes
from phiwarden.storage.read import claim_of, class_of

log = structlog.get_logger(__name__)


class Overtaken(ClusterError):
    """Somebody else made a namespace at the same moment."""

    def __init__(self, namespace: str) -> None:
        super().__init__(f"namespace {namespace} was made by somebody else at the same moment")


@dataclass
class Applier:
    """Brings the objects of a plan into the cluster.

    What was written is noted at once, and not when the watch tells of it: a
    look in between must not take the old state for the current one.
    """

    api: Api
    state: State

    async def apply(self, plan: BoundaryPlan) -> dict[str, str]:
        """Write what differs; return what the API server refused, by zone.

        Raises:
            ClusterError: the API server did not answer, or a namespace was taken.
        """
        results = await asyncio.gather(*(self._zone(zone) for zone in plan.zones))
        return {
            zone.zone: problem
            for zone, problem in zip(plan.zones, results, strict=True)
            if problem is not None
        }

    async def make_classes(self, spec: WorkloadSpec) -> dict[str, str]:
        """Make the classes that are asked for and not there; return what was refused, by zone.

        A class is never changed and never deleted: others may have claims of it.
        """
        refused: dict[str, str] = {}
        for made in requested(spec):
            if made.name in self.state.storage_classes:
                continue
            try:
                body = await self.api.apply(shapes.STORAGE_CLASS, made_class(made).body)
            except Refused as error:
                problem = f"StorageClass {made.name}: {error}"
                refused |= {v.zone: problem for v in spec.volumes if storage_class(v) == made.name}
                continue
            self.state.storage_classes[made.name] = class_of(body)
            log.info("class.made", storage_class=made.name)
        return refused

    async def _zone(self, zone: ZonePlan) -> str | None:
        namespace = zone.namespace.name
        changed: list[str] = []
        try:
            if self._namespace_differs(zone.namespace):
                await self.write_namespace(zone.namespace)
                changed.append(f"Namespace/{namespace}")
            # What is allowed stands before everything else is denied: a zone that
            # runs already must not lose its declared flows for a moment.
            changed += await self._write_all((*zone.allows, *zone.others))
            if zone.default_deny is not None:
                changed += await self._write_all((zone.default_deny,))
            # Before all that is not the network: a flow that is closed must not wait for it.
            removed = await self._remove_surplus(zone)
        except Refused as refused:
            return _told(namespace, refused)
        problem: str | None = None
        for write in (self._write_claims, self._write_sources):
            try:
                changed += await write(zone)
            except Refused as refused:
                problem = problem or _told(namespace, refused)
        if changed or removed:
            log.info("zone.written", namespace=namespace, applied=changed, removed=removed)
        return problem

    def _namespace_differs(self, desired: Desired) -> bool:
        seen = self.state.namespaces.get(desired.name)
        return seen is None or seen.digest != self._want(desired)

    def _want(self, desired: Desired) -> bytes:
        """Return the digest of what is compiled, and note it."""
        wanted = digest(desired.body)
        self.state.wanted[desired.namespace or "", desired.kind, desired.name] = wanted
        return wanted

    async def _write_all(self, objects: Iterable[Desired]) -> list[str]:
        """Write those that differ, all at once; return them as `Kind/name`."""
        wanted = [(desired, self._want(desired)) for desired in objects]
        differing = [pair for pair in wanted if self._known(pair[0]) != pair[1]]
        await asyncio.gather(*(self._write(*pair) for pair in differing))
        return [f"{desired.kind}/{desired.name}" for desired, _ in differing]

    async def _write_claims(self, zone: ZonePlan) -> list[str]:
        """Make claims that never were, and grow those that are ours; return them as `Kind/name`."""
        written = []
        for desired in zone.claims:
            known = self.state.claims.get(zone.namespace.name, {}).get(desired.name)
            asked = desired.body["spec"]["resources"]["requests"]["storage"]
            if known is None:
                stored = self.state.statuses.get(
                    zone.namespace.body["metadata"]["labels"][names.WORKLOAD], {}
                )
                if made_before(stored, zone.zone, desired.name):
                    continue
            elif known.leaving or parse_quantity(asked) <= parse_quantity(known.requested):
                continue
            body = await self.api.apply(shapes.CLAIM, desired.body)
            self.state.claims.setdefault(zone.namespace.name, {})[desired.name] = claim_of(body)
            written.append(f"{desired.kind}/{desired.name}")
        return written

    async def _write_sources(self, zone: ZonePlan) -> list[str]:
        """Ask stores for secrets, where we did not or others changed it; return `Kind/name`.

        What a store's CRD fills in differs with its version, so what is compared is what the API
        server made of our own words when it took them last.
        """
        written = []
        for desired in zone.sources:
            place = (zone.namespace.name, desired.kind, desired.name)
            wanted = spec_digest(desired.body)
            known = self.state.asked.get(place)
            if known is not None and known.wanted == wanted:
                continue
            stored = await self.api.apply(resources.kind_of(desired.kind), desired.body)
            self.state.asked[place] = Asked(wanted, spec_digest(stored))
            written.append(f"{desired.kind}/{desired.name}")
        return written

    def _known(self, desired: Desired) -> bytes | None:
        """Return the digest of the object as it is in the cluster, None if it is not there."""
        return self.state.owned.get(desired.namespace or "", {}).get((desired.kind, desired.name))

    async def write_namespace(self, desired: Desired) -> None:
        """Apply a Namespace; one that somebody else made a moment ago is given back.

        Raises:
            Overtaken: it was given back; the next look finds it as it is.
        """
        expected = desired.name in self.state.namespaces
        stored, created = await self.api.apply_or_create(shapes.NAMESPACE, desired.body)
        if not created and not expected and _made_by_others(stored):
            # Server-side apply knows no "only if it is not there". An apply of
            # nothing takes back every mark that was just set.
            bare = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": desired.name}}
            await self.api.apply(shapes.NAMESPACE, bare)
            raise Overtaken(desired.name)
        self.state.namespaces[desired.name] = namespace_of(stored)

    async def _write(self, desired: Desired, wanted: bytes) -> None:
        kind = resources.kind_of(desired.kind)
        stored = await self.api.apply(kind, desired.body)
        found = digest(stored)
        if found != wanted:
            # Server-side apply leaves what others added to a map of ours, such as one
            # more entry of a quota. The object is ours as a whole: it is replaced.
            whole = {**desired.body, "metadata": _kept(stored, desired)}
            found = digest(await self.api.replace(kind, whole))
        known = self.state.owned.setdefault(desired.namespace or "", {})
        known[desired.kind, desired.name] = found

    async def _remove_surplus(self, zone: ZonePlan) -> list[str]:
        """Delete our objects in a zone that are no longer asked for; return them as `Kind/name`."""
        wanted = {(desired.kind, desired.name) for desired in (*zone.policies, *zone.others)}
        surplus = set(self.state.owned.get(zone.namespace.name, {})) - wanted
        for key in surplus:
            self.state.wanted.pop((zone.namespace.name, *key), None)
        await remove(self.api, zone.namespace.name, surplus)
        return [f"{kind}/{name}" for kind, name in sorted(surplus)]


async def remove(api: Api, namespace: str, objects: Iterable[ObjectKey]) -> None:
    """Remove objects of ours from a namespace.

    The denial of everything goes first, and alone: without what is allowed
    it would cut off all that runs. A service account is never deleted, since
    tokens and whoever uses it would go with it; only our marks are taken off.
    """
    ordered = sorted(objects)
    deny = ("NetworkPolicy", DEFAULT_DENY)
    if deny in ordered:
        await api.delete(shapes.NETWORK_POLICY, namespace, DEFAULT_DENY)
    await asyncio.gather(
        *(_remove(api, namespace, kind, name) for kind, name in ordered if (kind, name) != deny)
    )


async def _remove(api: Api, namespace: str, kind: str, name: str) -> None:
    if kind != shapes.SERVICE_ACCOUNT.kind:
        await api.delete(resources.kind_of(kind), namespace, name)
        return
    metadata = {"name": name, "namespace": namespace}
    bare = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    await api.apply(shapes.SERVICE_ACCOUNT, bare)


def _told(namespace: str, refused: Refused) -> str:
    log.warning("zone.refused", namespace=namespace, code=refused.code)
    return str(refused)


def _made_by_others(namespace: Mapping[str, Any]) -> bool:
    """Whether somebody else wrote to a Namespace; a write of ours may have lost its answer."""
    entries = namespace["metadata"].get("managedFields") or ()
    return any(entry.get("manager") != names.FIELD_MANAGER for entry in entries)


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
