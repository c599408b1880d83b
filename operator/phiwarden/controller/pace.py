"""Turns: how much is changed at a time, and when to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from phiwarden.controller.calendar import Clock
from phiwarden.controller.queues import AuditKey
from phiwarden.remediation import turns
from phiwarden.remediation.turns import Bucket, Limits

log = structlog.get_logger(__name__)


@dataclass
class Pace:
    """Gives turns at a bounded rate, and none to put-backs while too many are not ready.

    Attributes:
        limits: how much.
        clock: asked for the time.
        ask: has a workload take its turn again.
        changed: told of the namespace of every workload whose put-back went another way.
    """

    limits: Limits
    clock: Clock
    ask: Callable[[AuditKey], None]
    changed: Callable[[AuditKey], None]
    on_their_way: set[AuditKey] = field(default_factory=set)
    failed: set[AuditKey] = field(default_factory=set)
    parked: set[AuditKey] = field(default_factory=set)
    _bucket: Bucket | None = None

    async def turn(self) -> None:
        """Wait for a turn, and take it."""
        while True:
            now = self.clock()
            bucket = self._bucket or turns.full(self.limits, now)
            self._bucket = turns.filled(bucket, self.limits, now)
            left = turns.seconds_left(self._bucket, self.limits)
            if left <= 0:
                self._bucket = turns.taken(self._bucket)
                return
            await asyncio.sleep(left)

    def give_back(self) -> None:
        """Give back a turn that changed nothing."""
        assert self._bucket is not None  # it was taken from it
        self._bucket = turns.given_back(self._bucket)

    def busy(self, asking: int) -> bool:
        """Return whether not all who ask for a turn now get it at once."""
        tokens = (self._bucket or turns.full(self.limits, self.clock())).tokens
        return tokens < asking

    @property
    def halted(self) -> bool:
        """Return whether nothing more is put back until people looked."""
        return turns.halted(self.failed, self.limits)

    def admits(self, key: AuditKey, *, on_trial: bool) -> bool:
        """Return whether a workload may be changed now; one that may not is asked again later.

        Args:
            key: the workload.
            on_trial: whether it has to become ready again; its place is taken at once.
        """
        others = (self.on_their_way | self.failed) - {key}
        full = on_trial and turns.crowded(others, self.limits)
        if self.halted or full:
            self.parked.add(key)
            return False
        if on_trial:
            self.sent(key)
        return True

    def sent(self, key: AuditKey) -> None:
        """Note that a put-back is on its way, and not ready."""
        if key not in self.on_their_way:
            self.failed.discard(key)
            self.on_their_way.add(key)

    def over(self, key: AuditKey) -> None:
        """Note that a put-back is ready, or that another template took its place."""
        if key not in self.on_their_way and key not in self.failed:
            return
        self.on_their_way.discard(key)
        self.failed.discard(key)
        self._go_on(key)

    def gone(self, key: AuditKey) -> None:
        """Note that a workload is gone."""
        self.parked.discard(key)
        self.over(key)

    def fell(self, key: AuditKey) -> bool:
        """Note that a put-back did not become ready in time; return whether that is news."""
        if key in self.failed:
            return False
        self.on_their_way.discard(key)
        self.failed.add(key)
        if self.halted:
            log.error("remediation.halted", failed=sorted(map(str, self.failed)))
        self.changed(key)
        for waiting in self.parked:
            self.changed(waiting)
        return True

    def _go_on(self, key: AuditKey) -> None:
        self.changed(key)
        parked, self.parked = self.parked, set()
        for waiting in parked:
            self.ask(waiting)
