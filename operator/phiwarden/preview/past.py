"""What a namespace keeps of the past of its workloads, and what they need to start again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from phiwarden.preview.model import Cluster, Object
from phiwarden.preview.ownership import controlled
from phiwarden.remediation.history import Revision, kept_revisions, pod_owners, revisions
from phiwarden.remediation.kept import Unreadable, kept
from phiwarden.remediation.memory import NOTHING, Memory
from phiwarden.remediation.pause import asked, told
from phiwarden.remediation.plan import Case
from phiwarden.remediation.references import Present, references
from phiwarden.rulebook.shapes import CLAIM, CONTROLLER_REVISION, PHI_HISTORY

_REPLICA_SET: Final = "ReplicaSet"
_HISTORIES: Final[Mapping[str, tuple[str, Callable[..., tuple[Revision, ...]]]]] = {
    "Deployment": (_REPLICA_SET, revisions),
    "StatefulSet": (CONTROLLER_REVISION.kind, kept_revisions),
    "DaemonSet": (CONTROLLER_REVISION.kind, kept_revisions),
}
"""Kinds that have revisions: what keeps these, and how they are read."""


@dataclass(frozen=True, slots=True)
class Past:
    """What was read of one namespace, beside the objects that are judged.

    Attributes:
        controlled: objects by the uid of what controls them, by kind; a kind that could not be
            read is not there.
        memories: what is remembered, by the uid of the workload; None if it could not be read.
        present: what is there of what pods need.
        now: the time.
    """

    controlled: Mapping[str, Mapping[str, tuple[Object, ...]]]
    memories: Mapping[str, Memory] | None
    present: Present
    now: dt.datetime

    def unread(self, obj: Object, *, rolls: bool) -> str:
        """Return what could not be read of what decides over an object, in words; "" if all was.

        Args:
            obj: the object.
            rolls: whether its revisions matter.
        """
        found = []
        if rolls and self._keepers(obj) is None:
            keeper, _ = _HISTORIES[obj["kind"]]
            found.append(f"its revisions ({keeper}s)")
        if self.memories is None:
            found.append(f"what is remembered of it ({PHI_HISTORY.kind})")
        return " and ".join(found)

    def case(self, obj: Object) -> Case:
        """Return what a plan for an object is made from; what could not be read is empty."""
        pause = asked(obj, self.now).pause
        return Case(
            history=self._history(obj),
            memory=self.memory(obj),
            missing=self.present.missing,
            paused=told(pause) if pause is not None else "",
        )

    def memory(self, obj: Object) -> Memory:
        """Return what is remembered of an object, as far as it could be read."""
        return (self.memories or {}).get(str(obj["metadata"].get("uid")), NOTHING)

    def pods(self, obj: Object) -> tuple[Object, ...] | None:
        """Return an object's own pods; None if they could not be read."""
        if obj["kind"] == "Pod":
            return (obj,)
        by_owner = self.controlled.get("Pod")
        made = self._keepers(obj) if obj["kind"] == "Deployment" else ()
        if by_owner is None or made is None:
            return None
        owners = sorted(pod_owners(obj, made))
        return tuple(pod for owner in owners for pod in by_owner.get(owner, ()))

    def notes(self, obj: Object, target: Revision | None) -> tuple[str, ...]:
        """Return what a person should know beside a plan.

        Args:
            obj: what it is for.
            target: the revision that it goes back to.
        """
        found = []
        if problem := asked(obj, self.now).problem:
            found.append(f"the pause that is asked for is not granted: {problem}")
        needs = sorted(references(target.template).secrets) if target is not None else []
        if needs and self.present.secrets is None:
            found.append(
                "Secrets could not be listed, so it is not known whether revision"
                f" {target.number if target is not None else 0} finds what it needs:"
                f" {', '.join(needs)}"
            )
        return tuple(found)

    def _history(self, obj: Object) -> tuple[Revision, ...]:
        if obj["kind"] not in _HISTORIES:
            return ()
        _, read = _HISTORIES[obj["kind"]]
        return read(obj["metadata"]["uid"], self._keepers(obj) or ())

    def _keepers(self, obj: Object) -> tuple[Object, ...] | None:
        """Return what keeps an object's revisions; None if it could not be read."""
        keeper, _ = _HISTORIES[obj["kind"]]
        found = self.controlled.get(keeper)
        return found.get(obj["metadata"]["uid"], ()) if found is not None else None


def past_of(namespace: str, cluster: Cluster, accounts: Iterable[str], now: dt.datetime) -> Past:
    """Return the past of a namespace.

    Args:
        namespace: its name.
        cluster: what was read of the cluster.
        accounts: service accounts that stand there by the declaration: phiwarden makes them.
        now: the time.
    """
    objects = cluster.objects.get(namespace, ())
    histories = cluster.could_read(PHI_HISTORY.kind, namespace)
    claims = [obj["metadata"]["name"] for obj in objects if obj["kind"] == CLAIM.kind]
    return Past(
        controlled={
            kind: controlled(objects, kind)
            for kind in (_REPLICA_SET, CONTROLLER_REVISION.kind, "Pod")
            if cluster.could_read(kind, namespace)
        },
        memories=_memories(cluster.histories.get(namespace, ())) if histories else None,
        present=Present(
            secrets=cluster.secrets.get(namespace),
            claims=claims if cluster.could_read(CLAIM.kind, namespace) else None,
            accounts=frozenset(accounts),
        ),
        now=now,
    )


def _memories(histories: Iterable[Object]) -> Mapping[str, Memory]:
    found = {}
    for body in histories:
        try:
            read = kept(body)
        except Unreadable:
            continue  # the operator does not rely on it either
        if read is not None:
            found[read.uid] = read.memory
    return found


def needs_secrets(objects: Iterable[Object]) -> bool:
    """Return whether a revision that is kept reads Secrets, so that it matters which there are."""
    for obj in objects:
        spec = obj if obj["kind"] == _REPLICA_SET else obj.get("data") or {}
        template = (spec.get("spec") or {}).get("template")
        kept_here = obj["kind"] in (_REPLICA_SET, CONTROLLER_REVISION.kind)
        if kept_here and template and references(template).secrets:
            return True
    return False
