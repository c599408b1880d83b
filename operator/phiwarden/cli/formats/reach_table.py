"""Reach for a person at a terminal: worst first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from phiwarden.api.workload import Enforcement
from phiwarden.cli.formats.consoles import written
from phiwarden.cli.formats.printable import printable
from phiwarden.cli.formats.reach_words import few, who, why
from phiwarden.reach.report import Edge, Pods, Report, Verdict

_STYLES: Final = {
    Verdict.UNDECLARED: "bold red",
    Verdict.CLOSED: "yellow",
    Verdict.OPEN: "green",
    Verdict.UNJUDGED: "",
}
MOST_ROWS: Final = 60
"""Edges of one verdict that are shown."""


def reach_table(report: Report, *, width: int, color: bool) -> str:
    """Return a report as text of some columns."""

    def write(console: Console) -> None:
        if report.edges:
            console.print(_table(report.edges))
        for line in (*_notes(report), _summary(report)):
            console.print(line)

    return written(write, width=width, color=color)


def _table(edges: Sequence[Edge]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for title in ("From", "To", "Ports", "Is", "By"):
        table.add_column(title, overflow="fold")
    for verdict in Verdict:
        found = [edge for edge in edges if edge.verdict is verdict]
        for edge in found[:MOST_ROWS]:
            table.add_row(
                Text(who(edge.sources) + _share(edge.source_pods)),
                Text(who(edge.targets) + _share(edge.target_pods)),
                Text(few(edge.ports.words())),
                Text(verdict.value, _STYLES[verdict]),
                Text(why(edge), "dim" if verdict is Verdict.OPEN else ""),
            )
        if more := len(found[MOST_ROWS:]):
            table.add_row(
                Text(f"and {more} more"), "", "", Text(verdict.value), "-o json lists all"
            )
    return table


def _share(pods: Pods | None) -> str:
    """Return which pods of an end are meant, where not all of them are."""
    if pods is None or pods.count >= pods.total:
        return ""
    return f" ({pods.count} of {pods.total} pods: {few(pods.names, most=2)})"


def _notes(report: Report) -> Iterator[Text]:
    for place in report.places:
        if place.unpoliced:
            held = f"{place.end}: no policy isolates pods on the host's network: "
            yield Text(held + few(place.unpoliced), "bold red" if place.data else "")
        if place.enforcement not in ("", Enforcement.ENFORCE):
            yield Text(
                f"{place.end}: enforcement {place.enforcement} writes no policies yet", "yellow"
            )
    for zone in report.unavailable:
        yield Text(f"{printable(zone)} belongs to somebody else", "bold red")
    for flow in report.expired:
        yield Text(f"closed by an agreement that ended: {printable(flow)}", "yellow")


def _summary(report: Report) -> Text:
    undeclared, closed = report.count(Verdict.UNDECLARED), report.count(Verdict.CLOSED)
    if not report.differs:
        judged = any(place.data for place in report.places)
        return Text("As declared." if judged else "Nothing is declared here.", "green")
    return Text(
        f"Not as declared: {undeclared} open and undeclared, {closed} declared and closed.",
        "bold red",
    )
