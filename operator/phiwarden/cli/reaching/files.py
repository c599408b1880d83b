"""A cluster as files describe it: manifests to be applied, or what kubectl printed of one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from phiwarden.api import names
from phiwarden.cli.manifests.objects import Manifest, manifests
from phiwarden.cli.manifests.sources import Unread, sources
from phiwarden.cli.reaching.seen import NotReadable, NotUnderstood, Seen
from phiwarden.cluster.resources import POD
from phiwarden.reach.read import pods_of_template
from phiwarden.rulebook.declaration import KIND, Declaration, declaration
from phiwarden.rulebook.shapes import POD_SHAPES

_TEMPLATES: Final = {
    kind.kind: shape.template for shape in POD_SHAPES if shape.template for kind in shape.kinds
}


def see_files(asked: Iterable[str]) -> Seen:
    """Return what connections depend on in the objects of some files.

    In a namespace of which no file shows pods, controllers count as those that they would make.
    A namespace of a zone that no file describes counts as that zone's.

    Args:
        asked: files, folders, and `-` for standard input.

    Raises:
        NotReadable: naming file, line and field of everything that is wrong.
    """
    seen = Seen()
    problems: list[str] = []
    found = list(_manifests(asked, problems))
    shown = {_namespace(manifest) for manifest in found if manifest.kind == POD.kind}
    for manifest in found:
        try:
            _take(manifest, seen, shown, problems)
        except NotUnderstood as error:
            problems.append(_at(manifest, "", str(error)))
        except (AttributeError, KeyError, TypeError, ValueError):
            problems.append(_at(manifest, "", f"not of the form of a {manifest.kind}"))
    if problems:
        raise NotReadable("\n".join(problems))
    _name_zones(seen)
    return seen


def _take(manifest: Manifest, seen: Seen, shown: set[str], problems: list[str]) -> None:
    if manifest.kind == KIND and manifest.group == names.GROUP:
        _declare(manifest, seen, problems)
    elif manifest.kind not in _TEMPLATES:
        seen.take(manifest.kind, manifest.value)
    elif _namespace(manifest) not in shown and not _owned(manifest):
        template: Any = manifest.value
        for step in _TEMPLATES[manifest.kind]:
            template = template[step]
        if replicas := manifest.value["spec"].get("replicas", 1):
            pods = pods_of_template(template, _namespace(manifest), manifest.name, int(replicas))
            seen.take_pod(pods)


def _declare(manifest: Manifest, seen: Seen, problems: list[str]) -> None:
    read = declaration(manifest.value)
    errors = read.errors if isinstance(read, Declaration) else read
    problems += [_at(manifest, error.path, f"{error.path}: {error.message}") for error in errors]
    if isinstance(read, Declaration) and seen.specs.setdefault(read.name, read.spec) != read.spec:
        again = f"PHIWorkload {read.name} is declared twice, and differently"
        problems.append(_at(manifest, "metadata.name", again))


def _namespace(manifest: Manifest) -> str:
    return manifest.namespace or "default"


def _owned(manifest: Manifest) -> bool:
    """Whether another controller stands for it."""
    return bool((manifest.value.get("metadata") or {}).get("ownerReferences"))


def _name_zones(seen: Seen) -> None:
    """Give a zone's namespace the label that the operator would give it."""
    for workload, spec in seen.specs.items():
        for zone in spec.zones:
            name = zone.namespace_in(workload)
            described = seen.namespaces.get(name, {names.NAMESPACE_NAME: name})
            seen.namespaces[name] = {names.WORKLOAD: workload, names.ZONE: zone.name, **described}


def _manifests(asked: Iterable[str], problems: list[str]) -> Iterator[Manifest]:
    for source in sources(asked):
        if isinstance(source, Unread):
            if source.incomplete:
                problems.append(_line(source.name, 1, source.trouble.message))
            continue
        for found in manifests(source):
            if isinstance(found, Manifest):
                yield found
            elif found.level == "error":
                problems.append(_line(source.name, found.trouble.line, found.trouble.message))


def _at(manifest: Manifest, path: str, message: str) -> str:
    place = manifest.place(path)
    return _line(manifest.source, place.line if place is not None else 1, message)


def _line(name: str, line: int, message: str) -> str:
    # One line each, whatever a file holds.
    return " ".join(f"{name}:{line}: {message}".split())
