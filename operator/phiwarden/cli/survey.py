"""What a declaration will meet: read with the caller's own rights, and never written."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import ValidationError

from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.storage import declared_classes
from phiwarden.cli.declared import with_standing
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, Refused
from phiwarden.preview.model import Cluster, Declared, Gap, Object
from phiwarden.preview.outlook import claimed, namespaces_to_read
from phiwarden.preview.past import needs_secrets
from phiwarden.remediation.plan import REMEDIED
from phiwarden.rulebook.shapes import BUDGET, NAMESPACE, Kind
from phiwarden.rulebook.subjects import SUBJECTS
from phiwarden.storage.read import class_of
from phiwarden.storage.verdict import of_class

_AT_ONCE: Final = 16
"""Requests under way; an API server has more to do than to answer this."""

_WITH_STATUS: Final = (*REMEDIED, "ReplicaSet", "Pod", resources.PHI_HISTORY.kind)
"""Kinds whose status tells how far a rollout is, whether a Job is over, or what is remembered."""

_WITH_AUTHORS: Final = REMEDIED
"""Kinds of which it is told who wrote what they have."""

_NEVER_READ: Final = ("Secret",)
"""Kinds whose values must not enter this process, whatever a rule would say of them."""


def _kinds() -> tuple[tuple[Kind, ...], ...]:
    """Return every kind to list that rules read, in all its versions."""
    by_name: dict[tuple[str, str], list[Kind]] = {}
    for kinds in (*(subject.kinds for subject in SUBJECTS), (BUDGET,)):
        for kind in kinds:
            subresource = "/" in kind.plural
            if not subresource and kind.kind not in _NEVER_READ:
                by_name.setdefault((kind.group, kind.kind), []).append(kind)
    return tuple(tuple(versions) for versions in by_name.values())


KINDS: Final = _kinds()


async def survey(
    api: Api, declared: Sequence[Declared], standing: Sequence[str] = ()
) -> tuple[tuple[Declared, ...], Cluster]:
    """Return all declarations that a plan is for, and what it must know of the cluster.

    What the caller may not read is a gap, and no error.

    Args:
        api: the API server.
        declared: declarations to be.
        standing: names of PHIWorkloads that are planned for as they stand.

    Raises:
        ClusterError: the API server does not answer.
        NotAccepted: one of the names is no PHIWorkload that can be read.
    """
    reader = _Reader(api, asyncio.Semaphore(_AT_ONCE))
    cluster = await reader.workloads()
    declared = with_standing(declared, standing, cluster)
    if any(declared_classes(zone, each.spec) for each in declared for zone in each.spec.zones):
        cluster = await reader.with_storage(cluster)
    cluster = await reader.with_namespaces(cluster, sorted(claimed(declared, cluster)))
    names = namespaces_to_read(declared, cluster)
    cluster = await reader.with_objects(cluster, names)
    cluster = await reader.with_histories(cluster, names)
    matter = [name for name in names if needs_secrets(cluster.objects[name])]
    return declared, await reader.with_secrets(cluster, matter)


@dataclass(frozen=True, slots=True)
class _Reader:
    api: Api
    slots: asyncio.Semaphore

    async def workloads(self) -> Cluster:
        """Return the PHIWorkloads that stand; one that cannot be understood is a gap."""
        kind = resources.PHIWORKLOAD
        try:
            bodies = await self.api.list(resources.collection(kind))
        except Refused as refused:
            if refused.code == 404:
                return Cluster({}, {}, {}, unknown=(kind.kind,))
            return Cluster({}, {}, {}, (_gap(kind.kind, "", refused),))
        found, gaps = {}, []
        for body in bodies:
            metadata = body["metadata"]
            name = str(metadata["name"])
            try:
                spec = WorkloadSpec.model_validate(body.get("spec") or {})
            except ValidationError:
                gaps.append(Gap(f"{kind.kind} {name}", "", "its spec is not understood"))
            else:
                found[name] = Declared(name, spec, str(metadata.get("creationTimestamp", "")))
        return Cluster(found, {}, {}, tuple(gaps))

    async def with_storage(self, cluster: Cluster) -> Cluster:
        """Return the cluster with what its StorageClasses prove."""
        kind = resources.STORAGE_CLASS
        try:
            found = [class_of(body) for body in await self.api.list(resources.collection(kind))]
        except Refused as refused:
            return replace(cluster, gaps=(*cluster.gaps, _gap(kind.kind, "", refused)))
        return replace(cluster, storage={each.name: of_class(each).encryption for each in found})

    async def with_namespaces(self, cluster: Cluster, names: Iterable[str]) -> Cluster:
        """Return the cluster with the Namespaces of those names, as far as they are there."""
        answers = await asyncio.gather(*(self._namespace(name) for name in names))
        found = {a["metadata"]["name"]: a for a in answers if isinstance(a, dict)}
        gaps = tuple(answer for answer in answers if isinstance(answer, Gap))
        return replace(cluster, namespaces=found, gaps=(*cluster.gaps, *gaps))

    async def _namespace(self, name: str) -> dict[str, Any] | Gap | None:
        async with self.slots:
            try:
                return await self.api.get(NAMESPACE, None, name)
            except Refused as refused:
                return _gap(NAMESPACE.kind, name, refused)

    async def with_objects(self, cluster: Cluster, names: Sequence[str]) -> Cluster:
        """Return the cluster with all that rules read in those namespaces."""
        asked = [(name, versions) for name in names for versions in KINDS]
        answers = await asyncio.gather(*(self._objects(*each) for each in asked))
        objects: dict[str, list[Object]] = {name: [] for name in names}
        gaps, unknown = list(cluster.gaps), set(cluster.unknown)
        for (name, versions), answer in zip(asked, answers, strict=True):
            match answer:
                case None:
                    unknown.add(versions[0].kind)
                case Gap():
                    gaps.append(answer)
                case _:
                    objects[name] += answer
        return replace(
            cluster,
            objects={name: tuple(found) for name, found in objects.items()},
            gaps=tuple(gaps),
            unknown=tuple(sorted(unknown)),
        )

    async def _objects(self, namespace: str, versions: Sequence[Kind]) -> list[Object] | Gap | None:
        """Return the objects of a kind, in the first version that the cluster knows."""
        async with self.slots:
            for kind in versions:
                try:
                    return [
                        _slim(body, kind)
                        async for page, _ in self.api.pages(resources.collection(kind, namespace))
                        for body in page
                    ]
                except Refused as refused:
                    if refused.code != 404:
                        return _gap(kind.kind, namespace, refused)
        return None

    async def with_histories(self, cluster: Cluster, names: Sequence[str]) -> Cluster:
        """Return the cluster with what is remembered of the workloads of those namespaces."""
        kind = resources.PHI_HISTORY
        answers = await asyncio.gather(*(self._objects(name, (kind,)) for name in names))
        lacks = (kind.kind,) if None in answers else ()
        return replace(
            cluster,
            histories={
                name: tuple(answer)
                for name, answer in zip(names, answers, strict=True)
                if isinstance(answer, list)
            },
            gaps=(*cluster.gaps, *(answer for answer in answers if isinstance(answer, Gap))),
            unknown=tuple(sorted({*cluster.unknown, *lacks})),
        )

    async def with_secrets(self, cluster: Cluster, names: Sequence[str]) -> Cluster:
        """Return the cluster with the names of the Secrets of those namespaces.

        Where they may not be listed, a plan is made without: hardly anybody may.
        """
        answers = await asyncio.gather(*(self._secrets(name) for name in names))
        found = zip(names, answers, strict=True)
        return replace(cluster, secrets={name: a for name, a in found if a is not None})

    async def _secrets(self, namespace: str) -> frozenset[str] | None:
        path = resources.collection(resources.SECRET, namespace)
        async with self.slots:
            try:
                listed = await self.api.list(path, metadata_only=True)
            except Refused as refused:
                if refused.code != 403:
                    raise
                return None
        return frozenset(str(body["metadata"]["name"]) for body in listed)


def _slim(body: dict[str, Any], kind: Kind) -> Object:
    """Return an item of a list with its kind, and without what no plan depends on."""
    metadata, rest = dict(body["metadata"]), dict(body)
    if kind.kind not in _WITH_AUTHORS:
        metadata.pop("managedFields", None)
    if kind.kind not in _WITH_STATUS:
        rest.pop("status", None)
    return {**rest, "apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata}


def _gap(what: str, where: str, refused: Refused) -> Gap:
    """Return what the caller may not read; any other refusal is no answer to go by.

    Raises:
        Refused: it was not forbidden.
    """
    if refused.code != 403:
        raise refused
    return Gap(what, where, "not permitted")
