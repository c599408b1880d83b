"""Words that the table and the picture of reach share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from phiwarden.cli.formats.printable import printable
from phiwarden.reach.model import Direction
from phiwarden.reach.report import Edge, End, EndKind, Verdict


def few(texts: Sequence[str], most: int = 3) -> str:
    """Return the first texts of some, and how many are left out."""
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ", ".join(printable(text, 100) for text in texts[:most]) + more


def who(ends: Sequence[End]) -> str:
    """Return the ends of one side; many namespaces or addresses are counted."""
    if len(ends) > 2 and all(end.kind is EndKind.NAMESPACE for end in ends):
        return f"{len(ends)} namespaces: {few([end.name for end in ends])}"
    return few([str(end) for end in ends])


def why(edge: Edge) -> str:
    """Return who opened an edge, or what closes it."""
    return "; ".join(_reasons(edge))


def _reasons(edge: Edge) -> Iterator[str]:
    if edge.verdict is Verdict.CLOSED:
        for side in edge.missing:
            end = who(edge.sources if side is Direction.EGRESS else edge.targets)
            yield f"no policy allows the {side.lower()} of {end}"
        return
    for side in edge.unisolated:
        end = who(edge.sources if side is Direction.EGRESS else edge.targets)
        yield f"no policy isolates the {side.lower()} of {end}"
    if edge.verdict is Verdict.OPEN:
        named = sorted({rule.policy for rule in edge.rules})
    else:
        named = [f"{r.namespace}/{r.policy} {r.direction.lower()}[{r.index}]" for r in edge.rules]
    if named:
        yield few(named)
