"""Judges an attempt, answers it, and has it recorded."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog

from phiwarden.admission.answer import SILENCE, Answer, Attempt, Spokesman, worth_judging
from phiwarden.admission.wording import shown
from phiwarden.api.workload import Enforcement
from phiwarden.boundary import exceptions
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.evidence.decisions import Decision, record
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Severity
from phiwarden.rulebook.shapes import container_count

log = structlog.get_logger(__name__)

JUDGED_AT_ONCE: Final = 50
"""Containers up to which judging takes a few milliseconds; more are judged beside the loop."""

JUDGED_AT_ALL: Final = 500
"""Containers of an object above which the API server's own line has to do."""


class Boundaries(Protocol):
    """Boundaries of zones, as they are known at once and as they are stored."""

    def get(self, namespace: str) -> ZoneBoundary | None:
        """Return the boundary of a namespace; None if it is no zone, or carries none to rely on."""

    async def look_again(self, namespace: str) -> ZoneBoundary | None:
        """Return the boundary as it is stored now; None also when it cannot be learned in time."""


@dataclass
class Reviewer:
    """Answers attempts.

    Attributes:
        zones: the boundaries.
        judge: the rulebook.
        trusted: whether a user, of these groups, writes in phiwarden's name.
        clock: asked for the time.
    """

    zones: Boundaries
    judge: Judge
    trusted: Callable[[str, frozenset[str]], bool]
    clock: Callable[[], dt.datetime]
    spokesman: Spokesman = field(init=False)
    _one_large: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.spokesman = Spokesman.of(self.judge.rules)

    async def review(self, attempt: Attempt) -> Answer:
        """Return the answer to an attempt; silence wherever there is a doubt."""
        zone = self.zones.get(attempt.namespace)
        if zone is None or not worth_judging(attempt):
            return SILENCE
        failures = await self._failures(attempt, zone)
        answer = self.spokesman.answer(attempt, zone, failures)
        if not answer.allowed:
            stored = await self.zones.look_again(attempt.namespace)
            if stored is None:
                return SILENCE
            if stored != zone:
                zone = stored
                failures = await self._failures(attempt, zone)
                answer = self.spokesman.answer(attempt, zone, failures)
        if failures and not attempt.dry_run:
            self._record(attempt, zone, failures)
        return answer

    async def _failures(self, attempt: Attempt, zone: ZoneBoundary) -> tuple[Failure, ...]:
        containers = container_count(attempt.obj)
        if containers > JUDGED_AT_ALL:
            log.warning("review.too_large", namespace=attempt.namespace, containers=containers)
            return ()
        if containers <= JUDGED_AT_ONCE:
            return self._judged(attempt, zone)
        async with self._one_large:
            return await asyncio.to_thread(self._judged, attempt, zone)

    def _judged(self, attempt: Attempt, zone: ZoneBoundary) -> tuple[Failure, ...]:
        trusted = self.trusted(attempt.username, attempt.groups)
        # The API server asks its own clock; a boundary may list what has ended meanwhile.
        now = exceptions.at(zone, self.clock())
        return self.judge.failures(
            attempt.obj, now, trusted=trusted, old=attempt.old, from_api=True
        )

    def _record(self, attempt: Attempt, zone: ZoneBoundary, failures: tuple[Failure, ...]) -> None:
        denied = any(failure.severity is Severity.DENY for failure in failures)
        match zone.enforcement:
            case Enforcement.OBSERVE:
                action = "Observed"
            case Enforcement.ENFORCE if denied:
                action = "Refused"
            case _:
                action = "Warned"
        rules = tuple(dict.fromkeys(failure.rule for failure in failures))
        record(
            Decision(
                action=action,
                workload=zone.workload,
                zone=zone.zone,
                namespace=attempt.namespace,
                kind=attempt.kind,
                name=shown(attempt.name),
                rules=rules,
                why=f"{attempt.operation.lower()} that breaks {', '.join(rules)}",
                time=self.clock(),
                requested_by=attempt.username,
            )
        )
