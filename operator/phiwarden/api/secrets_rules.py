"""What the API server rejects in one secret, as CRD validation rules (CEL)."""

from __future__ import annotations

from typing import Final

from phiwarden.api.base import validation

_SOURCES: Final = ("externalSecret", "vaultStaticSecret", "secretProviderClass")

SOURCE: Final = (
    validation(
        "[" + ", ".join(f"has(self.{source})" for source in _SOURCES) + "]"
        ".filter(there, there).size() == 1",
        f"exactly one of {', '.join(_SOURCES)} says where the secret comes from",
        reason="FieldValueRequired",
    ),
)

SECRET: Final = (
    validation(
        "!has(self.minimumRemaining) || (has(self.type) && self.type == 'kubernetes.io/tls')",
        "minimumRemaining is for certificates: type must be kubernetes.io/tls",
        field_path=".minimumRemaining",
    ),
    validation(
        "!has(self.source) || !has(self.source.secretProviderClass)"
        " || (has(self.keys) && self.keys.size() > 0)",
        "a secretProviderClass needs keys: they are the names of the Secret's entries",
        field_path=".keys",
        reason="FieldValueRequired",
    ),
)
