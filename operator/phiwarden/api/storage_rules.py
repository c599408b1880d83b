"""What the API server rejects in one volume or attestation, as CRD validation rules (CEL)."""

from __future__ import annotations

from typing import Final

from phiwarden.api.base import validation

LONGEST_ATTESTATION: Final = 400
"""Days: a yearly look, with some room."""

_IMMUTABLE: Final = "cannot be changed: a claim keeps what it was made with; declare another volume"


def _kept(field: str) -> str:
    return f"self.{field} == oldSelf.{field}"


VOLUME: Final = (
    *(
        validation(_kept(field), f"{field} {_IMMUTABLE}", field_path=f".{field}")
        for field in ("zone", "storageClassName")
    ),
    validation(
        "self.accessModes.all(mode, mode in oldSelf.accessModes)"
        " && oldSelf.accessModes.all(mode, mode in self.accessModes)",
        f"accessModes {_IMMUTABLE}",
        field_path=".accessModes",
    ),
    validation(
        "quantity(string(self.size)).compareTo(quantity(string(oldSelf.size))) >= 0",
        "size cannot shrink: a volume only grows",
        field_path=".size",
        reason="FieldValueForbidden",
    ),
)

ATTESTATION: Final = (
    validation(
        "self.expires >= self.attestedOn",
        "expires is before attestedOn",
        field_path=".expires",
    ),
    validation(
        "timestamp(self.expires + 'T00:00:00Z') - timestamp(self.attestedOn + 'T00:00:00Z')"
        f" <= duration('{LONGEST_ATTESTATION * 24}h')",
        f"an attestation counts for at most {LONGEST_ATTESTATION} days: look again",
        field_path=".expires",
        reason="FieldValueForbidden",
    ),
)
