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
from phiwarden.rulebook.changes import changed_parts
from phiwarden.rulebook.dialect import FUNCTIONS, program
from phiwarden.rulebook.failures import Failure, shown
from phiwarden.rulebook.items import Item, Lists, items, taken_out
from phiwarden.rulebook.model import Check, Each, Reads, Rule, Severity, rulebook
from phiwarden.rulebook.questions import questions
from phiwarden.rulebook.reading import settled
from phiwarden.rulebook.shapes import Shape, template_of
from phiwarden.rulebook.subjects import SUBJECTS, Part, Subject, subject_of

JUDGED: Final = (Severity.DENY, Severity.WARN)


class Judge:
    """A rulebook, compiled once; safe to keep for the life of the process."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Compile a rulebook.

        Raises:
            RulebookError: a predicate does not compile; names the rule.
        """
        self.rules = tuple(rules)
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
    ) -> tuple[Failure, ...]:
        """Return every rule that an object breaks in a zone, in the rulebook's order.

        A manifest need not be one that the API server would take: what cannot
        be judged, such as a list where an object belongs, breaks the rules that
        read it.

        Args:
            obj: a manifest with `kind`; kinds that no rule reads break none.
            zone: the boundary of the namespace that the object is in.
            trusted: whether phiwarden itself wrote the object.
            old: the object before an update, which is judged by what it changes;
                None for a new object, or one that is judged as it stands.
        """
        subject = subject_of(obj)
        if subject is None:
            return ()
        obj = settled(obj)
        parts = changed_parts(subject, obj, None if old is None else settled(old))
        asked = [(part, self._compiled[part]) for part in parts if self._compiled[part].checks]
        if not asked:
            return ()
        variables = _variables(subject, obj, zone, trusted=trusted)
        lists = taken_out(variables)
        context = cel.Context(
            variables={"object": _head(subject, obj), "variables": variables},
            functions=FUNCTIONS,
        )
        found = [
            failure
            for part, compiled in asked
            if not _is_clean(compiled, context, lists)
            for failure in _failures(compiled, context, lists, part.base, zone)
        ]
        return tuple(sorted(found, key=lambda failure: failure.rule))


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
class _Compiled:
    clean: Mapping[Each, cel.Program]
    checks: tuple[_CompiledCheck, ...]


@dataclass(frozen=True, slots=True)
class _CompiledCheck:
    rule: Rule
    check: Check
    offends: cel.Program
    found: cel.Program


def _compile(rules: tuple[Rule, ...], part: Part) -> _Compiled:
    checks = tuple(
        _CompiledCheck(rule, check, program(check.offends, rule.id), program(check.found, rule.id))
        for rule in rules
        for check in rule.checks
        if rule.reads_of(check) in part.reads
    )
    asked = questions(rules, part, JUDGED)
    clean = {each: [f"!{q.offends}" for q in asked if q.check.each is each] for each in Each}
    return _Compiled(
        {
            each: program(" && ".join(terms), "the rulebook")
            for each, terms in clean.items()
            if terms
        },
        checks,
    )


def _head(subject: Subject, obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object as predicates see it, without what they see as a variable."""
    if subject.shape is not None:
        rest = {k: v for k, v in _map(obj.get("spec")).items() if k not in _TEMPLATES}
        return {"spec": rest} if len(subject.parts) > 1 else {}
    return {key: value for key, value in obj.items() if key not in _CONTENTS}


_TEMPLATES: Final = ("template", "jobTemplate", "selector")
_CONTENTS: Final = ("data", "status")


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
        "trusted": trusted,
        "handmade": True,
        "putBack": False,
    }
    if subject.shape is not None:
        return variables | _pod(subject.shape, obj)
    if subject.name == "configmaps":
        entries = _map(obj.get("data"))
        size = sum(len(value) for value in entries.values() if isinstance(value, str))
        return variables | {"entries": entries, "size": size}
    return variables


def _pod(shape: Shape, obj: Mapping[str, Any]) -> dict[str, Any]:
    template = template_of(shape, obj) or {}
    pod = _map(template.get("spec"))
    return {
        "pod": pod,
        "annotations": _map(_map(template.get("metadata")).get("annotations")),
        "serviceAccount": pod.get("serviceAccountName") or pod.get("serviceAccount") or "default",
    }


def _map(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _is_clean(compiled: _Compiled, context: cel.Context, lists: Lists) -> bool:
    """Return whether no check finds an offender; one boolean for each item that is asked about."""
    for each, clean in compiled.clean.items():
        for item in items(each, "", lists):
            _show(context, item)
            if _asked(clean, context, failing=False) is not True:
                return False
    return True


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
    compiled: _Compiled, context: cel.Context, lists: Lists, base: str, zone: ZoneBoundary
) -> list[Failure]:
    kind = ClinicalImpact(zone.impact), DataClass(zone.data), Environment(zone.environment)
    failures = []
    for asked in compiled.checks:
        severity = asked.rule.severity_in(*kind)
        if severity not in JUDGED:
            continue
        for item in items(asked.check.each, base, lists):
            _show(context, item)
            if _asked(asked.offends, context, failing=True):
                _show(context, item.cut())
                found = _asked(asked.found, context, failing=None)
                failures.append(_failure(asked, severity, item, found))
    return failures


def _failure(asked: _CompiledCheck, severity: Severity, item: Item, found: object) -> Failure:
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
