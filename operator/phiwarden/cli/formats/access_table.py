"""An access review for a person at a terminal: worst first, Kubernetes' own last and in short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from phiwarden.access.abilities import POWERS, Ability
from phiwarden.access.report import NOTES, Entry, Finding, Report, Standing, Weight
from phiwarden.access.rights import Right
from phiwarden.access.since import Since
from phiwarden.cli.formats.consoles import written
from phiwarden.cli.formats.printable import printable
from phiwarden.cli.formats.reach_words import few

_STANDINGS: Final = {
    Standing.BEYOND: ("beyond", "bold red"),
    Standing.CLUSTER_WIDE: ("cluster-wide", "yellow"),
    Standing.DECLARED: ("declared", "green"),
}
"""Those that have a row of their own, and their colour."""
_WEIGHTS: Final = {
    Weight.BEYOND: ("beyond the declaration", "bold red"),
    Weight.CLUSTER_WIDE: ("cluster-wide", "yellow"),
}
_RESOURCES: Final = {
    ability: [power for power in POWERS if power.ability is ability] for ability in Ability
}
_SHARES: Final = (("Who", 7), ("Can", 6), ("Through", 6))
_WIDTHS: Final = (("Since", 15), ("Is", 12))
"""Columns of the same width in the tables of all zones, so that they stand below one another."""
MOST_ROWS: Final = 60
"""Grants, and findings of one weight, that are shown."""


def access_table(report: Report, *, width: int, color: bool) -> str:
    """Return a review as text of some columns."""

    def write(console: Console) -> None:
        console.print(_summary(report))
        shown = [entry for entry in report.entries if entry.standing in _STANDINGS]
        _write_grants(console, report, shown)
        console.print()
        for standing, whose in (
            (Standing.PHIWARDEN, "phiwarden's own"),
            (Standing.KUBERNETES, "Kubernetes' own, by the roles that the API server makes"),
        ):
            if line := _in_short(report, standing):
                console.print(Text(f"{whose}: {line}", "dim"))
        for weight in Weight:
            _write_findings(console, report, weight)
        for note in _notes(report):
            console.print(note)

    return written(write, width=width, color=color)


def _summary(report: Report) -> Text:
    beyond, wide = (report.count(weight) for weight in Weight)
    zones = len(report.zones)
    start = f"{printable(report.workload)}, {zones} zone{'s'[: zones != 1]}: "
    if report.findings:
        said = f"{beyond} beyond the declaration, {wide} cluster-wide"
        return Text(start + said, "bold red" if beyond else "yellow")
    if report.gaps:
        return Text(f"{start}nothing beyond the declaration in what could be read", "yellow")
    return Text(f"{start}nothing beyond the declaration", "green")


def _write_grants(console: Console, report: Report, shown: Sequence[Entry]) -> None:
    """Write whom what is given to: in one zone, in several, in all of them."""
    places = dict.fromkeys(entry.grant.namespaces for entry in shown[:MOST_ROWS])
    for place in sorted(places, key=lambda place: (len(place), place)):
        console.print()
        console.print(Text(_place(report, place), "bold"))
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        table.expand = True
        for title, share in _SHARES:
            table.add_column(title, overflow="fold", ratio=share)
        for title, width in _WIDTHS:
            table.add_column(title, overflow="fold", width=width)
        for entry in shown[:MOST_ROWS]:
            if entry.grant.namespaces == place:
                _add(table, entry)
        console.print(table)
    if more := len(shown[MOST_ROWS:]):
        console.print(Text(f"and {more} more; -o json lists all"))


def _place(report: Report, namespaces: Sequence[str]) -> str:
    found = [zone for zone in report.zones if zone.namespace in namespaces]
    if len(found) == 1:
        (zone,) = found
        return (
            f"zone {printable(zone.name)}, data {zone.boundary.data}: {printable(zone.namespace)}"
        )
    if len(found) == len(report.zones):
        return "every zone"
    return f"zones {few([zone.name for zone in found], most=5)}"


def _add(table: Table, entry: Entry) -> None:
    grant = entry.grant
    said, style = _STANDINGS[entry.standing]
    binding = grant.binding.ref
    through = f"{binding.kind} {printable(binding.name)}"
    if (grant.role.kind, grant.role.name) != (binding.kind.removesuffix("Binding"), binding.name):
        through += f" to {grant.role.kind} {printable(grant.role.name)}"
    table.add_row(
        Text(printable(str(grant.subject))),
        Text("; ".join(_can(*each) for each in grant.abilities.items())),
        Text(through),
        Text(_since(grant.since)),
        Text(said, style),
    )


def _can(ability: Ability, rights: Sequence[Right]) -> str:
    """Return an ability in words, with the resources where not all that it is about are meant."""
    whole = [right.power for right in rights if not right.names]
    words = _words(ability)
    if len(whole) == len(rights) and set(_RESOURCES[ability]) <= set(whole):
        return words
    resources = dict.fromkeys(_resource(right) for right in rights)
    return f"{words}: {few(list(resources), most=4)}"


def _resource(right: Right) -> str:
    only = f" (only {few(right.names)})" if right.names else ""
    return f"{right.power.resource}{only}"


def _words(ability: Ability) -> str:
    return ability.value.replace("-", " ")


def _since(since: Since) -> str:
    if since.time is None:
        return "not known"
    told = f"{since.time:%Y-%m-%d}, {since.event.value}"
    return told if since.sure else f"not before {told}"


def _in_short(report: Report, standing: Standing) -> str:
    """Return who has rights that are not looked at one by one."""
    found = [entry.grant for entry in report.entries if entry.standing is standing]
    who = list(dict.fromkeys(str(grant.subject) for grant in found))
    return f"{few(who)} (-o json lists what they can)" if who else ""


def _write_findings(console: Console, report: Report, weight: Weight) -> None:
    said, style = _WEIGHTS[weight]
    found = [finding for finding in report.findings if finding.weight is weight]
    for finding in found[:MOST_ROWS]:
        console.print()
        console.print(Text.assemble((said, style), f"  {printable(str(finding.object))}"))
        for line in _lines(finding):
            console.print(Padding(Text(line), (0, 0, 0, 2)))
    if more := len(found[MOST_ROWS:]):
        console.print(Text(f"and {more} more; -o json lists all"))


def _lines(finding: Finding) -> Iterator[str]:
    rule = f"{finding.rule}: " if finding.rule else ""
    yield rule + printable(finding.problem, 1000)
    if finding.subjects:
        yield f"given to {few([str(subject) for subject in finding.subjects], most=5)}" + _able(
            finding.abilities
        )
    yield f"fix: {finding.fix}"


def _able(abilities: Iterable[Ability]) -> str:
    words = ", ".join(_words(ability) for ability in abilities)
    return f", who can {words}" if words else ""


def _notes(report: Report) -> Iterator[Text]:
    yield Text()
    for zone in report.zones:
        if not zone.stands:
            yield Text(
                f"namespace {printable(zone.namespace)} is not marked as zone"
                f" {printable(zone.name)}: it is not there yet, or belongs to somebody else",
                "yellow",
            )
    for gap in report.gaps:
        lacks = f"you lack the right to {printable(gap.right)}"
        yield Text(f"not told: {gap.untold}, since {lacks}", "bold red")
    for binding, role in report.unresolved:
        yield Text(
            f"not told: what {printable(str(binding))} gives, whose {printable(role.title)} could"
            " not be read",
            "bold red",
        )
    for note in NOTES:
        yield Text(note, "dim")
