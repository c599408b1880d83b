"""How rollouts are taken back, as it is declared."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from phiwarden.api.base import ApiModel
from phiwarden.api.durations import SHORT, DurationBounds, ShortDuration
from phiwarden.api.values import WHOLE, Flag

FEWEST_KEPT: Final = 2
"""Earlier revisions that every rollout must keep, whatever is declared."""

MOST_KEPT: Final = 50

KeptRevisions = Annotated[int, Field(ge=FEWEST_KEPT, le=MOST_KEPT), WHOLE]
ProgressDeadline = Annotated[ShortDuration, DurationBounds("1m", "24h", SHORT)]


class Rollback(ApiModel):
    """What there is to go back to, and when phiwarden goes back."""

    keep_revisions: Annotated[
        KeptRevisions,
        Field(
            description="Earlier revisions that every Deployment, StatefulSet and DaemonSet must"
            " keep (PHI-REL-001): from 2 to 50."
        ),
    ] = FEWEST_KEPT
    on_failed_rollout: Annotated[
        Flag,
        Field(
            description="Whether a rollout that does not get ready in time goes back, too, although"
            " it keeps the rules."
        ),
    ] = False
    progress_deadline: Annotated[
        ProgressDeadline,
        Field(description="Time in which a rollout must get ready, such as 10m: from 1m to 24h."),
    ] = "10m"
