"""Selectors as texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def selector(found: Mapping[str, Any]) -> str:
    """Return a label selector as the text that the API takes."""
    parts = [f"{key}={value}" for key, value in (found.get("matchLabels") or {}).items()]
    for term in found.get("matchExpressions") or ():
        key, values = term["key"], ",".join(term.get("values") or ())
        match term["operator"]:
            case "In":
                parts.append(f"{key} in ({values})")
            case "NotIn":
                parts.append(f"{key} notin ({values})")
            case "Exists":
                parts.append(key)
            case "DoesNotExist":
                parts.append(f"!{key}")
    return ",".join(parts)
