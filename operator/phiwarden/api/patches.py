"""Patches as the API server takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"

Operation = dict[str, Any]
"""One operation of a JSON Patch (RFC 6902)."""


def guarded(body: Mapping[str, Any], *operations: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a JSON Patch that is refused if anybody changed the object since it was read."""
    version = body["metadata"]["resourceVersion"]
    return [{"op": "test", "path": "/metadata/resourceVersion", "value": version}, *operations]
