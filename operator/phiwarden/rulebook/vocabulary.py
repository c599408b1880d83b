"""The names that a rule's predicates may use, as the API server computes them.

`object`, `oldObject` and `request` are the API server's own. Everything else
is a variable of the policy (`variables.x`), defined here once per kind of
policy; `evaluate` gives Python's values under the same names. The facts of
the boundary come from the Namespace (`namespaceObject`), so that no request
needs a parameter object.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from phiwarden.api import names
from phiwarden.api.workload import ClinicalImpact, DataClass, Enforcement, Environment, Exposure
from phiwarden.rulebook.shapes import CONTAINER_LISTS, PODS, Shape

OPERATOR: Final = "@operator@"
"""Stands for the operator's user name until the chart is rendered."""

EXEMPT_GROUPS: Final = "@exemptGroups@"
"""Stands for the list of groups that may change a boundary in an emergency."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a policy: its name and the CEL that computes it when it is first used."""

    name: str
    expression: str


_LABELS: Final = "namespaceObject.metadata.labels"
_NOTES: Final = "namespaceObject.metadata.annotations"


def _listed(key: str) -> str:
    return f"{_NOTES}['{key}'].split(',').filter(entry, entry != '')"


def _quoted(values: object) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"  # type: ignore[attr-defined]


_ENUMERATED: Final = {
    names.DATA: DataClass,
    names.ENVIRONMENT: Environment,
    names.IMPACT: ClinicalImpact,
    names.EXPOSURE: Exposure,
    names.ENFORCEMENT: Enforcement,
}

# A zone whose marks are missing or unknown cannot be judged, and so refuses.
_UNREADABLE: Final = (
    f"has({_LABELS}) && has({_NOTES})"
    f" ? {_quoted(names.BOUNDARY_LABELS)}.filter(key, !(key in {_LABELS}))"
    f" + {_quoted(names.BOUNDARY_ANNOTATIONS)}.filter(key, !(key in {_NOTES}))"
    + "".join(
        f" + ('{key}' in {_LABELS} && !({_LABELS}['{key}'] in {_quoted(kind)}) ? ['{key}'] : [])"
        for key, kind in _ENUMERATED.items()
    )
    + f" + ('{names.FORMAT}' in {_NOTES} && {_NOTES}['{names.FORMAT}'] != '{names.FORMAT_VERSION}'"
    f" ? ['{names.FORMAT}'] : [])"
    " : ['metadata']"
)

_READABLE: Final = (
    f"has({_LABELS}) && has({_NOTES})"
    + "".join(f" && '{key}' in {_LABELS}" for key in (names.WORKLOAD, names.ZONE))
    + "".join(
        f" && '{key}' in {_LABELS} && {_LABELS}['{key}'] in {_quoted(kind)}"
        for key, kind in _ENUMERATED.items()
    )
    + f" && '{names.FORMAT}' in {_NOTES}"
    f" && {_NOTES}['{names.FORMAT}'] == '{names.FORMAT_VERSION}'"
    + "".join(
        f" && '{key}' in {_NOTES}" for key in names.BOUNDARY_ANNOTATIONS if key != names.FORMAT
    )
)

ZONE: Final = (
    Variable("readable", _READABLE),
    Variable("unreadable", _UNREADABLE),
    Variable("data", f"{_LABELS}['{names.DATA}']"),
    Variable("impact", f"{_LABELS}['{names.IMPACT}']"),
    Variable("exposure", f"{_LABELS}['{names.EXPOSURE}']"),
    Variable("registries", _listed(names.REGISTRIES)),
    Variable("serviceAccounts", _listed(names.SERVICE_ACCOUNTS)),
    Variable("apiAccess", _listed(names.API_ACCESS)),
    Variable("regions", _listed(names.REGIONS)),
)
"""What the declaration says of the zone that a request is for."""

_CONTROLLERS: Final = (
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:namespace-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
)
"""Parts of Kubernetes that remove objects of a namespace which is being deleted."""

TRUSTED: Final = Variable(
    "trusted",
    f"request.userInfo.username == '{OPERATOR}'"
    f" || request.userInfo.username in {_quoted(_CONTROLLERS)}"
    f" || (has(request.userInfo.groups)"
    f" && request.userInfo.groups.exists(group, group in {EXEMPT_GROUPS}))",
)

_POD_MAKERS: Final = (
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:replicaset-controller",
    "system:serviceaccount:kube-system:statefulset-controller",
    "system:serviceaccount:kube-system:daemon-set-controller",
)

# The name alone proves nothing: only the controllers themselves can speak as their
# accounts, and they make pods from their object's template and nothing else.
_HELD: Final = Variable(
    "held",
    "request.operation == 'CREATE' && variables.readable && variables.impact == 'direct-care'"
    f" && request.userInfo.username in {_quoted(_POD_MAKERS)}"
    " && has(object.metadata.ownerReferences)"
    " && object.metadata.ownerReferences.exists(owner, has(owner.controller) && owner.controller"
    " && (owner.kind == 'ReplicaSet' && owner.name.contains('-')"
    " ? 'Deployment/' + owner.name.substring(0, owner.name.lastIndexOf('-'))"
    " : owner.kind + '/' + owner.name)"
    f" in {_listed(names.HELD)})",
)


def _list_or_empty(field: str) -> str:
    return f"(has(variables.pod.{field}) ? variables.pod.{field} : [])"


def pod_variables(shape: Shape) -> tuple[Variable, ...]:
    """Return the variables of a policy whose objects carry a pod at the shape's place."""
    here = f"object{shape.path}"
    held = (_HELD,) if shape is PODS else ()
    return (
        *ZONE,
        Variable("pod", f"{here}.spec"),
        Variable(
            "annotations",
            f"has({here}.metadata) && has({here}.metadata.annotations)"
            f" ? {here}.metadata.annotations : {{}}",
        ),
        Variable("containers", " + ".join(_list_or_empty(name) for name in CONTAINER_LISTS)),
        Variable("volumes", _list_or_empty("volumes")),
        Variable(
            "serviceAccount",
            "has(variables.pod.serviceAccountName) ? variables.pod.serviceAccountName"
            " : has(variables.pod.serviceAccount) ? variables.pod.serviceAccount : 'default'",
        ),
        *held,
    )


def exempt(shape: Shape) -> str:
    """Return CEL for requests that are not judged: nothing that runs is ever made stuck.

    An update that leaves what the rules read as it was passes (a scale, a
    label, a finalizer), and so does anything on its way out. What a pod
    reads is its spec: network plug-ins and others annotate running pods.
    """
    part = f"{shape.path}" if shape.template else ".spec"
    return (
        "has(object.metadata.deletionTimestamp)"
        f" || (request.operation == 'UPDATE' && object{part} == oldObject{part})"
    )
