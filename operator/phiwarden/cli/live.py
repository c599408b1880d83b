"""What runs in a zone, judged by the boundary that its Namespace carries."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from phiwarden.api import names
from phiwarden.boundary import exceptions
from phiwarden.boundary.labels import BoundaryUnreadable, ZoneBoundary, decode
from phiwarden.cli.manifests.objects import Manifest
from phiwarden.cli.report import Judged, Problem, Report
from phiwarden.cli.verdicts import verdict
from phiwarden.cluster.client import Api, ClusterError, Refused
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.budgets import Budget, budget_of
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.shapes import BUDGET, NAMESPACE, OWNED, Kind
from phiwarden.rulebook.subjects import SUBJECTS

Object = dict[str, Any]

_UNREAD: Final = ("scale", "secrets", "endpoints", "revisions")
"""Subjects that are not looked at: the scale is the object's own; a Secret would come with its
values; and what controllers wrote cannot be told from what was written by hand."""

READ: Final = (
    *(kind for subject in SUBJECTS if subject.name not in _UNREAD for kind in subject.kinds),
    BUDGET,
)


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
        read = asyncio.run(_read(namespace, kubeconfig))
    except ClusterError as error:
        raise NotReadable(f"namespace {namespace} cannot be read: {error}") from error
    return _report(namespace, read, judge)


@dataclass(frozen=True, slots=True)
class _Read:
    """What was read of a zone.

    Attributes:
        boundary: the one that its Namespace carries.
        objects: everything in it that rules read.
        budgets: its PodDisruptionBudgets; None if they may not be listed.
        problems: what may not be listed.
    """

    boundary: ZoneBoundary
    objects: list[tuple[Kind, Object]]
    budgets: tuple[Budget, ...] | None
    problems: tuple[Problem, ...]


async def _read(namespace: str, kubeconfig: str | None) -> _Read:
    async with Api.as_user(kubeconfig) as api:
        found = await api.get(NAMESPACE, None, namespace)
        boundary = _boundary(namespace, found)
        lists = await asyncio.gather(*(_listed(api, kind, namespace) for kind in READ))
    answers = dict(zip(READ, lists, strict=True))
    listed, refused = answers[BUDGET]
    return _Read(
        boundary,
        [(kind, item) for kind, (items, _) in answers.items() for item in items],
        tuple(map(budget_of, listed)) if refused is None else None,
        tuple(problem for _, problem in lists if problem is not None),
    )


async def _listed(api: Api, kind: Kind, namespace: str) -> tuple[list[Object], Problem | None]:
    """Return the objects of a kind; none of one that this cluster does not know."""
    try:
        return await api.list(collection(kind, namespace)), None
    except Refused as refused:
        if refused.code == 404:
            return [], None
        if refused.code != 403:
            raise
        message = f"{kind.plural} were not judged: you may not list them"
        return [], Problem("warning", f"namespace/{namespace}", 1, 1, message)


def _boundary(namespace: str, found: Mapping[str, Any] | None) -> ZoneBoundary:
    if found is None:
        raise NotReadable(f"there is no namespace {namespace}")
    metadata = found["metadata"]
    labels = metadata.get("labels") or {}
    if names.WORKLOAD not in labels:
        raise NotReadable(f"namespace {namespace} is no zone: no PHIWorkload declares it")
    try:
        boundary = decode(labels, metadata.get("annotations") or {})
    except BoundaryUnreadable as error:
        raise NotReadable(
            f"the boundary of namespace {namespace} cannot be read: {error}"
        ) from error
    return exceptions.at(boundary, datetime.now(UTC))


def _report(namespace: str, read: _Read, judge: Judge) -> Report:
    judged: list[Judged] = []
    rules: dict[str, frozenset[str]] = {}
    for kind, body in read.objects:
        value = {**body, "apiVersion": kind.api_version, "kind": kind.kind}
        found = verdict(
            Manifest(f"namespace/{namespace}", value),
            namespace,
            read.boundary,
            judge,
            trusted=kind in OWNED and _is_ours(body),
            budgets=read.budgets,
        )
        broken = frozenset(finding.failure.rule for finding in found.findings)
        rules[str(body["metadata"].get("uid"))] = broken
        judged.append(found)
    return Report(
        tuple(
            found
            for found, (_, body) in zip(judged, read.objects, strict=True)
            if not _said_already(found, body, rules)
        ),
        read.problems,
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
