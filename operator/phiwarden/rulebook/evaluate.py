"""Python's verdict: the same rules, the same predicates, with exact JSON paths.

The audit of what runs, rollback, the webhook and the command line ask here;
the API server asks its own CEL. Both read the predicates of `rules/*.yaml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import cel

from phiwarden.api.workload import ClinicalImpact, DataClass, Environment
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook import bulk
from phiwarden.rulebook.changes import changed_parts
from phiwarden.rulebook.dialect import FUNCTIONS, program
from phiwarden.rulebook.exceptions import excused
from phiwarden.rulebook.failures import Failure, shown
from phiwarden.rulebook.items import WHERE, Item, Lists, items, taken_out
from phiwarden.rulebook.model import Check, Reads, Rule, Severity, rulebook
from phiwarden.rulebook.questions import questions
from phiwarden.rulebook.reading import confined, settled
from phiwarden.rulebook.shapes import PODS, Shape, template_of
from phiwarden.rulebook.subjects import SUBJECTS, Part, Subject, subject_of

JUDGED: Final = (Severity.DENY, Severity.WARN)


class Judge:
    """A rulebook, compiled once; safe to keep for the life of the process."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Compile a rulebook.

        Raises:
            RulebookError: a predicate does not compile; names the rule.
        """
        self.rules = tuple(sorted(rules, key=lambda rule: rule.id))
        self._compiled = {
            part: _compile(self.rules, part) for subject in SUBJECTS for part in subject.parts
        }

    def failures(
        self,
        obj: Mapping[str, Any],
        zone: ZoneBoundary,
        *,
        trusted: bool = False,
        old: Mapping[str, Any] | None = None,
        from_api: bool = False,
    ) -> tuple[Failure, ...]:
        """Return every rule that an object breaks in a zone, in the API server's order.

        What it may break by an exception of the zone is left out, whatever the time: see
        `boundary.exceptions.at`. The order is part by part, such as the pod template before the settings of a
        rollout, and in each part by identifier.

        A manifest need not be one that the API server would take: what cannot
        be judged, such as a list where an object belongs, breaks the rules that
        read it.

        Args:
            obj: a manifest with `kind`; kinds that no rule reads break none.
            zone: the boundary of the namespace that the object is in.
            trusted: whether phiwarden itself wrote the object.
            old: the object before an update, which is judged by what it changes;
                None for a new object, or one that is judged as it stands.
            from_api: whether the API server wrote both: there is nothing odd in them.
        """
        subject = subject_of(obj)
        if subject is None:
            return ()
        if not from_api:
            obj = settled(obj)
            old = None if old is None else settled(old)
        parts = changed_parts(subject, obj, old)
        if not any(self._compiled[part] for part in parts):
            return ()
        variables = _variables(subject, obj, zone, trusted=trusted)
        lists = taken_out(variables)
        context = cel.Context(
            variables={"object": _head(subject, obj), "variables": variables},
            functions=FUNCTIONS,
        )
        allowed = excused(zone, obj)
        return tuple(
            failure
            for part in parts
            for failure in _failures(self._compiled[part], context, lists, part.base, zone)
            if failure.rule not in allowed
        )


@cache
def standard_judge() -> Judge:
    """Return the judge of phiwarden's own rulebook."""
    return Judge(rulebook())


def judge_with(own_rules: tuple[Rule, ...]) -> Judge:
    """Return the judge of phiwarden's rulebook and of rules that a platform team added.

    Raises:
        RulebookError: a predicate does not compile; names the rule.
    """
    return Judge((*rulebook(), *own_rules)) if own_rules else standard_judge()


@dataclass(frozen=True, slots=True)
class _Check:
    """A check with its programs; `order` is its place among all checks of a part."""

    order: int
    rule: Rule
    check: Check
    offends: cel.Program
    found: cel.Program


@dataclass(frozen=True, slots=True)
class _Group:
    """All checks that are asked about what stands at one place, and one question for all of them."""

    where: str
    clean: cel.Program
    checks: tuple[_Check, ...]


def _compile(rules: tuple[Rule, ...], part: Part) -> tuple[_Group, ...]:
    checks = [
        _Check(order, rule, check, program(check.offends, rule.id), program(check.found, rule.id))
        for order, (rule, check) in enumerate(
            (rule, check)
            for rule in rules
            for check in rule.checks
            if rule.reads_of(check) in part.reads
        )
    ]
    asked = questions(rules, part, JUDGED)
    places = dict.fromkeys(where for check in checks for where in WHERE[check.check.each])
    return tuple(
        _Group(
            where,
            program(
                " && ".join(f"!{q.offends}" for q in asked if where in WHERE[q.check.each]),
                "the rulebook",
            ),
            tuple(check for check in checks if where in WHERE[check.check.each]),
        )
        for where in places
    )


def _head(subject: Subject, obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object as predicates see it, without what they see as a variable."""
    if subject.shape is not None:
        rest = {k: v for k, v in _map(obj.get("spec")).items() if k not in _TEMPLATES}
        return {"spec": rest} if len(subject.parts) > 1 else {}
    return {key: value for key, value in obj.items() if key not in _CONTENTS}


_TEMPLATES: Final = ("template", "jobTemplate", "selector")
_CONTENTS: Final = ("data", "stringData", "status")


def _variables(
    subject: Subject, obj: Mapping[str, Any], zone: ZoneBoundary, *, trusted: bool
) -> dict[str, Any]:
    """Return the values of the names in `vocabulary`."""
    variables: dict[str, Any] = {
        "kind": str(obj.get("kind", "")),
        "data": zone.data,
        "environment": zone.environment,
        "impact": zone.impact,
        "exposure": zone.exposure,
        "registries": list(zone.registries),
        "serviceAccounts": list(zone.service_accounts),
        "apiAccess": list(zone.api_access),
        "regions": list(zone.regions),
        "destinations": list(zone.destinations),
        "clusterRoles": list(zone.cluster_roles),
        "storageClasses": list(zone.storage_classes),
        "withheldClaims": list(zone.withheld_claims),
        "secretsKnown": zone.secrets is not None,
        "overdueSecrets": list(zone.overdue_secrets),
        "ownedSecrets": list(zone.owned_secrets),
        "releasesAsked": zone.releases is not None,
        "releases": list(zone.releases or ()),
        "keepRevisions": zone.keep_revisions,
        "trusted": trusted,
        "handmade": not _bound(obj),
        "ofPod": False,
        "putBack": False,
    }
    if subject.shape is not None:
        pod = _pod(subject.shape, obj)
        return variables | pod | {"readableSecrets": _readable(zone, pod["serviceAccount"])}
    if subject.name == "configmaps":
        entries = _map(obj.get("data"))
        size = sum(len(value) for value in entries.values() if isinstance(value, str))
        return variables | {"entries": entries, "entryCount": len(entries), "size": size}
    return variables


def _readable(zone: ZoneBoundary, account: Any) -> list[str]:
    found = (entry for entry in zone.secrets or () if entry.endswith(f"/{account}"))
    return [entry.split("/")[0] for entry in found]


_BOUND: Final = "pv.kubernetes.io/bind-completed"


def _bound(obj: Mapping[str, Any]) -> bool:
    """Return whether Kubernetes bound a claim: it names its volume, and nobody chose that one."""
    annotations = _map(_map(obj.get("metadata")).get("annotations"))
    return obj.get("kind") == "PersistentVolumeClaim" and _BOUND in annotations


def _pod(shape: Shape, obj: Mapping[str, Any]) -> dict[str, Any]:
    template = template_of(shape, obj) or {}
    annotations = _map(_map(template.get("metadata")).get("annotations"))
    pod = _map(template.get("spec"))
    if shape is PODS:
        pod = confined(pod, annotations)
    return {
        "pod": pod,
        "annotations": annotations,
        "bulk": bulk.of(pod, annotations),
        "serviceAccount": pod.get("serviceAccountName") or pod.get("serviceAccount") or "default",
    }


def _map(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _show(context: cel.Context, item: Item) -> None:
    for name, value in item.names.items():
        context.add_variable(name, value)


def _asked(program: cel.Program, context: cel.Context, *, failing: Any) -> Any:
    """Return what a program yields, or `failing` for an object that it cannot judge."""
    try:
        return program.execute(context)
    except (LookupError, RuntimeError, TypeError, ValueError):
        return failing


def _failures(
    groups: tuple[_Group, ...], context: cel.Context, lists: Lists, base: str, zone: ZoneBoundary
) -> list[Failure]:
    """Return what is broken, in the order of the rules, their checks, and the places."""
    found: list[tuple[int, Failure]] = []
    for group in groups:
        for item in items(group.where, base, lists):
            _show(context, item)
            if _asked(group.clean, context, failing=False) is not True:
                found += _broken(group, item, context, zone)
    return [failure for _, failure in sorted(found, key=lambda entry: entry[0])]


def _broken(
    group: _Group, item: Item, context: cel.Context, zone: ZoneBoundary
) -> list[tuple[int, Failure]]:
    """Return the failures of one item, each with the order of its check."""
    kind = ClinicalImpact(zone.impact), DataClass(zone.data), Environment(zone.environment)
    broken = [
        (check, severity)
        for check in group.checks
        if (severity := check.rule.severity_in(*kind)) in JUDGED
        and _asked(check.offends, context, failing=True)
    ]
    _show(context, item.cut())
    return [
        (
            check.order,
            _failure(check, severity, item, _asked(check.found, context, failing=None)),
        )
        for check, severity in broken
    ]


def _failure(asked: _Check, severity: Severity, item: Item, found: object) -> Failure:
    rule, check = asked.rule, asked.check
    return Failure(
        rule=rule.id,
        severity=severity,
        path=f"{item.path}{check.path}".removeprefix("."),
        place=f"{item.place}{check.path}".removeprefix("."),
        problem=check.problem,
        found=shown(found),
        fix=rule.fix,
        mendable=rule.mends(check),
        at_pods=rule.reads_of(check) is Reads.POD,
    )
