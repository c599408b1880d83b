"""The revisions of a workload, as its ReplicaSets or ControllerRevisions keep them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

REVISION: Final = "deployment.kubernetes.io/revision"
"""Annotation of Deployments and ReplicaSets; set by the deployment controller."""

HASH: Final = "pod-template-hash"
"""Label that the deployment controller adds to each template of its own."""

REVISION_HASH: Final = "controller-revision-hash"
"""Label of a StatefulSet's or DaemonSet's pods: name, or hash, of their ControllerRevision."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One revision.

    Attributes:
        number: counts up; a template that comes back takes a new number.
        keeper: name of the ReplicaSet or ControllerRevision that keeps it.
        template: the pod template, as the workload had it.
        digest: of the template, see `digest_of`.
        ready: whether pods of it are available now.
    """

    number: int
    keeper: str
    template: Mapping[str, Any]
    digest: str
    ready: bool = False


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote the pod template last, as far as the object itself knows.

    Attributes:
        manager: field manager, such as "kubectl-client-side-apply".
        time: RFC 3339, as the API server noted it; "" if it did not.
    """

    manager: str
    time: str


def digest_of(template: Mapping[str, Any]) -> str:
    """Return a digest of what a pod template says, wherever it is kept.

    What its keeper adds, or leaves out as empty, makes no difference. A
    ReplicaSet that was edited by hand has another template, and another digest.
    """
    clean = _pruned(_unhashed(template))
    metadata = {k: v for k, v in (clean.get("metadata") or {}).items() if v}
    text = json.dumps({**clean, "metadata": metadata}, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _pruned(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _pruned(entry) for key, entry in value.items() if entry is not None}
    return [_pruned(entry) for entry in value] if isinstance(value, list) else value


def _unhashed(template: Mapping[str, Any]) -> dict[str, Any]:
    metadata = template.get("metadata") or {}
    labels = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH}
    kept = {key: value for key, value in template.items() if key != "$patch"}
    return {**kept, "metadata": {**metadata, "labels": labels}}


def revision_of(obj: Mapping[str, Any]) -> int | None:
    """Return the revision number that an object carries, or None."""
    value = (obj["metadata"].get("annotations") or {}).get(REVISION, "")
    return int(value) if _NUMBER.fullmatch(value) else None


_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
"""What fits into 64 bits: anybody may write the annotation, and a longer one names no revision."""


def controller_of(obj: Mapping[str, Any]) -> str | None:
    """Return the uid of what controls an object, or None."""
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((owner.get("uid") for owner in owners if owner.get("controller")), None)


def pod_owners(
    body: Mapping[str, Any], replica_sets: Iterable[Mapping[str, Any]]
) -> frozenset[str]:
    """Return the uids of what controls the pods of a workload.

    Args:
        body: the workload.
        replica_sets: of a Deployment, which makes its pods by way of them.
    """
    uid = body["metadata"]["uid"]
    match body["kind"]:
        case "CronJob":
            return frozenset()  # its pods are those of its Jobs
        case "Deployment":
            made = (rs for rs in replica_sets if controller_of(rs) == uid)
            return frozenset(str(replica_set["metadata"]["uid"]) for replica_set in made)
    return frozenset({uid})


def revisions(uid: str, replica_sets: Iterable[Mapping[str, Any]]) -> tuple[Revision, ...]:
    """Return the revisions of the Deployment with that uid, newest first.

    ReplicaSets without a number, or of another owner, are left out.
    """
    found = [
        _revision(
            number,
            replica_set["metadata"]["name"],
            replica_set["spec"]["template"],
            ready=bool((replica_set.get("status") or {}).get("availableReplicas")),
        )
        for replica_set in replica_sets
        if controller_of(replica_set) == uid and (number := revision_of(replica_set)) is not None
    ]
    return _newest_first(found)


def kept_revisions(uid: str, kept: Iterable[Mapping[str, Any]]) -> tuple[Revision, ...]:
    """Return the revisions of the StatefulSet or DaemonSet with that uid, newest first.

    What a ControllerRevision keeps is a patch of the object; one that holds no
    template, or belongs to another owner, is left out.
    """
    found = []
    for entry in kept:
        template = ((entry.get("data") or {}).get("spec") or {}).get("template")
        if controller_of(entry) == uid and isinstance(template, Mapping):
            name = entry["metadata"]["name"]
            found.append(_revision(entry.get("revision", 0), name, template))
    return _newest_first(found)


def _revision(
    number: int, keeper: str, template: Mapping[str, Any], *, ready: bool = False
) -> Revision:
    clean = _unhashed(_pruned(template))
    return Revision(number, keeper, clean, digest_of(clean), ready)


def _newest_first(found: list[Revision]) -> tuple[Revision, ...]:
    return tuple(sorted(found, key=lambda revision: revision.number, reverse=True))


def kept_by(pod: Mapping[str, Any], keepers: Collection[str]) -> bool:
    """Return whether a pod is of a template that one of these ReplicaSets or revisions keeps."""
    metadata = pod["metadata"]
    if any(
        owner.get("controller") and owner["name"] in keepers
        for owner in metadata.get("ownerReferences") or ()
    ):
        return True
    # A StatefulSet's pods name the revision, a DaemonSet's the end of its name.
    named = (metadata.get("labels") or {}).get(REVISION_HASH)
    return named is not None and any(k == named or k.endswith(f"-{named}") for k in keepers)


def author_of_template(obj: Mapping[str, Any]) -> Author | None:
    """Return who wrote the pod template last, by managedFields; None if nobody is named.

    Of a pod itself, who wrote its containers.
    """
    if obj.get("kind") == "Pod":
        return _author(obj, "f:containers", within="f:spec")
    return _author(obj, "f:template", "f:jobTemplate", within="f:spec")


def author_of_annotation(obj: Mapping[str, Any], name: str) -> Author | None:
    """Return who wrote an annotation last, by managedFields; None if nobody is named."""
    entries = [
        entry
        for entry in obj["metadata"].get("managedFields") or ()
        if f"f:{name}"
        in ((entry.get("fieldsV1") or {}).get("f:metadata") or {}).get("f:annotations", {})
    ]
    return _newest(entries)


def _author(obj: Mapping[str, Any], *fields: str, within: str) -> Author | None:
    return _newest(
        [
            entry
            for entry in obj["metadata"].get("managedFields") or ()
            if any(f in (entry.get("fieldsV1") or {}).get(within, {}) for f in fields)
        ]
    )


def _newest(entries: list[Mapping[str, Any]]) -> Author | None:
    if not entries:
        return None
    last = max(entries, key=lambda entry: entry.get("time", ""))
    return Author(str(last.get("manager", "")), str(last.get("time", "")))
