"""Manifests judged by the rules of the zones that they are for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cli.declarations import Zones, is_declaration
from phiwarden.cli.manifests.objects import Manifest, Remark, manifests
from phiwarden.cli.manifests.sources import Source
from phiwarden.cli.report import Finding, Judged, Problem
from phiwarden.rulebook.budgets import Budget, unprotected
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.shapes import BUDGET
from phiwarden.rulebook.subjects import SUBJECTS

_READ: Final = {
    (kind.group, kind.kind)
    for kinds in (*(subject.kinds for subject in SUBJECTS), (BUDGET,))
    for kind in kinds
}


def is_read(manifest: Manifest) -> bool:
    """Return whether any rule reads objects of this kind, which the group is part of."""
    return (manifest.group, manifest.kind) in _READ


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What came of the objects of some texts.

    Attributes:
        judged: those that were judged.
        problems: what is wrong with the texts.
        homeless: those that name no namespace, where they would have to; the message names them.
        elsewhere: the namespace of each that is for no zone declared.
        unread: how many are of kinds that no rule reads.
    """

    judged: tuple[Judged, ...] = ()
    problems: tuple[Problem, ...] = ()
    homeless: tuple[Problem, ...] = ()
    elsewhere: tuple[str, ...] = ()
    unread: int = 0


def merged(parts: Iterable[Verdicts]) -> Verdicts:
    """Return what came of several texts, in their order."""
    every = list(parts)
    return Verdicts(
        tuple(judged for part in every for judged in part.judged),
        tuple(problem for part in every for problem in part.problems),
        tuple(problem for part in every for problem in part.homeless),
        tuple(namespace for part in every for namespace in part.elsewhere),
        sum(part.unread for part in every),
    )


def verdicts(source: Source, zones: Zones, judge: Judge) -> Verdicts:
    """Judge every manifest of a text in the zone whose namespace it names.

    PHIWorkloads are left out: they are judged as declarations.
    """
    judged: list[Judged] = []
    problems: list[Problem] = []
    homeless: list[Problem] = []
    elsewhere: list[str] = []
    unread = 0
    for found in manifests(source):
        if isinstance(found, Remark):
            problems.append(problem_of(source.name, found))
            continue
        if is_declaration(found):
            continue
        namespace = found.namespace or zones.default
        if not is_read(found):
            unread += 1
        elif namespace is None:
            homeless.append(_homeless(found))
        elif (boundary := zones.boundaries.get(namespace)) is None:
            elsewhere.append(namespace)
        else:
            budgets = zones.budgets.get(namespace, ())
            judged.append(verdict(found, namespace, boundary, judge, budgets=budgets))
    return Verdicts(tuple(judged), tuple(problems), tuple(homeless), tuple(elsewhere), unread)


def verdict(
    manifest: Manifest,
    namespace: str,
    boundary: ZoneBoundary,
    judge: Judge,
    *,
    trusted: bool = False,
    budgets: Iterable[Budget] | None = None,
) -> Judged:
    """Return a manifest with every rule that it breaks in a zone.

    Args:
        manifest: what to judge.
        namespace: the zone's.
        boundary: the zone's.
        judge: the rulebook.
        trusted: whether phiwarden itself wrote the object.
        budgets: the namespace's PodDisruptionBudgets; None where nobody looked.
    """
    failures = judge.failures(manifest.value, boundary, trusted=trusted)
    lack = unprotected(manifest.value, boundary, budgets) if budgets is not None else None
    if lack is not None:
        failures = (*failures, lack)
    return Judged(
        manifest.source,
        manifest.place(),
        manifest.kind,
        manifest.name,
        namespace,
        boundary,
        tuple(Finding(failure, manifest.place(failure.path)) for failure in failures),
    )


def problem_of(source: str, remark: Remark) -> Problem:
    """Return a remark about a text as a problem of the check."""
    trouble = remark.trouble
    return Problem(remark.level, source, trouble.line, trouble.column, trouble.message)


def _homeless(manifest: Manifest) -> Problem:
    place = manifest.place()
    line, column = (place.line, place.column) if place is not None else (1, 1)
    return Problem("error", manifest.source, line, column, f"{manifest.kind} {manifest.name}")
