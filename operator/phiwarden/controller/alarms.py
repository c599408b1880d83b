"""Wakes whatever has to be looked at again, at the moment at which time alone changes what is to be done."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from phiwarden.controller.calendar import LONGEST_SLEEP, Clock

SHORTEST_SLEEP = 0.05
"""Seconds; a moment that has just come must not keep the loop busy."""


K = TypeVar("K", bound=Hashable)


@dataclass
class Alarms(Generic[K]):
    """One moment for each thing and matter, or none."""

    clock: Clock
    _at: dict[tuple[K, str], dt.datetime] = field(default_factory=dict)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def set(self, what: K, matter: str, at: dt.datetime | None) -> None:
        """Have something looked at again at a moment; None takes an earlier order back.

        Args:
            what: a declaration, by name, or an object.
            matter: what it is looked at for; each has a moment of its own.
            at: the moment.
        """
        key = (what, matter)
        if at is None:
            self._at.pop(key, None)
        elif self._at.get(key) != at:
            self._at[key] = at
            self._changed.set()

    async def run(self, look: Callable[[K], None]) -> None:
        """Wake those whose moment has come, for ever."""
        while True:
            self._changed.clear()
            now = self.clock()
            for key in [key for key, at in self._at.items() if at <= now]:
                del self._at[key]
                look(key[0])
            # The clock of a machine can jump: nothing is slept towards in one go.
            left = min((at - now).total_seconds() for at in self._at.values()) if self._at else 1e9
            try:
                async with asyncio.timeout(min(max(left, SHORTEST_SLEEP), LONGEST_SLEEP)):
                    await self._changed.wait()
            except TimeoutError:
                continue
