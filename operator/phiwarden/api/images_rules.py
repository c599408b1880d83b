"""What the API server rejects in the images of a zone, as CRD validation rules (CEL)."""

from __future__ import annotations

from typing import Final

from phiwarden.api.base import validation

IMAGES: Final = (
    validation(
        "!self.requireRelease || (has(self.releaseKeys) && size(self.releaseKeys) > 0)",
        "requireRelease needs releaseKeys: without a key no release is verified, and no image may"
        " run",
        field_path=".releaseKeys",
        reason="FieldValueRequired",
    ),
)
