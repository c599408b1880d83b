"""Wakes declarations when time alone changes what is true of them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

LONGEST: Final = 300.0
"""Seconds slept in one go: the clock of a machine can jump."""

SHORTEST: Final = 0.05


@dataclass
class Wakes:
    """One time for each declaration, the next; a later call takes the place of an earlier one.

    Attributes:
        wake: told the name of a declaration that is due.
        clock: asked for the time.
    """

    wake: Callable[[str], None]
    clock: Callable[[], dt.datetime]
    _due: dict[str, dt.datetime] = field(default_factory=dict)
    _timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)

    def at(self, name: str, due: dt.datetime | None) -> None:
        """Have a declaration looked at again at a time; None for never."""
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()
        self._due.pop(name, None)
        if due is not None:
            self._due[name] = due
            self._sleep(name)

    def _sleep(self, name: str) -> None:
        left = (self._due[name] - self.clock()).total_seconds()
        seconds = min(max(left, SHORTEST), LONGEST)
        loop = asyncio.get_running_loop()
        self._timers[name] = loop.call_later(seconds, self._look, name)

    def _look(self, name: str) -> None:
        if self.clock() < self._due[name]:
            self._sleep(name)
            return
        del self._due[name], self._timers[name]
        self.wake(name)

    def stop(self) -> None:
        """Wake nobody any more."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._due.clear()
