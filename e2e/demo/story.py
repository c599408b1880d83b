"""The story as a list of steps, and how it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Generic, TypeVar

from e2e.controlplane import ControlPlaneError
from e2e.demo.narrator import Line, Narrator

S = TypeVar("S")

_FAILURES = (AssertionError, ControlPlaneError, LookupError, OSError, ValueError)


@dataclass(frozen=True)
class Result:
    """What a step has shown: for the closing table.

    `seconds` is what the cluster needed; None stands for the whole step.
    """

    happened: str
    seconds: float | None = None


@dataclass(frozen=True)
class Step(Generic[S]):
    """One step of the story. Without a vital one the rest cannot be told."""

    title: str
    short: str
    run: Callable[[S], Result]
    vital: bool = False


def tell(steps: Sequence[Step[S]], scene: S, narrator: Narrator) -> list[Line]:
    """Go through the steps; one that does not happen is told as such, and the story goes on."""
    lines: list[Line] = []
    for number, step in enumerate(steps, 1):
        narrator.heading(number, step.title)
        began = monotonic()
        try:
            result = step.run(scene)
        except _FAILURES as error:
            seen = str(error) or type(error).__name__
            narrator.failed(seen)
            lines.append(
                Line(step.short, seen.splitlines()[0][:200], monotonic() - began, ok=False)
            )
            if step.vital:
                break
            continue
        seconds = monotonic() - began if result.seconds is None else result.seconds
        lines.append(Line(step.short, result.happened, seconds, ok=True))
    return lines
