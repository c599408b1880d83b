"""What `check` was asked to read: files, folders and standard input, as text."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from phiwarden.cli.manifests.documents import Trouble

STDIN: Final = "-"
SUFFIXES: Final = (".yaml", ".yml", ".json")
_KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_CHART: Final = "Chart.yaml"


@dataclass(frozen=True, slots=True)
class Source:
    """A text to check.

    Attributes:
        name: path as it was given or found; `stdin` for standard input.
        text: its content.
        asked_for: whether the user named it, rather than a folder that it lies in.
    """

    name: str
    text: str
    asked_for: bool


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be read, or that must be built before it can be checked."""

    name: str
    trouble: Trouble
    incomplete: bool = True
    """Whether the check is not complete without it."""


def sources(asked: Iterable[str]) -> Iterator[Source | Unread]:
    """Yield every file below what was asked for, in order, and once."""
    seen = set()
    for name in asked:
        if name == STDIN:
            yield _read_stdin()
            continue
        path = Path(name)
        for found in _folder(path) if path.is_dir() else [path]:
            if isinstance(found, Unread):
                yield found
                continue
            identity = os.path.realpath(found)
            if identity not in seen:
                seen.add(identity)
                yield read(found, asked_for=found == path)


def read(path: Path, *, asked_for: bool = True) -> Source | Unread:
    """Return the text of a file."""
    try:
        return _decoded(str(path), path.read_bytes(), asked_for=asked_for)
    except OSError as error:
        return _unread(str(path), f"cannot be read: {error.strerror or error}")


def _read_stdin() -> Source | Unread:
    found = _decoded("stdin", sys.stdin.buffer.read(), asked_for=True)
    if isinstance(found, Source) and not found.text.strip():
        return _unread("stdin", "nothing came in: look at the command before the pipe")
    return found


def _decoded(name: str, content: bytes, *, asked_for: bool) -> Source | Unread:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        byte = content[error.start]
        return Unread(name, Trouble(line, column, f"the byte 0x{byte:02x} is not UTF-8 text"))
    return Source(name, text.replace("\r\n", "\n"), asked_for)


def _unread(name: str, message: str) -> Unread:
    return Unread(name, Trouble(1, 1, message))


def _folder(folder: Path) -> Iterator[Path | Unread]:
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: (entry.is_dir(), entry.name))
    except OSError as error:
        yield _unread(str(folder), f"cannot be read: {error.strerror or error}")
        return
    names = {entry.name for entry in entries}
    if _CHART in names:
        yield _unread(
            str(folder),
            f"is a Helm chart: render it first: helm template {folder} | kubectl phi check -w ... -",
        )
        return
    if names.intersection(_KUSTOMIZATIONS):
        advice = (
            "has a kustomization, and its files are checked as they stand; to check what is built:"
            f" kustomize build {folder} | kubectl phi check -w ... -"
        )
        yield Unread(str(folder), Trouble(1, 1, advice), incomplete=False)
    for entry in entries:
        if entry.name in _KUSTOMIZATIONS or entry.name.startswith("."):
            continue
        if entry.is_dir():
            if not entry.is_symlink():
                yield from _folder(entry)
        elif entry.suffix in SUFFIXES:
            yield entry
