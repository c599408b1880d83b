"""What can be done with a workload, as values: the words that plans are made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from phiwarden.api.history import Cause
from phiwarden.boundary.model import Quarantine
from phiwarden.remediation.history import Revision


class Action(StrEnum):
    """What is done; also the reason of the Event that tells of it."""

    ROLL_BACK = "RolledBack"
    HOLD = "Held"
    ISOLATE = "Isolated"
    SCALE_TO_ZERO = "ScaledToZero"
    SUSPEND = "Suspended"
    LEAVE = "LeftAlone"
    RELEASE = "Released"


CHANGING: Final = (Action.ROLL_BACK, Action.SCALE_TO_ZERO, Action.SUSPEND)
"""Deeds that change the object itself, and not its pods' labels alone."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with one object, and why.

    Attributes:
        action: what.
        why: for a person; names no values of the object.
        target: the revision to go back to, for ROLL_BACK.
        quarantine: value of the quarantine label of the pods, for HOLD and ISOLATE.
        held: whether lost pods must be replaced although they break rules.
        harmless: whether what it breaks costs reliability and no boundary.
        cause: what it is for.
        conflict: who wants what it has, and insists; "" if nobody does.
    """

    action: Action
    why: str
    target: Revision | None = None
    quarantine: Quarantine | None = None
    held: bool = False
    harmless: bool = False
    cause: Cause = Cause.VIOLATION
    conflict: str = ""


def tolerate(*, held: bool) -> Plan:
    """Return the plan for what breaks rules that cost reliability and no boundary.

    Args:
        held: whether its lost pods must be replaced although rules refuse them.
    """
    return Plan(
        Action.LEAVE,
        "what it breaks costs reliability and no boundary: it is listed, and refused when it is"
        " next changed",
        held=held,
        harmless=True,
    )


def hold(because: str, *, conflict: str = "") -> Plan:
    """Return the plan that keeps direct care running, apart from all but treatment."""
    return Plan(
        Action.HOLD,
        f"{because}; direct care is kept running, cut off from every egress but its flows for"
        " treatment",
        quarantine=Quarantine.CARE,
        held=True,
        conflict=conflict,
    )


def isolate(because: str, *, conflict: str = "") -> Plan:
    """Return the plan that keeps something running, without any flow."""
    return Plan(
        Action.ISOLATE,
        f"{because}; it is kept running, cut off from every flow",
        quarantine=Quarantine.FULL,
        conflict=conflict,
    )
