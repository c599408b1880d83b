"""Makes the pods of a probe, waits for what they find, and takes them away again."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, Refused
from phiwarden.cluster.resources import collection
from phiwarden.probe import pods
from phiwarden.probe.agent import OUTCOMES
from phiwarden.probe.pods import Place
from phiwarden.probe.ways import Way

READY_WITHIN: Final = 60.0
"""Seconds that a pod may take until it listens, or has tried everything."""

_EVERY: Final = 0.25
_LABELLED: Final = {"labelSelector": ",".join(f"{k}={v}" for k, v in pods.LABEL.items())}
_ENDED: Final = ("Succeeded", "Failed")

Object = dict[str, Any]
Found = TypeVar("Found")


class NotMeasured(Exception):
    """A pod could not be made, or did not do its work; says which, and why."""


@dataclass
class Measurement:
    """One measurement: an image, and where its pods run.

    Attributes:
        api: the user's connection.
        image: holds the command `phiwarden`.
        places: by zone, `OUTSIDER` among them if it is to be measured.
    """

    api: Api
    image: str
    places: Mapping[str, Place]
    _suffix: str = field(default_factory=lambda: secrets.token_hex(3))

    async def take(
        self, ways: Sequence[Way], listening: Mapping[str, Sequence[int]]
    ) -> Mapping[Way, str]:
        """Return what became of each way, in a word of `probe.agent`; the pods are gone then.

        Raises:
            NotMeasured: a pod was refused, or did not get ready in time.
            ClusterError: the API server cannot be reached, or refuses.
        """
        try:
            addresses = await self._listen(listening)
            return await self._dial(ways, addresses)
        finally:
            await asyncio.shield(self._clear())

    async def _listen(self, listening: Mapping[str, Sequence[int]]) -> Mapping[str, str]:
        """Return the address of a listener in each zone."""
        name = f"phiwarden-probe-listen-{self._suffix}"
        await asyncio.gather(
            *(
                self._create(pods.listener(self.places[zone], name, self.image, ports))
                for zone, ports in listening.items()
            )
        )
        found = await asyncio.gather(
            *(self._wait(self.places[zone], name, _address) for zone in listening)
        )
        return dict(zip(listening, found, strict=True))

    async def _dial(self, ways: Sequence[Way], addresses: Mapping[str, str]) -> dict[Way, str]:
        """Return what became of each way, tried from one pod for each source."""
        by_source: dict[str, list[Way]] = {}
        for way in ways:
            by_source.setdefault(way.source, []).append(way)
        name = f"phiwarden-probe-dial-{self._suffix}"

        async def tried(source: str, tries: Sequence[Way]) -> dict[Way, str]:
            targets = [f"{_bracketed(addresses[way.destination])}:{way.port}" for way in tries]
            await self._create(pods.dialer(self.places[source], name, self.image, targets))
            words = await self._wait(self.places[source], name, _outcomes)
            if len(words) != len(tries) or not OUTCOMES.issuperset(words):
                raise NotMeasured(f"pod {name} in {self.places[source].namespace}: {_STRANGE}")
            return dict(zip(tries, words, strict=True))

        found = await asyncio.gather(*(tried(source, tries) for source, tries in by_source.items()))
        return {way: outcome for part in found for way, outcome in part.items()}

    async def _create(self, body: Object) -> None:
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        try:
            await self.api.create(resources.POD, namespace, body)
        except Refused as refused:
            raise NotMeasured(f"pod {name} in {namespace}: {refused.message}") from refused

    async def _wait(self, place: Place, name: str, done: Callable[[Object], Found | None]) -> Found:
        """Return what a pod's status yields, once it does."""
        why = "it was not seen"
        try:
            async with asyncio.timeout(READY_WITHIN):
                while True:
                    pod = await self.api.get(resources.POD, place.namespace, name)
                    if pod is None:
                        break
                    if (found := done(pod)) is not None:
                        return found
                    why = _standing(pod)
                    if (pod.get("status") or {}).get("phase") == "Failed":
                        break
                    await asyncio.sleep(_EVERY)
        except TimeoutError:
            pass
        raise NotMeasured(f"pod {name} in {place.namespace}: {why}")

    async def _clear(self) -> None:
        """Remove the pods of this probe, and those that one left which was killed."""
        await asyncio.gather(*(self._clear_in(place) for place in self.places.values()))

    async def _clear_in(self, place: Place) -> None:
        found = await self.api.list(collection(resources.POD, place.namespace), _LABELLED)
        await asyncio.gather(
            *(
                self.api.delete(resources.POD, place.namespace, name)
                for pod in found
                if (name := pod["metadata"]["name"]).startswith("phiwarden-probe-")
                and (name.endswith(self._suffix) or pod["status"].get("phase") in _ENDED)
            )
        )


_STRANGE: Final = "what it found cannot be read; does the image hold phiwarden of this version?"


def _address(pod: Object) -> str | None:
    """Return the address of a pod that is Ready."""
    status = pod.get("status") or {}
    ready = any(
        entry.get("type") == "Ready" and entry.get("status") == "True"
        for entry in status.get("conditions") or ()
    )
    return status.get("podIP") if ready else None


def _outcomes(pod: Object) -> list[str] | None:
    """Return what a dialer has found, in the order in which it was asked."""
    for entry in (pod.get("status") or {}).get("containerStatuses") or ():
        ended = (entry.get("state") or {}).get("terminated")
        if ended is not None and ended.get("exitCode") == 0:
            try:
                found = json.loads(ended.get("message") or "")
            except ValueError:
                return []
            return found if isinstance(found, list) else []
    return None


def _standing(pod: Object) -> str:
    """Return what keeps a pod, in Kubernetes' own word for it."""
    status = pod.get("status") or {}
    for entry in status.get("containerStatuses") or ():
        for state in (entry.get("state") or {}).values():
            if isinstance(state, Mapping) and state.get("reason"):
                return f"{state['reason']} {state.get('message', '')}".strip()
    for entry in status.get("conditions") or ():
        if entry.get("status") == "False" and entry.get("message"):
            return str(entry["message"])
    return f"phase {status.get('phase', 'unknown')} after {READY_WITHIN:.0f} seconds"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
