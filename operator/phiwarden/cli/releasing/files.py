"""PHIReleases among the objects of files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from phiwarden.api import names
from phiwarden.api.release import ReleaseSpec, Statement
from phiwarden.cli.manifests.documents import Trouble
from phiwarden.cli.manifests.objects import Manifest, Remark, manifests
from phiwarden.cli.manifests.sources import Unread, sources
from phiwarden.rulebook.crd_form import FieldError
from phiwarden.rulebook.release import KIND, release, statement

Spec = TypeVar("Spec", bound=Statement)


class NotReadable(ValueError):
    """Something that is asked for cannot be read or used; a line for each thing that is wrong."""


@dataclass(frozen=True, slots=True)
class Found(Generic[Spec]):
    """A PHIRelease in a file.

    Attributes:
        manifest: the object, as it is written.
        spec: what it says.
    """

    manifest: Manifest
    spec: Spec


def releases(asked: Iterable[str]) -> tuple[Found[ReleaseSpec], ...]:
    """Return every signed release of some files; other objects in them are passed over.

    Raises:
        NotReadable: naming file, line and field of everything that is wrong.
    """
    return _read(tuple(asked), release)


def unsigned(asked: str) -> Found[Statement]:
    """Return the one release of a file, signed or not.

    Raises:
        NotReadable: likewise, or there are several objects.
    """
    found = _read((asked,), statement, alone=True)
    if len(found) > 1:
        raise NotReadable(f"{asked}: {len(found)} releases are here: sign them one by one")
    return found[0]


def _read(
    asked: tuple[str, ...],
    reader: Callable[..., Spec | tuple[FieldError, ...]],
    *,
    alone: bool = False,
) -> tuple[Found[Spec], ...]:
    problems: list[str] = []
    found: list[Found[Spec]] = []
    for manifest in _manifests(asked, problems):
        if (manifest.kind, manifest.group) != (KIND, names.GROUP):
            if alone:
                other = f"a {manifest.kind} is here, too: sign a file that holds one {KIND} alone"
                problems.append(_at(manifest, "kind", other))
            continue
        spec = reader(manifest.value)
        if isinstance(spec, Statement):
            found.append(Found(manifest, spec))
        else:
            problems += [_at(manifest, error.path, error.message) for error in spec]
    if not found and not problems:
        problems.append(f"{', '.join(asked)}: no {KIND} is here")
    if problems:
        raise NotReadable("\n".join(problems))
    return tuple(found)


def _manifests(asked: Iterable[str], problems: list[str]) -> Iterator[Manifest]:
    for source in sources(asked):
        if isinstance(source, Unread):
            if source.incomplete:
                problems.append(_in(source.name, source.trouble))
            continue
        for found in manifests(source):
            if isinstance(found, Manifest):
                yield found
            elif _spoils(found):
                problems.append(_in(source.name, found.trouble))


def _spoils(remark: Remark) -> bool:
    # A key that stands twice is read one way here, and another way by somebody else.
    return remark.level in ("error", "warning")


def _at(manifest: Manifest, path: str, message: str) -> str:
    place = manifest.place(path)
    line, column = (place.line, place.column) if place is not None else (1, 1)
    return _in(manifest.source, Trouble(line, column, f"{path}: {message}"))


def _in(name: str, trouble: Trouble) -> str:
    # One line each, whatever a file holds.
    return " ".join(f"{name}:{trouble.line}:{trouble.column}: {trouble.message}".split())
