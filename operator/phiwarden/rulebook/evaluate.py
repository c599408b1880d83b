"""Python's verdict: the same rules, the same predicates, with exact JSON paths.

The audit of what runs, rollback and the command line ask here; the API
server asks its own CEL. Both read the predicates of `rules/*.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import cel

from phiwarden.api.workload import ClinicalImpact, DataClass
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.dialect import FUNCTIONS, program
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Each, Reads, Rule, Severity, rulebook
from phiwarden.rulebook.questions import SHOWN, questions
from phiwarden.rulebook.reading import settled
from phiwarden.rulebook.shapes import CONTAINER_LISTS, Shape, shape_of, template_of

JUDGED: Final = (Severity.DENY, Severity.WARN)


_READS: Final = {"Service": Reads.SERVICE, "NetworkPolicy": Reads.NETWORK_POLICY}
_READABLE: Final = (Reads.POD, *_READS.values())


class Judge:
    """A rulebook, compiled once; safe to keep for the life of the process."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Compile a rulebook.

        Raises:
            RulebookError: a predicate does not compile; names the rule.
        """
        self.rules = tuple(rules)
        self._compiled = {reads: _compile(self.rules, reads) for reads in _READABLE}

    def failures(
        self, obj: Mapping[str, Any], zone: ZoneBoundary, *, trusted: bool = False
    ) -> tuple[Failure, ...]:
        """Return every rule that an object breaks in a zone, in the rulebook's order.

        A manifest need not be one that the API server would take: what cannot
        be judged, such as a list where an object belongs, breaks the rules that
        read it.

        Args:
            obj: a manifest with `kind`; kinds that no rule reads break none.
            zone: the boundary of the namespace that the object is in.
            trusted: whether phiwarden itself wrote the object.
        """
        kind = str(obj.get("kind", ""))
        shape = shape_of(kind)
        reads = Reads.POD if shape is not None else _READS.get(kind)
        if reads is None:
            return ()
        compiled = self._compiled[reads]
        obj = settled(obj)
        variables = _variables(obj, zone, shape, trusted=trusted)
        lists = _lists(variables)
        context = cel.Context(
            variables={"object": {} if shape else obj, "variables": variables},
            functions=FUNCTIONS,
        )
        if _is_clean(compiled, context, lists):
            return ()
        base = f"{shape.path}.spec".removeprefix(".") if shape is not None else ""
        return tuple(_failures(compiled, context, lists, base, zone))


@cache
def standard_judge() -> Judge:
    """Return the judge of phiwarden's own rulebook."""
    return Judge(rulebook())


@dataclass(frozen=True, slots=True)
class _Compiled:
    clean: Mapping[Each, cel.Program]
    checks: tuple[_CompiledCheck, ...]


@dataclass(frozen=True, slots=True)
class _CompiledCheck:
    rule: Rule
    each: Each
    path: str
    problem: str
    offends: cel.Program
    found: cel.Program


def _compile(rules: tuple[Rule, ...], reads: Reads) -> _Compiled:
    checks = tuple(
        _CompiledCheck(
            rule,
            check.each,
            check.path,
            check.problem,
            program(check.offends, rule.id),
            program(check.found, rule.id),
        )
        for rule in rules
        for check in rule.checks
        if rule.reads_of(check) is reads
    )
    asked = questions(rules, reads, JUDGED)
    clean = {each: [f"!{q.offends}" for q in asked if q.check.each is each] for each in Each}
    return _Compiled(
        {
            each: program(" && ".join(terms), "the rulebook")
            for each, terms in clean.items()
            if terms
        },
        checks,
    )


def _variables(
    obj: Mapping[str, Any], zone: ZoneBoundary, shape: Shape | None, *, trusted: bool
) -> dict[str, Any]:
    """Return the values of the names in `vocabulary`."""
    variables: dict[str, Any] = {
        "data": zone.data,
        "impact": zone.impact,
        "exposure": zone.exposure,
        "registries": list(zone.registries),
        "serviceAccounts": list(zone.service_accounts),
        "apiAccess": list(zone.api_access),
        "regions": list(zone.regions),
        "trusted": trusted,
    }
    if shape is None:
        return variables
    template = template_of(shape, obj) or {}
    pod = template.get("spec") or {}
    pod = pod if isinstance(pod, Mapping) else {}
    metadata = template.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    account = pod.get("serviceAccountName") or pod.get("serviceAccount") or "default"
    return variables | {
        "pod": pod,
        "annotations": annotations if isinstance(annotations, Mapping) else {},
        "serviceAccount": account,
    }


_Lists = Mapping[str, list[Any]]


def _lists(variables: dict[str, Any]) -> _Lists:
    """Take what is asked about item by item out of the variables: an access costs their size."""
    if "pod" not in variables:
        return {}
    names = (*CONTAINER_LISTS, "volumes")
    pod = variables["pod"]
    variables["pod"] = {key: value for key, value in pod.items() if key not in names}
    annotations = list(variables.pop("annotations").items())
    return {name: _listed(pod, name) for name in names} | {"annotations": annotations}


def _listed(pod: Mapping[str, Any], name: str) -> list[Any]:
    """Return a list of a pod; what stands there instead of a list is judged as its one item."""
    found = pod.get(name) or []
    return found if isinstance(found, list) else [found]


def _is_clean(compiled: _Compiled, context: cel.Context, lists: _Lists) -> bool:
    """Return whether no check finds an offender; one boolean for each item that is asked about."""
    for each, clean in compiled.clean.items():
        for _, _, item in _items(each, "", lists):
            for name, value in item.items():
                context.add_variable(name, value)
            if _asked(clean, context, failing=False) is not True:
                return False
    return True


def _asked(program: cel.Program, context: cel.Context, *, failing: Any) -> Any:
    """Return what a program yields, or `failing` for an object that it cannot judge."""
    try:
        return program.execute(context)
    except (LookupError, RuntimeError, TypeError, ValueError):
        return failing


def _failures(
    compiled: _Compiled,
    context: cel.Context,
    lists: _Lists,
    base: str,
    zone: ZoneBoundary,
) -> list[Failure]:
    failures = []
    for check in compiled.checks:
        severity = check.rule.severity_in(ClinicalImpact(zone.impact), DataClass(zone.data))
        if severity not in JUDGED:
            continue
        for path, place, item in _items(check.each, base, lists):
            for name, value in item.items():
                context.add_variable(name, value)
            if _asked(check.offends, context, failing=True):
                for name, value in item.items():
                    context.add_variable(name, _cut(value))
                found = _shown(_asked(check.found, context, failing=None))
                failures.append(
                    Failure(
                        check.rule.id,
                        severity,
                        f"{path}{check.path}".removeprefix("."),
                        f"{place}{check.path}".removeprefix("."),
                        check.problem,
                        found,
                        check.rule.fix,
                    )
                )
    return failures


_Item = tuple[str, str, Mapping[str, Any]]
"""(path with indices, path with names, names in the predicate and what they stand for)"""


def _items(each: Each, base: str, lists: _Lists) -> list[_Item]:
    """Return everything that a check is asked about."""
    match each:
        case Each.OBJECT:
            return [(base, base, {})]
        case Each.ANNOTATION:
            beside = base.removesuffix("spec").removesuffix(".")
            return [
                (path := f"{beside}.metadata.annotations[{_shown(key)}]", path, names)
                for key, value in lists["annotations"]
                for names in ({"key": key, "annotation": value},)
            ]
        case Each.VOLUME:
            return _listed_items("volume", "volumes", base, lists)
        case Each.CONTAINER:
            return [
                item
                for name in CONTAINER_LISTS
                for item in _listed_items("container", name, base, lists)
            ]


def _listed_items(variable: str, name: str, base: str, lists: _Lists) -> list[_Item]:
    return [
        (f"{base}.{name}[{index}]", f"{base}.{name}[{_name(item)}]", {variable: item})
        for index, item in enumerate(lists[name])
    ]


def _name(item: Any) -> str:
    return _shown(item.get("name") if isinstance(item, Mapping) else None)


_READ: Final = 128
"""Entries of a list that `found` looks at: more than that is not shown anyway."""


def _cut(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return {k: v[:_READ] if isinstance(v, list) else v for k, v in item.items()}


_SHOWABLE: Final = re.compile(SHOWN.removesuffix("$") + r"\Z")


def _shown(found: object) -> str:
    return found if isinstance(found, str) and _SHOWABLE.match(found) else "not shown"
