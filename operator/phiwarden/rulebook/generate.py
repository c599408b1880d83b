"""Writes what the chart takes from the rulebook: `python -m phiwarden.rulebook.generate [--check]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from phiwarden.rulebook import chart, feedback

FILES: Final[Mapping[str, Callable[[], str]]] = {
    chart.PATH: chart.chart_text,
    feedback.PATH: feedback.chart_text,
}
"""Every generated file, by its path below the root of the project."""


def stale(root: Path) -> list[str]:
    """Return the files that differ from the rulebook, or are missing."""
    return [
        path
        for path, text in FILES.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text()
    ]


def write(root: Path) -> None:
    """Write every file below the root of the project."""
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text(), encoding="utf-8", newline="\n")


def main(arguments: list[str] | None = None) -> int:
    """Write the files, or with --check say which are stale; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's own folder")
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.root)
        return 0
    found = stale(options.root)
    for path in found:
        print(f"{path} is not what the rulebook says: run make generate")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
