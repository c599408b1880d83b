"""Manifests judged by the rules of the zones that they are for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cli.declarations import Zones
from phiwarden.cli.manifests.objects import Manifest
from phiwarden.cli.report import Finding, Judged, Problem, Report
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.shapes import NETWORK_POLICY, POD_SHAPES, SERVICE, Kind

READ: Final[tuple[Kind, ...]] = (
    *(kind for shape in POD_SHAPES for kind in shape.kinds),
    SERVICE,
    NETWORK_POLICY,
)
"""Kinds that rules of a zone read."""

_READ: Final = {(kind.group, kind.kind) for kind in READ}


def is_read(manifest: Manifest) -> bool:
    """Return whether any rule reads objects of this kind, which the group is part of."""
    return (manifest.group, manifest.kind) in _READ


def verdicts(found: Iterable[Manifest], zones: Zones, judge: Judge) -> Report:
    """Judge every manifest in the zone whose namespace it names.

    Args:
        found: manifests; PHIWorkloads are judged elsewhere.
        zones: the zones declared.
        judge: the rulebook.
    """
    judged: list[Judged] = []
    homeless: list[Manifest] = []
    elsewhere: Counter[str] = Counter()
    unread = 0
    for manifest in found:
        namespace = manifest.namespace or zones.default
        if not is_read(manifest):
            unread += 1
        elif namespace is None:
            homeless.append(manifest)
        elif (boundary := zones.boundaries.get(namespace)) is None:
            elsewhere[namespace] += 1
        else:
            judged.append(verdict(manifest, namespace, boundary, judge))
    problems = (_homeless(homeless, zones),) if homeless else ()
    return Report(tuple(judged), problems, tuple(sorted(elsewhere.items())), unread)


def verdict(
    manifest: Manifest,
    namespace: str,
    boundary: ZoneBoundary,
    judge: Judge,
    *,
    trusted: bool = False,
) -> Judged:
    """Return a manifest with every rule that it breaks in a zone.

    Args:
        manifest: what to judge.
        namespace: the zone's.
        boundary: the zone's.
        judge: the rulebook.
        trusted: whether phiwarden itself wrote the object.
    """
    failures = judge.failures(manifest.value, boundary, trusted=trusted)
    return Judged(
        manifest.source,
        manifest.place(),
        manifest.kind,
        manifest.name,
        namespace,
        boundary,
        tuple(Finding(failure, manifest.place(failure.path)) for failure in failures),
    )


def _homeless(found: list[Manifest], zones: Zones) -> Problem:
    first = found[0]
    more = "object" if len(found) == 2 else "objects"
    others = f" (and {len(found) - 1} more {more})" if len(found) > 1 else ""
    place = first.place()
    line, column = (place.line, place.column) if place is not None else (1, 1)
    return Problem(
        "error",
        first.source,
        line,
        column,
        f"{first.kind} {first.name}{others} names no namespace: set metadata.namespace, or give"
        f" -n NAMESPACE or --zone ZONE; the zones are {zones.in_words()}",
    )
