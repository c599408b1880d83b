"""Objects near the edge of compliance: a good one, with a few of its fields at values near theirs."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from phiwarden.rulebook.shapes import Kind

Body = dict[str, Any]
Values = st.SearchStrategy[Any]
Edges = Sequence[tuple[str, Mapping[str, Values]]]
"""Fields and their values that are worth trying, after the path of what the fields stand in: "" for
the object; `containers[]` is any item of that list."""


@dataclass(frozen=True)
class Field:
    """A field that is changed: the path of what it stands in, its name and values."""

    where: str
    name: str
    values: Values = dataclasses.field(repr=False)


ABSENT: Final[Any] = object()
"""Stands for a field that is not there."""


@dataclass(frozen=True, repr=False)
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

    def fields(self) -> list[Field]:
        """Return every field that is changed."""
        return fields(self.edges)

    def __repr__(self) -> str:
        return f"<{self.name}>"


def fields(edges: Edges) -> list[Field]:
    """Return every field that is changed; one with many values is there more than once."""
    return [Field(where, name, values) for where, group in edges for name, values in group.items()]


def options(*values: Any) -> Values:
    """Return a field's values, or that it is not there."""
    return st.sampled_from([ABSENT, *values])


def subset(*fields: tuple[str, Values]) -> Values:
    """Return an object with any of the fields."""
    return st.fixed_dictionaries({}, optional=dict(fields))


@st.composite
def near(draw: st.DrawFn, body: Body, first: Field, others: Sequence[Field]) -> Body:
    """Draw a copy of an object with one field changed, and none, one or two others."""
    changed = copy.deepcopy(body)
    for field in [first, *draw(st.lists(st.sampled_from(others), max_size=2))]:
        node = _chosen(draw, changed, field.where)
        value = draw(field.values)
        if value is ABSENT:
            node.pop(field.name, None)
        else:
            node[field.name] = copy.deepcopy(value)
    return changed


def _chosen(draw: st.DrawFn, node: Any, path: str) -> Body:
    """Return what stands at a path, made where it is missing; of an empty list nothing is changed."""
    for step in path.split(".") if path else ():
        if step.endswith("[]"):
            node = draw(st.sampled_from(node.get(step.removesuffix("[]")) or [{}]))
        else:
            if node.get(step) is None:
                node[step] = {}
            node = node[step]
    return node


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


LABELLED: Final = ("metadata", {"labels": options({"team": "x"})})
"""A change that most rules do not look at."""
