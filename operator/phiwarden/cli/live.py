"""What runs in a zone, judged by the boundary that its Namespace carries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from phiwarden.api import names
from phiwarden.boundary.labels import BoundaryUnreadable, ZoneBoundary, decode
from phiwarden.cli.manifests.objects import Manifest
from phiwarden.cli.report import Judged, Report
from phiwarden.cli.verdicts import READ, verdict
from phiwarden.cluster.client import Api, ClusterError
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.shapes import NAMESPACE, OWNED, Kind

Object = dict[str, Any]


class NotReadable(Exception):
    """A namespace could not be read, or carries no boundary; says what to do."""


def live(namespace: str, judge: Judge, *, kubeconfig: str | None = None) -> Report:
    """Judge every object of a zone that a rule reads, with the rights of the user's kubeconfig.

    Args:
        namespace: the zone's.
        judge: the rulebook.
        kubeconfig: path of the file; KUBECONFIG, or the usual place, if None.

    Raises:
        NotReadable: the API server does not answer or refuses, or the namespace is no zone.
    """
    try:
        boundary, objects = asyncio.run(_read(namespace, kubeconfig))
    except ClusterError as error:
        raise NotReadable(f"namespace {namespace} cannot be read: {error}") from error
    return _report(namespace, boundary, objects, judge)


async def _read(
    namespace: str, kubeconfig: str | None
) -> tuple[ZoneBoundary, list[tuple[Kind, Object]]]:
    api = await Api.connect_as_user(kubeconfig)
    try:
        found = await api.get(NAMESPACE, None, namespace)
        boundary = _boundary(namespace, found)
        lists = await asyncio.gather(*(api.list(collection(kind, namespace)) for kind in READ))
    finally:
        await api.close()
    return boundary, [
        (kind, item) for kind, items in zip(READ, lists, strict=True) for item in items
    ]


def _boundary(namespace: str, found: Mapping[str, Any] | None) -> ZoneBoundary:
    if found is None:
        raise NotReadable(f"there is no namespace {namespace}")
    metadata = found["metadata"]
    labels = metadata.get("labels") or {}
    if names.WORKLOAD not in labels:
        raise NotReadable(f"namespace {namespace} is no zone: no PHIWorkload declares it")
    try:
        return decode(labels, metadata.get("annotations") or {})
    except BoundaryUnreadable as error:
        raise NotReadable(
            f"the boundary of namespace {namespace} cannot be read: {error}"
        ) from error


def _report(
    namespace: str, boundary: ZoneBoundary, objects: Sequence[tuple[Kind, Object]], judge: Judge
) -> Report:
    judged: list[Judged] = []
    rules: dict[str, frozenset[str]] = {}
    for kind, body in objects:
        value = {**body, "apiVersion": kind.api_version, "kind": kind.kind}
        found = verdict(
            Manifest(f"namespace/{namespace}", value),
            namespace,
            boundary,
            judge,
            trusted=kind in OWNED and _is_ours(body),
        )
        broken = frozenset(finding.failure.rule for finding in found.findings)
        rules[str(body["metadata"].get("uid"))] = broken
        judged.append(found)
    return Report(
        tuple(
            found
            for found, (_, body) in zip(judged, objects, strict=True)
            if not _said_already(found, body, rules)
        ),
        (),
    )


def _is_ours(body: Mapping[str, Any]) -> bool:
    """Whether phiwarden wrote an object; in a zone nobody else can set the label."""
    labels = body["metadata"].get("labels") or {}
    return bool(labels.get(names.MANAGED_BY) == names.FIELD_MANAGER)


def _said_already(
    found: Judged, body: Mapping[str, Any], rules: Mapping[str, frozenset[str]]
) -> bool:
    """Whether an object only repeats its owner, or is an earlier revision that runs no more.

    An owner can be written by anybody, so it hides no rule that the owner itself keeps.
    """
    owners = body["metadata"].get("ownerReferences") or ()
    broken = {finding.failure.rule for finding in found.findings}
    if any(broken <= rules.get(str(owner.get("uid")), frozenset()) for owner in owners):
        return True
    idle = not (body.get("spec") or {}).get("replicas") and not (body.get("status") or {}).get(
        "replicas"
    )
    return found.kind == "ReplicaSet" and bool(owners) and idle
