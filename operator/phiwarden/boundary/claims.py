"""Whether a namespace is a workload's to take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from phiwarden.api import names
from phiwarden.api.workload import DataClass


@dataclass(frozen=True, slots=True, order=True)
class Claimant:
    """A PHIWorkload that declares a zone in a namespace; older ones sort first.

    Attributes:
        created: creation time, RFC 3339.
        workload: its name.
    """

    created: str
    workload: str


@dataclass(frozen=True, slots=True)
class Standing:
    """A namespace as it is in the cluster.

    Attributes:
        owner: workload that its label names, None if it has none.
        held_phi: whether its label says that it may hold PHI.
        terminating: whether it is being deleted.
    """

    owner: str | None
    terminating: bool
    held_phi: bool = False


def standing(metadata: Mapping[str, Any]) -> Standing:
    """Return who a namespace belongs to, from its metadata."""
    labels = metadata.get("labels") or {}
    return Standing(
        owner=labels.get(names.WORKLOAD),
        terminating="deletionTimestamp" in metadata,
        held_phi=labels.get(names.DATA) == DataClass.PHI,
    )


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a namespace is not a workload's to take.

    Attributes:
        reason: machine-readable.
        message: what it means and what to do.
    """

    reason: Literal[
        "NamespaceOwned",
        "NamespaceExists",
        "NamespaceTerminating",
        "NamespaceReserved",
        "DataLowered",
    ]
    message: str


def obstacle(
    namespace: str,
    workload: str,
    *,
    adopt: bool,
    phi: bool,
    found: Standing | None,
    claimants: Sequence[Claimant],
    reserved: frozenset[str] = frozenset(),
) -> Obstacle | None:
    """Return why a namespace is not a workload's to take, or None if it is.

    Args:
        namespace: its name.
        workload: the PHIWorkload that declares a zone there.
        adopt: whether the zone says that an existing namespace is to be taken over.
        phi: whether the zone is declared to hold PHI.
        found: the namespace as it is, None if there is none.
        claimants: every PHIWorkload that declares a zone there, this one included.
        reserved: namespaces that can never be a zone, such as the operator's own.
    """
    if namespace in reserved:
        return Obstacle(
            "NamespaceReserved",
            f"namespace {namespace} is phiwarden's own and cannot be a zone: name another",
        )
    if found is not None and found.terminating:
        return Obstacle(
            "NamespaceTerminating",
            f"namespace {namespace} is being deleted; the zone is set up when it is gone",
        )
    others = {claimant.workload for claimant in claimants} - {workload}
    owner = found.owner if found is not None else None
    if owner is not None and owner in others:
        return Obstacle(
            "NamespaceOwned",
            f"namespace {namespace} is a zone of PHIWorkload {owner}: name another",
        )
    first = min(claimants, default=Claimant("", workload))
    if workload not in (owner, first.workload):
        return Obstacle(
            "NamespaceOwned",
            f"namespace {namespace} is declared by the older PHIWorkload {first.workload} too:"
            " name another",
        )
    if found is not None and found.held_phi and not phi:
        return Obstacle(
            "DataLowered",
            f"namespace {namespace} was declared to hold PHI, and what it holds stays PHI:"
            " declare data: phi, or another namespace",
        )
    if found is None or owner == workload or adopt:
        return None
    left_by = f", left standing by PHIWorkload {owner}," if owner is not None else ""
    return Obstacle(
        "NamespaceExists",
        f"namespace {namespace}{left_by} exists already and was left untouched:"
        " set adopt: true on the zone to take it over",
    )
