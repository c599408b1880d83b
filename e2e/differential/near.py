"""Objects near the edge of compliance: a good one, with a few of its fields at values near theirs."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from phiwarden.rulebook.shapes import Kind

Body = dict[str, Any]
Values = st.SearchStrategy[Any]
Edges = Mapping[str, Mapping[str, Values]]
"""Path of a field to what stands in it ("" for the object), to the values that are worth trying."""

ABSENT: Final[Any] = object()
"""Stands for a field that is not there."""

_CHANGES: Final = st.sampled_from([1, 2, 3, 4, 0])
"""How many fields are changed; a failing example is first reduced to one."""


@dataclass(frozen=True)
class Form:
    """A kind, and what is generated of it.

    Attributes:
        kind: the kind.
        good: an object that keeps every rule in most zones.
        bad: an object that breaks rules in every zone.
        edges: which fields are changed, and to what.
        through: the subresource that updates are sent to; "" for the object itself.
    """

    kind: Kind
    good: Body
    bad: Body
    edges: Edges
    through: str = ""

    @property
    def name(self) -> str:
        """Return what it is called in reports."""
        return f"{self.kind.kind}/{self.through}" if self.through else self.kind.kind


def options(*values: Any) -> Values:
    """Return a field's values, or that it is not there."""
    return st.sampled_from([ABSENT, *values])


def subset(*fields: tuple[str, Values]) -> Values:
    """Return an object with any of the fields."""
    return st.fixed_dictionaries({}, optional=dict(fields))


@st.composite
def near(draw: st.DrawFn, body: Body, edges: Edges) -> Body:
    """Draw a copy of an object with a few fields changed."""
    changed = copy.deepcopy(body)
    for _ in range(draw(_CHANGES)):
        where = draw(st.sampled_from(list(edges)))
        field = draw(st.sampled_from(list(edges[where])))
        put(changed, f"{where}.{field}".removeprefix("."), draw(edges[where][field]))
    return changed


def put(body: Body, path: str, value: Any) -> None:
    """Set a field, and make what holds it; an item of a list is not made, and then nothing is set."""
    *steps, last = path.split(".")
    node: Any = body
    for step in steps:
        if isinstance(node, list):
            if int(step) >= len(node):
                return
            node = node[int(step)]
        else:
            if node.get(step) is None:
                node[step] = {}
            node = node[step]
    if isinstance(node, list):
        return
    if value is ABSENT:
        node.pop(last, None)
    else:
        node[last] = copy.deepcopy(value)


def difference(old: Any, new: Any) -> Any:
    """Return the merge patch (RFC 7386) that makes the new object of the old one."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {
        **{key: None for key in old if key not in new},
        **{
            key: difference(old.get(key), value)
            for key, value in new.items()
            if key not in old or old[key] != value
        },
    }
