"""The review: who may do what in the zones of a workload, and what goes beyond its declaration."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from phiwarden.access.abilities import Ability
from phiwarden.access.own import is_kubernetes, phiwardens, without_own
from phiwarden.access.rbac import Binding, Rbac, Ref, Role, Subject, SubjectKind
from phiwarden.access.report import Entry, Finding, Gap, Reason, Report, Standing, Weight, Zone
from phiwarden.access.rights import Grant, grants
from phiwarden.access.verdicts import failures, is_everybody
from phiwarden.boundary.storage import SENSITIVE
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure

_PROBLEMS: Final = {
    Reason.EVERYBODY: "rights in zones are given to everybody at once",
    Reason.UNDECLARED_ACCOUNT: "a service account has rights that its zone does not declare",
    Reason.NO_API_ACCESS: "a service account has rights, and its zone declares no apiAccess for it",
    Reason.FOREIGN_ACCOUNT: "a service account of another namespace has rights in the zone",
    Reason.WIDENED_ROLE: "a ClusterRole that every zone may give gives more than it should",
    Reason.CLUSTER_WIDE: "cluster-wide, not by the declaration",
}
_FIXES: Final = {
    Reason.EVERYBODY: (
        "bind the users, groups or accounts that need it, by name and in the namespaces where they"
        " need it, and delete this binding"
    ),
    Reason.UNDECLARED_ACCOUNT: (
        "take the account out of the binding, or declare it in the zone's serviceAccounts, with"
        " apiAccess"
    ),
    Reason.NO_API_ACCESS: (
        "take the account out of the binding, or declare apiAccess for it if its application calls"
        " the Kubernetes API"
    ),
    Reason.FOREIGN_ACCOUNT: (
        "take the account out of the binding; bind an account that the zone declares with"
        " apiAccess, or a named user or group"
    ),
    Reason.WIDENED_ROLE: (
        "take back what was aggregated into the role (label"
        " rbac.authorization.k8s.io/aggregate-to-NAME), or bind a Role of the zone"
    ),
    Reason.CLUSTER_WIDE: (
        "bind the role by RoleBindings in the namespaces that need it; keep a ClusterRoleBinding"
        " for the few who run the cluster, and look at them again"
    ),
}
CLUSTER_ROLE: Final = "ClusterRole"

T = TypeVar("T")

_DANGLING: Final = "delete the binding, or make the role that it names"


def review(
    workload: str,
    zones: Sequence[Zone],
    rbac: Rbac,
    judge: Judge,
    gaps: tuple[Gap, ...] = (),
) -> Report:
    """Return who has which abilities in some zones, and what of it goes beyond the declaration.

    Args:
        workload: whose zones they are.
        zones: what is declared of them.
        rbac: the roles and bindings of the zones' namespaces, and of the cluster.
        judge: the rulebook, which says what roles and bindings of a zone may not have.
        gaps: what of them could not be read.
    """
    zones = tuple(sorted(zones, key=lambda zone: zone.name))
    facts = _facts({zone.namespace: zone for zone in zones}, rbac, judge)
    given = [(grant, _reason(grant, facts)) for grant in grants(rbac, tuple(facts.zones))]
    entries = [Entry(grant, _standing(grant, reason, facts)) for grant, reason in given]
    found = [
        *_broken(facts),
        *_of_grants(given, facts),
        *(_dangling(binding, facts) for binding in _without_role(facts)),
    ]
    return Report(
        workload,
        zones,
        tuple(sorted(entries, key=_entry_order)),
        tuple(sorted(found, key=_finding_order)),
        gaps,
        tuple((b.ref, b.role) for b in rbac.bindings if not rbac.is_read(b.role)),
    )


@dataclass(frozen=True, slots=True)
class _Facts:
    """What verdicts rest on.

    Attributes:
        zones: by namespace.
        rbac: the roles and bindings.
        failures: the rules that roles and bindings of zones break.
        own: phiwarden's bindings with its accounts.
        everybody: subjects that are everybody at once.
    """

    zones: Mapping[str, Zone]
    rbac: Rbac
    failures: Mapping[Ref, tuple[Failure, ...]]
    own: frozenset[tuple[Binding, Subject]]
    everybody: frozenset[Subject]


def _facts(zones: Mapping[str, Zone], rbac: Rbac, judge: Judge) -> _Facts:
    objects: list[Role | Binding] = [*rbac.roles.values(), *rbac.bindings]
    judged = {
        found.ref: failures(found, zones[found.ref.namespace].boundary, judge)
        for found in objects
        if found.ref.namespace in zones
    }
    anywhere = next(iter(zones.values())).boundary
    subjects = {s for b in rbac.bindings for s in b.subjects if s.kind is not SubjectKind.ACCOUNT}
    return _Facts(
        zones,
        rbac,
        {ref: broken for ref, broken in judged.items() if broken},
        phiwardens(rbac),
        frozenset(subject for subject in subjects if is_everybody(subject, anywhere, judge)),
    )


def _reason(grant: Grant, facts: _Facts) -> Reason | None:
    """Return why a grant goes beyond the declaration, the rules about its role left aside."""
    binding, subject = grant.binding, grant.subject
    if is_kubernetes(binding, subject) or (binding, subject) in facts.own:
        return None
    if binding.everywhere and subject in facts.everybody:
        return Reason.EVERYBODY
    if subject.kind is SubjectKind.ACCOUNT:
        home = facts.zones.get(subject.namespace)
        if home is not None and subject.name not in home.boundary.service_accounts:
            return Reason.UNDECLARED_ACCOUNT
        if home is not None and subject.name not in home.boundary.api_access:
            return Reason.NO_API_ACCESS
        if not binding.everywhere and subject.namespace != binding.ref.namespace:
            return Reason.FOREIGN_ACCOUNT
    if binding.everywhere:
        return Reason.CLUSTER_WIDE
    return Reason.WIDENED_ROLE if _is_widened(grant, facts) else None


def _is_widened(grant: Grant, facts: _Facts) -> bool:
    """Return whether a ClusterRole gives abilities that rules allow by its name alone."""
    named = facts.zones[grant.binding.ref.namespace].boundary.cluster_roles
    undeclared = grant.role.kind == CLUSTER_ROLE and grant.role.name not in named
    return undeclared and grant.binding.ref not in facts.failures


def _standing(grant: Grant, reason: Reason | None, facts: _Facts) -> Standing:
    if is_kubernetes(grant.binding, grant.subject):
        return Standing.KUBERNETES
    if (grant.binding, grant.subject) in facts.own:
        return Standing.PHIWARDEN
    if reason is Reason.CLUSTER_WIDE:
        return Standing.CLUSTER_WIDE
    broken = grant.binding.ref in facts.failures or grant.role in facts.failures
    return Standing.BEYOND if broken or reason is not None else Standing.DECLARED


def _broken(facts: _Facts) -> Iterator[Finding]:
    """Yield every role and binding of a zone with each rule that it breaks."""
    for ref, broken in facts.failures.items():
        subjects = _subjects_of(ref, facts)
        by_rule: dict[str, list[Failure]] = defaultdict(list)
        for failure in broken:
            by_rule[failure.rule].append(failure)
        for rule, alike in by_rule.items():
            said = "; ".join(f"{each.problem} (found {each.found})" for each in alike)
            yield Finding(
                Weight.BEYOND,
                Reason.BREAKS_RULE,
                ref,
                (ref.namespace,),
                subjects,
                said if subjects else f"{said}; given to nobody yet",
                alike[0].fix,
                rule=rule,
            )


def _subjects_of(ref: Ref, facts: _Facts) -> tuple[Subject, ...]:
    """Return whom a binding names, or all bindings to a role."""
    return _distinct(
        subject
        for binding in facts.rbac.bindings
        if ref in (binding.ref, binding.role)
        for subject in binding.subjects
    )


def _of_grants(given: Iterable[tuple[Grant, Reason | None]], facts: _Facts) -> Iterator[Finding]:
    """Yield what goes beyond by whom it is given to, one finding for each binding and reason."""
    alike: dict[tuple[Ref, Reason], list[Grant]] = defaultdict(list)
    for grant, reason in given:
        if reason is not None:
            alike[grant.binding.ref, reason].append(grant)
    for (ref, reason), found in alike.items():
        namespaces = _distinct(name for grant in found for name in grant.namespaces)
        if reason is Reason.CLUSTER_WIDE:
            namespaces = _sensitive(namespaces, facts)
        if namespaces:
            yield Finding(
                Weight.CLUSTER_WIDE if reason is Reason.CLUSTER_WIDE else Weight.BEYOND,
                reason,
                ref,
                namespaces,
                _distinct(grant.subject for grant in found),
                _PROBLEMS[reason],
                _FIXES[reason],
                _abilities(found),
            )


def _without_role(facts: _Facts) -> Iterator[Binding]:
    """Yield the bindings that name a role that is not there."""
    for binding in facts.rbac.bindings:
        there = binding.role in facts.rbac.roles or not facts.rbac.is_read(binding.role)
        matters = not binding.everywhere or _sensitive(facts.zones, facts)
        if not there and matters and without_own(binding, binding.subjects, facts.own):
            yield binding


def _dangling(binding: Binding, facts: _Facts) -> Finding:
    return Finding(
        Weight.CLUSTER_WIDE if binding.everywhere else Weight.BEYOND,
        Reason.DANGLING,
        binding.ref,
        _sensitive(facts.zones, facts) if binding.everywhere else (binding.ref.namespace,),
        binding.subjects,
        f"{binding.role.title} is not there: whoever makes one of that name gives these subjects its rights",
        _DANGLING,
    )


def _sensitive(namespaces: Iterable[str], facts: _Facts) -> tuple[str, ...]:
    return tuple(name for name in namespaces if facts.zones[name].boundary.data in SENSITIVE)


def _abilities(found: Iterable[Grant]) -> tuple[Ability, ...]:
    held = {ability for grant in found for ability in grant.abilities}
    return tuple(ability for ability in Ability if ability in held)


def _distinct(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def _entry_order(entry: Entry) -> tuple[int, bool, tuple[str, ...], Subject, Ref]:
    grant = entry.grant
    worst = list(Standing).index(entry.standing)
    everywhere = grant.binding.everywhere
    return worst, everywhere, grant.namespaces, grant.subject, grant.binding.ref


def _finding_order(finding: Finding) -> tuple[int, int, Ref, str]:
    worst = list(Weight).index(finding.weight)
    return worst, list(Reason).index(finding.reason), finding.object, finding.rule
