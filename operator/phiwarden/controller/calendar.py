"""Wakes declarations on the day on which time alone changes them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Final

from phiwarden.controller.queues import Queues
from phiwarden.controller.state import State

Clock = Callable[[], dt.datetime]

LONGEST_SLEEP: Final = 300.0
"""Seconds; the clock of a machine can jump, so midnight is not slept towards in one go."""


async def follow_calendar(state: State, queues: Queues, clock: Clock) -> None:
    """Have every declaration with agreements or attestations looked at again when a day (UTC) ends."""
    day = clock().date()
    while True:
        now = clock()
        if now.date() != day:
            day = now.date()
            for name, declared in state.workloads.items():
                if declared.spec is not None and (
                    declared.spec.storage_attestations
                    or any(external.agreement is not None for external in declared.spec.externals)
                ):
                    queues.workloads.add(name)
        midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC)
        left = (midnight - clock()).total_seconds()
        await asyncio.sleep(min(max(left, 0.05), LONGEST_SLEEP))
