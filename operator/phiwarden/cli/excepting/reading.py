"""What is read of the cluster before somebody asks for an exception or decides it."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.decision import Identity
from phiwarden.api.exception import ExceptedObject
from phiwarden.boundary.granting import request_of
from phiwarden.boundary.labels import BoundaryUnreadable, ZoneBoundary, decode
from phiwarden.cli.excepting.model import Looked, Presence, Rules, Sheet, Zone
from phiwarden.cli.excepting.spelling import KINDS
from phiwarden.cluster.client import Api, Refused
from phiwarden.rulebook.shapes import NAMESPACE, PHI_EXCEPTION, Kind

Object = dict[str, Any]

_REVIEW: Final = Kind("authentication.k8s.io", "v1", "SelfSubjectReview", "selfsubjectreviews")


class NotThere(Exception):
    """There is no such exception, or it cannot be read."""


async def whoami(api: Api) -> tuple[Identity, dt.datetime]:
    """Return who the caller is to the API server, and what time it is there.

    A uid only where it knows one: PHI-GRD-007 compares it with what is written.
    """
    review = {"apiVersion": _REVIEW.api_version, "kind": _REVIEW.kind}
    answer = await api.create(_REVIEW, None, review)
    user, at = answer["status"]["userInfo"], answer["metadata"].get("creationTimestamp")
    now = dt.datetime.now(dt.UTC) if at is None else dt.datetime.fromisoformat(at)
    return Identity(username=user["username"], uid=user.get("uid") or None), now


async def zone(api: Api, namespace: str) -> Zone:
    """Return what is known of a namespace; the caller may not be allowed to read it."""
    try:
        body = await api.get(NAMESPACE, None, namespace)
    except Refused as refused:
        if refused.code != 403:
            raise
        return Zone(namespace, None, f"you may not read namespace {namespace}")
    if body is None:
        return Zone(namespace, None, f"there is no namespace {namespace}", certain=True)
    labels = body["metadata"].get("labels") or {}
    if names.WORKLOAD not in labels:
        return Zone(namespace, None, f"namespace {namespace} is no zone", certain=True)
    try:
        return Zone(namespace, decode(labels, body["metadata"].get("annotations") or {}))
    except BoundaryUnreadable as error:
        return Zone(namespace, None, f"its boundary cannot be read: {error}")


async def looked(
    api: Api, found: Zone, objects: tuple[ExceptedObject, ...], rules: Rules
) -> tuple[Looked, ...]:
    """Return what becomes of objects by the rules, as they stand now and without an exception."""
    boundary = found.boundary
    judged = None if boundary is None else replace(boundary, exceptions=())
    return tuple(
        await asyncio.gather(
            *(_looked(api, found.namespace, obj, judged, rules) for obj in objects)
        )
    )


async def _looked(
    api: Api, namespace: str, obj: ExceptedObject, boundary: ZoneBoundary | None, rules: Rules
) -> Looked:
    try:
        body = await api.get(KINDS[obj.kind], namespace, obj.name)
    except Refused as refused:
        if refused.code != 403:
            raise
        return Looked(obj, Presence.UNREAD)
    if body is None:
        return Looked(obj, Presence.ABSENT)
    if boundary is None:
        return Looked(obj, Presence.THERE)
    failures = rules.judge.failures(body, boundary, from_api=True)
    return Looked(obj, Presence.THERE, failures)


async def exception(api: Api, namespace: str, name: str, rules: Rules) -> tuple[Object, Sheet]:
    """Return an exception as the API server has it, and on a sheet.

    Raises:
        NotThere: there is none of that name that can be read.
    """
    me, now = await whoami(api)
    body = await api.get(PHI_EXCEPTION, namespace, name)
    if body is None:
        raise NotThere(f"there is no exception {name} in {namespace}")
    request = request_of(body)
    if request.spec is None:
        raise NotThere(f"exception {name} cannot be read here: {request.problem}")
    found = await zone(api, namespace)
    objects = await looked(api, found, request.spec.objects, rules)
    sheet = Sheet(
        found, name, request.spec, objects, rules, me, now, request.created, request.decision
    )
    return body, sheet
