"""Kinds that a cluster knows by CustomResourceDefinitions alone, as far as phiwarden reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Final

from e2e.rest import Rest
from e2e.waiting import until
from phiwarden.cluster.resources import STORAGE_POLICY_INFO, TRIDENT_VOLUME
from phiwarden.rulebook.shapes import Kind
from phiwarden.rulebook.subjects import OTHERS

GROUPS: Final = ("gateway.networking.k8s.io", "snapshot.storage.k8s.io")
KINDS: Final = tuple(kind for subject in OTHERS for kind in subject.kinds if kind.group in GROUPS)

"""Those that rules judge."""

DRIVERS: Final = (TRIDENT_VOLUME, STORAGE_POLICY_INFO)
"""Those in which drivers tell of their volumes and classes."""

_OF_CLUSTER: Final = (STORAGE_POLICY_INFO,)

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@contextmanager
def installed(root: Rest, of: Sequence[Kind] = KINDS) -> Iterator[None]:
    """Have these kinds for the duration of a block; those that the cluster has already stay."""
    made = []
    for definition in _definitions(of):
        path = f"{_DEFINITIONS}/{definition['metadata']['name']}"
        answer = root.create(_DEFINITIONS, definition)
        if answer.code != 409:
            assert answer.ok, answer.body
            made.append(path)
        until(lambda path=path: _established(root, path), f"{path} is served")
    try:
        yield
    finally:
        for path in made:
            root.delete(path)
        for path in made:
            until(lambda path=path: root.get(path).code == 404, f"{path} is gone")


def _established(root: Rest, path: str) -> bool:
    conditions = root.get(path).body.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def _definitions(of: Sequence[Kind]) -> Iterator[dict[str, Any]]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    for plural, kinds in groupby(of, key=lambda kind: kind.plural):
        first, *others = kinds
        yield {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {
                "name": f"{plural}.{first.group}",
                # The API server asks for it in groups of Kubernetes itself.
                "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
            },
            "spec": {
                "group": first.group,
                "scope": "Cluster" if first in _OF_CLUSTER else "Namespaced",
                "names": {"kind": first.kind, "plural": plural, "singular": first.kind.lower()},
                "versions": [
                    {
                        "name": kind.version,
                        "served": True,
                        "storage": kind is first,
                        "schema": {"openAPIV3Schema": schema},
                    }
                    for kind in (first, *others)
                ],
            },
        }
