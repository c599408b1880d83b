"""Cuts the pods of a workload off, or lets them go again: a label that policies select by."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phiwarden.boundary.model import Quarantine
from phiwarden.cluster import resources
from phiwarden.cluster.client import Api
from phiwarden.cluster.selectors import selector
from phiwarden.controller.pods import label_pod
from phiwarden.controller.queues import AuditKey
from phiwarden.controller.state import State
from phiwarden.remediation.history import (
    Revision,
    controller_of,
    digest_of,
    kept_by,
    kept_revisions,
    pod_owners,
    revisions,
)
from phiwarden.remediation.rollout import ROLLING
from phiwarden.remediation.steps import labels


@dataclass
class Isolation:
    """The pods of workloads, and what makes them."""

    api: Api
    state: State

    async def history(self, key: AuditKey, body: Mapping[str, Any]) -> tuple[Revision, ...]:
        """Return the revisions of a Deployment, StatefulSet or DaemonSet, newest first."""
        if key.kind == "Deployment":
            return revisions(body["metadata"]["uid"], await self._replica_sets(key, body))
        path = resources.collection(resources.CONTROLLER_REVISION, key.namespace)
        kept = await self.api.list(path, _matching(body))
        return kept_revisions(body["metadata"]["uid"], kept)

    async def makers(self, key: AuditKey, body: Mapping[str, Any]) -> tuple[str, ...]:
        """Return what makes an object's pods, by the name that owners have in pods.

        Of a Deployment the ReplicaSets that it controls and that run, or would if it were scaled
        up. A name that looks like one of them proves nothing.
        """
        if key.kind != "Deployment":
            return (f"{key.kind}/{key.name}",)
        replica_sets = await self._replica_sets(key, body)
        running = {rs["metadata"]["name"] for rs in replica_sets if rs["spec"].get("replicas")}
        now = digest_of(body["spec"]["template"])
        return tuple(
            sorted(
                f"ReplicaSet/{revision.keeper}"
                for revision in revisions(body["metadata"]["uid"], replica_sets)
                if revision.keeper in running or revision.digest == now
            )
        )

    async def pods(self, key: AuditKey, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return an object's own pods: those that its controller made.

        A selector may match another's, too. A CronJob's are those of its Jobs.
        """
        if key.kind == "CronJob":
            return []
        if key.kind == "Pod":
            return [dict(body)]
        replica_sets = await self._replica_sets(key, body) if key.kind == "Deployment" else ()
        owners = pod_owners(body, replica_sets)
        path = resources.collection(resources.POD, key.namespace)
        found = await self.api.list(path, _matching(body))
        return [pod for pod in found if controller_of(pod) in owners]

    async def label(
        self,
        key: AuditKey,
        body: Mapping[str, Any],
        quarantine: Quarantine | None,
        *,
        newest_alone: bool = False,
    ) -> int:
        """Mark an object's own pods as cut off, or no longer; return how many changed.

        Args:
            key: the object.
            body: as the API server has it.
            quarantine: None to let them go.
            newest_alone: whether those of an earlier template stay as they are.
        """
        pods = await self.pods(key, body)
        if newest_alone and key.kind in ROLLING and labels(pods, quarantine):
            now = digest_of(body["spec"]["template"])
            history = await self.history(key, body)
            keepers = {revision.keeper for revision in history if revision.digest == now}
            pods = [pod for pod in pods if kept_by(pod, keepers)]
        steps = labels(pods, quarantine)
        if quarantine is not None:
            self.state.labelled.add(key.namespace)
        await asyncio.gather(
            *(label_pod(self.api, key.namespace, step.name, quarantine) for step in steps)
        )
        return len(steps)

    async def _replica_sets(self, key: AuditKey, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the ReplicaSets that a Deployment's selector matches."""
        path = resources.collection(resources.WORKLOADS["ReplicaSet"], key.namespace)
        return await self.api.list(path, _matching(body))


def _matching(body: Mapping[str, Any]) -> dict[str, str]:
    return {"labelSelector": selector(body["spec"].get("selector") or {})}
