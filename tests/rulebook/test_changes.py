"""An update is judged by what it changes, and by nothing else."""

import copy
from typing import Any

import pytest

from phiwarden.rulebook import examples
from phiwarden.rulebook.changes import unchanged
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import CRONJOBS, PODS, WORKLOADS

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
        node = node.setdefault(step, {})
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


def test_what_is_on_its_way_out_is_not_judged() -> None:
    old = deployment()
    leaving = changed(old, "metadata/deletionTimestamp", "2026-01-01T00:00:00Z")
    assert unchanged(changed(leaving, "spec/template/spec/hostPID", value=True), old)


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
