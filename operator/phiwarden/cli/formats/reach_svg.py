"""Reach as a picture: what is undeclared is red and thick, what is closed is dashed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final
from xml.etree import ElementTree as ET

from phiwarden.api.workload import DataClass
from phiwarden.cli.formats.printable import printable
from phiwarden.cli.formats.reach_layout import (
    BEND,
    LABELS,
    LANE,
    LINE,
    MARGIN,
    Arrow,
    Box,
    lay_out,
)
from phiwarden.cli.formats.reach_words import few, who, why
from phiwarden.reach.report import End, Report, Verdict

_INK, _MUTED, _RED, _AMBER, _GREEN = "#1e293b", "#64748b", "#dc2626", "#b45309", "#15803d"
_COLORS: Final = {
    Verdict.UNDECLARED: _RED,
    Verdict.CLOSED: _AMBER,
    Verdict.OPEN: _GREEN,
    Verdict.UNJUDGED: _MUTED,
}
_LEGEND: Final = {
    Verdict.UNDECLARED: "open, and not declared",
    Verdict.CLOSED: "declared, and closed",
    Verdict.OPEN: "declared and open",
    Verdict.UNJUDGED: "open; no declaration speaks of it",
}
_LETTER: Final = 6.4
"""Width of a letter of a label, about."""

_STYLE: Final = f"""
text{{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;fill:{_INK}}}
.title{{font-size:19px;font-weight:600}} .name{{font-size:16px;font-weight:600}}
.small{{font-size:12px;fill:{_MUTED}}}
.label{{font-size:12px;paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}}
.arrow{{fill:none}}
"""


def reach_svg(report: Report) -> str:
    """Return a report as an SVG document; text in it is escaped and without control characters."""
    layout = lay_out(report)
    root = ET.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {layout.width} {layout.height}",
        width=str(layout.width),
        height=str(layout.height),
        role="img",
    )
    _add(root, "title", _summary(report))
    _add(root, "style", _STYLE)
    definitions = ET.SubElement(root, "defs")
    for verdict in Verdict:
        _marker(definitions, verdict)
    ET.SubElement(root, "rect", width="100%", height="100%", fill="#fff")
    _heading(root, report)
    # Red is drawn last, over everything else.
    for arrow in sorted(layout.arrows, key=lambda a: -list(Verdict).index(a.edge.verdict)):
        _arrow(root, arrow)
    for box in layout.boxes:
        _box(root, box)
    for arrow in layout.arrows:
        _label(root, arrow)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _summary(report: Report) -> str:
    workloads = sorted({p.end.workload for p in report.places if p.end.workload})
    verdict = "not as declared" if report.differs else "as declared"
    return f"Reach of {few(workloads) or 'namespaces'}: {verdict}"


def _heading(root: ET.Element, report: Report) -> None:
    title = _text(root, MARGIN, 38, _summary(report), "title")
    title.set("style", f"fill:{_RED if report.differs else _GREEN}")
    x = MARGIN
    for verdict, words in _LEGEND.items():
        if not report.count(verdict):
            continue
        sample = ET.SubElement(root, "path", d=f"M{x} 62H{x + 40}")
        _stroke(sample, verdict)
        _text(root, x + 50, 66, f"{report.count(verdict)} {words}", "small")
        x += 90 + int(_LETTER * len(words))


def _box(root: ET.Element, box: Box) -> None:
    place = box.place
    phi = place is not None and place.data == DataClass.PHI
    frame = {"fill": "#f8fafc", "stroke": _MUTED, "stroke-width": "1.2"}
    if place is not None:
        frame = {
            "fill": "#eff6ff" if not phi else "#eef2ff",
            "stroke": "#1d4ed8" if not phi else "#4338ca",
            "stroke-width": "3" if phi else "1.8",
        }
    group = ET.SubElement(root, "g")
    _add(group, "title", ", ".join(printable(str(end)) for end in box.ends))
    sizes = {"x": box.x, "y": box.y, "width": box.width, "height": box.height, "rx": 8}
    ET.SubElement(group, "rect", {name: str(size) for name, size in sizes.items()} | frame)
    if place is None:
        for number, line in enumerate(textwrap.wrap(who(_apart(box.ends)), 24)[:2]):
            _text(group, box.x + 12, box.y + 20 + LINE * number, line, "")
        return
    _text(group, box.x + 14, box.y + 25, printable(place.end.name, 24), "name")
    data = f"data: {place.data}, " if place.data else ""
    _text(group, box.x + 14, box.y + 43, f"{data}{_counted(place.pods)}", "small")
    _text(group, box.x + 14, box.y + 59, printable(place.end.namespace, 34), "small")


def _apart(ends: Sequence[End]) -> list[End]:
    """Return the ends without those whose name only goes on where another's ends: one DNS of many."""
    names = [str(end) for end in ends]
    return [
        end
        for end, name in zip(ends, names, strict=True)
        if not any(name.startswith(f"{other} ") for other in names)
    ]


def _counted(pods: int) -> str:
    return "1 pod" if pods == 1 else f"{pods or 'no'} pods"


def _arrow(root: ET.Element, arrow: Arrow) -> None:
    (x1, y1), (x2, y2) = arrow.start, arrow.end
    if arrow.lane is not None:
        way = f"M{x1} {y1}H{arrow.lane}V{y2}H{x2 + 2}"
    elif arrow.label[0] > x1 and arrow.label[0] > x2 - LABELS - LANE:
        bend = x2 - LABELS
        way = f"M{x1} {y1}C{x1 + BEND} {y1} {bend - BEND} {y2} {bend} {y2}H{x2 - 2}"
    else:
        bend = x1 + LABELS
        way = f"M{x1} {y1}H{bend}C{bend + BEND} {y1} {x2 - BEND} {y2} {x2 - 2} {y2}"
    path = ET.SubElement(root, "path", d=way)
    path.set("class", "arrow")
    _stroke(path, arrow.edge.verdict)
    path.set("marker-end", f"url(#{arrow.edge.verdict.value})")
    _add(path, "title", _told(arrow))


def _told(arrow: Arrow) -> str:
    edge = arrow.edge
    ports = ", ".join(edge.ports.words())
    said = f"{who(edge.sources)} to {who(edge.targets)}, {ports}: {edge.verdict}"
    return printable(f"{said}. {why(edge)}" if why(edge) else said, 600)


def _stroke(path: ET.Element, verdict: Verdict) -> None:
    path.set("stroke", _COLORS[verdict])
    path.set("stroke-width", "4.5" if verdict is Verdict.UNDECLARED else "1.6")
    if verdict is Verdict.CLOSED:
        path.set("stroke-width", "2.4")
        path.set("stroke-dasharray", "7 5")


def _label(root: ET.Element, arrow: Arrow) -> None:
    x, y = arrow.label
    loud = arrow.edge.verdict in {Verdict.UNDECLARED, Verdict.CLOSED}
    for number, line in enumerate(arrow.words):
        text = _text(root, x, y + LINE * number, printable(line, int(LABELS / _LETTER)), "label")
        text.set("style", f"fill:{_COLORS[arrow.edge.verdict]}{';font-weight:700' * loud}")


def _marker(definitions: ET.Element, verdict: Verdict) -> None:
    size = "14" if verdict is Verdict.UNDECLARED else "9"
    marker = ET.SubElement(
        definitions,
        "marker",
        id=verdict.value,
        viewBox="0 0 10 10",
        refX="9",
        refY="5",
        markerWidth=size,
        markerHeight=size,
        markerUnits="userSpaceOnUse",
        orient="auto",
    )
    ET.SubElement(marker, "path", d="M0 0L10 5L0 10z", fill=_COLORS[verdict])


def _text(parent: ET.Element, x: int, y: int, words: str, style: str) -> ET.Element:
    text = ET.SubElement(parent, "text", x=str(x), y=str(y))
    if style:
        text.set("class", style)
    text.text = printable(words)
    return text


def _add(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = text
