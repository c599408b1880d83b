"""Kinds that carry no pod template, and objects of them."""

from __future__ import annotations

from typing import Final

from e2e.differential.near import Body
from phiwarden.rulebook.shapes import Kind
from phiwarden.rulebook.subjects import OTHERS

_KINDS: Final = tuple(kind for subject in OTHERS for kind in subject.kinds)

GATEWAY_API: Final = tuple(
    kind
    for subject in OTHERS
    if subject.name == "routes"
    for kind in subject.kinds
    if kind.group == "gateway.networking.k8s.io"
)
"""Routes that a cluster knows by CustomResourceDefinitions alone."""


def kind_of(name: str) -> Kind:
    """Return the kind of a name, of its first version."""
    return next(kind for kind in _KINDS if kind.kind == name)


def manifest(kind: Kind, body: Body) -> Body:
    """Return an object of a kind, named so that no stored object is in its way."""
    metadata = {"name": "app", **body.get("metadata", {})}
    return {"apiVersion": kind.api_version, "kind": kind.kind, **body, "metadata": metadata}
