"""The declarations that a plan is made for, read from files."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from phiwarden.cli.manifests.documents import Trouble
from phiwarden.cli.manifests.objects import Manifest, manifests
from phiwarden.cli.manifests.sources import Unread, sources
from phiwarden.preview.model import Cluster, Declared
from phiwarden.rulebook.declaration import KIND, Declaration, declaration, refused_changes


class NotAccepted(ValueError):
    """What was given declares nothing, or what the API server would refuse; a line for each."""


def read_declarations(asked: Iterable[str], now: dt.datetime) -> tuple[Declared, ...]:
    """Return every PHIWorkload of some files; other objects in them are passed over.

    Args:
        asked: files, folders, and `-` for standard input.
        now: when they would be created, if they are new.

    Raises:
        NotAccepted: naming file, line and field of everything that is wrong.
    """
    asked = tuple(asked)
    problems: list[str] = []
    found: dict[str, Declared] = {}
    for manifest in _manifests(asked, problems):
        read = declaration(manifest.value)
        errors = read.errors if isinstance(read, Declaration) else read
        problems += [_at(manifest, error.path, error.message) for error in errors]
        if not isinstance(read, Declaration):
            continue
        declared = Declared(read.name, read.spec, now.isoformat(timespec="seconds"))
        if found.setdefault(read.name, declared) != declared:
            again = f"PHIWorkload {read.name} is declared twice, and differently"
            problems.append(_at(manifest, "metadata.name", again))
    if not found and not problems:
        problems.append(f"{', '.join(asked)}: no {KIND} is declared here")
    if problems:
        raise NotAccepted("\n".join(problems))
    return tuple(found.values())


def with_standing(
    declared: Iterable[Declared], standing: Iterable[str], cluster: Cluster
) -> tuple[Declared, ...]:
    """Return declarations together with some that stand; one that is declared anew is so once.

    Raises:
        NotAccepted: naming each that cannot be read.
    """
    found = {each.name: each for each in declared}
    asked = [name for name in standing if name not in found]
    if missed := [name for name in asked if name not in cluster.workloads]:
        raise NotAccepted("\n".join(f"{KIND} {name}: {_why_not(name, cluster)}" for name in missed))
    return (*found.values(), *(cluster.workloads[name] for name in dict.fromkeys(asked)))


def _why_not(name: str, cluster: Cluster) -> str:
    """Return why a PHIWorkload of a name was not read."""
    reasons = (gap.why for gap in cluster.gaps if gap.what in (KIND, f"{KIND} {name}"))
    return next(reasons, "there is none in this cluster")


def check_changes(declared: Iterable[Declared], cluster: Cluster) -> None:
    """Check that what stands may become what is declared.

    Raises:
        NotAccepted: naming the field of everything that cannot be changed so.
    """
    problems = [
        f"PHIWorkload {each.name}: {error.path}: {error.message}"
        for each in declared
        if (before := cluster.workloads.get(each.name)) is not None
        for error in refused_changes(each.name, before.spec, each.spec)
    ]
    if problems:
        raise NotAccepted("\n".join(problems))


def _manifests(asked: Iterable[str], problems: list[str]) -> Iterator[Manifest]:
    for source in sources(asked):
        if isinstance(source, Unread):
            if source.incomplete:
                problems.append(_in(source.name, source.trouble))
            continue
        for found in manifests(source):
            if isinstance(found, Manifest):
                if found.kind == KIND and found.group.endswith("phiwarden.dev"):
                    yield found
            elif found.level == "error":
                problems.append(_in(source.name, found.trouble))


def _at(manifest: Manifest, path: str, message: str) -> str:
    place = manifest.place(path)
    line, column = (place.line, place.column) if place is not None else (1, 1)
    return _in(manifest.source, Trouble(line, column, f"{path}: {message}"))


def _in(name: str, trouble: Trouble) -> str:
    # One line each, whatever a file holds.
    return " ".join(f"{name}:{trouble.line}:{trouble.column}: {trouble.message}".split())
