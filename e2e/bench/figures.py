"""Figures, and the table in which they are shown."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured thing.

    Attributes:
        what: in words.
        value: as shown, unit included.
        floor: what it is compared with, as shown; "" where there is nothing to compare with.
        ratio: value over floor, as shown; "" likewise.
        goal: what was to be reached.
        reached: whether it was; None where nothing was asked.
    """

    what: str
    value: str
    floor: str = ""
    ratio: str = ""
    goal: str = ""
    reached: bool | None = None


def spread(seconds: Sequence[float]) -> str:
    """Return p50 with the range, in milliseconds."""
    ordered = sorted(seconds)
    return (
        f"{statistics.median(ordered) * 1000:.0f} ms"
        f" ({ordered[0] * 1000:.0f} to {ordered[-1] * 1000:.0f})"
    )


def table(figures: Sequence[Figure]) -> str:
    """Return all figures as a table of plain text."""
    head = ("what", "measured", "floor", "ratio", "goal", "")
    rows = [
        (
            f.what,
            f.value,
            f.floor,
            f.ratio,
            f.goal,
            {True: "ok", False: "MISSED", None: ""}[f.reached],
        )
        for f in figures
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, tuple("-" * width for width in widths), *rows)
    ]
    return "\n".join(lines)
