"""The one directory in which everything built or started here is kept."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def cache_dir() -> Path:
    """Return the cache: $PHIWARDEN_CACHE, else phiwarden/ in $XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get("PHIWARDEN_CACHE"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache").absolute() / "phiwarden"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is made when missing; waits as long as it takes.

    The kernel drops the lock when its holder dies, so no crash leaves it behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
