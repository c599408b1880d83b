"""What in a namespace needs a verdict of its own, and what only follows from something else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from phiwarden.boundary.manifest import is_ours
from phiwarden.preview.model import Object
from phiwarden.remediation.history import controller_of as uid_of_controller
from phiwarden.remediation.owners import Owners, controller_of
from phiwarden.rulebook.shapes import shape_of

_SERVICE_NAME: Final = "kubernetes.io/service-name"
_SLICE_MAKER: Final = "endpointslice.kubernetes.io/managed-by"
_SELECTING: Final = "endpointslice-controller.k8s.io"
_MIRRORING: Final = "endpointslicemirroring-controller.k8s.io"


def controlled(objects: Iterable[Object], kind: str) -> Mapping[str, tuple[Object, ...]]:
    """Return the objects of a kind by the uid of what controls them."""
    found: dict[str, list[Object]] = defaultdict(list)
    for obj in objects:
        owner = uid_of_controller(obj)
        if obj["kind"] == kind and owner is not None:
            found[owner].append(obj)
    return {owner: tuple(owned) for owner, owned in found.items()}


def jobs_of_cron_jobs(objects: Iterable[Object]) -> tuple[Object, ...]:
    """Return the Jobs that a CronJob of the namespace made."""
    everything = tuple(objects)
    makers = {obj["metadata"].get("uid") for obj in everything if obj["kind"] == "CronJob"}
    return tuple(
        obj for obj in everything if obj["kind"] == "Job" and uid_of_controller(obj) in makers
    )


def judged_apart(objects: Iterable[Object]) -> tuple[Object, ...]:
    """Return the objects of a namespace that nothing else stands for.

    A Pod of a Deployment is made anew from its template, and an EndpointSlice
    of a Service from its selector. Whoever writes an owner into an object that
    is not there hides nothing by it; and what names one that is there, its
    controller takes back or removes. Pods of what only makes pods, and is not
    looked at while it runs, are looked at one by one.
    """
    everything = tuple(objects)
    owners = Owners()
    for obj in everything:
        owners.take(obj["kind"], "", obj["metadata"]["name"], obj["metadata"])
    runs = {o["metadata"].get("uid") for o in everything if shape_of(o["kind"]) is not None}
    selecting = {
        o["metadata"]["name"]
        for o in everything
        if o["kind"] == "Service" and (o.get("spec") or {}).get("selector")
    }
    by_hand = {o["metadata"]["name"] for o in everything if o["kind"] == "Endpoints"} - selecting
    return tuple(
        obj
        for obj in everything
        if not is_ours(obj)
        and not (
            owners.makers("", controller_of(obj["metadata"]))
            if obj["kind"] == "Pod"
            else uid_of_controller(obj) in runs
        )
        and not _follows_service(obj, selecting, by_hand)
    )


def _follows_service(obj: Object, selecting: set[str], by_hand: set[str]) -> bool:
    """Return whether Kubernetes keeps an object in step with a Service or with Endpoints."""
    metadata = obj["metadata"]
    if obj["kind"] == "Endpoints":
        return metadata["name"] in selecting
    if obj["kind"] != "EndpointSlice":
        return False
    labels = metadata.get("labels") or {}
    service = labels.get(_SERVICE_NAME)
    match labels.get(_SLICE_MAKER):
        case str(maker) if maker == _SELECTING:
            return service in selecting
        case str(maker) if maker == _MIRRORING:
            return service in by_hand
    return False
