"""Writes every generated file: `python -m phiwarden.generate [--check]`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from phiwarden.api import crd
from phiwarden.api.crd_text import crd_text
from phiwarden.rulebook import chart, feedback
from phiwarden.rulebook.document import document
from phiwarden.rulebook.pages import pages


def _phiworkloads() -> str:
    return crd_text(crd.phiworkload())


def _phihistories() -> str:
    return crd_text(crd.phihistory())


def _phiexceptions() -> str:
    return crd_text(crd.phiexception())


def _phireleases() -> str:
    return crd_text(crd.phirelease())


def _rules() -> str:
    return document(pages())


FILES: Final[Mapping[str, Callable[[], str]]] = {
    "crds/phiworkloads.yaml": _phiworkloads,
    "charts/phiwarden/crds/phiworkloads.yaml": _phiworkloads,
    "crds/phihistories.yaml": _phihistories,
    "charts/phiwarden/crds/phihistories.yaml": _phihistories,
    "crds/phiexceptions.yaml": _phiexceptions,
    "charts/phiwarden/crds/phiexceptions.yaml": _phiexceptions,
    "crds/phireleases.yaml": _phireleases,
    "charts/phiwarden/crds/phireleases.yaml": _phireleases,
    chart.PATH: chart.chart_text,
    feedback.PATH: feedback.chart_text,
    "docs/rules.md": _rules,
}
"""Path below the root of the project to what its text is made by."""


def stale(root: Path) -> list[str]:
    """Return the paths of generated files that differ from their source, or are missing."""
    return [
        path
        for path, text in FILES.items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text()
    ]


def write(root: Path) -> None:
    """Write every generated file below the root of the project."""
    for path, text in FILES.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text(), encoding="utf-8", newline="\n")


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
        print(f"{path} is not what its source says: run make generate")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
