"""The revisions of a Deployment, as its ReplicaSets keep them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

REVISION: Final = "deployment.kubernetes.io/revision"
"""Annotation of Deployments and ReplicaSets; set by the deployment controller."""

_HASH: Final = "pod-template-hash"


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision.

    Attributes:
        number: counts up; a template that comes back takes a new number.
        replica_set: name of the ReplicaSet that keeps it.
        template: the pod template, as the Deployment had it.
    """

    number: int
    replica_set: str
    template: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote the pod template last, as far as the object itself knows.

    Attributes:
        manager: field manager, such as "kubectl-client-side-apply".
        time: RFC 3339, as the API server noted it; "" if it did not.
    """

    manager: str
    time: str


def revision_of(obj: Mapping[str, Any]) -> int | None:
    """Return the revision number that an object carries, or None."""
    value = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(value) if value.isdecimal() else None


def revisions(uid: str, replica_sets: Iterable[Mapping[str, Any]]) -> tuple[Revision, ...]:
    """Return the revisions of the Deployment with that uid, newest first.

    ReplicaSets without a number, or of another owner, are left out. The hash
    label that the deployment controller adds to each template is taken off.
    """
    found = []
    for replica_set in replica_sets:
        metadata = replica_set["metadata"]
        number = revision_of(replica_set)
        owners = metadata.get("ownerReferences") or ()
        if number is None or not any(
            owner.get("controller") and owner.get("uid") == uid for owner in owners
        ):
            continue
        template = replica_set["spec"]["template"]
        labels = template.get("metadata", {}).get("labels") or {}
        kept = {key: value for key, value in labels.items() if key != _HASH}
        clean = {**template, "metadata": {**template.get("metadata", {}), "labels": kept}}
        found.append(Revision(number, metadata["name"], clean))
    return tuple(sorted(found, key=lambda revision: revision.number, reverse=True))


def author_of_template(obj: Mapping[str, Any]) -> Author | None:
    """Return who wrote the pod template last, by managedFields; None if nobody is named.

    Of a pod itself, who wrote its containers.
    """
    written = "f:containers" if obj.get("kind") == "Pod" else "f:template"
    entries = [
        entry
        for entry in obj["metadata"].get("managedFields") or ()
        if written in (entry.get("fieldsV1") or {}).get("f:spec", {})
    ]
    if not entries:
        return None
    last = max(entries, key=lambda entry: entry.get("time", ""))
    return Author(str(last.get("manager", "")), str(last.get("time", "")))
