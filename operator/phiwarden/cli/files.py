"""Files, folders and pipes, judged by declarations that are files, too."""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from phiwarden.api import names
from phiwarden.cli.declarations import Declarations, Zones, is_declaration
from phiwarden.cli.judging import judge_texts
from phiwarden.cli.manifests.documents import mentioning
from phiwarden.cli.manifests.objects import Level, Manifest, Remark, manifests
from phiwarden.cli.manifests.sources import Source, Unread, read, sources
from phiwarden.cli.report import Problem, Report
from phiwarden.cli.verdicts import Verdicts, problem_of
from phiwarden.rulebook.budgets import Budget, budget_of
from phiwarden.rulebook.declaration import KIND
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.shapes import BUDGET


def check_files(
    asked: Sequence[str],
    workloads: Sequence[Path],
    judge: Judge,
    *,
    today: dt.date,
    namespace: str | None = None,
    zone: str | None = None,
) -> Report:
    """Judge every manifest in the zone whose namespace it names.

    Args:
        asked: files, folders, and `-` for standard input.
        workloads: files of PHIWorkloads; those among the manifests are declarations, too.
        judge: the rulebook.
        today: the day in UTC.
        namespace: where a manifest belongs that names no namespace.
        zone: the zone where it belongs; at most one of the two.

    Raises:
        NoSuchZone: no declaration names that namespace or zone.
    """
    problems: list[Problem] = []
    declarations = Declarations(today)
    for manifest in _read_declarations(workloads, problems):
        declarations.add(manifest)
    texts = _read(asked, problems)
    for manifest in _declared_in(texts, but_not_in=workloads):
        declarations.add(manifest)
    zones = Zones({})
    if declarations.judged or not problems:
        zones = declarations.zones(namespace=namespace, zone=zone)
    if not zones.boundaries:
        # There is nothing to judge by, and the problems say why.
        return Report(tuple(declarations.judged), _once(*declarations.problems, *problems))
    zones = replace(zones, budgets=_budgets(texts, zones.default))
    found = judge_texts(texts, zones, judge)
    problems += [*found.problems, *_without_namespace(found.homeless, zones)]
    if found == Verdicts() and not problems and not any(map(_may_declare, texts)):
        problems.append(Problem("error", ", ".join(asked), 1, 1, "no object of Kubernetes is here"))
    judged = (*declarations.judged, *found.judged)
    elsewhere = tuple(sorted(Counter(found.elsewhere).items()))
    return Report(judged, _once(*declarations.problems, *problems), elsewhere, found.unread)


def _read(asked: Iterable[str], problems: list[Problem]) -> list[Source]:
    found = []
    for each in sources(asked):
        if isinstance(each, Source):
            found.append(each)
        else:
            problems.append(_unread(each))
    return found


def _read_declarations(paths: Iterable[Path], problems: list[Problem]) -> Iterator[Manifest]:
    for path in paths:
        source = read(path)
        if isinstance(source, Unread):
            problems.append(_unread(source))
            continue
        found = list(manifests(source))
        problems += [problem_of(source.name, each) for each in found if isinstance(each, Remark)]
        declared = [m for m in found if isinstance(m, Manifest) and is_declaration(m)]
        if not declared:
            problems.append(Problem("error", source.name, 1, 1, f"no {KIND} is declared here"))
        yield from declared


def _unread(found: Unread) -> Problem:
    trouble = found.trouble
    level: Level = "error" if found.incomplete else "note"
    return Problem(level, found.name, trouble.line, trouble.column, trouble.message)


def _without_namespace(homeless: Sequence[Problem], zones: Zones) -> Iterator[Problem]:
    """Yield one problem for all objects that name no namespace."""
    if not homeless:
        return
    first, *others = homeless
    counted = "1 more object" if len(others) == 1 else f"{len(others)} more objects"
    yield replace(
        first,
        message=f"{first.message}{f' (and {counted})' if others else ''} names no namespace: set"
        " metadata.namespace, or give -n NAMESPACE or --zone ZONE; the zones are"
        f" {zones.in_words()}",
    )


def _declared_in(texts: Iterable[Source], *, but_not_in: Iterable[Path]) -> Iterator[Manifest]:
    """Yield the PHIWorkloads among the manifests; troubles are told when all is read."""
    known = {os.path.realpath(path) for path in but_not_in}
    for text in texts:
        if _may_declare(text) and os.path.realpath(text.name) not in known:
            for found in manifests(text):
                if isinstance(found, Manifest) and is_declaration(found):
                    yield found


def _budgets(texts: Iterable[Source], default: str | None) -> Mapping[str, tuple[Budget, ...]]:
    """Return the PodDisruptionBudgets among the manifests, by namespace.

    What they protect may stand in any other text, and be judged by another process.
    """
    found: dict[str, list[Budget]] = {}
    for text in texts:
        part = replace(text, text=mentioning(text.text, BUDGET.kind))
        for each in manifests(part):
            if isinstance(each, Manifest) and (each.group, each.kind) == (
                BUDGET.group,
                BUDGET.kind,
            ):
                namespace = each.namespace or default
                if namespace is not None:
                    found.setdefault(namespace, []).append(budget_of(each.value))
    return {namespace: tuple(budgets) for namespace, budgets in found.items()}


def _may_declare(text: Source) -> bool:
    """Whether a text can hold a PHIWorkload: most need not be read twice."""
    return KIND in text.text and names.GROUP in text.text


def _once(*problems: Problem) -> tuple[Problem, ...]:
    return tuple(dict.fromkeys(problems))
