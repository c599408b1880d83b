"""How much of a pod the API server can judge within what one expression may cost.

A character of an environment variable or argument costs its regular
expressions about 6.5 units, one of an image or annotation a quarter of that; the rest
is what every item costs. The budget is 1,000,000 (`rulebook/budget.py`); that
what is within `MOST` is judged is shown on a real API server
(e2e/test_large_objects.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from phiwarden.rulebook.shapes import CONTAINER_LISTS

MOST: Final = 131_072
"""Beyond this a pod is refused for its bulk."""

CONTAINER: Final = 48
EACH: Final = 12
"""A variable, argument or word of a command, beside its characters."""

VOLUME: Final = 16
LESS: Final = 4
"""So many characters of an image or of annotations count as one."""


def of(pod: Mapping[str, Any], annotations: Mapping[str, Any]) -> int:
    """Return the bulk of a pod, in characters of environment variables."""
    containers = [c for name in CONTAINER_LISTS for c in _items(pod, name) if isinstance(c, dict)]
    words = sum(len(_items(c, field)) for c in containers for field in _WORDS)
    if words * EACH > MOST:
        return words * EACH
    return (
        sum(_of_container(container) for container in containers)
        + len(_items(pod, "volumes")) * VOLUME
        + sum(_size(key) + _size(value) for key, value in annotations.items()) // LESS
    )


_WORDS: Final = ("env", "args", "command")


def _of_container(container: Mapping[str, Any]) -> int:
    entries = [entry for entry in _items(container, "env") if isinstance(entry, dict)]
    words = [*_items(container, "args"), *_items(container, "command")]
    return (
        CONTAINER
        + _size(container.get("image")) // LESS
        + sum(EACH + _size(entry.get("name")) + _size(entry.get("value")) for entry in entries)
        + sum(EACH + _size(word) for word in words)
    )


def _items(holder: Mapping[str, Any], name: str) -> list[Any]:
    found = holder.get(name)
    return found if isinstance(found, list) else []


def _size(found: Any) -> int:
    return len(found) if isinstance(found, str) else 0
