"""The one seam through which a decision is recorded."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass

import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who, what, when and why of something that phiwarden did or found.

    Attributes:
        action: what was done, such as "RolledBack".
        workload: name of the PHIWorkload.
        zone: name of the zone.
        namespace: namespace of the object.
        kind: kind of the object.
        name: name of the object.
        rules: identifiers of the rules that it broke.
        why: for a person.
        time: when it was decided.
        requested_by: user name of whoever asked for it, if it was a request.
        generation: generation of the declaration that it was judged by.
        changed_by: field manager that wrote the violating template, if known.
        changed_at: when it did, RFC 3339, if known.
        from_revision: revision found, for a rollback.
        to_revision: revision gone back to, for a rollback.
    """

    action: str
    workload: str
    zone: str
    namespace: str
    kind: str
    name: str
    rules: tuple[str, ...]
    why: str
    time: dt.datetime
    requested_by: str | None = None
    generation: int | None = None
    changed_by: str | None = None
    changed_at: str | None = None
    from_revision: int | None = None
    to_revision: int | None = None


def record(decision: Decision) -> None:
    """Write a decision down."""
    fields = {key: value for key, value in asdict(decision).items() if value is not None}
    fields["time"] = decision.time.isoformat()
    log.info("decision", actor="phiwarden", **fields)
