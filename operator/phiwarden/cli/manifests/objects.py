"""Objects of Kubernetes in documents: kinds, names, and the items of lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import yaml

from phiwarden.cli.manifests.documents import Document, Trouble, documents
from phiwarden.cli.manifests.places import Place, node_at, place_of
from phiwarden.cli.manifests.sources import Source

Level = Literal["error", "warning", "note"]

_LIST: Final = "List"
_TEMPLATE: Final = "{{"
HELM: Final = (
    "this is a Helm template: render it first: helm template ... | kubectl phi check -w ... -"
)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object, as somebody wrote it.

    Attributes:
        source: name of its file.
        value: the object, with `kind` and `apiVersion`.
        node: its root, for the lines of its fields; None for an object of a cluster.
    """

    source: str
    value: Mapping[str, Any]
    node: yaml.Node | None = None

    @property
    def kind(self) -> str:
        """Return its kind."""
        return str(self.value["kind"])

    @property
    def group(self) -> str:
        """Return its API group, "" for the core group."""
        group, slash, _ = str(self.value["apiVersion"]).partition("/")
        return group if slash else ""

    @property
    def name(self) -> str:
        """Return its name, or what its name will begin with; "" where it has neither."""
        metadata = self._metadata
        name = metadata.get("name") or metadata.get("generateName") or ""
        return str(name)

    @property
    def namespace(self) -> str | None:
        """Return the namespace that it names, None for none."""
        namespace = self._metadata.get("namespace")
        return str(namespace) if namespace else None

    def place(self, path: str = "") -> Place | None:
        """Return where a field stands, or the nearest of its parents."""
        return place_of(self.node, path) if self.node is not None else None

    @property
    def _metadata(self) -> Mapping[str, Any]:
        metadata = self.value.get("metadata")
        return metadata if isinstance(metadata, Mapping) else {}


@dataclass(frozen=True, slots=True)
class Remark:
    """Something about a text that its author should know.

    Attributes:
        trouble: what, and where.
        level: `error` if something was not checked for it, `warning` if it may not mean what its
            author thinks, `note` for a text that is no object of Kubernetes and need not be.
    """

    trouble: Trouble
    level: Level


def manifests(source: Source) -> Iterator[Manifest | Remark]:
    """Yield every object of a text, the items of lists one by one, and what is wrong."""
    for found in documents(source.text):
        if isinstance(found, Trouble):
            yield Remark(_or_template(source, found), "error")
            continue
        for key in found.repeated:
            message = f"the key {key.message!r} stands here again: kubectl takes the last one alone"
            yield Remark(Trouble(key.line, key.column, message), "warning")
        yield from _objects(source, found)


def _or_template(source: Source, trouble: Trouble) -> Trouble:
    index = source.text.find(_TEMPLATE)
    if index < 0:
        return trouble
    return Trouble(source.text.count("\n", 0, index) + 1, 1, HELM)


def _objects(source: Source, document: Document) -> Iterator[Manifest | Remark]:
    fault = _fault(document.value)
    if fault is None:
        yield from _items(Manifest(source.name, document.value, document.node))
        return
    place = place_of(document.node, "")
    trouble = Trouble(place.line, place.column, fault)
    # A folder may hold other YAML, too: values, workflows. kubectl would refuse it all the same.
    yield Remark(trouble, "error" if source.asked_for else "note")


def _fault(value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return "this is no object of Kubernetes, which has fields"
    for field in ("apiVersion", "kind"):
        if not isinstance(value.get(field), str) or not value[field]:
            return f"this is no object of Kubernetes: it has no {field}"
    return None


def _items(manifest: Manifest) -> Iterator[Manifest | Remark]:
    items = manifest.value.get("items")
    if not manifest.kind.endswith(_LIST) or not isinstance(items, list):
        yield manifest
        return
    # The items of a list of one kind need not say their kind again.
    kind = manifest.kind.removesuffix(_LIST)
    implied = {"apiVersion": manifest.value["apiVersion"], "kind": kind} if kind else {}
    for index, item in enumerate(items):
        value = {**implied, **item} if isinstance(item, Mapping) else item
        fault = _fault(value)
        node = _item(manifest.node, index)
        if fault is None:
            yield from _items(Manifest(manifest.source, value, node))
            continue
        place = manifest.place(f"items[{index}]") or Place(1, 1, 1)
        yield Remark(Trouble(place.line, place.column, fault), "error")


def _item(node: yaml.Node | None, index: int) -> yaml.Node | None:
    found = node_at(node, f"items[{index}]") if node is not None else None
    return found if found is not None else node
