"""In which order what is foreseen takes place: not everything is put back at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from phiwarden.api.history import Cause
from phiwarden.api.workload import ClinicalImpact
from phiwarden.preview.model import Outlook
from phiwarden.remediation.turns import order


@dataclass(frozen=True, slots=True)
class Turn:
    """Objects of the same place in the queue.

    Attributes:
        cause: what is done for.
        impact: clinical impact of their workloads.
        objects: each as `namespace/Kind/name`.
    """

    cause: Cause
    impact: ClinicalImpact
    objects: tuple[str, ...]


def turns(found: Iterable[Outlook]) -> tuple[Turn, ...]:
    """Return what is put back, stopped or isolated, whose turn comes first first."""
    waiting: dict[tuple[Cause, ClinicalImpact], list[str]] = defaultdict(list)
    for outlook in found:
        for zone in outlook.zones:
            for fate in zone.objects:
                if fate.cause is not None and fate.steps != ():
                    place = f"{zone.namespace}/{fate.kind}/{fate.name}"
                    waiting[fate.cause, outlook.impact].append(place)
    made = (Turn(cause, impact, tuple(them)) for (cause, impact), them in waiting.items())
    return tuple(sorted(made, key=_order))


def _order(turn: Turn) -> tuple[int, int]:
    return order(turn.impact, failed_rollout=turn.cause is Cause.FAILED_ROLLOUT)
