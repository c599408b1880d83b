"""What phiwarden may write where rules refuse others: whatever puts back what slipped through."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from e2e import zones
from e2e.bypass.from_before import Grandfathered
from e2e.bypass.pods import (
    CRONJOB,
    DAEMONSET,
    DEPLOYMENT,
    GOOD,
    JOB,
    POD,
    STATEFULSET,
    TAGGED,
    Body,
    bad,
    good,
    images,
    refused,
    template_of,
)
from e2e.rest import JSON_PATCH, MERGE, Answer, Rest
from e2e.trail import USERNAME
from e2e.waiting import until
from phiwarden.cluster.resources import ADMISSION_BINDING, ADMISSION_POLICY, collection, item
from phiwarden.rulebook import examples
from phiwarden.rulebook.chart import installed
from phiwarden.rulebook.model import Example, Rule, Running
from phiwarden.rulebook.shapes import Kind

UNRELIABLE = Example(container={"readinessProbe": None, "resources": None})
"""What breaks rules that cost reliability and no boundary: PHI-POD-005 and 006."""


@pytest.fixture
def before(root: Rest, engineer: Rest) -> Iterator[Grandfathered]:
    """A zone that does not enforce yet."""
    namespace = zones.make(root, replace(examples.ZONE, enforcement="observe"))
    yield Grandfathered(namespace, engineer, root)
    root.delete(f"{zones.CORE}/{namespace}")


def put(who: Rest, path: str, field: str, value: Any, **query: str) -> Answer:
    """Replace one field as phiwarden does: only of the object that was seen, which may be anew."""

    def ask() -> Answer | None:
        seen = who.get(path).body["metadata"]["resourceVersion"]
        change = [
            {"op": "test", "path": "/metadata/resourceVersion", "value": seen},
            {"op": "add", "path": field, "value": value},
        ]
        answer = who.request("PATCH", path, change, content=JSON_PATCH, **query)
        return None if answer.code in (409, 422) else answer

    return until(ask, f"{path} was not changed by a controller meanwhile")


@pytest.mark.parametrize("kind", [DEPLOYMENT, STATEFULSET, DAEMONSET], ids=lambda k: k.kind)
def test_a_template_goes_back_to_one_that_costs_reliability_alone(
    before: Grandfathered, operator: Rest, kind: Kind
) -> None:
    path = before.created(bad(kind, "records", UNRELIABLE))
    earlier = template_of(before.rest.get(path).body)
    assert put(before.rest, path, "/spec/template", template_of(bad(kind, "records"))).ok
    before.enforce()
    refused(put(before.rest, path, "/spec/template", earlier), "PHI-POD-005")
    answer = put(operator, path, "/spec/template", earlier)
    assert answer.ok, answer.message
    stored = template_of(before.rest.get(path).body)
    assert stored == earlier
    assert "readinessProbe" not in stored["spec"]["containers"][0]
    # What opens the boundary is refused whoever writes it.
    worse = template_of(bad(kind, "records"))
    refused(put(operator, path, "/spec/template", worse))
    worse = copy.deepcopy(earlier)
    worse["spec"]["hostNetwork"] = True
    refused(put(operator, path, "/spec/template", worse), "PHI-POD-003")
    assert template_of(before.rest.get(path).body) == earlier


AT_ONCE = {
    DEPLOYMENT: {"strategy": {"type": "Recreate"}},
    STATEFULSET: {"updateStrategy": {"type": "OnDelete"}},
}
"""How a rollout takes every pod away at once, or none: PHI-REL-001."""


@pytest.mark.parametrize("kind", AT_ONCE, ids=lambda k: k.kind)
def test_replicas_go_to_none_and_back_to_what_they_were(
    before: Grandfathered, operator: Rest, kind: Kind
) -> None:
    """A single one, too, and beside a strategy that rules refuse."""
    body = bad(kind, "records")
    body["spec"] |= {"replicas": 1, **AT_ONCE[kind]}
    path = before.created(body)
    before.enforce()
    spec = before.rest.get(path).body["spec"]
    refused(put(before.rest, path, "/spec/replicas", 0), "PHI-REL-001")
    assert put(operator, path, "/spec/replicas", 0).ok
    assert before.rest.get(path).body["spec"] == {**spec, "replicas": 0}
    refused(put(before.rest, path, "/spec/replicas", 1), "PHI-REL-002")
    answer = put(operator, path, "/spec/replicas", 1)
    assert answer.ok, answer.message
    assert before.rest.get(path).body["spec"] == spec


MANY = Rule.model_validate(
    {
        "id": "ACME-REL-001",
        "title": "Enough replicas for a node and a zone to fail",
        "rationale": "Two nodes are drained at a time.",
        "fix": "set spec.replicas to at least 3",
        "controls": {"nist": ["CP-10"]},
        "severity": {"direct-care": "deny", "care-support": "deny", "administrative": "deny"},
        "reads": "settings",
        "checks": [
            {
                "each": "object",
                "offends": "has(object.spec.replicas) && object.spec.replicas < 3",
                "path": ".spec.replicas",
                "problem": "too few replicas",
                "found": "string(object.spec.replicas)",
            }
        ],
        "examples": {"pass": [], "fail": []},
    }
)
"""A rule of a platform team that says nothing of what runs."""


@pytest.fixture
def own_rule(root: Rest) -> Iterator[Rule]:
    """Have that rule enforced."""
    assert MANY.running is Running.PUT_BACK
    kinds = {kind.kind: collection(kind) for kind in (ADMISSION_POLICY, ADMISSION_BINDING)}
    made = [
        (kinds[manifest["kind"]], manifest)
        for manifest in installed(USERNAME, ["system:masters"], (MANY,))
        if manifest["metadata"]["name"].startswith("phiwarden-own-")
    ]
    assert made
    for path, manifest in made:
        assert root.create(path, manifest).ok
    yield MANY
    for path, manifest in made:
        assert root.delete(f"{path}/{manifest['metadata']['name']}").ok


def test_a_rule_of_ones_own_about_replicas_does_not_hold_phiwarden_up(
    before: Grandfathered, operator: Rest, own_rule: Rule
) -> None:
    body = bad(DEPLOYMENT, "records")
    body["spec"]["replicas"] = 4
    path = before.created(body)
    before.enforce()
    until(
        lambda: own_rule.id in put(before.rest, path, "/spec/replicas", 2, dryRun="All").message,
        "the rule is enforced",
    )
    for replicas in (0, 2):
        answer = put(operator, path, "/spec/replicas", replicas)
        assert answer.ok, answer.message
        assert before.rest.get(path).body["spec"]["replicas"] == replicas


def test_a_cronjob_is_suspended_and_let_go_again(before: Grandfathered, operator: Rest) -> None:
    path = before.created(bad(CRONJOB, "nightly"))
    before.enforce()
    spec = before.rest.get(path).body["spec"]
    for suspended in (True, False):
        answer = operator.request("PATCH", path, {"spec": {"suspend": suspended}}, content=MERGE)
        assert answer.ok, answer.message
        assert before.rest.get(path).body["spec"] == {**spec, "suspend": suspended}


def test_a_job_is_suspended_and_let_go_again(before: Grandfathered, operator: Rest) -> None:
    # It waits for a node: a pod that ran would have ended at once.
    west = {"nodeSelector": {"topology.kubernetes.io/region": "us-west-2"}}
    path = before.created(bad(JOB, "export", Example(container={"image": TAGGED}, pod=west)))
    until(before.bad_pods, "it has its pod")
    before.enforce()
    spec = before.rest.get(path).body["spec"]
    assert put(operator, path, "/spec/suspend", True).ok
    until(lambda: not before.bad_pods(), "a suspended Job has no pods")
    assert before.rest.get(path).body["spec"] == {**spec, "suspend": True}
    assert put(operator, path, "/spec/suspend", False).ok
    assert before.rest.get(path).body["spec"] == spec
    before.wait_until_events_tell("export")
    assert not before.bad_pods()


def test_a_pod_that_stands_in_the_way_of_a_put_back_is_deleted(
    before: Grandfathered, operator: Rest
) -> None:
    """A StatefulSet waits for its pod to become ready before it replaces any, even by a good one."""
    path = before.created(good(STATEFULSET, "records"))
    until(lambda: before.rest.get(path).body["status"].get("readyReplicas") == 2, "it runs")
    template = template_of(before.rest.get(path).body)
    worse = template_of(bad(STATEFULSET, "records"))
    probe = {"httpGet": {"path": "/failing", "port": 8443}}
    worse["spec"]["containers"][0]["readinessProbe"] = probe
    assert put(before.rest, path, "/spec/template", worse).ok
    (stuck,) = until(before.bad_pods, "a bad pod has come")
    before.enforce()
    assert put(operator, path, "/spec/template", template).ok
    pod = item(POD, before.namespace, stuck["metadata"]["name"])
    assert images({"spec": {"template": operator.get(pod).body}}) == [TAGGED]
    answer = operator.request("DELETE", pod, {"preconditions": {"uid": stuck["metadata"]["uid"]}})
    assert answer.ok, answer.message
    until(lambda: before.rest.get(path).body["status"].get("readyReplicas") == 2, "it runs again")
    pods: list[Body] = before.rest.get(collection(POD, before.namespace)).body["items"]
    assert [images({"spec": {"template": found}}) for found in pods] == [[GOOD], [GOOD]]


@pytest.mark.parametrize(
    "kind", [DEPLOYMENT, STATEFULSET, DAEMONSET, JOB, CRONJOB], ids=lambda k: k.kind
)
def test_nothing_else_that_runs_is_phiwardens_to_delete(
    before: Grandfathered, operator: Rest, kind: Kind
) -> None:
    path = before.created(good(kind, "records"))
    refused(operator.delete(path), "cannot delete resource")
    refused(operator.create(collection(kind, before.namespace), {}), "cannot create resource")
    assert before.rest.get(path).ok


@pytest.mark.parametrize(
    "path",
    [
        "/apis/apps/v1/controllerrevisions",
        "/apis/apps/v1/replicasets",
        "/apis/policy/v1/poddisruptionbudgets",
    ],
)
def test_what_a_put_back_rests_on_is_read_and_not_written(operator: Rest, path: str) -> None:
    assert operator.get(path).ok
    refused(operator.request("DELETE", path), "cannot deletecollection resource")
