"""Follows rollouts: what works is remembered, what fails is taken back, what is stuck is freed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from phiwarden.api.durations import to_timedelta
from phiwarden.api.rollback import Rollback
from phiwarden.api.workload import Enforcement
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api, Refused
from phiwarden.controller.alarms import Alarms
from phiwarden.controller.authority import may_act
from phiwarden.controller.calendar import Clock
from phiwarden.controller.histories import Histories
from phiwarden.controller.isolation import Isolation
from phiwarden.controller.pace import Pace
from phiwarden.controller.queues import AuditKey
from phiwarden.controller.state import State
from phiwarden.controller.telling import Teller
from phiwarden.remediation.history import revision_of
from phiwarden.remediation.memory import on_trial, proven, without_worked
from phiwarden.remediation.plan import template_digest
from phiwarden.remediation.rollout import (
    ROLLING,
    Stage,
    failed,
    in_the_way,
    progressed_at,
    stage,
    takes_back,
)

log = structlog.get_logger(__name__)

_UNDER_WAY: Final = (Stage.MOVING, Stage.FAILED)


@dataclass
class Rollouts:
    """The rollouts of Deployments, StatefulSets and DaemonSets."""

    api: Api
    state: State
    histories: Histories
    isolation: Isolation
    pace: Pace
    teller: Teller
    alarms: Alarms[AuditKey]
    clock: Clock
    _worked: dict[AuditKey, tuple[str, int]] = field(default_factory=dict)
    _written: dict[AuditKey, tuple[str, int]] = field(default_factory=dict)

    def seen(self, key: AuditKey, body: Mapping[str, Any]) -> None:
        """Remember a template that works, and whether what was put back came up."""
        if key.kind not in ROLLING or self._before_ours(key, body):
            return
        if stage(body) is Stage.WORKS:
            self.alarms.set(key, "rollout", None)
            version = (body["metadata"]["uid"], body["metadata"].get("generation", 0))
            if self._worked.get(key) != version:
                self._worked[key] = version
                template = template_digest(body)
                self.histories.works(key, body, template, revision_of(body), self.clock())
            self.pace.over(key)
        elif stage(body) is not Stage.IDLE and self.on_trial(key, body):
            if key not in self.pace.failed:  # it stays so until it works, or is another
                self.pace.sent(key)
        else:
            self.pace.over(key)

    def wrote(self, key: AuditKey, stored: Mapping[str, Any]) -> None:
        """Note what the API server made of a change of ours: what is older is no news."""
        metadata = stored["metadata"]
        self._written[key] = (metadata["uid"], metadata.get("generation", 0))

    def _before_ours(self, key: AuditKey, body: Mapping[str, Any]) -> bool:
        uid, generation = self._written.get(key, ("", 0))
        metadata = body["metadata"]
        return bool(uid == metadata["uid"] and metadata.get("generation", 0) < generation)

    def on_trial(self, key: AuditKey, body: Mapping[str, Any]) -> bool:
        """Return whether an object was put back to the template that it has, and did not work yet."""
        memory = self.histories.of(key, body)
        return bool(memory.acts) and on_trial(memory, template_digest(body)) is not None

    def forget(self, key: AuditKey) -> None:
        """Drop what is known of an object that is gone."""
        self._worked.pop(key, None)
        self._written.pop(key, None)
        for matter in ("rollout", "pause", "again"):
            self.alarms.set(key, matter, None)

    def worth_a_look(self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary) -> bool:
        """Return whether a rollout has failed already; one that moves is looked at in time."""
        if key.kind not in ROLLING:
            return False
        now = stage(body)
        if now not in _UNDER_WAY or not self._followed(key, body, boundary):
            return False
        if now is Stage.FAILED:
            return True
        self._wake(key, progressed_at(body, ()) or self.clock(), boundary)
        return self.on_trial(key, body) and key.kind == "StatefulSet"

    async def failed(self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary) -> bool:
        """Return whether a rollout has failed and is to be taken back; frees one that is stuck."""
        if key.kind not in ROLLING or not self._followed(key, body, boundary):
            return False
        now = stage(body)
        if now not in _UNDER_WAY:
            return False
        trial = self.on_trial(key, body)
        pods = [] if key.kind == "Deployment" else await self.isolation.pods(key, body)
        if trial and key.kind == "StatefulSet":
            await self._free(key, body, pods)
        if not failed(body, pods, self._deadline(boundary), self.clock()):
            self._wake(key, progressed_at(body, pods) or self.clock(), boundary)
            return False
        if trial:
            await self._fell(key, body)
            return False
        return self._taken_back(boundary)

    async def _fell(self, key: AuditKey, body: Mapping[str, Any]) -> None:
        """Note that what was put back does not come up: it is no longer known to work."""
        if not self.pace.fell(key):
            return
        memory = self.histories.of(key, body)
        await self.histories.write(key, body, without_worked(memory, template_digest(body)))
        await self.teller.note(
            body,
            key.kind,
            "PutBackNotReady",
            "the revision that phiwarden brought back did not become ready; nothing more is done"
            " to it automatically",
        )

    async def _free(
        self, key: AuditKey, body: Mapping[str, Any], pods: list[dict[str, Any]]
    ) -> None:
        """Delete pods that are not ready, and that the put-back waits for, for ever."""
        for pod in in_the_way(body, pods):
            metadata = pod["metadata"]
            try:
                await self.api.delete(
                    resources.POD,
                    key.namespace,
                    metadata["name"],
                    uid=metadata["uid"],
                    version=metadata["resourceVersion"],
                )
            except Refused as refused:
                if refused.code != 409:
                    raise
                continue  # it changed, and may be ready by now
            log.info("pod.freed", namespace=key.namespace, name=metadata["name"])
            message = (
                f"pod {metadata['name']} was not ready and of a template that was taken back;"
                " it was deleted, since the update waits for it for ever"
            )
            await self.teller.note(body, key.kind, "Freed", message)

    def _followed(self, key: AuditKey, body: Mapping[str, Any], boundary: ZoneBoundary) -> bool:
        return (
            boundary.enforcement == Enforcement.ENFORCE
            and may_act(self.state, key.namespace, boundary)
            and (
                self.on_trial(key, body)
                or (self._taken_back(boundary) and not self._proven(key, body))
            )
        )

    def _proven(self, key: AuditKey, body: Mapping[str, Any]) -> bool:
        memory = self.histories.of(key, body)
        return bool(memory.worked) and proven(memory, template_digest(body))

    def _taken_back(self, boundary: ZoneBoundary) -> bool:
        return takes_back(boundary.impact, self._rollback(boundary))

    def _deadline(self, boundary: ZoneBoundary) -> dt.timedelta:
        return to_timedelta(self._rollback(boundary).progress_deadline)

    def _rollback(self, boundary: ZoneBoundary) -> Rollback:
        declared = self.state.workloads.get(boundary.workload)
        if declared is None or declared.spec is None:
            return Rollback()
        return declared.spec.rollback

    def _wake(self, key: AuditKey, since: dt.datetime, boundary: ZoneBoundary) -> None:
        self.alarms.set(key, "rollout", since + self._deadline(boundary))
