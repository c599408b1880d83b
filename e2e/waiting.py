"""Waiting on conditions: with a deadline, and never blindly."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 45.0
"""Seconds after which a condition that did not come true fails a test."""


def until(
    ask: Callable[[], T | None],
    what: str,
    *,
    within: float = PATIENCE,
    every: float = 0.02,
) -> T:
    """Return the first answer that is neither None nor false.

    Args:
        ask: the question; what it answered last is part of the failure.
        what: what is waited for, in words.
        within: seconds.
        every: seconds between two questions.

    Raises:
        AssertionError: the deadline passed.
    """
    deadline = time.monotonic() + within
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}; last answer: {answer!r}")
        time.sleep(every)
