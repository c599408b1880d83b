"""Claims of volumes."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from e2e.differential.kinds import kind_of, manifest
from e2e.differential.near import LABELLED, Body, Form, options

CLASSES: Final = options(
    "", "fast-encrypted", "fast", "fast-encrypted2", "lab.disks", "lab-disks", "fast-encrypted.lab.disks"
)  # fmt: skip


def claim_spec(storage_class: str | None) -> Body:
    """Return the spec of a claim, without a class if it is None."""
    named = {} if storage_class is None else {"storageClassName": storage_class}
    return {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        **named,
    }


_CLAIM: Final = kind_of("PersistentVolumeClaim")
_CLAIMS: Final = Form(
    _CLAIM,
    manifest(_CLAIM, {"spec": claim_spec("fast-encrypted")}),
    manifest(_CLAIM, {"spec": claim_spec("fast")}),
    [
        LABELLED,
        ("spec", {"storageClassName": CLASSES, "volumeName": options("pv-1")}),
        ("metadata", {"name": st.sampled_from(["app", "withheld", "withheld2", "with"])}),
    ],
)

NEW: Final = {"claims": (_CLAIMS,)}
"""What is created, by the name of its subject."""

CHANGED: Final = NEW
"""What is changed, by the name of its subject."""
