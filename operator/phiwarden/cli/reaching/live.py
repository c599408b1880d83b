"""A live cluster, read with the caller's own rights, and never written."""

from __future__ import annotations

import asyncio

from pydantic import ValidationError

from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.endpoints import SLICE
from phiwarden.cli.reaching.seen import KINDS, Body, NotReadable, NotUnderstood, Seen
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, ClusterError, Refused, Unreachable
from phiwarden.rulebook.shapes import Kind


def see_cluster(kubeconfig: str | None, context: str | None) -> Seen:
    """Return what connections depend on in a cluster.

    Args:
        kubeconfig: path of the file; KUBECONFIG, or the usual place, if None.
        context: name of a context in it; the current one if None.

    Raises:
        NotReadable: the API server does not answer, something may not be listed, or a policy that
            it stored cannot be understood.
    """
    try:
        return asyncio.run(_see(kubeconfig, context))
    except Unreachable as error:
        raise NotReadable(f"the API server cannot be reached: {error.__cause__}") from error
    except (ClusterError, NotUnderstood) as error:
        raise NotReadable(str(error)) from error


async def _see(kubeconfig: str | None, context: str | None) -> Seen:
    seen = Seen()
    async with Api.as_user(kubeconfig, context) as api:
        await asyncio.gather(*(_list(api, kind, seen) for kind in KINDS))
        # Without this right, ways to the API server are told as ways to its address.
        body = await _get(api, resources.ENDPOINT_SLICE, *SLICE)
        seen.take("EndpointSlice", body or {})
    return seen


async def _list(api: Api, kind: Kind, seen: Seen) -> None:
    try:
        async for page, _ in api.pages(resources.collection(kind)):
            for body in page:
                if kind is resources.PHIWORKLOAD:
                    _declared(body, seen)
                else:
                    seen.take(kind.kind, body)
    except Refused as refused:
        if refused.code == 404 and kind is resources.PHIWORKLOAD:
            return  # a cluster without phiwarden has a network, too
        if refused.code != 403:
            raise
        raise NotReadable(
            f"{kind.plural} may not be listed: reach needs the right to list them in all"
            " namespaces, since a policy anywhere may open a way"
        ) from refused


def _declared(body: Body, seen: Seen) -> None:
    name = str(body["metadata"]["name"])
    try:
        seen.specs[name] = WorkloadSpec.model_validate(body.get("spec") or {})
    except ValidationError as error:
        raise NotReadable(f"PHIWorkload {name}: its spec is not understood") from error


async def _get(api: Api, kind: Kind, namespace: str, name: str) -> Body | None:
    try:
        return await api.get(kind, namespace, name)
    except Refused as refused:
        if refused.code != 403:
            raise
        return None
