"""What is known of what runs in zones."""

from __future__ import annotations

from phiwarden.controller.queues import AuditKey, Queues
from phiwarden.controller.state import State


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
        for workload in state.claiming(key.namespace):
            queues.workloads.add(workload)
