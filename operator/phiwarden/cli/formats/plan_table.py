"""A plan for a person at a terminal: one screen, worst first."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from phiwarden.api.history import Cause
from phiwarden.api.workload import Enforcement
from phiwarden.boundary.model import AgreementState
from phiwarden.cli.formats.consoles import written
from phiwarden.cli.formats.printable import printable
from phiwarden.preview.model import (
    HARD,
    WORST_FIRST,
    Change,
    Cluster,
    Consequence,
    Fate,
    NamespaceFate,
    Network,
    Outlook,
    Way,
    ZoneOutlook,
)
from phiwarden.preview.pace import Turn, turns

MOST_ROWS: Final = 24
"""Objects that are shown of one declaration."""

MOST_LISTED: Final = 6
"""Ways of the network that are shown of one sort, and images and ways of one object."""

_WORDS: Final = {
    Consequence.SCALED_TO_ZERO: "scaled to zero",
    Consequence.SUSPENDED: "suspended",
    Consequence.ISOLATED: "cut off",
    Consequence.HELD: "kept running apart",
    Consequence.ROLLED_BACK: "rolled back",
    Consequence.UNTOLD: "put back or set apart",
    Consequence.REFUSED: "refused",
    Consequence.WARNED: "warned",
    Consequence.LEFT_ALONE: "left alone",
    Consequence.NOTED: "noted",
    Consequence.UNAFFECTED: "unaffected",
}
_LATER: Final = (Consequence.REFUSED, Consequence.WARNED)
"""What does not happen at once, but when the object is next changed."""

_MARKS: Final = {Change.NEW: "+", Change.STAYS: "", Change.MENDED: "-"}
_RANK: Final = {level: rank for rank, level in enumerate(Enforcement)}
_DIGEST: Final = re.compile(r"(@sha256:[0-9a-f]{12})[0-9a-f]{52}$")

_BAD, _WARN, _GOOD, _DIM, _BOLD = "red", "yellow", "green", "dim", "bold"


def plan_table(found: Sequence[Outlook], cluster: Cluster, *, width: int, color: bool) -> str:
    """Return a plan as text of some columns."""

    def write(console: Console) -> None:
        for outlook in found:
            _print(console, outlook)
        for line in _turns(turns(found)):
            console.print(line)
        for line in _unread(cluster):
            console.print(line)

    return written(write, width=width, color=color)


def _print(console: Console, outlook: Outlook) -> None:
    console.print(_summary(outlook))
    if any(zone.objects for zone in outlook.zones):
        console.print(_table(outlook.zones))
    zones = [line for zone in outlook.zones for line in (*_namespace(zone), *_cut_off(zone))]
    for line in (*zones, *_network(outlook.network), *map(_agreement, outlook.agreements)):
        console.print(Padding(line, (0, 0, 0, 2)))
    console.print()


def _summary(outlook: Outlook) -> Text:
    style = _BAD if outlook.hard else _GOOD
    return Text.assemble((_what(outlook), _BOLD), ": ", (_counts(outlook), style))


def _what(outlook: Outlook) -> str:
    name, before, after = outlook.workload, outlook.before, outlook.after
    if before is None:
        return f"{name}: declaring it at enforcement {after}"
    if outlook.unchanged:
        return f"{name}: as it stands, at enforcement {after}"
    if before is after:
        return f"{name}: changing it at enforcement {after}"
    verb = "raising" if _RANK[after] > _RANK[before] else "lowering"
    return f"{name}: {verb} enforcement from {before} to {after}"


def _counts(outlook: Outlook) -> str:
    """Return such as "2 objects would be rolled back, 1 kept running apart, 41 unaffected"."""
    counts = [(c, n) for c in WORST_FIRST if (n := outlook.count(c))]
    if not counts:
        return "nothing runs there yet"
    (worst, number), *rest = counts
    said = [f"{number} {'object' if number == 1 else 'objects'} would be {_words(worst, number)}"]
    said += [f"{number} {_words(consequence, number)}" for consequence, number in rest]
    return ", ".join(said)


def _words(consequence: Consequence, number: int) -> str:
    if consequence not in _LATER:
        return _WORDS[consequence]
    return f"{_WORDS[consequence]} at {'its' if number == 1 else 'their'} next change"


def _table(zones: Iterable[ZoneOutlook]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style=_DIM)
    for title in ("  Would be", "Object", "Now", "For the rules (+ new, - mended)"):
        table.add_column(title, overflow="fold")
    left = MOST_ROWS
    for zone in zones:
        if not zone.objects:
            continue
        table.add_row(Text(f"zone {zone.zone}", _BOLD), Text(zone.namespace, _DIM))
        for fate in zone.objects[:left]:
            table.add_row(*_row(fate))
        if more := len(zone.objects[left:]):
            table.add_row(Text(f"  and {more} more"), Text("-o json lists all", _DIM))
        left = max(left - len(zone.objects), 0)
    return table


def _row(fate: Fate) -> tuple[Text, Text, Text, Text]:
    words = Text(f"  {_WORDS[fate.then]}", _style(fate.then))
    name = Text(f"{fate.kind}/{printable(fate.name)}")
    now = "as now" if fate.now is fate.then else _WORDS[fate.now]
    return words, name, Text(now, _DIM), Text("\n").join(_reasons(fate))


def _style(consequence: Consequence) -> str:
    if consequence in HARD:
        return _BAD
    return _GOOD if consequence is Consequence.UNAFFECTED else _WARN


def _reasons(fate: Fate) -> Iterator[Text]:
    if fate.broken:
        yield Text(", ".join(f"{_MARKS[broken.change]}{broken.rule}" for broken in fate.broken))
    if fate.cause is Cause.FAILED_ROLLOUT:
        yield Text("its rollout failed")
    if fate.revision is not None:
        images = _few([_DIGEST.sub(r"\1…", image) for image in fate.images])
        yield Text(f"to revision {fate.revision}: {images}", _DIM)
    elif fate.then is Consequence.LEFT_ALONE:
        yield Text(printable(fate.why))
    elif fate.why:
        # The rest of the sentence says what the first column does.
        yield Text(re.split("[;:] ", printable(fate.why))[0], _DIM)
    yield from (Text(step, _DIM) for step in _steps(fate))
    yield from (Text(printable(note), _WARN) for note in fate.notes)


def _steps(fate: Fate) -> Iterator[str]:
    """Return what is sent to the API server, in a line for the object and one for its pods."""
    if fate.cause is not None and fate.steps == ():
        yield "nothing is changed"
    labelled: Counter[str] = Counter()
    for step in fate.steps or ():
        if step.kind == "Pod":
            labelled[step.says] += 1
        else:
            yield f"patch {step.says}"
    for says, number in labelled.items():
        yield f"label {number} {'pod' if number == 1 else 'pods'} {says}"


def _turns(found: Sequence[Turn]) -> Iterator[Text]:
    number = sum(len(turn.objects) for turn in found)
    if not number:
        return
    objects = "1 object takes its turn" if number == 1 else f"{number} objects take turns"
    pace = f"{objects}, at the rate that the chart sets (remediation.perMinute)"
    yield Text(f"{pace}: {', then '.join(map(_turn, found))}" if len(found) > 1 else pace)


def _turn(turn: Turn) -> str:
    failed = " whose rollout failed" if turn.cause is Cause.FAILED_ROLLOUT else ""
    return f"{len(turn.objects)} {turn.impact}{failed}"


def _namespace(zone: ZoneOutlook) -> Iterator[Text]:
    where = f"namespace {zone.namespace} (zone {zone.zone})"
    match zone.fate:
        case NamespaceFate.MADE:
            yield Text(f"{where} would be made")
        case NamespaceFate.ADOPTED:
            yield Text(f"{where} would be adopted", _WARN)
        case NamespaceFate.REFUSED:
            yield Text(f"zone {zone.zone} would not stand: {printable(zone.why)}", _BAD)
        case NamespaceFate.LEFT | NamespaceFate.UNREAD:
            yield Text(f"{where}: {printable(zone.why)}", _WARN)


def _cut_off(zone: ZoneOutlook) -> Iterator[Text]:
    """Tell once what all that is set apart in a zone loses."""
    for consequence in (Consequence.ISOLATED, Consequence.HELD):
        found = [fate.cut_off for fate in zone.objects if fate.then is consequence and fate.cut_off]
        if found:
            lost = _few(found[0], "; ")
            yield Text(f"{_WORDS[consequence]} in zone {zone.zone}, without: {lost}", _WARN)


def _network(network: Network) -> Iterator[Text]:
    match network.stood, network.stands:
        case False, True:
            kept = f"only these stay open: {_ways(network.open)}" if network.open else "all is cut"
            yield Text(f"network policies begin to stand; {kept}", _WARN)
        case True, False:
            yield Text("network policies cease to stand: everything is open", _WARN)
        case stood, _:
            when = "" if stood else ", once it is enforced"
            if network.closed:
                yield Text(f"closed{when}: {_ways(network.closed)}", _BAD if stood else _DIM)
            if network.opened:
                yield Text(f"opened{when}: {_ways(network.opened)}", _WARN if stood else _DIM)
    if network.expired:
        yield Text(f"closed by an agreement that ended: {_few(network.expired, '; ')}", _BAD)


def _agreement(state: AgreementState) -> Text:
    named = printable(f"agreement {state.reference} with {state.external}")
    if state.days_left < 0:
        return Text(f"{named} ended on {state.expires}", _BAD)
    left = {0: "today", 1: "tomorrow"}.get(state.days_left, f"in {state.days_left} days")
    return Text(f"{named} ends {left}, on {state.expires}", _WARN)


def _unread(cluster: Cluster) -> Iterator[Text]:
    where: dict[tuple[str, str], list[str]] = defaultdict(list)
    for gap in cluster.gaps:
        where[gap.where, gap.why].append(gap.what)
    for (namespace, why), kinds in where.items():
        place = f" in {namespace}" if namespace else ""
        yield Text(f"not read{place} ({why}): {printable(', '.join(kinds))}", _BAD)
    if where:
        yield Text("This plan is not complete: see above.", _BAD)
    if cluster.unknown:
        yield Text(f"not known to this cluster: {', '.join(cluster.unknown)}", _DIM)


def _ways(ways: Sequence[Way]) -> str:
    return _few([str(way) for way in ways], "; ")


def _few(texts: Sequence[str], between: str = ", ") -> str:
    more = f"{between}and {len(texts) - MOST_LISTED} more" if len(texts) > MOST_LISTED else ""
    return between.join(printable(text, 200) for text in texts[:MOST_LISTED]) + more
