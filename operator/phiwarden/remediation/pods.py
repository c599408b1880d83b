"""What becomes of a pod that nothing else stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from phiwarden.api.workload import ClinicalImpact
from phiwarden.remediation.deeds import Action, Plan, hold, isolate, tolerate

_ENDED: Final = ("Succeeded", "Failed")

RUNNING: Final = ",".join(f"status.phase!={phase}" for phase in _ENDED)
"""Field selector of the pods that have not ended: one that ends leaves such a watch."""

_NO_WAY_BACK: Final = "nothing can bring an earlier state of a pod back"


def has_ended(pod: Mapping[str, Any]) -> bool:
    """Return whether no container of a pod runs any more, or ever will."""
    return (pod.get("status") or {}).get("phase") in _ENDED


def plan_for_pod(pod: Mapping[str, Any], impact: ClinicalImpact, *, mendable: bool = True) -> Plan:
    """Return the plan for a pod that breaks rules.

    Whatever its impact it is not stopped: nobody would make it anew. For the
    same reason it is never held.

    Args:
        pod: as the API server has it.
        impact: clinical impact of its workload.
        mendable: whether it breaks more than what costs reliability.
    """
    if has_ended(pod):
        return Plan(Action.LEAVE, "it has ended")
    if pod["metadata"].get("deletionTimestamp"):
        return Plan(Action.LEAVE, "it is being deleted")
    if not mendable:
        return tolerate(held=False)
    if impact is ClinicalImpact.DIRECT_CARE:
        return replace(hold(_NO_WAY_BACK), held=False)
    return isolate(_NO_WAY_BACK)
