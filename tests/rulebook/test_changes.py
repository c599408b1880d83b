"""An update is judged by what it changes, and by nothing else."""

import copy
from collections.abc import Iterator
from typing import Any

import cel
import pytest

from phiwarden.rulebook import examples, feedback, vocabulary
from phiwarden.rulebook.changes import changed_parts, unchanged
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import CRONJOBS, PODS, WORKLOADS
from phiwarden.rulebook.subjects import SUBJECTS, Subject

DEPLOYMENT = WORKLOADS.kinds[0]
Body = dict[str, Any]


def deployment(**settings: Any) -> Body:
    template = examples.pod_template(Example(container={"image": "nginx"}))
    body = examples.manifest(DEPLOYMENT, template)
    body["spec"] |= settings
    return body


def changed(body: Body, steps: str, value: Any) -> Body:
    """Return a copy with one field changed; None takes it away."""
    body = copy.deepcopy(body)
    node = body
    *parents, last = steps.split("/")
    for step in parents:
        if not isinstance(node.get(step), dict):
            node[step] = {}
        node = node[step]
    if value is None:
        node.pop(last, None)
    else:
        node[last] = value
    return body


def broken(body: Body, old: Body | None = None) -> list[str]:
    failures = standard_judge().failures(body, examples.ZONE, old=old)
    return sorted({failure.rule for failure in failures})


@pytest.mark.parametrize(
    ("steps", "value"),
    [
        ("metadata/labels", {"team": "x"}),
        ("metadata/finalizers", ["x.example/y"]),
        ("spec/minReadySeconds", 5),
        ("spec/paused", True),
        ("status", {"replicas": 2}),
    ],
)
def test_what_no_rule_reads_is_not_judged(steps: str, value: Any) -> None:
    old = deployment()
    assert broken(old) == ["PHI-IMG-001", "PHI-IMG-002"]
    assert unchanged(changed(old, steps, value), old)
    assert broken(changed(old, steps, value), old) == []


def test_a_scale_is_judged_by_the_rules_about_replicas_alone() -> None:
    old = deployment()
    assert broken(changed(old, "spec/replicas", 3), old) == []
    assert broken(changed(old, "spec/replicas", 1), old) == ["PHI-REL-002"]


def test_a_new_template_is_not_judged_by_old_settings() -> None:
    old = deployment(replicas=1, strategy={"type": "Recreate"})
    assert broken(old) == ["PHI-IMG-001", "PHI-IMG-002", "PHI-REL-001", "PHI-REL-002"]
    annotations = "spec/template/metadata/annotations"
    assert broken(changed(old, annotations, {"a": "b"}), old) == ["PHI-IMG-001", "PHI-IMG-002"]


def test_what_is_on_its_way_out_is_judged_by_what_is_changed() -> None:
    """So that a finalizer can be taken off whatever is wrong, and nothing bad be slipped in."""
    old = changed(deployment(), "metadata/finalizers", ["x.example/y"])
    leaving = changed(old, "metadata/deletionTimestamp", "2026-01-01T00:00:00Z")
    assert unchanged(changed(leaving, "metadata/finalizers", None), leaving)
    assert not unchanged(changed(leaving, "spec/template/spec/hostPID", value=True), leaving)


@pytest.mark.parametrize("kind", [*PODS.kinds, *CRONJOBS.kinds])
def test_a_container_more_is_a_change(kind: Any) -> None:
    old = examples.manifest(kind, examples.pod_template(Example()))
    worse = examples.manifest(kind, examples.pod_template(Example(container={"image": "nginx"})))
    assert not unchanged(worse, old)
    assert broken(worse, old) == ["PHI-IMG-001", "PHI-IMG-002"]


SERVICE: Body = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"type": "NodePort", "selector": {"app": "web"}, "externalTrafficPolicy": "Local"},
}


def test_a_service_that_leaves_still_may_not_open_more() -> None:
    leaving = changed(SERVICE, "metadata/deletionTimestamp", "2026-01-01T00:00:00Z")
    assert unchanged(changed(leaving, "metadata/annotations", {"a": "b"}), leaving)
    assert not unchanged(changed(SERVICE, "metadata/annotations", {"a": "b"}), SERVICE)
    wider = changed(leaving, "spec/externalIPs", ["203.0.113.9"])
    assert broken(wider, leaving) == ["PHI-NET-002"]


def test_null_empty_and_absent_are_one() -> None:
    config: Body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}
    assert unchanged({**config, "data": None}, {**config, "data": {}})


@pytest.mark.parametrize(
    "other",
    [
        {"apiVersion": "serving.knative.dev/v1", "kind": "Service", "spec": {"type": "NodePort"}},
        {"apiVersion": "networking.istio.io/v1", "kind": "Gateway", "spec": {}},
        {"apiVersion": "batch.volcano.sh/v1alpha1", "kind": "Job", "spec": {}},
    ],
)
def test_kinds_of_other_groups_are_not_mistaken(other: Body) -> None:
    assert broken(other) == []
    assert unchanged(other, {})


# --- Python, the policies and the webhook's conditions agree on what is unchanged.


def thing(subject: Subject) -> Body:
    kind = subject.kinds[0]
    if subject.shape is not None:
        return examples.manifest(kind, examples.pod_template(Example()))
    head = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": "app"}}
    # These two always have a spec.
    return {**head, "spec": {}} if subject.name in ("scale", "claims") else head


def alterations(subject: Subject) -> Iterator[tuple[str, Body]]:
    """Yield (what was done, the object after it)."""
    base = thing(subject)
    yield "nothing", base
    yield "a label", changed(base, "metadata/labels", {"a": "b"})
    yield "an annotation", changed(base, "metadata/annotations", {"a": "b"})
    leaving = changed(base, "metadata/deletionTimestamp", "2026-01-01T00:00:00Z")
    yield "leaving", leaving
    yield "leaving, with an annotation", changed(leaving, "metadata/annotations", {"a": "b"})
    for part in subject.parts:
        for steps in (*part.fields, *part.living):
            more = f"{steps.replace('.', '/')}/more"
            yield f"{steps} set", changed(base, more, "x")
            yield f"{steps} set on what leaves", changed(leaving, more, "x")


CASES = [
    pytest.param(subject, after, id=f"{subject.name}: {what}")
    for subject in SUBJECTS
    for what, after in alterations(subject)
]


@pytest.mark.parametrize(("subject", "after"), CASES)
def test_python_and_the_policies_mean_the_same_by_unchanged(subject: Subject, after: Body) -> None:
    before = thing(subject)
    for part in subject.parts:
        same = part not in changed_parts(subject, after, before)
        assert asked(vocabulary.same(part), subject, after, before) is same


@pytest.mark.parametrize(
    ("subject", "after"), [case for case in CASES if case.values[0] in feedback.TOLD]
)
def test_the_webhook_is_called_for_every_update_that_is_judged(
    subject: Subject, after: Body
) -> None:
    before = thing(subject)
    called = asked(feedback.conditions()[1]["expression"], subject, after, before)
    assert called is not unchanged(after, before)


def asked(condition: str, subject: Subject, obj: Body, old: Body) -> bool:
    request = {
        "operation": "UPDATE",
        "resource": {"resource": subject.kinds[0].plural},
        "userInfo": {"username": "developer"},
    }
    variables = {"object": obj, "oldObject": old, "request": request}
    return bool(cel.compile(condition).execute(cel.Context(variables=variables)))


def test_the_webhook_is_never_asked_about_secrets() -> None:
    """Their values would enter the process."""
    asked_about = {resource for rule in feedback.rules() for resource in rule["resources"]}
    assert "secrets" not in asked_about
    assert {"deployments", "configmaps", "pods/ephemeralcontainers"} <= asked_about
