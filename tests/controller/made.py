"""Queues on which nobody works: what waits in them is what is looked at."""

from __future__ import annotations

from typing import Any

from phiwarden.controller.queues import Queues
from phiwarden.controller.workqueue import WorkQueue


async def nobody(_: Any) -> None:
    """Do nothing."""


def idle_queues() -> Queues:
    """Return queues that nothing is taken from."""
    names = ("workloads", "audits", "turns", "ways")
    return Queues(**{name: WorkQueue(name, nobody) for name in names})
