"""Writes the CRDs that the models define: `python -m phiwarden.api.generate [--check]`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from phiwarden.api import crd

HEADER: Final = "# Generated from operator/phiwarden/api; make generate\n"

FOLDERS: Final = ("crds", "charts/phiwarden/crds")
"""Where each CRD is written, below the root of the project."""


class _Readable(yaml.SafeDumper):
    """Writes long text as folded blocks and repeats what is shared in full."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the name that PyYAML has
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = ">" if len(value) > 70 else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Readable.add_representer(str, _text)


def render(definition: Mapping[str, Any]) -> str:
    """Return a CRD as YAML, the same for the same models always."""
    body = yaml.dump(dict(definition), Dumper=_Readable, sort_keys=False, width=96, indent=2)
    return HEADER + body


def files() -> dict[str, str]:
    """Return every generated file: its path below the root of the project, and its text."""
    rendered = {"phiworkloads.yaml": render(crd.phiworkload())}
    return {f"{folder}/{name}": text for folder in FOLDERS for name, text in rendered.items()}


def stale(root: Path) -> list[str]:
    """Return the paths of generated files that differ from the models, or are missing."""
    return [
        path
        for path, text in files().items()
        if not (root / path).is_file() or (root / path).read_text(encoding="utf-8") != text
    ]


def write(root: Path) -> None:
    """Write every generated file below the root of the project."""
    for path, text in files().items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")


def main(arguments: list[str] | None = None) -> int:
    """Write the CRDs, or with --check say which are stale; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail if stale")
    parser.add_argument("--root", type=Path, default=Path(), help="the project's own folder")
    options = parser.parse_args(arguments)
    if not options.check:
        write(options.root)
        return 0
    found = stale(options.root)
    for path in found:
        print(f"{path} is not what the models define: run make generate")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
