"""Since when a right stands as it is, so far as the API server remembers."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum

from phiwarden.access.rbac import Binding, Role


class Event(StrEnum):
    """What made a right what it is."""

    BINDING_MADE = "binding made"
    ROLE_MADE = "role made"
    BINDING_CHANGED = "binding changed"
    ROLE_CHANGED = "role changed"


@dataclass(frozen=True, slots=True)
class Since:
    """The moment from which on a right surely stood as it does now.

    Attributes:
        time: the moment; None where the API server does not say.
        event: what happened then.
        sure: whether nothing later can have happened: somebody who wipes out the managedFields of
            an object wipes out when it was changed.
    """

    time: dt.datetime | None
    event: Event
    sure: bool


def since(binding: Binding, role: Role) -> Since:
    """Return since when a binding gives a role as both are now.

    A change of anything in them counts, since the API server does not tell of what.
    """
    moments = [
        (time, order, event)
        for order, (event, time) in enumerate(
            (
                (Event.ROLE_CHANGED, role.written.changed),
                (Event.BINDING_CHANGED, binding.written.changed),
                (Event.ROLE_MADE, role.written.made),
                (Event.BINDING_MADE, binding.written.made),
            )
        )
        if time is not None
    ]
    sure = binding.written.changed is not None and role.written.changed is not None
    if not moments:
        return Since(None, Event.BINDING_MADE, sure=False)
    # Of equal moments the one that says most simply what happened: it was made.
    time, _, event = max(moments)
    return Since(time, event, sure)
