"""What was measured, for people and for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table

from phiwarden.cli.formats.consoles import written
from phiwarden.cli.probed import Probed
from phiwarden.probe.outcome import Measured
from phiwarden.probe.ways import CONTROL, Verdict

_WIDTH = 110
_SHOWN = 5
_MARK = {Verdict.LEAK: "OPEN", Verdict.BROKEN: "CLOSED"}


def table(found: Probed) -> str:
    """Return a line for each way between two zones that is open or wrong, and what it adds up to."""

    def write(console: Console) -> None:
        console.print(_table(found.measured))
        console.print()
        console.print(_sum(found))

    return written(write, width=_WIDTH, color=False)


def _table(measured: Sequence[Measured]) -> Table:
    shown = Table("from", "to", "open, as declared", "wrong", box=None, pad_edge=False)
    for (source, destination), entries in groupby(
        measured, key=lambda entry: (entry.way.source, entry.way.destination)
    ):
        ways = list(entries)
        good = [e for e in ways if e.way.declared and e.verdict is Verdict.AS_DECLARED]
        bad = [e for e in ways if e.verdict is not Verdict.AS_DECLARED]
        if good or bad:
            wrong = ", ".join(f"{_port(e)} {_MARK[e.verdict]}" for e in bad)
            shown.add_row(source, destination, ", ".join(map(_port, good)), wrong)
    return shown


def _port(entry: Measured) -> str:
    return "any other" if entry.way.port == CONTROL else str(entry.way.port)


def _sum(found: Probed) -> str:
    counts = Counter(entry.verdict for entry in found.measured)
    closed = sum(e.verdict is Verdict.AS_DECLARED and not e.way.declared for e in found.measured)
    said = (
        f"{len(found.measured)} ways measured in PHIWorkload {found.workload}, generation"
        f" {found.generation}: {counts[Verdict.AS_DECLARED]} as declared ({closed} of them closed),"
        f" {counts[Verdict.LEAK]} open that must be closed,"
        f" {counts[Verdict.BROKEN]} closed that must be open."
    )
    lines = [said]
    strange = [e for e in found.measured if e.opened != e.computed]
    if found.enforced and strange:
        lines.append(
            f"{len(strange)} ways are not as the policies that stand say:"
            f" {', '.join(map(_way, strange[:_SHOWN]))}. The network plug-in, or a policy of its own"
            " kind, decides otherwise."
        )
    if not found.enforced:
        lines.append(
            "Nothing at all was closed: the network plug-in of this cluster enforces no"
            " NetworkPolicy. Nothing that a zone declares about the network is true here."
        )
    if found.recorded:
        lines.append("Noted on the PHIWorkload; see its condition NetworkIsolated.")
    return "\n".join(lines)


def _way(entry: Measured) -> str:
    return f"{entry.way.source} to {entry.way.destination}, {_port(entry)} ({entry.outcome})"


def json_text(found: Probed) -> str:
    """Return everything as JSON."""
    ways = [
        {
            "from": entry.way.source,
            "to": entry.way.destination,
            "port": entry.way.port,
            "declared": "open" if entry.way.declared else "closed",
            "computed": "open" if entry.computed else "closed",
            "measured": entry.outcome,
            "verdict": entry.verdict.value,
        }
        for entry in found.measured
    ]
    content = {
        "workload": found.workload,
        "generation": found.generation,
        "time": f"{found.time:%Y-%m-%dT%H:%M:%SZ}",
        "asDeclared": found.as_declared,
        "asComputed": found.as_computed,
        "enforced": found.enforced,
        "ways": ways,
    }
    return json.dumps(content, indent=2) + "\n"
