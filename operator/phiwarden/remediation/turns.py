"""Whose turn it is, and when: not everything is put back at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from phiwarden.api.workload import ClinicalImpact

_LEAST_CRITICAL_FIRST: Final = tuple(reversed(ClinicalImpact))

_BURST_SECONDS: Final = 10
"""A single violation is put back at once; this much of a minute's worth may come together."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is changed at a time.

    Attributes:
        per_minute: workloads that are put back, stopped or isolated in a minute.
        unready: put-backs that may be on their way at the same time.
        failures: put-backs that do not become ready until nothing more is put back.
    """

    per_minute: int = 60
    unready: int = 20
    failures: int = 3


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token for each turn; they come at a steady rate, up to a few at a time.

    Attributes:
        tokens: there at that moment; may be a fraction.
        at: the moment.
    """

    tokens: float
    at: dt.datetime


def full(limits: Limits, now: dt.datetime) -> Bucket:
    """Return a bucket with all that it holds."""
    return Bucket(_capacity(limits), now)


def filled(bucket: Bucket, limits: Limits, now: dt.datetime) -> Bucket:
    """Return a bucket as it is now. A clock that was set back adds nothing, and takes nothing."""
    passed = max((now - bucket.at).total_seconds(), 0.0)
    tokens = bucket.tokens + passed * limits.per_minute / 60
    return Bucket(min(tokens, _capacity(limits)), now)


def taken(bucket: Bucket) -> Bucket:
    """Return a bucket with one token less."""
    return Bucket(bucket.tokens - 1, bucket.at)


def given_back(bucket: Bucket) -> Bucket:
    """Return a bucket with a token that was not needed."""
    return Bucket(bucket.tokens + 1, bucket.at)


def seconds_left(bucket: Bucket, limits: Limits) -> float:
    """Return how long it takes until there is a token; 0 if there is one."""
    return max(1 - bucket.tokens, 0.0) * 60 / limits.per_minute


def _capacity(limits: Limits) -> float:
    return max(1.0, limits.per_minute * _BURST_SECONDS / 60)


def halted(failed: Collection[object], limits: Limits) -> bool:
    """Return whether nothing more is put back, since too much of it did not become ready."""
    return len(failed) >= limits.failures


def crowded(on_their_way: Collection[object], limits: Limits) -> bool:
    """Return whether as many put-backs as may be are not ready yet."""
    return len(on_their_way) >= limits.unready


def order(impact: str, *, failed_rollout: bool) -> tuple[int, int]:
    """Return the place of a workload in the queue; a smaller one comes first.

    A failed rollout is an outage that is under way, and comes before all that
    breaks rules; of this the least critical goes first, so that what is wrong
    with putting back shows where it harms nobody.
    """
    if failed_rollout:
        return (0, -_LEAST_CRITICAL_FIRST.index(ClinicalImpact(impact)))
    return (1, _LEAST_CRITICAL_FIRST.index(ClinicalImpact(impact)))
