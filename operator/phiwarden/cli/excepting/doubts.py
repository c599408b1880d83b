"""Why an exception would be of no use, as far as that can be known beforehand."""

from __future__ import annotations

from collections.abc import Iterator

from phiwarden.api.values import instant
from phiwarden.api.workload import ClinicalImpact, DataClass, Environment
from phiwarden.boundary.granting import longest
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cli.excepting.model import Sheet
from phiwarden.rulebook.model import Severity


def moot(sheet: Sheet) -> Iterator[str]:
    """Yield why what is asked for cannot come into force."""
    if sheet.zone.boundary is None and sheet.zone.certain:
        yield f"{sheet.zone.problem}: nothing there needs an exception"
    for rule in sheet.spec.rules:
        if rule not in sheet.rules.pages:
            yield (
                f"{rule} is none of the rules known here: if it is one of your own, name their"
                " folder with --rules"
            )
        elif rule not in sheet.rules.exceptable:
            yield f"there are no exceptions to {rule}: {sheet.rules.pages[rule].title}"
    if sheet.ends <= sheet.now:
        yield f"it ends at {instant(sheet.spec.expires)}, and that has passed"
    elif sheet.zone.boundary is not None:
        yield from _too_long(sheet, sheet.zone.boundary)


def _too_long(sheet: Sheet, boundary: ZoneBoundary) -> Iterator[str]:
    most = longest(boundary.impact, emergency=sheet.spec.emergency)
    if sheet.ends - sheet.begins > most:
        what = "an emergency" if sheet.spec.emergency else f"a zone of {boundary.impact}"
        yield (
            f"it would be in force until {instant(sheet.spec.expires)}; {what} has at most {most.days} days:"
            f" {instant(sheet.begins + most)} is the longest possible"
        )


def remarks(sheet: Sheet) -> Iterator[str]:
    """Yield what else is worth a thought before one asks or decides."""
    boundary = sheet.zone.boundary
    if boundary is None:
        return
    kind_of_zone = (
        ClinicalImpact(boundary.impact),
        DataClass(boundary.data),
        Environment(boundary.environment),
    )
    for rule in sheet.rules.judge.rules:
        if rule.id in sheet.spec.rules:
            severity = rule.severity_in(*kind_of_zone)
            if severity is Severity.OFF:
                yield f"{rule.id} does not hold in this zone: nothing needs an exception to it"
            if severity is Severity.WARN:
                yield f"{rule.id} only warns in this zone: it refuses nothing"
