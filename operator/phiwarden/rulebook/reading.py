"""An object as the API server would read it, whoever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_DEPTH: Final = 64
"""Steps down to which an object is read; no field that a rule reads lies half as deep."""


_INT64: Final = (1 << 63) - 1


def settled(node: Any, depth: int = _DEPTH) -> Any:
    """Return an object as the API server reads it: a null field is an absent one."""
    if isinstance(node, str) and node.isascii():
        return node  # most of what there is
    match node:
        case None | bool() | float():
            return node
        case int():
            return min(max(node, -_INT64), _INT64)
        case str():
            # YAML can spell half a surrogate pair, which is no text.
            return node.encode(errors="replace").decode()
        case dict() | Mapping():
            if depth == 0:
                return None
            return {
                str(key): read
                for key, value in node.items()
                if (read := settled(value, depth - 1)) is not None
            }
        case list() | tuple():
            return [] if depth == 0 else [settled(value, depth - 1) for value in node]
    return str(node)
