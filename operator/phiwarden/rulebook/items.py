"""What checks are asked about, item by item, each with its JSON path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.rulebook.failures import named, shown
from phiwarden.rulebook.model import LISTS, Each
from phiwarden.rulebook.questions import beside
from phiwarden.rulebook.shapes import CONTAINER_LISTS

Lists = Mapping[str, list[Any]]
"""Everything that is asked about item by item, by the name of its list."""

WHERE: Final[Mapping[Each, tuple[str, ...]]] = {
    Each.OBJECT: ("object",),
    Each.VOLUME: ("volumes",),
    Each.ANNOTATION: ("annotations",),
    Each.ENTRY: ("entries",),
    **LISTS,
}
"""Where that stands which a check is asked about."""

_OF_A_POD: Final = (*CONTAINER_LISTS, "volumes")

_READ: Final = 128
"""Entries of a list that `found` looks at: more than that is not shown anyway."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a check is asked about.

    Attributes:
        path: where it stands, with indices.
        place: the same with names for indices.
        names: the predicate's names for it.
    """

    path: str
    place: str
    names: Mapping[str, Any]

    def cut(self) -> Item:
        """Return the item with its long lists cut short, for showing what was found."""
        return Item(self.path, self.place, {name: _cut(v) for name, v in self.names.items()})


def taken_out(variables: dict[str, Any]) -> Lists:
    """Take what is asked about item by item out of the variables: an access costs their size."""
    lists: dict[str, list[Any]] = {}
    if "pod" in variables:
        pod = variables["pod"]
        variables["pod"] = {key: value for key, value in pod.items() if key not in _OF_A_POD}
        lists |= {name: _listed(pod, name) for name in _OF_A_POD}
        lists["volumes"] = [_with_source(volume) for volume in lists["volumes"]]
    for name in ("annotations", "entries"):
        if name in variables:
            lists[name] = list(variables.pop(name).items())
    return lists


def items(where: str, base: str, lists: Lists) -> Iterator[Item]:
    """Yield everything that stands at one place.

    Args:
        where: the place, one of those in `WHERE`.
        base: path of what holds it, such as "spec.template.spec"; "" for the object.
        lists: the object's lists.
    """
    match where:
        case "object":
            yield Item(base, base, {})
        case "annotations":
            yield from _mapped("annotations", "annotation", f"{beside(base)}metadata.", lists)
        case "entries":
            yield from _mapped("entries", "entry", "", lists)
        case "volumes":
            yield from _indexed("volume", "volumes", base, lists)
        case name:
            yield from _indexed("container", name, base, lists)


def _mapped(name: str, item: str, base: str, lists: Lists) -> Iterator[Item]:
    field = "data" if name == "entries" else name
    for key, value in lists[name]:
        path = f"{base}{field}[{named(key)}]"
        yield Item(path, path, {"key": key, item: value})


def _indexed(variable: str, name: str, base: str, lists: Lists) -> Iterator[Item]:
    for index, item in enumerate(lists[name]):
        place = f"{base}.{name}[{shown(item.get('name') if isinstance(item, Mapping) else None)}]"
        yield Item(f"{base}.{name}[{index}]", place, {variable: item})


def _listed(pod: Mapping[str, Any], name: str) -> list[Any]:
    """Return a list of a pod; what stands there instead of a list is judged as its one item."""
    found = pod.get(name) or []
    return found if isinstance(found, list) else [found]


def _with_source(volume: Any) -> Any:
    """Return a volume as the API server reads it: one without a source is an emptyDir."""
    if isinstance(volume, dict) and not volume.keys() - {"name"}:
        return {**volume, "emptyDir": {}}
    return volume


def _cut(item: Any) -> Any:
    if isinstance(item, dict):
        return {k: v[:_READ] if isinstance(v, list) else v for k, v in item.items()}
    return item
