"""What the API server rejects in a PHIException, as CRD validation rules (CEL)."""

from __future__ import annotations

from typing import Final

from phiwarden.api.base import validation

UNCHANGED: Final = validation(
    "self == oldSelf",
    "what is asked for cannot be changed: delete this exception and ask for another one",
    reason="FieldValueForbidden",
)

_DECIDED: Final = "has(oldSelf.status) && has(oldSelf.status.decision)"

ROOT: Final = (
    validation(
        f"!({_DECIDED}) || (has(self.status) && has(self.status.decision))",
        "a decision is not taken back: deny what was approved to end it",
        reason="FieldValueForbidden",
    ),
    validation(
        f"!({_DECIDED}) || oldSelf.status.decision.type != 'Denied'"
        " || (has(self.status) && has(self.status.decision)"
        " && self.status.decision == oldSelf.status.decision)",
        "what was denied stays denied: ask for another exception",
        reason="FieldValueForbidden",
    ),
)
