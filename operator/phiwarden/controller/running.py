"""What is known of what runs in zones."""

from __future__ import annotations

from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.state import State


def touch(state: State, queues: Queues, namespace: str) -> None:
    """Have whoever declares a zone in a namespace looked at again."""
    for workload in state.claiming(namespace):
        queues.workloads.add(workload)


def gone(state: State, queues: Queues, key: AuditKey) -> None:
    """Forget an object that is not there any more, and have the status say so."""
    place = (key.kind, key.name)
    queues.later.get(key.namespace, {}).pop(key, None)
    queues.pending.pop(key, None)
    state.readers.get(key.namespace, {}).pop(place, None)
    verdict = state.verdicts.get(key.namespace, {}).pop(place, None)
    quarantined = state.quarantined.get(key.namespace, {}).pop(place, None)
    queues.audits.add(key)  # which forgets the rest, once nothing else is at work on it
    if verdict is not None or quarantined is not None:
        touch(state, queues, key.namespace)
