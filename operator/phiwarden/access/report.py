"""What an access review tells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from phiwarden.access.abilities import Ability
from phiwarden.access.rbac import Ref, Subject
from phiwarden.access.rights import Grant
from phiwarden.boundary.labels import ZoneBoundary


class Standing(StrEnum):
    """How a grant stands to the declaration, worst first."""

    BEYOND = "beyond"
    """The declaration does not allow it."""
    CLUSTER_WIDE = "cluster-wide"
    """It counts in every namespace, and a declaration speaks of its own alone."""
    DECLARED = "declared"
    """It keeps the declaration and the rules about rights."""
    PHIWARDEN = "phiwarden"
    """It is the operator's, or its webhook's."""
    KUBERNETES = "kubernetes"
    """It is what the API server itself gives Kubernetes' own components."""


class Weight(StrEnum):
    """How much a finding matters, worst first."""

    BEYOND = "beyond"
    CLUSTER_WIDE = "cluster-wide"


class Reason(StrEnum):
    """What a finding is about."""

    BREAKS_RULE = "breaks-rule"
    EVERYBODY = "everybody"
    UNDECLARED_ACCOUNT = "undeclared-account"
    NO_API_ACCESS = "no-api-access"
    FOREIGN_ACCOUNT = "foreign-account"
    WIDENED_ROLE = "widened-role"
    """Anybody may be given it since it is harmless, and it is that no longer."""
    CLUSTER_WIDE = "cluster-wide"
    DANGLING = "dangling"


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone that is reviewed.

    Attributes:
        namespace: its namespace.
        boundary: what the declaration says of it.
        stands: whether the namespace is there and carries the zone's marks.
    """

    namespace: str
    boundary: ZoneBoundary
    stands: bool = True

    @property
    def name(self) -> str:
        """Return the name of the zone within its workload."""
        return self.boundary.zone


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that goes beyond the declaration.

    Attributes:
        weight: how much it matters.
        reason: what it is about.
        object: the role or binding to blame.
        namespaces: where it counts.
        subjects: who has the rights, or would have them.
        problem: what is wrong.
        fix: what to do.
        abilities: what the subjects are able to do by it, where that is the matter.
        rule: the rule that is broken, "" for none.
    """

    weight: Weight
    reason: Reason
    object: Ref
    namespaces: tuple[str, ...]
    subjects: tuple[Subject, ...]
    problem: str
    fix: str
    abilities: tuple[Ability, ...] = ()
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A grant, and how it stands to the declaration."""

    grant: Grant
    standing: Standing


@dataclass(frozen=True, slots=True)
class Gap:
    """A list that the caller may not have.

    Attributes:
        resource: its plural and group.
        namespace: where; "" for the whole cluster.
        untold: what is not known without it.
    """

    resource: str
    namespace: str
    untold: str

    @property
    def right(self) -> str:
        """Return the right that is lacking, in words."""
        where = f"in namespace {self.namespace}" if self.namespace else "in all namespaces"
        return f"list {self.resource} {where}"


@dataclass(frozen=True, slots=True)
class Report:
    """A review of all zones of a workload.

    Attributes:
        workload: its name.
        zones: in the order of their names.
        entries: worst first.
        findings: worst first.
        gaps: what could not be read.
        unresolved: bindings whose role could not be read, so that what they give is not known.
    """

    workload: str
    zones: tuple[Zone, ...]
    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]
    gaps: tuple[Gap, ...] = ()
    unresolved: tuple[tuple[Ref, Ref], ...] = ()

    def count(self, weight: Weight) -> int:
        """Return the number of findings of a weight."""
        return sum(finding.weight is weight for finding in self.findings)


NOTES: Final = (
    (
        "Members of the group system:masters may do everything: the API server asks no role of"
        " them, and nothing in the cluster tells who they are."
    ),
    (
        "Kubelets read the secrets of the pods on their nodes, by the Node authorizer. What other"
        " authorizers allow (webhooks) is not told here."
    ),
)
"""What no role or binding shows."""
