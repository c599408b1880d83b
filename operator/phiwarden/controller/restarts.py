"""Rolls over what runs with an older value of a secret, as far as care allows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from phiwarden.api import names
from phiwarden.api.workload import WorkloadSpec
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, Refused
from phiwarden.cluster.events import EventType, Recorder
from phiwarden.cluster.selectors import selector
from phiwarden.controller.calendar import Clock
from phiwarden.controller.secrets import Judged
from phiwarden.controller.state import ObjectKey, State
from phiwarden.rotation.restart import Course, Step, decide, started_before, under_way

log = structlog.get_logger(__name__)

MOVING: Final = dt.timedelta(seconds=5)
"""Between two looks at what is being rolled over, or will be."""
STANDING: Final = dt.timedelta(minutes=1)
"""Between two looks at what is left to people."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What still runs with an older value.

    Attributes:
        holding: `Kind/name` of it, by (namespace, secret).
        again: time until it is looked at again; None if there is nothing.
    """

    holding: Mapping[tuple[str, str], tuple[str, ...]]
    again: dt.timedelta | None


@dataclass(frozen=True, slots=True)
class _Reader:
    """A workload that reads a rotated secret as variables; `older` while pods of before run."""

    each: Judged
    rotated: dt.datetime
    body: Mapping[str, Any]
    older: bool


@dataclass
class Restarts:
    """Finds pods that started before their secret got its value, and has them replaced."""

    api: Api
    state: State
    recorder: Recorder
    clock: Clock
    _fresh: dict[tuple[str, str, str, str], dt.datetime] = field(default_factory=dict)

    async def run(self, spec: WorkloadSpec, judged: Iterable[Judged]) -> Outlook:
        """Go on with rolling over; return what still runs with an older value."""
        found = [reader for each in judged if each.rotated for reader in await self._behind(each)]
        # First what is on its way: nothing of a zone begins before it is through.
        now = self.clock()
        rolling = {
            reader.each.namespace for reader in found if under_way(reader.body, reader.rotated, now)
        }
        holding: dict[tuple[str, str], list[str]] = {}
        moving = bool(rolling)
        for reader in found:
            if not reader.older:
                continue
            each, body = reader.each, reader.body
            course = await self._step(reader, spec, others=each.namespace in rolling)
            if course.step is Step.RESTART:
                rolling.add(each.namespace)
            moving = moving or course.step is not Step.REPORT
            key = (each.namespace, each.declared.name)
            holding.setdefault(key, []).append(f"{body['kind']}/{body['metadata']['name']}")
        again = (MOVING if moving else STANDING) if found else None
        return Outlook({key: tuple(held) for key, held in holding.items()}, again)

    async def _behind(self, each: Judged) -> list[_Reader]:
        """Return what runs with an older value of a secret, or is not through with a newer one."""
        assert each.rotated is not None  # the caller looked
        found = []
        for kind, name in self._readers(each):
            place = (each.namespace, kind, name, each.declared.name)
            if self._fresh.get(place) == each.rotated:
                continue
            body = await self._body(each.namespace, (kind, name))
            older = body is not None and await self._older(body, each.rotated)
            if body is None or not (older or under_way(body, each.rotated, self.clock())):
                self._fresh[place] = each.rotated
            else:
                found.append(_Reader(each, each.rotated, body, older=older))
        return found

    def _readers(self, each: Judged) -> list[ObjectKey]:
        readers = self.state.readers.get(each.namespace, {})
        return sorted(key for key, read in readers.items() if each.declared.name in read)

    async def _body(self, namespace: str, key: ObjectKey) -> dict[str, Any] | None:
        kind, name = key
        body = await self.api.get(resources.WORKLOADS[kind], namespace, name)
        return {**body, "kind": kind} if body is not None else None

    async def _older(self, body: Mapping[str, Any], rotated: dt.datetime) -> bool:
        """Return whether a pod of a workload started before a time."""
        path = resources.collection(resources.POD, body["metadata"]["namespace"])
        pods = await self.api.list(path, {"labelSelector": selector(body["spec"]["selector"])})
        return any(started_before(pod, rotated) for pod in pods)

    async def _step(self, reader: _Reader, spec: WorkloadSpec, *, others: bool) -> Course:
        each, body = reader.each, reader.body
        known = self.state.verdicts.get(each.namespace, {})
        verdict = known.get((body["kind"], body["metadata"]["name"]))
        course = decide(
            body,
            reader.rotated,
            self.clock(),
            impact=spec.clinical_impact,
            enforcement=spec.enforcement,
            on_rotation=each.declared.on_rotation,
            others_rolling=others,
            denied=verdict is not None and verdict.denied,
        )
        if course.step is not Step.RESTART:
            return course
        try:
            await self._restart(body, reader.rotated)
        except Refused as refused:
            # By the rules of its zone, or since somebody changed it this moment.
            log.warning("restart.refused", namespace=each.namespace, code=refused.code)
            return Course(Step.REPORT, f"the API server refused: {refused.code} {refused.reason}")
        kind, name = body["kind"], body["metadata"]["name"]
        log.info("restart", namespace=each.namespace, kind=kind, name=name)
        message = (
            f"rolled over: Secret {each.declared.name} has another value since"
            f" {reader.rotated:%Y-%m-%d %H:%M} UTC, and is read as environment variables"
        )
        await self.recorder.tell(
            body, resources.WORKLOADS[kind], EventType.NORMAL, "SecretRotated", message
        )
        return course

    async def _restart(self, body: Mapping[str, Any], rotated: dt.datetime) -> None:
        metadata = body["spec"]["template"].get("metadata") or {}
        annotations = {
            **(metadata.get("annotations") or {}),
            names.RESTARTED_AT: rotated.isoformat(),
        }
        place = "/spec/template/metadata/annotations"
        await self.api.amend(
            resources.WORKLOADS[body["kind"]],
            body,
            {"op": "add", "path": place, "value": annotations},
        )
