"""Roles and bindings of a live cluster, read with the caller's own rights, and never written."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from phiwarden.access.rbac import Rbac
from phiwarden.access.read import binding_of, role_of
from phiwarden.access.report import Gap, Zone
from phiwarden.api import names
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.compile import zone_boundary
from phiwarden.boundary.model import Facts
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, ClusterError, Refused, Unreachable
from phiwarden.rulebook.shapes import NAMESPACE, ROLE, ROLE_BINDING, Kind

Body = dict[str, Any]

_ROLES: Final = (ROLE, resources.CLUSTER_ROLE)
_UNTOLD: Final = {
    ROLE: "what its Roles allow",
    ROLE_BINDING: "who has rights there alone",
    resources.CLUSTER_ROLE: "what ClusterRoles allow",
    resources.CLUSTER_ROLE_BINDING: "who has rights in every namespace",
}


class NotReadable(Exception):
    """What a review is about cannot be had; says what to do."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read.

    Attributes:
        zones: of the workload, by its declaration.
        rbac: the roles and bindings of the zones' namespaces, and of the cluster.
        gaps: what the caller may not list.
    """

    zones: tuple[Zone, ...]
    rbac: Rbac
    gaps: tuple[Gap, ...]


def see_rights(workload: str, today: dt.date, kubeconfig: str | None, context: str | None) -> Seen:
    """Return the zones of a PHIWorkload, and what gives rights in them.

    Args:
        workload: name of the PHIWorkload.
        today: the day in UTC.
        kubeconfig: path of the file; KUBECONFIG, or the usual place, if None.
        context: name of a context in it; the current one if None.

    Raises:
        NotReadable: the API server does not answer or refuses, or there is no such PHIWorkload.
    """
    try:
        return asyncio.run(_see(workload, today, kubeconfig, context))
    except Unreachable as error:
        raise NotReadable(f"the API server cannot be reached: {error.__cause__}") from error
    except ClusterError as error:
        raise NotReadable(str(error)) from error


async def _see(workload: str, today: dt.date, kubeconfig: str | None, context: str | None) -> Seen:
    async with Api.as_user(kubeconfig, context) as api:
        spec = await _declared(api, workload)
        declared = {zone.namespace_in(workload): zone for zone in spec.zones}
        lists = [(kind, name) for name in declared for kind in (ROLE, ROLE_BINDING)]
        lists += [(resources.CLUSTER_ROLE, ""), (resources.CLUSTER_ROLE_BINDING, "")]
        answers = await asyncio.gather(*(_listed(api, kind, where) for kind, where in lists))
        namespaces = await asyncio.gather(*(_namespace(api, name) for name in declared))
    zones = [
        Zone(
            name,
            zone_boundary(workload, zone, spec, Facts(today)),
            _stands(body, workload, zone.name),
        )
        for (name, zone), body in zip(declared.items(), namespaces, strict=True)
    ]
    return _seen(zones, dict(zip(lists, answers, strict=True)))


async def _declared(api: Api, workload: str) -> WorkloadSpec:
    kind = resources.PHIWORKLOAD
    try:
        bodies = await api.list(resources.collection(kind))
    except Refused as refused:
        match refused.code:
            case 404:
                raise NotReadable(
                    "this cluster has no PHIWorkloads: install phiwarden"
                ) from refused
            case 403:
                right = f"{kind.plural}.{kind.group}"
                raise NotReadable(
                    f"{kind.plural} may not be listed: access needs the right to list {right}"
                ) from refused
        raise
    found = {str(body["metadata"]["name"]): body for body in bodies}
    if workload not in found:
        known = ", ".join(sorted(found)) or "none at all"
        raise NotReadable(f"there is no PHIWorkload {workload}; there are {known}")
    try:
        return WorkloadSpec.model_validate(found[workload].get("spec") or {})
    except ValidationError as error:
        raise NotReadable(f"PHIWorkload {workload}: its spec is not understood") from error


async def _listed(api: Api, kind: Kind, namespace: str) -> list[Body] | None:
    """Return all objects of a kind in a namespace, "" for the cluster; None if that is forbidden."""
    try:
        return await api.list(resources.collection(kind, namespace or None))
    except Refused as refused:
        if refused.code != 403:
            raise
        return None


async def _namespace(api: Api, name: str) -> Body | None:
    """Return a Namespace, an empty one if there is none, or None if it may not be read."""
    try:
        return await api.get(NAMESPACE, None, name) or {}
    except Refused as refused:
        if refused.code != 403:
            raise
        return None


def _stands(body: Mapping[str, Any] | None, workload: str, zone: str) -> bool:
    """Return whether a Namespace carries a zone's marks; one that may not be read is held to."""
    if body is None:
        return True
    labels = (body.get("metadata") or {}).get("labels") or {}
    return labels.get(names.WORKLOAD) == workload and labels.get(names.ZONE) == zone


def _seen(zones: Iterable[Zone], answers: Mapping[tuple[Kind, str], Sequence[Body] | None]) -> Seen:
    roles = [
        role_of(kind.kind, body)
        for (kind, _), bodies in answers.items()
        if kind in _ROLES
        for body in bodies or ()
    ]
    bindings = [
        binding_of(kind.kind, body)
        for (kind, _), bodies in answers.items()
        if kind not in _ROLES
        for body in bodies or ()
    ]
    refused = [where for where, bodies in answers.items() if bodies is None]
    return Seen(
        tuple(zones),
        Rbac(
            {role.ref: role for role in roles},
            tuple(bindings),
            frozenset((kind.kind, where) for kind, where in refused),
        ),
        tuple(Gap(f"{kind.plural}.{kind.group}", where, _UNTOLD[kind]) for kind, where in refused),
    )
