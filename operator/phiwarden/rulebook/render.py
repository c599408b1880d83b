"""From the rulebook to ValidatingAdmissionPolicies: a constant number of them.

The path of a request that passes must be cheap: each policy asks one boolean
(`variables.clean`). The API server evaluates a messageExpression whether or
not the validation failed (k8s.io/apiserver v0.36.3,
pkg/admission/plugin/policy/validating/validator.go), so the message asks
`clean` first and lists the failures only where there are some. A policy's
validations are told one by one, and only the first is shown, so one
validation joins every failure. A message with a line break, or of more than
5 KiB, would be dropped for the fixed text.

What carries a pod is judged by two policies, of which never more than one
speaks. Most questions need nothing but the manifest. They are a matchCondition
of the second policy, asked once, and nothing of that policy is evaluated where
they find no offender; the first asks the few that need the zone, which a
matchCondition cannot see.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.workload import Enforcement
from phiwarden.rulebook import vocabulary as words
from phiwarden.rulebook.model import Reads, Rule, Severity
from phiwarden.rulebook.questions import Question, clean, failures, questions, quote
from phiwarden.rulebook.shapes import NAMESPACE, OWNED, PODS, Kind
from phiwarden.rulebook.subjects import SUBJECTS, Part, Subject

Manifest = dict[str, Any]

MESSAGE_LIMIT: Final = 4600
"""Characters of a message; the API server drops more than 5,120 bytes."""

_OFFENDS: Final = "offends-by-itself"

_ACTIONS: Final = {
    Enforcement.ENFORCE: ["Deny"],
    Enforcement.WARN: ["Warn", "Audit"],
    Enforcement.OBSERVE: ["Audit"],
}


def _resource_rules(
    kinds: Sequence[Kind], operations: Sequence[str], subresources: Sequence[str]
) -> list[Manifest]:
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
    return rules


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
    only_if: str | None = None,
) -> Manifest:
    condition = {"matchConditions": [{"name": _OFFENDS, "expression": only_if}]} if only_if else {}
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
                "resourceRules": _resource_rules(kinds, operations, subresources),
            },
            **condition,
            "variables": [
                {"name": v.name, "expression": v.expression}
                for v in words.needed(variables, "clean", "text")
            ],
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
        _binding(
            f"{policy}-{level}",
            policy,
            actions,
            {selector: {"matchLabels": {names.ENFORCEMENT: level.value}}},
        )
        for level, actions in _ACTIONS.items()
    ]


def _binding(name: str, policy: str, actions: Sequence[str], selectors: Manifest) -> Manifest:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {
            "policyName": policy,
            "validationActions": list(actions),
            "matchResources": {
                "matchPolicy": "Equivalent",
                "namespaceSelector": {},
                "objectSelector": {},
                **selectors,
            },
        },
    }


_ZONE_NAME: Final = (
    f"'zone ' + namespaceObject.metadata.labels['{names.ZONE}']"
    f" + ' of ' + namespaceObject.metadata.labels['{names.WORKLOAD}']"
    " + ' (data ' + variables.data + ', ' + variables.impact + '; broken: '"
    " + variables.broken.join(', ') + ') refuses this: '"
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


def _zone_texts(asked: _Asked) -> tuple[words.Variable, ...]:
    """Return the answer: which rules are broken, all of them, then where, then what to do."""
    listed = " + ".join(
        f"({words.same(part)} ? [] : {failures(questions_, part.base)})"
        for part, questions_ in asked.items()
    )
    return (
        words.Variable("failures", listed),
        *_told(question.rule for questions_ in asked.values() for question in questions_),
        words.Variable(
            "text",
            f"!variables.readable ? {_UNREADABLE} : {_ZONE_NAME} + {_ANSWER}",
        ),
    )


_ANSWER: Final = "variables.failures.join(' | ') + ' | ' + variables.fixes.join(' | ')"


def _told(rules: Iterable[Rule]) -> tuple[words.Variable, ...]:
    """Return the rules that are broken, and what to do about each, once."""
    fixes = {rule.id: rule.fix for rule in rules}
    table = ", ".join(f"{quote(rule)}: {quote(f'{rule}: {fixes[rule]}')}" for rule in sorted(fixes))
    return (
        words.Variable("remedies", f"{{{table}}}"),
        words.Variable(
            "broken",
            "["
            + ", ".join(quote(rule) for rule in sorted(fixes))
            + "].filter(rule, variables.failures.exists(line, line.startsWith(rule + ' ')))",
        ),
        words.Variable("fixes", "variables.broken.map(rule, 'fix ' + variables.remedies[rule])"),
    )


_Asked = Mapping[Part, Sequence[Question]]


def _subject_policies(rules: Sequence[Rule], subject: Subject, name: str) -> list[Manifest]:
    """Return the policies of a subject with their bindings; nothing if no rule asks about it."""
    asked: _Asked = {
        part: found for part in subject.parts if (found := questions(rules, part, [Severity.DENY]))
    }
    if not asked:
        return []
    verdict = _Verdict(subject, words.variables_of(subject))
    of_zone = _only(asked, verdict.of_zone)
    by_itself = _only(asked, lambda question: not verdict.of_zone(question))
    if subject.shape is None or not by_itself:
        return verdict.policy(asked, name)
    offends = f"!({verdict.untouched} || ({verdict.judged(by_itself, guarded=False)}))"
    offends = words.written_out(offends, verdict.variables, short=False)
    if not of_zone:
        return verdict.policy(asked, name, only_if=offends)
    return [
        *verdict.policy(of_zone, name, unless=offends),
        *verdict.policy(asked, f"{name}-manifest", only_if=offends),
    ]


def _only(asked: _Asked, wanted: Callable[[Question], bool]) -> _Asked:
    kept = {part: [q for q in questions_ if wanted(q)] for part, questions_ in asked.items()}
    return {part: questions_ for part, questions_ in kept.items() if questions_}


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What the policies of a subject share."""

    subject: Subject
    variables: tuple[words.Variable, ...]

    @property
    def untouched(self) -> str:
        return " && ".join(words.same(part) for part in self.subject.parts)

    def of_zone(self, question: Question) -> bool:
        """Return whether a question needs the zone, beside the guard that it stands behind."""
        return words.of_the_zone(question.check.offends, self.variables)

    def judged(self, asked: _Asked, *, guarded: bool = True) -> str:
        """Return CEL that is true if no question finds an offender in what was touched."""
        debuggable = "pods/ephemeralcontainers" in self.subject.subresources
        found = (
            (part, clean(questions_, debuggable=debuggable, guarded=guarded))
            for part, questions_ in asked.items()
        )
        return " && ".join(f"({words.same(part)} || ({holds}))" for part, holds in found)

    def policy(
        self,
        asked: _Asked,
        name: str,
        *,
        unless: str | None = None,
        only_if: str | None = None,
    ) -> list[Manifest]:
        """Return a policy with its bindings.

        Args:
            asked: the questions that it decides.
            name: of the policy.
            unless: CEL of what another policy decides, with all questions.
            only_if: CEL without which it decides nothing.
        """
        passes = [self.untouched, f"(variables.readable && {self.judged(asked)})"]
        if any(variable.name == "held" for variable in self.variables):
            passes.append("variables.held")
        if unless is not None:
            passes.append(unless)
        verdict = words.written_out(" || ".join(passes), self.variables)
        policy = _policy(
            name,
            about=self.subject.about,
            kinds=self.subject.kinds,
            operations=["CREATE", "UPDATE"],
            subresources=self.subject.subresources,
            variables=(*self.variables, words.Variable("clean", verdict), *_zone_texts(asked)),
            message=_STATIC,
            only_if=only_if,
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
    selector: str | None,
    operations: Sequence[str],
    subresources: Sequence[str],
) -> list[Manifest]:
    """Return a policy that phiwarden itself is exempt from.

    Args:
        rules: the rulebook.
        reads: which checks it carries.
        name: of the policy.
        about: what it is for.
        kinds: what it looks at.
        object_selector: which of these.
        selector: what tells the enforcement level; None denies at every level.
        operations: which requests.
        subresources: further resources that let labels or annotations be written.
    """
    asked = questions(rules, Part((reads,), ()), [Severity.DENY])
    policy = _policy(
        name,
        about=about,
        kinds=kinds,
        operations=operations,
        subresources=subresources,
        object_selector=object_selector,
        variables=(
            words.TRUSTED,
            words.Variable("clean", f"variables.trusted || ({clean(asked)})"),
            words.Variable("failures", failures(asked, "")),
            *_told(question.rule for question in asked),
            words.Variable("text", _ANSWER),
        ),
        message="the boundary is changed by phiwarden alone (PHI-GRD-001)",
    )
    bindings = (
        [_binding(name, name, ["Deny"], {})] if selector is None else _bindings(name, selector)
    )
    return [policy, *bindings]


_NAMESPACE_SUBRESOURCES: Final = ("namespaces/status", "namespaces/finalize")
"""Writes to these change labels and annotations, too."""


def render(rules: Sequence[Rule]) -> list[Manifest]:
    """Return every policy and binding of the rulebook, ready for the chart.

    The texts `vocabulary.OPERATOR` and `vocabulary.EXEMPT_GROUPS` stand for
    values that the chart knows.
    """
    manifests: list[Manifest] = []
    for subject in SUBJECTS:
        manifests += _subject_policies(rules, subject, f"phiwarden-{subject.name}")
    manifests += _guard_policy(
        rules,
        Reads.OWNED,
        name="phiwarden-owned",
        about="Keeps the objects that phiwarden owns in a zone as they are.",
        kinds=OWNED,
        object_selector={"matchLabels": {names.MANAGED_BY: names.FIELD_MANAGER}},
        selector="namespaceSelector",
        operations=["CREATE", "UPDATE", "DELETE"],
        subresources=["resourcequotas/status"],
    )
    manifests += _guard_policy(
        rules,
        Reads.QUARANTINED,
        name="phiwarden-quarantine",
        about="Keeps pods in the quarantine that phiwarden put them in.",
        kinds=PODS.kinds,
        object_selector={"matchExpressions": [{"key": names.QUARANTINE, "operator": "Exists"}]},
        selector="namespaceSelector",
        operations=["CREATE", "UPDATE"],
        subresources=["pods/status", "pods/binding", "bindings"],
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
        operations=["UPDATE", "DELETE"],
        subresources=_NAMESPACE_SUBRESOURCES,
    )
    # Before it is a zone a namespace has no level, and a forger would choose the lowest.
    manifests += _guard_policy(
        rules,
        Reads.MARK,
        name="phiwarden-zones",
        about="Keeps the marks of a zone off every other Namespace.",
        kinds=[NAMESPACE],
        object_selector={},
        selector=None,
        operations=["CREATE", "UPDATE"],
        subresources=_NAMESPACE_SUBRESOURCES,
    )
    return _labelled(manifests)


def render_own(rules: Sequence[Rule]) -> list[Manifest]:
    """Return the policies and bindings of rules that a platform team adds, beside phiwarden's."""
    manifests: list[Manifest] = []
    for subject in SUBJECTS:
        manifests += _subject_policies(rules, subject, f"phiwarden-own-{subject.name}")
    return _labelled(manifests)


def _labelled(manifests: list[Manifest]) -> list[Manifest]:
    for manifest in manifests:
        manifest["metadata"]["labels"] = {names.PART_OF: names.FIELD_MANAGER}
    return manifests


def digest(manifest: Mapping[str, Any]) -> str:
    """Return a short digest of what a policy or binding does, for telling whether it was altered."""
    text = json.dumps(manifest["spec"], sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
