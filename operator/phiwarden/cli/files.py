"""Files, folders and pipes, judged by declarations that are files, too."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from phiwarden.cli.declarations import Declarations, is_declaration
from phiwarden.cli.manifests.documents import Trouble
from phiwarden.cli.manifests.objects import Level, Manifest, manifests
from phiwarden.cli.manifests.sources import Source, Unread, read, sources
from phiwarden.cli.report import Problem, Report
from phiwarden.cli.verdicts import verdicts
from phiwarden.rulebook.declaration import KIND
from phiwarden.rulebook.evaluate import Judge


@dataclass(slots=True)
class _Files:
    """The texts to check, and the troubles met on the way."""

    problems: list[Problem] = field(default_factory=list)

    def read(self, asked: Iterable[str]) -> list[Source]:
        found = []
        for each in sources(asked):
            if isinstance(each, Source):
                found.append(each)
            else:
                self._note_unread(each)
        return found

    def read_declarations(self, paths: Iterable[Path]) -> Iterator[Manifest]:
        for path in paths:
            source = read(path)
            if isinstance(source, Unread):
                self._note_unread(source)
                continue
            found = [m for m in self.manifests(source) if is_declaration(m)]
            if not found:
                self.problems.append(
                    Problem("error", source.name, 1, 1, f"no {KIND} is declared here")
                )
            yield from found

    def manifests(self, source: Source) -> Iterator[Manifest]:
        for found in manifests(source):
            if isinstance(found, Manifest):
                yield found
            else:
                self._note(source.name, found.trouble, found.level)

    def _note_unread(self, found: Unread) -> None:
        self._note(found.name, found.trouble, "error" if found.incomplete else "note")

    def _note(self, name: str, trouble: Trouble, level: Level) -> None:
        self.problems.append(Problem(level, name, trouble.line, trouble.column, trouble.message))


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
    files = _Files()
    declarations = Declarations(today)
    for manifest in files.read_declarations(workloads):
        declarations.add(manifest)
    texts = files.read(asked)
    for manifest in _declared_in(texts, but_not_in=workloads):
        declarations.add(manifest)
    zones = None
    if declarations.judged or not files.problems:
        zones = declarations.zones(namespace=namespace, zone=zone)
    if zones is None or not zones.boundaries:
        # There is nothing to judge by, and the problems say why.
        return Report(tuple(declarations.judged), _once(*declarations.problems, *files.problems))
    found = (m for text in texts for m in files.manifests(text) if not is_declaration(m))
    report = verdicts(found, zones, judge)
    problems = _once(*declarations.problems, *files.problems, *report.problems)
    if not (declarations.judged or report.judged or report.unread or report.elsewhere or problems):
        asked_for = ", ".join(asked)
        problems = (Problem("error", asked_for, 1, 1, "holds no object of Kubernetes"),)
    judged = (*declarations.judged, *report.judged)
    return Report(judged, problems, report.elsewhere, report.unread)


def _declared_in(texts: Iterable[Source], *, but_not_in: Iterable[Path]) -> Iterator[Manifest]:
    """Yield the PHIWorkloads among the manifests; troubles are told when all is read."""
    known = {os.path.realpath(path) for path in but_not_in}
    for text in texts:
        if KIND in text.text and os.path.realpath(text.name) not in known:
            for found in manifests(text):
                if isinstance(found, Manifest) and is_declaration(found):
                    yield found


def _once(*problems: Problem) -> tuple[Problem, ...]:
    return tuple(dict.fromkeys(problems))
