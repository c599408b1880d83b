"""Pods that nothing else stands for: found by their metadata, and judged in full.

Most pods follow from a workload that is judged itself, and nothing is kept of
them. The others are *apart*: nothing controls them, or something that nobody
knows. Those of all namespaces are known, and not those of zones alone: a
namespace that becomes a zone would have to be listed in the moment in which
its pods change, and it is what ran before its boundary that matters.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from phiwarden.api import names
from phiwarden.boundary.model import Quarantine
from phiwarden.cluster import resources
from phiwarden.cluster.client import MERGE_PATCH, Api, Object, Refused
from phiwarden.cluster.reflector import Key, Reflector
from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.running import gone
from phiwarden.controller.state import State
from phiwarden.controller.workqueue import WorkQueue
from phiwarden.remediation.owners import Controller, Maker, Owners, controller_of
from phiwarden.remediation.pods import RUNNING, has_ended

GRACE: Final = 5.0
"""Seconds in which the controller that a new pod names must have been seen."""

EVERY: Final = ""
"""In place of a name: all pods of a namespace."""

_AT_ONCE: Final = 4
"""Pods that are asked for, or labelled, at the same time."""


@dataclass(frozen=True, slots=True)
class Apart:
    """A pod that nothing known stands for.

    Attributes:
        uid: its own.
        version: differs with everything that rules read.
        controller: what it names, if it is of a kind that is followed.
        waiting: whether that may only not have been seen yet.
    """

    uid: str
    version: int
    controller: Controller | None
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class Made:
    """A pod that follows from workloads."""

    namespace: str
    name: str
    makers: tuple[Maker, ...]

    def __str__(self) -> str:
        return f"{self.namespace}/Pod/{self.name}"


@dataclass
class PodObserver:
    """Tells pods apart by what makes them, and keeps the quarantine of those that are made."""

    api: Api
    state: State
    queues: Queues
    _owners: Owners = field(default_factory=Owners)
    _apart: dict[str, dict[str, Apart]] = field(default_factory=dict)
    _follows: Reflector = field(init=False)
    _looks: WorkQueue[Key] = field(init=False)
    _labels: WorkQueue[Made] = field(init=False)

    def __post_init__(self) -> None:
        """Make what follows pods, and the queues of what is to be done about them."""
        path, query = resources.collection(resources.POD), {"fieldSelector": RUNNING}
        self._follows = Reflector(self.api, path, "Pod", self.pod, query, metadata_only=True)
        self._looks = WorkQueue("pods", self._look)
        self._labels = WorkQueue("labels", self._label)

    def reflectors(self) -> list[Reflector]:
        """Return what to follow, one after the other, once all other controllers were listed."""
        path = resources.collection(resources.WORKLOADS["ReplicaSet"])
        return [
            Reflector(self.api, path, "ReplicaSet", self._replica_set, metadata_only=True),
            self._follows,
        ]

    async def run(self) -> None:
        """Have pods judged that are new or changed, for ever."""
        await self._looks.run(_AT_ONCE)

    async def keep_quarantine(self) -> None:
        """Label new pods of what is in quarantine, for ever; begin once all was judged."""
        await self._labels.run(_AT_ONCE)

    async def settled(self) -> None:
        """Wait until all pods that are to be judged wait with everything else that is."""
        await self._looks.settled()

    def owner(self, kind: str, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in a controller that pods can name."""
        namespace, name = key
        metadata = body["metadata"] if body is not None else None
        before, now = self._owners.take(kind, namespace, name, metadata)
        if before == now:
            return
        for pod, known in list(self._apart.get(namespace, {}).items()):
            if makers := self._owners.makers(namespace, known.controller):
                self._forget((namespace, pod))
                self._labels.add(Made(namespace, pod, makers))
        if kind == "ReplicaSet" and now is not None and before is not None and before.controller:
            # Let go by its Deployment: of its pods, of which nothing is kept, no event tells.
            self._looks.add((namespace, EVERY))

    def _replica_set(self, key: Key, body: Mapping[str, Any] | None) -> None:
        self.owner("ReplicaSet", key, body)

    def pod(self, key: Key, body: Mapping[str, Any] | None) -> None:
        """Take in the metadata of a pod that has not ended."""
        if body is None:
            self._forget(key)
        elif self._note(key, body["metadata"]):
            self._look_at(key)

    async def judgeable(self, namespace: str) -> AsyncIterator[Object]:
        """Yield the pods of a namespace that are apart, in full; there may be thousands."""
        known = self._apart.get(namespace, {}).items()
        asked = [(namespace, name) for name, pod in known if not pod.waiting]
        for first in range(0, len(asked), _AT_ONCE):
            some = asked[first : first + _AT_ONCE]
            for body in await asyncio.gather(*map(self._fetch, some)):
                if body is not None:
                    yield body

    def _note(self, key: Key, metadata: Mapping[str, Any]) -> bool:
        """Note a pod as it is now; return whether it is apart, and has to be judged anew."""
        namespace, name = key
        label = (metadata.get("labels") or {}).get(names.QUARANTINE)
        if label is not None:
            self.state.labelled.add(namespace)
        if "deletionTimestamp" in metadata:
            self._forget(key)
            return False
        controller = controller_of(metadata)
        makers = self._owners.makers(namespace, controller)
        if makers:
            if self._forget(key) or self._wanted(namespace, makers) not in (None, label):
                self._labels.add(Made(namespace, name, makers))
            return False
        known = self._apart.get(namespace, {}).get(name)
        now = Apart(metadata["uid"], _version(metadata), controller)
        if makers is None and self._follows.synced.is_set():
            now = self._waiting(key, now, known)
        if now != known:
            self._apart.setdefault(namespace, {})[name] = now
            return not now.waiting
        return self._wanted(namespace, (("Pod", name),)) not in (None, label)

    def _waiting(self, key: Key, now: Apart, known: Apart | None) -> Apart:
        """Return a pod whose controller is given a moment to be seen, from its first sight on."""
        if known is not None and (known.uid, known.controller) == (now.uid, now.controller):
            return replace(now, waiting=known.waiting)
        asyncio.get_running_loop().call_later(GRACE, self._give_up, key, now.uid)
        return replace(now, waiting=True)

    def _give_up(self, key: Key, uid: str) -> None:
        namespace, name = key
        known = self._apart.get(namespace, {}).get(name)
        if known is not None and known.waiting and known.uid == uid:
            self._apart[namespace][name] = replace(known, waiting=False)
            self._look_at(key)

    def _forget(self, key: Key) -> bool:
        """Forget a pod; return whether it was apart."""
        namespace, name = key
        apart = self._apart.get(namespace, {})
        known = apart.pop(name, None)
        if known is None:
            return False
        if not apart:
            del self._apart[namespace]
        gone(self.state, self.queues, AuditKey("Pod", namespace, name))
        return True

    def _look_at(self, key: Key) -> None:
        if key[0] in self.state.boundaries:
            self._looks.add(key)

    async def _look(self, key: Key) -> None:
        """Have a pod judged, or look through all of a namespace."""
        namespace, name = key
        if name == EVERY:
            path, query = resources.collection(resources.POD, namespace), {"fieldSelector": RUNNING}
            for found in await self.api.list(path, query, metadata_only=True):
                self.pod((namespace, found["metadata"]["name"]), found)
            return
        body = await self._fetch(key)
        if body is not None and namespace in self.state.boundaries:
            audit = AuditKey("Pod", namespace, name)
            self.queues.later.get(namespace, {}).pop(audit, None)
            self.queues.audit(audit, body)

    async def _fetch(self, key: Key) -> Object | None:
        """Return a pod in full, or None for one that is not to be judged."""
        namespace, name = key
        body = await self.api.get(resources.POD, namespace, name)
        if body is None or has_ended(body):
            self._forget(key)
            return None
        self._note(key, body["metadata"])
        known = self._apart.get(namespace, {}).get(name)
        return body if known is not None and not known.waiting else None

    def _wanted(self, namespace: str, makers: tuple[Maker, ...]) -> Quarantine | None:
        """Return the quarantine that the pods of what was judged are to be in."""
        judged = self.state.verdicts.get(namespace, {})
        known = self.state.quarantined.get(namespace, {})
        found = (known[maker] for maker in makers if maker in judged and maker in known)
        return next((entry.quarantine for entry in found if entry.quarantine), None)

    async def _label(self, pod: Made) -> None:
        """Give a pod the label that what makes it asks for, which may change meanwhile."""
        judged = self.state.verdicts.get(pod.namespace, {})
        wanted = self._wanted(pod.namespace, pod.makers)
        if wanted is None and pod.namespace not in self.state.labelled:
            return
        if not any(maker in judged for maker in pod.makers):
            return  # once it is judged, all its pods are seen to
        await label_pod(self.api, pod.namespace, pod.name, wanted)
        if self._wanted(pod.namespace, pod.makers) != wanted:
            self._labels.add(pod)


async def label_pod(api: Api, namespace: str, name: str, quarantine: Quarantine | None) -> None:
    """Mark a pod as cut off, or no longer; one that is gone is no error."""
    patch = {"metadata": {"labels": {names.QUARANTINE: quarantine}}}
    try:
        await api.patch(resources.POD, namespace, name, patch, content=MERGE_PATCH)
    except Refused as refused:
        if refused.code != 404:
            raise


def _version(metadata: Mapping[str, Any]) -> int:
    """Return what differs with everything that rules read of a pod.

    Before Kubernetes 1.33 pods have no generation: any change counts there.
    """
    changes = metadata.get("generation") or metadata["resourceVersion"]
    return hash((changes, *sorted((metadata.get("annotations") or {}).items())))
