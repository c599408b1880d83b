"""The manifests of a ValidatingAdmissionPolicy and its bindings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from phiwarden.api import names
from phiwarden.api.workload import Enforcement
from phiwarden.rulebook import vocabulary as words
from phiwarden.rulebook.shapes import Kind

Manifest = dict[str, Any]

MESSAGE_LIMIT: Final = 4600
"""Characters of a message; the API server drops more than 5,120 bytes."""

_OFFENDS: Final = "offends-by-itself"

_ACTIONS: Final = {
    Enforcement.ENFORCE: ["Deny"],
    Enforcement.WARN: ["Warn", "Audit"],
    Enforcement.OBSERVE: ["Audit"],
}


@dataclass(frozen=True, slots=True)
class Validation:
    """A question that a policy asks beside its verdict, with a text that is fixed."""

    expression: str
    message: str


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


def policy(
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
    beside: Sequence[Validation] = (),
) -> Manifest:
    """Return a policy that admits what is `clean`, and answers `text` to anything else.

    Args:
        name: of the policy.
        about: what it is for.
        kinds: what it looks at.
        operations: which requests.
        variables: CEL by name; `clean` and `text` among them, each after what it is computed from.
        message: the answer where `text` cannot be told.
        subresources: further resources of the core group.
        object_selector: which objects; None for all.
        only_if: CEL of the request alone, without which nothing is evaluated.
        beside: what is asked further.
    """
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
                },
                *(
                    {"expression": v.expression, "message": v.message, "reason": "Forbidden"}
                    for v in beside
                ),
            ],
        },
    }


def bindings(policy: str, selector: str) -> list[Manifest]:
    """Return one binding per enforcement level; a zone has one level, and so meets one."""
    return [
        binding(
            f"{policy}-{level}",
            policy,
            actions,
            {selector: {"matchLabels": {names.ENFORCEMENT: level.value}}},
        )
        for level, actions in _ACTIONS.items()
    ]


def binding(name: str, policy: str, actions: Sequence[str], selectors: Manifest) -> Manifest:
    """Return a binding with its actions, for what the selectors choose."""
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
