"""Whether what runs in a namespace may be changed by a boundary."""

from __future__ import annotations

from phiwarden.api.workload import Enforcement
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.controller.state import State


def may_act(state: State, namespace: str, boundary: ZoneBoundary) -> bool:
    """Return whether what runs in a namespace may be put back by a boundary.

    The boundary must stand, and a declaration that is there must ask for the
    same: one that was lowered while nobody looked is not acted on.
    """
    seen = state.namespaces.get(namespace)
    stands = (
        state.carries(namespace, boundary.workload)
        and seen is not None
        and seen.boundary is not None
        and seen.boundary.enforcement == Enforcement.ENFORCE
    )
    declared = state.workloads.get(boundary.workload)
    return (
        stands
        and declared is not None
        and not declared.deleting
        and declared.spec is not None
        and declared.spec.enforcement is Enforcement.ENFORCE
        and declared.spec.clinical_impact == boundary.impact
        and boundary.workload in state.claiming(namespace)
    )
