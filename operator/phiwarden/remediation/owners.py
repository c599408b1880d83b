"""What makes pods: workloads that are judged themselves, or something that nobody knows.

An owner can be written by anybody, so one counts only while it is known to be
there, by its uid. Whoever names one that is there gains little: Kubernetes'
controllers let go of what their selector does not match, and its garbage
collector deletes what names an owner that is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from sys import intern
from typing import Any, Final

FOLLOWED: Final = {
    "Deployment": "apps",
    "ReplicaSet": "apps",
    "StatefulSet": "apps",
    "DaemonSet": "apps",
    "Job": "batch",
    "CronJob": "batch",
}
"""Controllers that are followed, with their group: a kind of others may have the same name."""

_MAKERS: Final = ("ReplicaSet", "StatefulSet", "DaemonSet", "Job")
"""Those of them that make pods."""

Maker = tuple[str, str]
"""(kind, name) of a workload that is judged in full."""


@dataclass(frozen=True, slots=True)
class Controller:
    """A controller that is followed, as an object names it."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Owner:
    """A controller that is there.

    Attributes:
        uid: its own.
        controller: what it says controls it in turn.
    """

    uid: str
    controller: Controller | None


def controller_of(metadata: Mapping[str, Any]) -> Controller | None:
    """Return what an object says controls it; None for nothing, and for what nobody follows."""
    for owner in metadata.get("ownerReferences") or ():
        if owner.get("controller"):
            group, _, _ = owner["apiVersion"].rpartition("/")
            if FOLLOWED.get(owner["kind"]) == group:
                return Controller(intern(owner["kind"]), owner["name"], owner["uid"])
    return None


@dataclass
class Owners:
    """The controllers of a cluster, by namespace."""

    _known: dict[str, dict[tuple[str, str], Owner]] = field(default_factory=dict)

    def take(
        self, kind: str, namespace: str, name: str, metadata: Mapping[str, Any] | None
    ) -> tuple[Owner | None, Owner | None]:
        """Note a controller as it is now, None if it is gone; return what it was, and is."""
        known = self._known.setdefault(namespace, {})
        if metadata is None:
            before = known.pop((kind, name), None)
            if not known:
                del self._known[namespace]
            return before, None
        now = Owner(metadata["uid"], controller_of(metadata))
        before = known.get((kind, name))
        if now != before:
            known[kind, name] = now
        return before, now

    def makers(self, namespace: str, controller: Controller | None) -> tuple[Maker, ...] | None:
        """Return the workloads that stand for a pod, the nearest first.

        Args:
            namespace: of the pod.
            controller: what the pod names; see `controller_of`.

        Returns:
            Nothing for a pod that is apart. None where what is named is not known to be there,
            and may only not have been seen yet.
        """
        if controller is None or controller.kind not in _MAKERS:
            return ()
        owner = self._there(namespace, controller)
        if owner is None:
            return None
        above = owner.controller
        if controller.kind == "ReplicaSet":
            if above is None or above.kind != "Deployment":
                return ()
            return None if self._there(namespace, above) is None else ((above.kind, above.name),)
        nearest = (controller.kind, controller.name)
        if above is None or self._there(namespace, above) is None:
            return (nearest,)
        return nearest, (above.kind, above.name)

    def _there(self, namespace: str, named: Controller) -> Owner | None:
        owner = self._known.get(namespace, {}).get((named.kind, named.name))
        return owner if owner is not None and owner.uid == named.uid else None


def of_cron_job(body: Mapping[str, Any]) -> bool:
    """Return whether an object is a Job that says that a CronJob made it, which stands for it.

    An owner can be written by anybody, so it never keeps a violation off a list.
    """
    owners = body["metadata"].get("ownerReferences") or ()
    return body.get("kind") == "Job" and any(
        owner.get("controller") and owner.get("kind") == "CronJob" for owner in owners
    )
