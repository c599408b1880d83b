"""Kinds that a cluster knows by CustomResourceDefinitions alone, as far as rules read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any, Final

from e2e.rest import Rest
from e2e.waiting import until
from phiwarden.rulebook.subjects import OTHERS

GROUPS: Final = ("gateway.networking.k8s.io", "snapshot.storage.k8s.io")
KINDS: Final = tuple(kind for subject in OTHERS for kind in subject.kinds if kind.group in GROUPS)

_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@contextmanager
def installed(root: Rest) -> Iterator[None]:
    """Have these kinds for the duration of a block; those that the cluster has already stay."""
    made = []
    for definition in _definitions():
        path = f"{_DEFINITIONS}/{definition['metadata']['name']}"
        answer = root.create(_DEFINITIONS, definition)
        if answer.code != 409:
            assert answer.ok, answer.body
            made.append(path)
        until(lambda path=path: _established(root, path), f"{path} is served")
    yield
    for path in made:
        root.delete(path)
    for path in made:
        until(lambda path=path: root.get(path).code == 404, f"{path} is gone")


def _established(root: Rest, path: str) -> bool:
    conditions = root.get(path).body.get("status", {}).get("conditions") or ()
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


def _definitions() -> Iterator[dict[str, Any]]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    for plural, kinds in groupby(KINDS, key=lambda kind: kind.plural):
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
                "scope": "Namespaced",
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
