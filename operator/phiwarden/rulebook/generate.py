"""Writes the chart's admission policies: `python -m phiwarden.rulebook.generate [--check]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from phiwarden.rulebook import chart


def stale(root: Path) -> bool:
    """Return whether the chart's policies differ from the rulebook, or are missing."""
    path = root / chart.PATH
    return not path.is_file() or path.read_text(encoding="utf-8") != chart.chart_text()


def write(root: Path) -> None:
    """Write the chart's policies below the root of the project."""
    path = root / chart.PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(chart.chart_text(), encoding="utf-8", newline="\n")


def main(arguments: list[str] | None = None) -> int:
    """Write the policies, or with --check say whether they are stale; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's own folder")
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.root)
        return 0
    if not stale(options.root):
        return 0
    print(f"{chart.PATH} is not what the rulebook says: run make generate")
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
