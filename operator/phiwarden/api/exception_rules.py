"""What the API server rejects in a PHIException, as CRD validation rules (CEL)."""

from __future__ import annotations

from typing import Final

from phiwarden.api.base import validation
from phiwarden.api.decision_rules import lasting

UNCHANGED: Final = validation(
    "self == oldSelf",
    "what is asked for cannot be changed: delete this exception and ask for another one",
    reason="FieldValueForbidden",
)

ROOT: Final = lasting("ask for another exception")
