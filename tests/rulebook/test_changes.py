"""Which updates pass unjudged: Python, the policies and the webhook's conditions agree."""

import copy
from collections.abc import Iterator
from typing import Any

import cel
import pytest

from phiwarden.rulebook import examples, feedback
from phiwarden.rulebook.changes import JUDGED, Judged, unchanged
from phiwarden.rulebook.chart import installed
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import NETWORK_POLICY, SERVICE, shape_of
from phiwarden.rulebook.vocabulary import exempt

Object = dict[str, Any]
LEAVING = "2026-11-20T10:00:00Z"


def an_object(judged: Judged) -> Object:
    kind = judged.kind
    if shape_of(kind.kind) is not None:
        return examples.manifest(kind, examples.pod_template(Example()))
    spec: Object = {"type": "ClusterIP"} if kind == SERVICE else {"podSelector": {}}
    head = {"apiVersion": kind.api_version, "kind": kind.kind}
    return {**head, "metadata": {"name": "app"}, "spec": spec}


def at(obj: Object, steps: tuple[str, ...]) -> Object:
    for step in steps:
        obj = obj.setdefault(step, {})
    return obj


def changes(judged: Judged) -> Iterator[tuple[str, Object, bool]]:
    """Yield (what was done, the object after it, whether it passes unjudged)."""
    base = an_object(judged)

    def after(*steps: str, **fields: Any) -> Object:
        changed = copy.deepcopy(base)
        at(changed, steps).update(fields)
        return changed

    yield "nothing", after(), True
    yield "a label", after("metadata", labels={"a": "b"}), True
    yield "a finalizer", after("metadata", finalizers=["example.com/kept"]), True
    yield "status", after("status", ready=True), True
    yield "an annotation", after("metadata", annotations={"a": "b"}), not judged.annotations
    yield "what rules read", after(*judged.part, other=True), False
    leaving = after("metadata", deletionTimestamp=LEAVING)
    yield "leaving", leaving, True
    noted = copy.deepcopy(leaving)
    noted["metadata"]["annotations"] = {"a": "b"}
    yield "leaving, with an annotation", noted, True
    changed = copy.deepcopy(leaving)
    at(changed, judged.part)["other"] = True
    yield "leaving, with what rules read", changed, judged.leaves
    if judged.part != ("spec",):
        yield "a scale", after("spec", replicas=7), True


CASES = [
    pytest.param(judged, after, passes, id=f"{judged.kind.kind}, {what}")
    for judged in JUDGED
    for what, after, passes in changes(judged)
]


@pytest.mark.parametrize(("judged", "after", "passes"), CASES)
def test_an_update_passes_unjudged_where_the_policies_let_it(
    judged: Judged, after: Object, passes: bool
) -> None:
    before = an_object(judged)
    assert unchanged(after, before) is passes
    assert asked(policy_condition(judged), judged, after, before) is passes


@pytest.mark.parametrize(("judged", "after", "passes"), CASES)
def test_the_webhook_is_called_for_every_update_that_is_judged(
    judged: Judged, after: Object, passes: bool
) -> None:
    """It may be called for more: a called webhook decides by `unchanged`."""
    before = an_object(judged)
    called = asked(feedback.conditions()[1]["expression"], judged, after, before)
    assert called or passes


def test_what_no_rule_reads_is_never_unchanged() -> None:
    thing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}}
    assert not unchanged(thing, thing)


def test_a_field_that_is_no_object_is_compared_and_no_error() -> None:
    (deployment,) = [judged for judged in JUDGED if judged.kind.kind == "Deployment"]
    broken = {"kind": deployment.kind.kind, "metadata": 1, "spec": "none"}
    assert not unchanged(broken, an_object(deployment))


def policy_condition(judged: Judged) -> str:
    """Return the CEL by which the kind's policy lets an update pass unjudged."""
    shape = shape_of(judged.kind.kind)
    if shape is not None:
        return exempt(shape)
    (policy,) = [
        manifest["spec"]
        for manifest in installed("operator", [])
        if manifest["metadata"]["name"] == f"phiwarden-{judged.kind.plural}"
    ]
    (clean,) = [v["expression"] for v in policy["variables"] if v["name"] == "clean"]
    return str(clean.split(" || (variables.readable")[0])


def asked(condition: str, judged: Judged, obj: Object, old: Object) -> bool:
    request = {
        "operation": "UPDATE",
        "resource": {"resource": judged.kind.plural},
        "userInfo": {"username": "developer"},
    }
    variables = {"object": obj, "oldObject": old, "request": request}
    return bool(cel.compile(condition).execute(cel.Context(variables=variables)))


def test_the_webhook_is_asked_about_what_the_policies_of_zones_judge() -> None:
    """Any kind that gets a policy for zones gets feedback, too."""

    def resources(rules: list[Object]) -> set[tuple[str, str, str]]:
        return {
            (group, version, resource)
            for rule in rules
            for group in rule["apiGroups"]
            for version in rule["apiVersions"]
            for resource in rule["resources"]
        }

    guards = {"owned", "quarantine", "namespaces", "zones"}
    judged = {
        resource
        for manifest in installed("operator", [])
        if manifest["kind"] == "ValidatingAdmissionPolicy"
        and manifest["metadata"]["name"].removeprefix("phiwarden-") not in guards
        for resource in resources(manifest["spec"]["matchConstraints"]["resourceRules"])
    }
    # Its status carries annotations, which only controllers write.
    assert resources(feedback.rules()) == judged - {("", "v1", "services/status")}
    assert NETWORK_POLICY in [judged.kind for judged in JUDGED]


@pytest.mark.parametrize(
    ("username", "reads"),
    [
        ("developer", True),
        ("system:serviceaccount:portal-ci:deployer", True),
        ("system:admin", True),
        ("system:kube-controller-manager", False),
        ("system:serviceaccount:kube-system:replicaset-controller", False),
        ("system:node:node-1", False),
        ("system:serviceaccount:kube-system-2:deployer", True),
    ],
)
def test_parts_of_kubernetes_are_not_spoken_to(username: str, reads: bool) -> None:
    assert feedback.of_system(username) is not reads
    request = {"operation": "CREATE", "userInfo": {"username": username}}
    context = cel.Context(variables={"request": request})
    expression = feedback.conditions()[0]["expression"]
    assert cel.compile(expression).execute(context) is reads
