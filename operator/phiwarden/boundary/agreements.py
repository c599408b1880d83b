"""Agreements with external parties, and the days on which they matter."""

from __future__ import annotations

import datetime as dt
from typing import Final

from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.model import AgreementStanding, AgreementState

_WARN_DAYS: Final = 30
_URGE_DAYS: Final = 7


def agreement_states(spec: WorkloadSpec, today: dt.date) -> tuple[AgreementState, ...]:
    """Return the state of every declared agreement, soonest expiry first."""
    states = []
    for external in spec.externals:
        if external.agreement is None:
            continue
        agreement = external.agreement
        days_left = (agreement.expires - today).days
        states.append(
            AgreementState(
                external=external.name,
                reference=agreement.reference,
                expires=agreement.expires,
                days_left=days_left,
                state=_standing(days_left),
            )
        )
    return tuple(sorted(states, key=lambda state: (state.expires, state.external)))


def _standing(days_left: int) -> AgreementStanding:
    if days_left < 0:
        return AgreementStanding.EXPIRED
    if days_left <= _URGE_DAYS:
        return AgreementStanding.EXPIRES_WITHIN_7_DAYS
    if days_left <= _WARN_DAYS:
        return AgreementStanding.EXPIRES_WITHIN_30_DAYS
    return AgreementStanding.IN_FORCE


def next_change(spec: WorkloadSpec, today: dt.date) -> dt.date | None:
    """Return the next day on which time alone changes the plan or a warning."""
    days = [
        external.agreement.expires + dt.timedelta(days=offset)
        for external in spec.externals
        if external.agreement is not None
        for offset in (-_WARN_DAYS, -_URGE_DAYS, 1)
    ]
    return min((day for day in days if day > today), default=None)
