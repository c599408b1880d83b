"""What the API server rejects in decisions, as CRD validation rules (CEL) of the whole object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from phiwarden.api.base import validation

_DECIDED: Final = "has(oldSelf.status) && has(oldSelf.status.decision)"


def lasting(again: str) -> tuple[Mapping[str, str], ...]:
    """Return the rules that a decision is not taken back, and what was denied stays denied.

    Args:
        again: what to do in place of what was denied.
    """
    return (
        validation(
            f"!({_DECIDED}) || (has(self.status) && has(self.status.decision))",
            "a decision is not taken back: deny what was approved to end it",
            reason="FieldValueForbidden",
        ),
        validation(
            f"!({_DECIDED}) || oldSelf.status.decision.type != 'Denied'"
            " || (has(self.status) && has(self.status.decision)"
            " && self.status.decision == oldSelf.status.decision)",
            f"what was denied stays denied: {again}",
            reason="FieldValueForbidden",
        ),
    )
