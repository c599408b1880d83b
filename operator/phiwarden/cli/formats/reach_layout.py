"""Where everything stands in the picture of reach.

Zones stand in the middle, those who come to them on the left, and where they
go on the right. Each end of an arrow has a height of its own at its box, so
that no label ever lies on another. Between zones, arrows take a lane of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from phiwarden.cli.formats.reach_words import few
from phiwarden.reach.report import Edge, End, Place, Report, Verdict

BOX: Final = 196
ZONE: Final = 236
LABELS: Final = 236
"""Width of the room for labels, beside zones."""
MARGIN: Final = 24
TOP: Final = 92
GAP: Final = 22
SLOT: Final = 24
LINE: Final = 15
LANE: Final = 16
BEND: Final = 70
HEAD: Final = 70
"""Height of what is written in a zone."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box, with the edges that touch each of its sides."""

    x: int
    y: int
    width: int
    height: int
    ends: tuple[End, ...]
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Arrow:
    """An edge, drawn.

    Attributes:
        points: from its source to its target; `lane` if it turns back to the zones.
        label: top left of its words.
    """

    edge: Edge
    words: tuple[str, ...]
    start: tuple[int, int]
    end: tuple[int, int]
    lane: int | None
    label: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole picture, in pixels."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def words_of(edge: Edge) -> tuple[str, ...]:
    """Return the lines that stand at an arrow: its ports, and what is wrong with it."""
    ports = few(edge.ports.words(), most=2)
    match edge.verdict:
        case Verdict.UNDECLARED:
            opened = sorted({f"{rule.namespace}/{rule.policy}" for rule in edge.rules})
            return (f"undeclared: {ports}", f"by {few(opened)}" if opened else "not isolated")
        case Verdict.CLOSED:
            return (f"closed: {ports}",)
        case _:
            return (ports,)


def lay_out(report: Report) -> Layout:
    """Return the picture of a report."""
    zones = {place.end: place for place in report.places}
    coming = [e for e in report.edges if e.sources[0] not in zones and e.targets[0] in zones]
    inner = [e for e in report.edges if e.sources[0] in zones and e.targets[0] in zones]
    going = [e for e in report.edges if e.sources[0] in zones and e.targets[0] not in zones]
    left, middle = MARGIN, MARGIN + BOX + BEND + LABELS
    lanes = middle + ZONE + LABELS
    right = lanes + LANE * len(inner) + BEND
    slots = _Slots()
    boxes = []
    y = TOP
    for place in _in_order(report.places, inner):
        entering = [edge for edge in coming if edge.targets[0] == place.end]
        leaving = [e for e in (*inner, *going) if e.sources[0] == place.end]
        arriving = [edge for edge in inner if edge.targets[0] == place.end]
        in_end = slots.take(entering, "in", y)
        out_end = slots.take(arriving, "in", slots.take(leaving, "out", y))
        height = max(HEAD, in_end - y, out_end - y)
        boxes.append(Box(middle, y, ZONE, height, (place.end,), place))
        y += height + GAP
    lowest = y
    for x, edges, side in ((left, coming, "out"), (right, going, "in")):
        y = TOP
        for ends, touching in _by_far_end(edges, slots, side).items():
            end = slots.take(touching, side, y, lines=1)
            height = max(46, end - y)
            boxes.append(Box(x, y, BOX, height, ends))
            y += height + GAP
        lowest = max(lowest, y)
    beside = (middle + ZONE + 8, "out")
    arrows = [
        *(_arrow(e, slots, (left + BOX, middle), None, (middle - LABELS, "in")) for e in coming),
        *(
            _arrow(e, slots, (middle + ZONE, middle + ZONE), lanes + LANE * n, beside)
            for n, e in enumerate(inner)
        ),
        *(_arrow(e, slots, (middle + ZONE, right), None, beside) for e in going),
    ]
    return Layout(right + BOX + MARGIN, lowest + MARGIN, tuple(boxes), tuple(arrows))


class _Slots:
    """Heights at which arrows touch boxes."""

    def __init__(self) -> None:
        self.at: dict[tuple[int, str], int] = {}

    def take(self, edges: Iterable[Edge], side: str, y: int, *, lines: int | None = None) -> int:
        """Give each edge a height below y, and return where the last one ends."""
        for edge in edges:
            height = SLOT + LINE * ((lines or len(words_of(edge))) - 1)
            self.at[id(edge), side] = y + height - 6
            y += height
        return y + 8


def _arrow(
    edge: Edge, slots: _Slots, across: tuple[int, int], lane: int | None, label: tuple[int, str]
) -> Arrow:
    """Return an arrow from one x to another; its words stand over its end on the side named."""
    words = words_of(edge)
    x, side = label
    y = slots.at[id(edge), side] - 5 - LINE * (len(words) - 1)
    start, end = across
    outward, inward = slots.at[id(edge), "out"], slots.at[id(edge), "in"]
    return Arrow(edge, words, (start, outward), (end, inward), lane, (x, y))


def _by_far_end(
    edges: Sequence[Edge], slots: _Slots, side: str
) -> dict[tuple[End, ...], list[Edge]]:
    """Return edges by their end that is no zone, in the order in which zones know them."""
    near = "in" if side == "out" else "out"
    found: dict[tuple[End, ...], list[Edge]] = defaultdict(list)
    for edge in sorted(edges, key=lambda e: slots.at[id(e), near]):
        found[edge.sources if side == "out" else edge.targets].append(edge)
    return found


def _in_order(places: Sequence[Place], inner: Sequence[Edge]) -> list[Place]:
    """Return zones so that declared flows go downwards, as far as they can."""
    flows = {
        (edge.sources[0], edge.targets[0])
        for edge in inner
        if edge.verdict in {Verdict.OPEN, Verdict.CLOSED} and edge.sources != edge.targets
    }
    left, ordered = list(places), []
    while left:
        waiting = {target for source, target in flows if any(p.end == source for p in left)}
        first = next((place for place in left if place.end not in waiting), left[0])
        ordered.append(first)
        left.remove(first)
    return ordered
