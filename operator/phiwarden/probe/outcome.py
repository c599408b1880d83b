"""What a measurement found."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from phiwarden.probe.agent import OPEN
from phiwarden.probe.proof import Proof
from phiwarden.probe.ways import Verdict, Way


@dataclass(frozen=True, slots=True)
class Measured:
    """A way, and what became of it.

    Attributes:
        way: the way.
        outcome: a word of `probe.agent`.
        computed: whether the policies that stand allow it.
    """

    way: Way
    outcome: str
    computed: bool

    @property
    def opened(self) -> bool:
        """Return whether a connection came about."""
        return self.outcome == OPEN

    @property
    def verdict(self) -> Verdict:
        """Return what that means."""
        return self.way.verdict(opened=self.opened)


def enforced(measured: Sequence[Measured]) -> bool:
    """Return whether anything that must be closed was closed: else nothing is enforced at all."""
    return any(not entry.opened for entry in measured if not entry.way.declared)


def proof(measured: Sequence[Measured], generation: int, now: dt.datetime) -> Proof:
    """Return what is proven, as of now, of a declaration of that generation."""
    verdicts = [(entry.way.declared, entry.verdict) for entry in measured]
    return Proof(
        time=now,
        generation=generation,
        closed=verdicts.count((False, Verdict.AS_DECLARED)),
        leaking=verdicts.count((False, Verdict.LEAK)),
        broken=verdicts.count((True, Verdict.BROKEN)),
    )
