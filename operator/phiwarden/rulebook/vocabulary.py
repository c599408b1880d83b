"""The names that a rule's predicates may use, as the API server computes them.

`object`, `oldObject` and `request` are the API server's own. Everything else
is a variable of the policy (`variables.x`), defined here once per kind of
policy; `evaluate` gives Python's values under the same names. The facts of
the boundary come from the Namespace (`namespaceObject`), so that no request
needs a parameter object.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from phiwarden.api import names
from phiwarden.api.rollback import FEWEST_KEPT
from phiwarden.api.workload import ClinicalImpact, DataClass, Enforcement, Environment, Exposure
from phiwarden.boundary.labels import NUMBER
from phiwarden.rulebook import bulk, exceptions, held
from phiwarden.rulebook.model import LISTS, Each, Reads
from phiwarden.rulebook.questions import container_list
from phiwarden.rulebook.shapes import PODS, TEMPLATES, Shape
from phiwarden.rulebook.subjects import SUBJECTS, Part, Subject

OPERATOR: Final = "@operator@"
"""Stands for the operator's user name until the chart is rendered."""

EXEMPT_GROUPS: Final = "@exemptGroups@"
"""Stands for the list of groups that may change a boundary in an emergency."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a policy.

    Attributes:
        name: its name.
        expression: CEL that computes it when it is first used.
        short: whether a verdict is cheaper with the expression than with the variable, which the
            API server evaluates as a program of its own.
    """

    name: str
    expression: str
    short: bool = False


_LABELS: Final = "namespaceObject.metadata.labels"
_NOTES: Final = "namespaceObject.metadata.annotations"


def _listed(key: str) -> str:
    return f"{_NOTES}['{key}'].split(',').filter(entry, entry != '')"


def _listed_if_there(key: str) -> str:
    return f"'{key}' in {_NOTES} ? {_listed(key)} : []"


def _quoted(values: object) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"  # type: ignore[attr-defined]


_ENUMERATED: Final = {
    names.DATA: DataClass,
    names.ENVIRONMENT: Environment,
    names.IMPACT: ClinicalImpact,
    names.EXPOSURE: Exposure,
    names.ENFORCEMENT: Enforcement,
}

_NUMBERS: Final = (names.KEEP_REVISIONS,)
"""Annotations that hold a number, where they are there."""


def _is_number(key: str) -> str:
    return f"{_NOTES}['{key}'].matches('^{NUMBER}$')"


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
    + "".join(
        f" + ('{key}' in {_NOTES} && !{_is_number(key)} ? ['{key}'] : [])" for key in _NUMBERS
    )
    + " : ['metadata']"
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
    + "".join(f" && (!('{key}' in {_NOTES}) || {_is_number(key)})" for key in _NUMBERS)
)

ZONE: Final = (
    Variable("readable", _READABLE, short=True),
    Variable("unreadable", _UNREADABLE),
    Variable("kind", "request.kind.kind", short=True),
    Variable("putBack", f"request.userInfo.username == '{OPERATOR}'", short=True),
    Variable("data", f"{_LABELS}['{names.DATA}']", short=True),
    Variable("environment", f"{_LABELS}['{names.ENVIRONMENT}']", short=True),
    Variable("impact", f"{_LABELS}['{names.IMPACT}']", short=True),
    Variable("exposure", f"{_LABELS}['{names.EXPOSURE}']", short=True),
    Variable("registries", _listed(names.REGISTRIES)),
    Variable("serviceAccounts", _listed(names.SERVICE_ACCOUNTS), short=True),
    Variable("apiAccess", _listed(names.API_ACCESS)),
    Variable("regions", _listed(names.REGIONS)),
    Variable("destinations", _listed(names.DESTINATIONS)),
    Variable("clusterRoles", _listed(names.CLUSTER_ROLES)),
    Variable("storageClasses", _listed_if_there(names.STORAGE_CLASSES)),
    Variable("withheldClaims", _listed_if_there(names.WITHHELD_CLAIMS)),
    # Where an older version wrote the boundary nothing is known of secrets, and nothing refused.
    Variable("secretsKnown", f"'{names.SECRETS}' in {_NOTES}"),
    Variable("overdueSecrets", _listed_if_there(names.OVERDUE_SECRETS)),
    Variable("ownedSecrets", _listed_if_there(names.OWNED_SECRETS)),
    # Most zones ask for none: then no list is looked at.
    Variable("releasesAsked", f"'{names.RELEASES}' in {_NOTES}", short=True),
    Variable("releases", _listed_if_there(names.RELEASES)),
    Variable(
        "keepRevisions",
        f"'{names.KEEP_REVISIONS}' in {_NOTES} ? int({_NOTES}['{names.KEEP_REVISIONS}'])"
        f" : {FEWEST_KEPT}",
    ),
)
"""What the declaration says of the zone that a request is for."""

_CONTROLLERS: Final = (
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:namespace-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
)
"""Parts of Kubernetes that remove objects of a namespace which is being deleted."""

_CHOSEN: Final = (
    f"request.userInfo.username == '{OPERATOR}'"
    f" || (has(request.userInfo.groups)"
    f" && request.userInfo.groups.exists(group, group in {EXEMPT_GROUPS}))"
)

TRUSTED: Final = Variable(
    "trusted",
    f"request.userInfo.username in {_quoted(_CONTROLLERS)} || {_CHOSEN}",
)

CHOSEN: Final = Variable(TRUSTED.name, _CHOSEN)
"""The same without Kubernetes' own controllers, which delete for whoever names an owner."""

_HELD: Final = {
    PODS: Variable("held", held.pods(_listed(names.HELD))),
    TEMPLATES: Variable("held", held.templates(_listed(names.HELD))),
}
"""Evaluated for what breaks rules alone: `verdicts` asks it last."""


def _sum_over(field: str, each: str, size: str) -> str:
    there = f"container.{field}"
    return f"(has({there}) ? {there}.map({each}, {bulk.EACH} + {size}).sum() : 0)"


def _words(field: str) -> str:
    return f"(has(container.{field}) ? container.{field}.size() : 0)"


# What is beyond all bounds is told by its number of words: to go through them costs as well.
_COUNT: Final = (
    f"variables.containers.map(container, {_words('env')} + {_words('args')} + {_words('command')})"
    f".sum() * {bulk.EACH}"
)
_VALUE: Final = "(has(entry.value) ? entry.value.size() : 0)"
_BULK: Final = (
    f"{_COUNT} > {bulk.MOST} ? {_COUNT} : variables.containers.map(container, {bulk.CONTAINER}"
    f" + (has(container.image) ? container.image.size() / {bulk.LESS} : 0)"
    f" + {_sum_over('env', 'entry', f'entry.name.size() + {_VALUE}')}"
    f" + {_sum_over('args', 'word', 'word.size()')}"
    f" + {_sum_over('command', 'word', 'word.size()')}).sum()"
    f" + variables.volumes.size() * {bulk.VOLUME}"
    " + variables.annotations.map(key, key.size() + variables.annotations[key].size()).sum()"
    f" / {bulk.LESS}"
)


def _pod_variables(shape: Shape) -> tuple[Variable, ...]:
    """Return the variables of a policy whose objects carry a pod at the shape's place."""
    here = f"object{shape.path}"
    kept = (_HELD[shape],) if shape in _HELD else ()
    return (
        Variable("pod", f"{here}.spec", short=True),
        Variable(
            "annotations",
            f"has({here}.metadata) && has({here}.metadata.annotations)"
            f" ? {here}.metadata.annotations : {{}}",
        ),
        Variable("containers", _joined(Each.CONTAINER)),
        Variable("lastingContainers", _joined(Each.LASTING_CONTAINER)),
        Variable("volumes", "has(variables.pod.volumes) ? variables.pod.volumes : []", short=True),
        Variable(
            "serviceAccount",
            "has(variables.pod.serviceAccountName) ? variables.pod.serviceAccountName"
            " : has(variables.pod.serviceAccount) ? variables.pod.serviceAccount : 'default'",
            short=True,
        ),
        Variable(
            "readableSecrets",
            f"({_listed_if_there(names.SECRETS)})"
            ".filter(entry, entry.endsWith('/' + variables.serviceAccount))"
            ".map(entry, entry.split('/')[0])",
        ),
        Variable("bulk", _BULK),
        *kept,
    )


def _joined(each: Each) -> str:
    return " + ".join(container_list(name) for name in LISTS[each])


_SLICE_MAKERS: Final = (
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:endpoint-controller",
    "system:serviceaccount:kube-system:endpointslice-controller",
    "system:serviceaccount:kube-system:endpointslicemirroring-controller",
)
_BINDERS: Final = (
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:persistent-volume-binder",
)
_REVISION_MAKERS: Final = (
    "system:kube-controller-manager",
    "system:serviceaccount:kube-system:daemon-set-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:serviceaccount:kube-system:statefulset-controller",
)


# Their pod was judged, ephemeral volumes and all; and one of direct care that is replaced must
# have its volume, though nothing of its kind would be admitted today.
_OF_POD: Final = Variable(
    "ofPod",
    "request.userInfo.username in "
    f"{_quoted((held.MANAGER, 'system:serviceaccount:kube-system:ephemeral-volume-controller'))}"
    " && has(object.metadata.ownerReferences)"
    " && object.metadata.ownerReferences.exists(owner,"
    " owner.kind == 'Pod' && has(owner.controller) && owner.controller)",
)


# Secrets that a store owns whose operator is not the one who asks.
_SECRETS_OF_OTHERS: Final = Variable(
    "secretsOfOthers",
    "variables.ownedSecrets.filter(entry,"
    " entry != entry.split('=')[0] + '=' + request.userInfo.username)"
    ".map(entry, entry.split('=')[0])",
)


# An ephemeral volume goes with its pod; what a StatefulSet is asked to do is judged at the set.
_OWNERS_BY_DESIGN: Final = Variable(
    "ownersByDesign",
    "request.userInfo.username in "
    + _quoted(
        (
            held.MANAGER,
            "system:serviceaccount:kube-system:ephemeral-volume-controller",
            "system:serviceaccount:kube-system:statefulset-controller",
        )
    ),
)


def _handmade(makers: tuple[str, ...]) -> Variable:
    return Variable("handmade", f"!(request.userInfo.username in {_quoted(makers)})")


_OF_READS: Final = {
    Reads.NETWORK_POLICY: (TRUSTED,),
    Reads.CLAIM: (_OF_POD, TRUSTED, _handmade(_BINDERS)),
    Reads.SNAPSHOT: (TRUSTED,),
    Reads.REFERENCE_GRANT: (TRUSTED,),
    Reads.CLAIM_DELETION: (TRUSTED,),
    Reads.CLAIM_OWNERS: (TRUSTED, _OWNERS_BY_DESIGN),
    **dict.fromkeys(
        (Reads.SECRET_WRITE, Reads.SECRET_DELETION, Reads.SECRET_SOURCE),
        (TRUSTED, _SECRETS_OF_OTHERS),
    ),
    Reads.ENDPOINTS: (_handmade(_SLICE_MAKERS),),
    Reads.REVISION: (_handmade(_REVISION_MAKERS),),
    Reads.CONFIG: (
        Variable("entries", "has(object.data) ? object.data : {}"),
        Variable("entryCount", "variables.entries.size()"),
        Variable("size", "variables.entries.map(key, variables.entries[key].size()).sum()"),
    ),
}


_MADE: Final = {
    PODS: exceptions.made_for(held.POD_MAKERS),
    TEMPLATES: exceptions.made_for((*held.JOB_MAKERS, *held.REPLICA_SET_MAKERS)),
}


def has_exceptions(subject: Subject) -> bool:
    """Return whether exceptions count for a subject: for what is stored, with a note of when."""
    return subject in SUBJECTS and subject.name not in exceptions.WITHOUT


def _exceptions(subject: Subject) -> tuple[Variable, ...]:
    """Return the variables that exceptions are told by; evaluated for what breaks rules alone."""
    if not has_exceptions(subject):
        return ()
    made = _MADE.get(subject.shape) if subject.shape is not None else None
    owners = () if made is None else (Variable("madeFor", made),)
    stands_for = exceptions.STANDS_FOR + ("" if made is None else exceptions.OF_OWNERS)
    return (
        *owners,
        Variable("standsFor", stands_for),
        Variable("now", exceptions.now(subject.shape)),
        Variable("excused", exceptions.excused_rules(made=made is not None)),
    )


def variables_of(subject: Subject) -> tuple[Variable, ...]:
    """Return the variables that the predicates about a subject may use, in order of dependence."""
    more = [v for reads, found in _OF_READS.items() if subject.reads(reads) for v in found]
    pod = () if subject.shape is None else _pod_variables(subject.shape)
    return (*ZONE, *pod, *more, *_exceptions(subject))


def written_out(expression: str, variables: Iterable[Variable], *, short: bool = True) -> str:
    """Return CEL with the expressions of variables in place of their names.

    Args:
        expression: the CEL.
        variables: those that it may name.
        short: whether only short ones are written out, or all.
    """
    known = {v.name: v.expression for v in variables if v.short or not short}

    def expressed(match: re.Match[str]) -> str:
        text = known.get(match[1])
        if text is None:
            return match[0]
        whole = written_out(text, variables, short=short)
        return whole if _PATH.fullmatch(whole) else f"({whole})"

    return _NAMED.sub(expressed, expression)


_NAMED: Final = re.compile(r"\bvariables\.(\w+)")
_PATH: Final = re.compile(r"[\w.]+(\['[^']*'\])*")


def needed(variables: Sequence[Variable], *names: str) -> tuple[Variable, ...]:
    """Return the variables that some of them, by name, are computed from, and these themselves.

    The API server prepares every variable of a policy for every request.
    """
    wanted = set(names)
    for variable in reversed(variables):
        if variable.name in wanted:
            wanted |= set(_NAMED.findall(variable.expression))
    return tuple(variable for variable in variables if variable.name in wanted)


def of_the_zone(expression: str, variables: Iterable[Variable]) -> bool:
    """Return whether CEL reads anything of the zone, and not of the request alone."""
    return "namespaceObject" in written_out(expression, variables, short=False)


def same(part: Part) -> str:
    """Return CEL that is true for an update that leaves a part as it was."""
    terms = [_same(steps) for steps in part.fields]
    terms += [f"(has(object.metadata.deletionTimestamp) || {_same(s)})" for s in part.living]
    return "(request.operation == 'UPDATE' && " + " && ".join(terms) + ")"


def _same(steps: str) -> str:
    if steps in _ALWAYS_THERE:
        return f"object.{steps} == oldObject.{steps}"
    here, there = f"object.{steps}", f"oldObject.{steps}"
    return f"(has({here}) ? has({there}) && {here} == {there} : !has({there}))"


_ALWAYS_THERE: Final = ("spec.template", "spec.jobTemplate.spec.template")
"""Fields that the API server requires: no question whether they are there."""
