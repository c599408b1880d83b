"""From the rulebook to ValidatingAdmissionPolicies: a constant number of them.

The path of a request that passes must be cheap: each policy asks one boolean
(`variables.clean`). The API server evaluates a messageExpression whether or
not the validation failed (k8s.io/apiserver v0.36.3,
pkg/admission/plugin/policy/validating/validator.go), so the message asks
`clean` first and lists the failures only where there are some. A policy's
validations are told one by one, and only the first is shown, so one
validation joins every failure. A message with a line break, or of more than
5 KiB, would be dropped for the fixed text.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.workload import ClinicalImpact, Enforcement
from phiwarden.rulebook import vocabulary as words
from phiwarden.rulebook.model import Check, Each, Reads, Rule, Severity
from phiwarden.rulebook.shapes import (
    NAMESPACE,
    NETWORK_POLICY,
    OWNED,
    POD_SHAPES,
    SERVICE,
    Kind,
    Shape,
)

Manifest = dict[str, Any]

MESSAGE_LIMIT: Final = 4600
"""Characters of a message; the API server drops more than 5,120 bytes."""

SHOWN: Final = "^[ -~]{1,160}$"
"""What a found value must match to be shown: printable, one line, of bounded length."""

_ACTIONS: Final = {
    Enforcement.ENFORCE: ["Deny"],
    Enforcement.WARN: ["Warn", "Audit"],
    Enforcement.OBSERVE: ["Audit"],
}


@dataclass(frozen=True, slots=True)
class _Question:
    """A check of a rule, with the condition under which the rule denies."""

    rule: Rule
    check: Check
    condition: str | None

    @property
    def offends(self) -> str:
        return (
            f"({self.check.offends})"
            if self.condition is None
            else (f"({self.condition} && ({self.check.offends}))")
        )


def condition(rule: Rule, levels: Iterable[Severity]) -> str | None:
    """Return CEL that is true where the rule acts at one of the levels; None: everywhere.

    Raises:
        LookupError: the rule acts at none of them anywhere.
    """
    wanted = set(levels)
    impacts = [impact for impact in ClinicalImpact if rule.severity[impact] in wanted]
    if not impacts:
        raise LookupError(rule.id)
    terms = []
    if len(impacts) < len(ClinicalImpact):
        terms.append(f"variables.impact in {_literal(impacts)}")
    if rule.data is not None:
        terms.append(f"variables.data in {_literal(rule.data)}")
    return " && ".join(terms) or None


def _literal(values: Iterable[str]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"


def questions(rules: Iterable[Rule], reads: Reads, levels: Sequence[Severity]) -> list[_Question]:
    """Return the checks that look at `reads` and act at one of the levels, cheapest first."""
    found = [
        _Question(rule, check, condition(rule, levels))
        for rule in rules
        if any(severity in levels for severity in rule.severity.values())
        for check in rule.checks
        if rule.reads_of(check) is reads
    ]
    return sorted(found, key=lambda question: question.check.offends.count(".matches("))


def clean(asked: Sequence[_Question]) -> str:
    """Return one boolean of CEL: no question finds an offender."""
    terms = [f"!{q.offends}" for q in asked if q.check.each is Each.OBJECT]
    for each, items in ((Each.VOLUME, "volumes"), (Each.CONTAINER, "containers")):
        inner = [f"!{q.offends}" for q in asked if q.check.each is each]
        if inner:
            terms.append(f"variables.{items}.all({each}, {' && '.join(inner)})")
    return " && ".join(terms)


def _shown(found: str) -> str:
    return f"[{found}].map(value, value.matches('{SHOWN}') ? value : 'not shown')[0]"


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _line(question: _Question, where: str) -> str:
    """Return CEL of one failure; `where` is CEL of the path down to the item."""
    rule, check = question.rule, question.check
    return (
        f"{_quote(rule.id + ' ')} + {where} + {_quote(check.path + ': ' + check.problem + ' (found ')}"
        f" + {_shown(check.found)} + {_quote('); fix: ' + rule.fix)}"
    )


def _failures(asked: Sequence[_Question], base: str) -> str:
    lists = []
    for question in asked:
        match question.check.each:
            case Each.OBJECT:
                line = _line(question, _quote(_object_path(question, base)))
                lists.append(f"({question.offends} ? [{line}] : [])")
            case Each.VOLUME:
                where = f"{_quote(base + '.volumes[')} + volume.name + ']'"
                lists.append(
                    f"variables.volumes.filter(volume, {question.offends})"
                    f".map(volume, {_line(question, where)})"
                )
            case Each.CONTAINER:
                for name in words.CONTAINER_LISTS:
                    where = f"{_quote(f'{base}.{name}[')} + container.name + ']'"
                    lists.append(
                        f"(has(variables.pod.{name}) ? variables.pod.{name} : [])"
                        f".filter(container, {question.offends})"
                        f".map(container, {_line(question, where)})"
                    )
    return " + ".join(lists)


def _object_path(question: _Question, base: str) -> str:
    """Return the path of what an object-level check reads: the pod spec, or beside it."""
    if question.check.path.startswith(".metadata"):
        return base.removesuffix("spec").removesuffix(".")
    return base


def _policy(
    name: str,
    *,
    about: str,
    kinds: Sequence[Kind],
    operations: Sequence[str],
    variables: Sequence[words.Variable],
    message: str,
    subresources: Sequence[str] = (),
    object_selector: Manifest | None = None,
) -> Manifest:
    rules = []
    for group, version in sorted({(kind.group, kind.version) for kind in kinds}):
        plurals = [k.plural for k in kinds if (k.group, k.version) == (group, version)]
        rules.append(
            {
                "apiGroups": [group],
                "apiVersions": [version],
                "operations": list(operations),
                "resources": [*plurals, *(subresources if group == "" else ())],
                "scope": "*",
            }
        )
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name, "annotations": {"kubernetes.io/description": about}},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": {},
                "objectSelector": object_selector or {},
                "resourceRules": rules,
            },
            "variables": [{"name": v.name, "expression": v.expression} for v in variables],
            "validations": [
                {
                    "expression": "variables.clean",
                    "message": message,
                    "messageExpression": (
                        "variables.clean ? '' : variables.text.size() > "
                        f"{MESSAGE_LIMIT} ? variables.text.substring(0, {MESSAGE_LIMIT}) + ' ...'"
                        " : variables.text"
                    ),
                    "reason": "Forbidden",
                }
            ],
        },
    }


def _bindings(policy: str, selector: str) -> list[Manifest]:
    """Return one binding per enforcement level; a zone has one level, and so meets one."""
    return [
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingAdmissionPolicyBinding",
            "metadata": {"name": f"{policy}-{level}"},
            "spec": {
                "policyName": policy,
                "validationActions": actions,
                "matchResources": {
                    "matchPolicy": "Equivalent",
                    "namespaceSelector": {},
                    "objectSelector": {},
                    selector: {"matchLabels": {names.ENFORCEMENT: level.value}},
                },
            },
        }
        for level, actions in _ACTIONS.items()
    ]


_ZONE_NAME: Final = (
    f"'zone ' + namespaceObject.metadata.labels['{names.ZONE}']"
    f" + ' of ' + namespaceObject.metadata.labels['{names.WORKLOAD}']"
    " + ' (data ' + variables.data + ', ' + variables.impact + ') refuses this: '"
)

_UNREADABLE: Final = (
    "'the boundary of namespace ' + namespaceObject.metadata.name"
    " + ' cannot be read, so nothing new is admitted there; wrong or missing: '"
    " + variables.unreadable.join(', ')"
)

_STATIC: Final = (
    "refused by the boundary of this zone; the failures are too many to list here,"
    " mend those of a smaller part first"
)


def _zone_texts(asked: Sequence[_Question], base: str) -> tuple[words.Variable, ...]:
    return (
        words.Variable("failures", _failures(asked, base)),
        words.Variable(
            "text",
            f"!variables.readable ? {_UNREADABLE} : {_ZONE_NAME} + variables.failures.join(' | ')",
        ),
    )


def _pod_policy(rules: Sequence[Rule], shape: Shape) -> list[Manifest]:
    asked = questions(rules, Reads.POD, [Severity.DENY])
    variables = words.pod_variables(shape)
    held = " || variables.held" if any(v.name == "held" for v in variables) else ""
    name = f"phiwarden-{shape.name}"
    judged = f"({words.exempt(shape)}) || (variables.readable && {clean(asked)}){held}"
    base = f"{shape.path}.spec".removeprefix(".")
    policy = _policy(
        name,
        about=f"Holds {', '.join(kind.kind for kind in shape.kinds)} to the boundary of their zone.",
        kinds=shape.kinds,
        operations=["CREATE", "UPDATE"],
        subresources=shape.subresources,
        variables=(*variables, words.Variable("clean", judged), *_zone_texts(asked, base)),
        message=_STATIC,
    )
    return [policy, *_bindings(name, "namespaceSelector")]


_UNCHANGED_SPEC: Final = (
    "has(object.metadata.deletionTimestamp)"
    " || (request.operation == 'UPDATE' && object.spec == oldObject.spec{more})"
)
_SAME_ANNOTATIONS: Final = (
    " && (has(object.metadata.annotations) ? object.metadata.annotations : {})"
    " == (has(oldObject.metadata.annotations) ? oldObject.metadata.annotations : {})"
)


def _object_policy(
    rules: Sequence[Rule], reads: Reads, kind: Kind, about: str, unchanged: str
) -> list[Manifest]:
    asked = questions(rules, reads, [Severity.DENY])
    name = f"phiwarden-{kind.plural}"
    judged = f"({unchanged}) || (variables.readable && {clean(asked)})"
    policy = _policy(
        name,
        about=about,
        kinds=[kind],
        operations=["CREATE", "UPDATE"],
        variables=(
            *words.ZONE,
            words.TRUSTED,
            words.Variable("clean", judged),
            *_zone_texts(asked, ""),
        ),
        message=_STATIC,
    )
    return [policy, *_bindings(name, "namespaceSelector")]


def _guard_policy(
    rules: Sequence[Rule],
    reads: Reads,
    *,
    name: str,
    about: str,
    kinds: Sequence[Kind],
    object_selector: Manifest,
    selector: str,
) -> list[Manifest]:
    asked = questions(rules, reads, [Severity.DENY])
    policy = _policy(
        name,
        about=about,
        kinds=kinds,
        operations=["CREATE", "UPDATE", "DELETE"],
        object_selector=object_selector,
        variables=(
            words.TRUSTED,
            words.Variable("clean", f"variables.trusted || ({clean(asked)})"),
            words.Variable("failures", _failures(asked, "")),
            words.Variable("text", "variables.failures.join(' | ')"),
        ),
        message="the boundary is changed by phiwarden alone (PHI-GRD-001)",
    )
    return [policy, *_bindings(name, selector)]


def render(rules: Sequence[Rule]) -> list[Manifest]:
    """Return every policy and binding of the rulebook, ready for the chart.

    The texts `vocabulary.OPERATOR` and `vocabulary.EXEMPT_GROUPS` stand for
    values that the chart knows.
    """
    manifests: list[Manifest] = []
    for shape in POD_SHAPES:
        manifests += _pod_policy(rules, shape)
    manifests += _object_policy(
        rules,
        Reads.SERVICE,
        SERVICE,
        "Publishes Services of a zone only as far as its exposure allows.",
        _UNCHANGED_SPEC.format(more=_SAME_ANNOTATIONS),
    )
    manifests += _object_policy(
        rules,
        Reads.NETWORK_POLICY,
        NETWORK_POLICY,
        "Keeps NetworkPolicies of others out of zones.",
        _UNCHANGED_SPEC.format(more=""),
    )
    manifests += _guard_policy(
        rules,
        Reads.OWNED,
        name="phiwarden-owned",
        about="Keeps the objects that phiwarden owns in a zone as they are.",
        kinds=OWNED,
        object_selector={"matchLabels": {names.MANAGED_BY: names.FIELD_MANAGER}},
        selector="namespaceSelector",
    )
    # The binding asks for labels of the Namespace object itself, old or new: a
    # namespaceSelector would look at the new ones alone and be taken off with them.
    manifests += _guard_policy(
        rules,
        Reads.NAMESPACE,
        name="phiwarden-namespaces",
        about="Keeps the marks of a zone on its Namespace as they are.",
        kinds=[NAMESPACE],
        object_selector={"matchExpressions": [{"key": names.WORKLOAD, "operator": "Exists"}]},
        selector="objectSelector",
    )
    for manifest in manifests:
        manifest["metadata"].setdefault("labels", {})[names.MANAGED_BY] = names.FIELD_MANAGER
    return manifests


def digest(manifest: Mapping[str, Any]) -> str:
    """Return a short digest of what a policy or binding does, for telling whether it was altered."""
    text = json.dumps(manifest["spec"], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
