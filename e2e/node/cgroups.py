"""Control groups of a node: one by its name in each hierarchy of this machine, and all below."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

_PREFIX = "phiwarden-node-"
_CONTROLLERS = ("cpuset", "cpu", "memory", "pids", "io", "hugetlb")
_GONE_SECONDS = 20.0
_POLL_SECONDS = 0.05


def name(slot: int) -> str:
    """Return the name of the group of the node in a slot."""
    return f"{_PREFIX}{slot}"


def create(group: str) -> None:
    """Make the group that the kubelet puts those of all pods below."""
    for hierarchy in _hierarchies():
        (hierarchy / group).mkdir(exist_ok=True)
        offered = hierarchy / group / "cgroup.controllers"
        if offered.exists():
            wanted = [f"+{each}" for each in _CONTROLLERS if each in offered.read_text().split()]
            (hierarchy / group / "cgroup.subtree_control").write_text(" ".join(wanted))


def remove(group: str) -> None:
    """Remove the group and all below; waits for processes that were killed a moment ago.

    Raises OSError when a process is still there after twenty seconds.
    """
    for hierarchy in _hierarchies():
        for folder in _deepest_first(hierarchy / group):
            _remove(folder)


def left() -> list[Path]:
    """Return the groups of all nodes that exist, one in each hierarchy."""
    return [path for each in _hierarchies() for path in each.glob(f"{_PREFIX}*")]


def _hierarchies() -> list[Path]:
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(fields[1]) for fields in mounts if fields[2] in {"cgroup", "cgroup2"}]


def _deepest_first(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        for child in [each for each in folder.iterdir() if each.is_dir()]:
            yield from _deepest_first(child)
        yield folder


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + _GONE_SECONDS
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_POLL_SECONDS)
        else:
            return
