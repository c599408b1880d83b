"""kopf without a memory of objects.

Low-level event handlers keep no progress and compare nothing, but kopf copies
every object several times to have something to compare, and by default would
write annotations to remember it. These storages do neither.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import kopf


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers no last-seen state."""

    def build(
        self, *, body: kopf.Body, extra_fields: Iterable[Any] | None = None
    ) -> kopf.BodyEssence:
        """Return nothing to compare."""
        del body, extra_fields
        return kopf.BodyEssence({})

    def fetch(self, **_: Any) -> None:
        """Return that nothing was seen before."""

    def store(self, **_: Any) -> None:
        """Write nothing."""


class NoProgress(kopf.ProgressStorage):
    """Remembers no progress of handlers."""

    def fetch(self, **_: Any) -> None:
        """Return that there is no progress."""

    def store(self, **_: Any) -> None:
        """Write nothing."""

    def purge(self, **_: Any) -> None:
        """Have nothing to remove."""

    def touch(self, **_: Any) -> None:
        """Write nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Return what is compared as it is: none of it is ours."""
        return essence
