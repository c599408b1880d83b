"""What a refusal says, read back, and Python's verdict in the same form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from e2e.rest import Answer
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Severity

Listed = list[tuple[str, str]]
"""(rule, place) of each failure, in the order in which they are told."""

_FAILURE = re.compile(r"(PHI-[A-Z]+-\d+) (\S*): ")
_BROKEN = re.compile(r"; broken: (.*?)\) refuses this: ")


def told(answer: Answer) -> list[str]:
    """Return the parts of a refusal: each failure, then what to do about each rule.

    There are none in any other answer. The last may be cut off (`is_cut`).
    """
    _, _, listed = answer.message.removesuffix(" ...").partition(" refuses this: ")
    return listed.split(" | ") if listed else []


def to_tell(denied: Iterable[Failure]) -> list[str]:
    """Return the parts of the refusal that Python's denials call for."""
    failures = list(denied)
    fixes = {failure.rule: failure.fix for failure in failures}
    return [
        *(f"{f.rule} {f.place}: {f.problem} (found {f.found})" for f in failures),
        *(f"fix {rule}: {fixes[rule]}" for rule in sorted(fixes)),
    ]


def broken(answer: Answer) -> list[str]:
    """Return the rules that a refusal names; it names all of them even where it is cut."""
    match = _BROKEN.search(answer.message)
    return match[1].split(", ") if match else []


def by_api_server(answer: Answer) -> Listed:
    """Return what a refusal by the rules lists; the last may be cut off where there are many."""
    found = [_FAILURE.match(part) for part in told(answer)]
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
