"""The floor: a client that does nothing but write the same objects."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Iterable, Sequence
from typing import Any

from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.model import Desired, Facts, ZonePlan
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api

CONCURRENCY = 16
"""Workloads that the client writes at a time; more did not make it faster on two cores."""


def zones(workloads: Iterable[dict[str, Any]]) -> list[ZonePlan]:
    """Return what the declarations ask for."""
    facts = Facts(today=dt.datetime.now(dt.UTC).date())
    return [
        zone
        for workload in workloads
        for zone in compile_boundary(
            workload["metadata"]["name"], WorkloadSpec.model_validate(workload["spec"]), facts
        ).zones
    ]


async def write(api: Api, plans: Sequence[ZonePlan]) -> float:
    """Apply all objects of all zones, each namespace before what is in it; return the seconds."""
    limit = asyncio.Semaphore(CONCURRENCY)

    async def apply(desired: Desired) -> None:
        await api.apply(resources.kind_of(desired.kind), desired.body)

    async def zone(plan: ZonePlan) -> None:
        async with limit:
            await apply(plan.namespace)
            await asyncio.gather(*(apply(d) for d in (*plan.policies, *plan.others)))

    begun = time.perf_counter()
    await asyncio.gather(*(zone(plan) for plan in plans))
    return time.perf_counter() - begun
