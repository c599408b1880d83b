"""A decision, written on the exception that was shown and on no other, and what came of it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

from phiwarden.api.decision import Decision, DecisionType
from phiwarden.boundary.granting import Reason
from phiwarden.cluster.client import MERGE_PATCH, Api, Refused
from phiwarden.cluster.resources import PHI_EXCEPTION

Object = dict[str, Any]

IN_FORCE: Final = "InForce"

_TRIES: Final = 5
_BETWEEN: Final = 0.1


class Changed(Exception):
    """What was shown is not what is there any more; says what became of it."""


async def decide(
    api: Api, shown: Mapping[str, Any], decision: Decision, *, dry_run: bool = False
) -> Object:
    """Write a decision on an exception, as long as it is the one that was shown.

    What is asked for cannot be changed, but another exception can be made under its name. That
    phiwarden writes what is true of it meanwhile makes no other one of it.

    Args:
        api: the connection of whoever decides.
        shown: the exception as it was read.
        decision: what is decided.
        dry_run: whether the API server is only asked what it would say.

    Raises:
        Changed: it is gone, another one stands under its name, or somebody else decided.
        Refused: the API server does not take the decision.
    """
    metadata = shown["metadata"]
    where = (metadata["namespace"], metadata["name"])
    version = metadata["resourceVersion"]
    for _ in range(_TRIES):
        patch = {
            "metadata": {"uid": metadata["uid"], "resourceVersion": version},
            # With what is empty, so that nothing of an earlier decision stays.
            "status": {"decision": decision.model_dump(mode="json", by_alias=True)},
        }
        try:
            return await api.patch(
                PHI_EXCEPTION,
                *where,
                patch,
                content=MERGE_PATCH,
                subresource="status",
                dry_run=dry_run,
            )
        except Refused as refused:
            if refused.code not in (404, 409):
                raise
        found = await api.get(PHI_EXCEPTION, *where)
        version = _same(shown, found)["metadata"]["resourceVersion"]
    raise Changed("it is written to all the time; try again")


def _same(shown: Mapping[str, Any], found: Object | None) -> Object:
    """Return an exception as it stands, if it is the one that was shown."""
    if found is None:
        raise Changed("it was deleted meanwhile")
    if found["metadata"]["uid"] != shown["metadata"]["uid"]:
        raise Changed("it was deleted meanwhile, and another one was made under its name")
    if found["spec"] != shown["spec"]:
        raise Changed("what is asked for was changed meanwhile")
    before, after = ((body.get("status") or {}).get("decision") for body in (shown, found))
    if before != after:
        by = (after or {}).get("by", {}).get("username", "somebody")
        raise Changed(f"{by} decided it meanwhile")
    return found


async def outcome(api: Api, decided: Mapping[str, Any], within: dt.timedelta) -> Object | None:
    """Return what phiwarden says of an exception that was decided; None if it does not in time."""
    metadata = decided["metadata"]
    kind = decided["status"]["decision"]["type"]
    try:
        async with asyncio.timeout(within.total_seconds()):
            while True:
                found = await api.get(PHI_EXCEPTION, metadata["namespace"], metadata["name"])
                said = _said(found or {})
                if _answers(said, kind):
                    return said
                await asyncio.sleep(_BETWEEN)
    except TimeoutError:
        return None


def _said(body: Mapping[str, Any]) -> Object:
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next((entry for entry in conditions if entry["type"] == IN_FORCE), {})


def _answers(said: Mapping[str, Any], decision: str) -> bool:
    """Return whether a condition was written in view of a decision."""
    if not said or said["reason"] == Reason.AWAITING_DECISION:
        return False
    return decision == DecisionType.APPROVED or said["status"] == "False"
