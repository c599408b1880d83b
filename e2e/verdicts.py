"""What a refusal says, read back, and Python's verdict in the same form."""

from __future__ import annotations

import re
from typing import Any

from e2e.rest import Answer
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Severity

Listed = list[tuple[str, str]]
"""(rule, place) of each failure, in the order in which they are told."""

_FAILURE = re.compile(r"(PHI-[A-Z]+-\d+) (\S*): ")


def _told(answer: Answer) -> list[str]:
    """Return the parts of a refusal: failures first, then what to do about each rule."""
    _, _, listed = answer.message.partition(" refuses this: ")
    return listed.split(" | ") if listed else []


def lines(answer: Answer) -> list[str]:
    """Return the failures that a refusal by the rules lists; none for any other answer."""
    return [line for line in _told(answer) if not line.startswith("fix ")]


def fixes(answer: Answer) -> dict[str, str]:
    """Return what a refusal says to do, by rule."""
    told = [line.removeprefix("fix ") for line in _told(answer) if line.startswith("fix ")]
    return {rule: fix for rule, _, fix in (line.partition(": ") for line in told)}


def by_api_server(answer: Answer) -> Listed:
    """Return what a refusal by the rules lists; the last may be cut off where there are many."""
    found = [_FAILURE.match(line) for line in lines(answer)]
    return [(match[1], match[2]) for match in found if match]


def is_cut(answer: Answer) -> bool:
    """Return whether a refusal lists only those failures that a message has room for."""
    return answer.message.endswith(" ...")


def by_python(obj: dict[str, Any], boundary: ZoneBoundary) -> Listed:
    """Return what Python denies."""
    return [
        (failure.rule, failure.place)
        for failure in standard_judge().failures(obj, boundary)
        if failure.severity is Severity.DENY
    ]
