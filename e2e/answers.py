"""What a refusal by an admission policy says, taken apart."""

from __future__ import annotations

from e2e.rest import Answer

_REFUSES = " refuses this: "


def told(message: str) -> list[str]:
    """Return the parts of a refusal: failures first, then what to do about each rule."""
    _, _, listed = message.partition(_REFUSES)
    return listed.split(" | ") if listed else []


def failures_in(answer: Answer) -> list[str]:
    """Return the failures that a refusal lists."""
    return [line for line in told(answer.message) if not line.startswith("fix ")]


def fixes_in(answer: Answer) -> dict[str, str]:
    """Return rule and fix, for each rule that a refusal names."""
    fixes = [line.removeprefix("fix ") for line in told(answer.message) if line.startswith("fix ")]
    return {rule: fix for rule, _, fix in (line.partition(": ") for line in fixes)}
