"""Files, folders and pipes, judged by declarations that are files, too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from phiwarden.cli.declarations import Declarations, is_declaration
from phiwarden.cli.manifests.objects import Manifest, Remark, manifests
from phiwarden.cli.manifests.sources import Source, Unread, read, sources
from phiwarden.cli.report import Problem, Report
from phiwarden.cli.verdicts import verdicts
from phiwarden.rulebook.declaration import KIND
from phiwarden.rulebook.evaluate import Judge


@dataclass(slots=True)
class _Files:
    """The texts to check, and the troubles met on the way."""

    problems: list[Problem] = field(default_factory=list)
    left_out: int = 0
    """Files of folders that hold no object of Kubernetes."""

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
                continue
            self._note(source, found)

    def _note(self, source: Source, remark: Remark) -> None:
        trouble = remark.trouble
        problem = Problem(remark.level, source.name, trouble.line, trouble.column, trouble.message)
        self.problems.append(problem)

    def _note_unread(self, found: Unread) -> None:
        trouble = found.trouble
        level = "error" if found.incomplete else "note"
        self.problems.append(
            Problem(level, found.name, trouble.line, trouble.column, trouble.message)
        )


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
    for text in texts:
        if KIND in text.text:
            for manifest in manifests(text):
                if isinstance(manifest, Manifest) and is_declaration(manifest):
                    declarations.add(manifest)
    found = (
        manifest
        for text in texts
        for manifest in files.manifests(text)
        if not is_declaration(manifest)
    )
    zones = declarations.zones(namespace=namespace, zone=zone)
    report = verdicts(found, zones, judge)
    problems = (*declarations.problems, *files.problems, *report.problems)
    return Report(
        (*declarations.judged, *report.judged), problems, report.elsewhere, report.unread
    )
