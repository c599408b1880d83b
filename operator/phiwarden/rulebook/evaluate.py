"""Python's verdict: the same rules, the same predicates, with exact JSON paths.

The audit of what runs, rollback and the command line ask here; the API
server asks its own CEL. Both read the predicates of `rules/*.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import cel
from cel import stdlib

from phiwarden.api.workload import ClinicalImpact, DataClass
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.rulebook.model import Each, Reads, Rule, RulebookError, Severity, rulebook
from phiwarden.rulebook.render import SHOWN, clean, questions
from phiwarden.rulebook.shapes import Shape, shape_of, template_of
from phiwarden.rulebook.vocabulary import CONTAINER_LISTS

JUDGED: Final = (Severity.DENY, Severity.WARN)


@dataclass(frozen=True, slots=True)
class Failure:
    """One rule broken at one place.

    Attributes:
        rule: identifier.
        severity: what the rule does in this zone; deny or warn.
        path: JSON path of the field to mend, with indices.
        problem: what is wrong.
        found: what was found, safe to print; never a secret's value.
        fix: what to do.
    """

    rule: str
    severity: Severity
    path: str
    problem: str
    found: str
    fix: str

    def __str__(self) -> str:
        return f"{self.rule} {self.path}: {self.problem} (found {self.found}); fix: {self.fix}"


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
        variables = _variables(obj, zone, shape, trusted=trusted)
        context = cel.Context(
            variables={"object": obj, "variables": variables}, functions=_FUNCTIONS
        )
        if compiled.clean.execute(context):
            return ()
        base = f"{shape.path}.spec".removeprefix(".") if shape is not None else ""
        return tuple(_failures(compiled, context, variables, base, zone))


@cache
def standard_judge() -> Judge:
    """Return the judge of phiwarden's own rulebook."""
    return Judge(rulebook())


@dataclass(frozen=True, slots=True)
class _Compiled:
    clean: cel.Program
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
            _program(check.offends, rule.id),
            _program(check.found, rule.id),
        )
        for rule in rules
        for check in rule.checks
        if rule.reads_of(check) is reads
    )
    whole = clean(questions(rules, reads, JUDGED)) or "true"
    return _Compiled(_program(whole, "the rulebook"), checks)


def _program(expression: str, owner: str) -> cel.Program:
    try:
        return cel.compile(expression)
    except ValueError as error:
        raise RulebookError(f"{owner}: {error}") from error


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
    account = pod.get("serviceAccountName") or pod.get("serviceAccount") or "default"
    return variables | {
        "pod": pod,
        "annotations": (template.get("metadata") or {}).get("annotations") or {},
        "containers": [c for name in CONTAINER_LISTS for c in pod.get(name) or ()],
        "volumes": pod.get("volumes") or [],
        "serviceAccount": account,
    }


def _failures(
    compiled: _Compiled,
    context: cel.Context,
    variables: Mapping[str, Any],
    base: str,
    zone: ZoneBoundary,
) -> list[Failure]:
    failures = []
    for check in compiled.checks:
        severity = check.rule.severity_in(ClinicalImpact(zone.impact), DataClass(zone.data))
        if severity not in JUDGED:
            continue
        for where, item in _items(check.each, base, check.path, variables):
            if item is not None:
                context.add_variable(check.each.value, item)
            if check.offends.execute(context):
                found = _shown(check.found.execute(context))
                failures.append(
                    Failure(
                        check.rule.id,
                        severity,
                        f"{where}{check.path}".removeprefix("."),
                        check.problem,
                        found,
                        check.rule.fix,
                    )
                )
    return failures


def _items(
    each: Each, base: str, path: str, variables: Mapping[str, Any]
) -> list[tuple[str, Mapping[str, Any] | None]]:
    """Return (path, item) of everything that a check is asked about."""
    match each:
        case Each.OBJECT:
            beside = path.startswith(".metadata")
            return [(base.removesuffix("spec").removesuffix(".") if beside else base, None)]
        case Each.VOLUME:
            return [(f"{base}.volumes[{i}]", v) for i, v in enumerate(variables["volumes"])]
        case Each.CONTAINER:
            pod = variables["pod"]
            return [
                (f"{base}.{name}[{i}]", container)
                for name in CONTAINER_LISTS
                for i, container in enumerate(pod.get(name) or ())
            ]


_SHOWABLE: Final = re.compile(SHOWN.removesuffix("$") + r"\Z")


def _shown(found: object) -> str:
    return found if isinstance(found, str) and _SHOWABLE.match(found) else "not shown"


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    # RE2's `$` is the end of the text; Python's also matches before a last line break.
    return re.compile(re.sub(r"(?<!\\)\$", r"\\Z", pattern))


def _matches(text: str, pattern: str) -> bool:
    return _pattern(pattern).search(text) is not None


# The library's own `matches` compiles its pattern at each call.
_FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    "matches": _matches,
    "join": stdlib.join,
    "split": stdlib.split,
}
