"""The proof that the network plug-in enforces: an annotation of the PHIWorkload, with its date.

`kubectl phi probe` writes it after a measurement; the operator only reads it.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from phiwarden.api import names

ANNOTATION: Final = f"{names.GROUP}/network-proof"

VALID_DAYS: Final = 30
"""A proof tells of the plug-in as it was that day; it is to be renewed every month."""

_LONGEST: Final = 400
_AHEAD: Final = dt.timedelta(minutes=5)
"""By how much clocks may differ."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was measured.

    Attributes:
        time: when, in UTC.
        generation: of the declaration that was measured.
        closed: ways that must be closed and were.
        leaking: ways that must be closed and were open.
        broken: ways that must be open and were closed.
    """

    time: dt.datetime
    generation: int
    closed: int
    leaking: int
    broken: int

    def written(self) -> str:
        """Return the annotation's value."""
        return json.dumps(
            {
                "time": f"{self.time.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}",
                "generation": self.generation,
                "closed": self.closed,
                "leaking": self.leaking,
                "broken": self.broken,
            }
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the proof that an annotation holds.

        Raises:
            ValueError: it holds none.
        """
        if len(text) > _LONGEST:
            raise ValueError("too long")
        try:
            found: Any = json.loads(text)
            time = dt.datetime.strptime(found["time"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=dt.UTC)
            counts = [found[name] for name in ("generation", "closed", "leaking", "broken")]
        except (TypeError, LookupError, RecursionError) as error:
            raise ValueError("no proof") from error
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError("counts must be whole numbers")
        return cls(time, *counts)


def proof_of(metadata: Mapping[str, Any]) -> Proof | None:
    """Return the proof that an object carries; None if there is none that can be read."""
    text = (metadata.get("annotations") or {}).get(ANNOTATION)
    if not isinstance(text, str):
        return None
    try:
        return Proof.read(text)
    except ValueError:
        return None


def doubt(proof: Proof | None, generation: int, now: dt.datetime) -> str | None:
    """Return why it is not proven that the network is isolated; None if it is."""
    if proof is None:
        return "never measured; run kubectl phi probe"
    day = f"{proof.time:%Y-%m-%d}"
    if proof.time > now + _AHEAD:
        return f"the last proof is from the future ({day}); run kubectl phi probe"
    if proof.leaking:
        return f"{proof.leaking} ways that must be closed were open when measured last, {day}"
    if not proof.closed:
        return f"nothing that must be closed was measured last, {day}"
    if proof.generation != generation:
        return f"the declaration was changed since the last proof, {day}; run kubectl phi probe"
    if now - proof.time > dt.timedelta(days=VALID_DAYS):
        return f"the last proof, {day}, is older than {VALID_DAYS} days; run kubectl phi probe"
    return None
