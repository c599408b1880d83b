"""The declarations that a check goes by, and the boundary of each zone they declare."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from phiwarden.api import names
from phiwarden.boundary.agreements import agreement_states
from phiwarden.boundary.compile import zone_boundary
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.boundary.model import AgreementStanding, Facts
from phiwarden.cli.manifests.objects import Level, Manifest
from phiwarden.cli.report import Finding, Judged, Problem
from phiwarden.rulebook import declared
from phiwarden.rulebook.budgets import Budget
from phiwarden.rulebook.crd_form import FieldError
from phiwarden.rulebook.declaration import KIND, Declaration, declaration
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Severity


class NoSuchZone(ValueError):
    """There is no declaration, or none names a zone or namespace; says which there are."""


@dataclass(frozen=True, slots=True)
class Zones:
    """Zones by their namespaces.

    Attributes:
        boundaries: namespace to the boundary of its zone.
        default: namespace of an object that names none; None if it must name one.
        budgets: namespace to the PodDisruptionBudgets among the manifests.
    """

    boundaries: Mapping[str, ZoneBoundary]
    default: str | None = None
    budgets: Mapping[str, tuple[Budget, ...]] = field(default_factory=dict)

    def in_words(self) -> str:
        """Return every zone with its namespace."""
        return ", ".join(
            f"{boundary.zone} ({namespace})" for namespace, boundary in self.boundaries.items()
        )


@dataclass(slots=True)
class Declarations:
    """PHIWorkloads as they are found, one after the other."""

    today: dt.date
    """The day in UTC."""
    judged: list[Judged] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _boundaries: dict[str, ZoneBoundary] = field(default_factory=dict)
    _first: dict[str, Declaration] = field(default_factory=dict)

    def add(self, manifest: Manifest) -> None:
        """Read a PHIWorkload; what is wrong with it goes to the problems and the judged."""
        read = declaration(manifest.value)
        errors = read.errors if isinstance(read, Declaration) else read
        self.problems += [_problem(manifest, e.path, e.message) for e in errors if not e.rule]
        self.judged.append(_judged(manifest, [error for error in errors if error.rule]))
        if isinstance(read, Declaration):
            self.problems += _agreements(manifest, read, self.today)
            self._note(manifest, read)

    def _note(self, manifest: Manifest, found: Declaration) -> None:
        first = self._first.setdefault(found.name, found)
        if first is not found:
            if first != found:
                message = f"PHIWorkload {found.name} was declared before, and differently"
                self.problems.append(_problem(manifest, "metadata.name", message))
            return
        for index, zone in enumerate(found.spec.zones):
            namespace = zone.namespace_in(found.name)
            taken = self._boundaries.get(namespace)
            if taken is not None:
                message = f"namespace {namespace} is a zone of PHIWorkload {taken.workload}, too"
                if taken.workload != found.name:  # a rule of the CRD says the other case
                    self.problems.append(_problem(manifest, f"spec.zones[{index}]", message))
                continue
            boundary = zone_boundary(found.name, zone, found.spec, Facts(today=self.today))
            self._boundaries[namespace] = boundary

    def zones(self, *, namespace: str | None = None, zone: str | None = None) -> Zones:
        """Return the zones declared.

        Args:
            namespace: where an object belongs that names no namespace.
            zone: the zone where it belongs; at most one of the two.

        Raises:
            NoSuchZone: no declaration names it, or several declare a zone of that name.
        """
        known = Zones(self._boundaries)
        if not self.judged and not self.problems:
            raise NoSuchZone("no zone is declared: give -w FILE, a PHIWorkload declaration")
        if not self._boundaries:
            return known  # the problems say why
        if zone is not None:
            found = [n for n, boundary in self._boundaries.items() if boundary.zone == zone]
            if len(found) > 1:
                raise NoSuchZone(f"several workloads declare a zone {zone}: give -n NAMESPACE")
            namespace = found[0] if found else None
            if namespace is None:
                raise NoSuchZone(f"no zone {zone} is declared; there are {known.in_words()}")
        if namespace is not None and namespace not in self._boundaries:
            raise NoSuchZone(
                f"namespace {namespace} is no zone that is declared; there are {known.in_words()}"
            )
        if namespace is None and len(self._boundaries) == 1:
            (namespace,) = self._boundaries
        return Zones(self._boundaries, namespace)


def is_declaration(manifest: Manifest) -> bool:
    """Return whether a manifest is a PHIWorkload, of whatever version."""
    return manifest.kind == KIND and manifest.group == names.GROUP


def _agreements(manifest: Manifest, found: Declaration, today: dt.date) -> Iterator[Problem]:
    """Yield the agreements that time has ended, or soon will; the API server has no clock."""
    paths = {
        external.name: f"spec.externals[{index}].agreement.expires"
        for index, external in enumerate(found.spec.externals)
    }
    for state in agreement_states(found.spec, today):
        path = paths[state.external]
        if state.state is AgreementStanding.EXPIRED:
            ended = f"{state.reference} expired on {state.expires}: flows to {state.external} are closed"
            yield _problem(manifest, path, ended, "warning")
        elif state.state is not AgreementStanding.IN_FORCE:
            ends = (
                f"{state.reference} ends on {state.expires}, and flows to {state.external} with it"
            )
            yield _problem(manifest, path, ends, "note")


def _problem(manifest: Manifest, path: str, message: str, level: Level = "error") -> Problem:
    place = manifest.place(path)
    line, column = (place.line, place.column) if place is not None else (1, 1)
    return Problem(level, manifest.source, line, column, f"{path}: {message}")


def _judged(manifest: Manifest, errors: list[FieldError]) -> Judged:
    return Judged(
        manifest.source,
        manifest.place(),
        manifest.kind,
        manifest.name,
        "",
        None,
        tuple(_findings(manifest, errors)),
    )


def _findings(manifest: Manifest, errors: list[FieldError]) -> Iterator[Finding]:
    for error in errors:
        rule = declared.rule(error.rule or "")
        failure = Failure(
            rule.id, Severity.DENY, error.path, error.path, error.message, "", rule.fix
        )
        yield Finding(failure, manifest.place(error.path))
