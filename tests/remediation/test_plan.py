"""What becomes of a Deployment that breaks rules, by its history and clinical impact."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.workload import ClinicalImpact
from phiwarden.boundary.model import Quarantine
from phiwarden.remediation.history import Revision, author_of_template, revision_of, revisions
from phiwarden.remediation.plan import Action, decide, needs_history, plan_for
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.examples import ZONE, manifest, pod_template
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Example, Severity
from phiwarden.rulebook.shapes import WORKLOADS

UID = "11111111-1111-1111-1111-111111111111"


def replica_set(number: int, image: str, *, uid: str = UID, **metadata: Any) -> dict[str, Any]:
    labels = {"app": "api", "pod-template-hash": f"hash{number}"}
    return {
        "metadata": {
            "name": f"api-hash{number}",
            "annotations": {"deployment.kubernetes.io/revision": str(number)},
            "ownerReferences": [{"kind": "Deployment", "uid": uid, "controller": True}],
            **metadata,
        },
        "spec": {"template": {"metadata": {"labels": labels}, "spec": {"image": image}}},
    }


def deployment(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "api", "uid": UID}, "spec": {"replicas": 2, **spec}}


def complies(template: Any) -> bool:
    return bool(template["spec"]["image"] == "good")


def test_history_is_newest_first_and_only_that_of_the_deployment() -> None:
    other = "22222222-2222-2222-2222-222222222222"
    history = revisions(
        UID,
        [
            replica_set(2, "b"),
            replica_set(10, "c"),
            replica_set(3, "x", uid=other),
            replica_set(9, "y", annotations={}),
            replica_set(8, "z", ownerReferences=None),
            replica_set(1, "a"),
        ],
    )
    assert [revision.number for revision in history] == [10, 2, 1]


def test_the_hash_of_the_deployment_controller_is_taken_off_a_template() -> None:
    original = replica_set(1, "a")
    (revision,) = revisions(UID, [original])
    assert revision.template["metadata"]["labels"] == {"app": "api"}
    assert "pod-template-hash" in original["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize("value", ["", "x", "-1", "1.5", None])
def test_a_revision_that_is_no_number_is_none(value: str | None) -> None:
    annotations = {} if value is None else {"deployment.kubernetes.io/revision": value}
    assert revision_of({"metadata": {"annotations": annotations}}) is None


@pytest.mark.parametrize("impact", ClinicalImpact)
def test_the_newest_compliant_revision_is_gone_back_to(impact: ClinicalImpact) -> None:
    images = ["good", "good", "bad", "bad"]
    history = revisions(UID, [replica_set(i + 1, image) for i, image in enumerate(images)])
    plan = plan_for(deployment(), impact, history, complies)
    assert plan.action is Action.ROLL_BACK
    assert plan.target is not None
    assert plan.target.number == 2


@pytest.mark.parametrize(
    ("impact", "action", "quarantine"),
    [
        (ClinicalImpact.DIRECT_CARE, Action.HOLD, Quarantine.CARE),
        (ClinicalImpact.CARE_SUPPORT, Action.ISOLATE, Quarantine.FULL),
        (ClinicalImpact.ADMINISTRATIVE, Action.SCALE_TO_ZERO, None),
    ],
)
def test_without_a_way_back_the_clinical_impact_decides(
    impact: ClinicalImpact, action: Action, quarantine: Quarantine | None
) -> None:
    plan = plan_for(deployment(), impact, revisions(UID, [replica_set(1, "bad")]), complies)
    assert (plan.action, plan.quarantine) == (action, quarantine)


@pytest.mark.parametrize("impact", ClinicalImpact)
def test_a_paused_rollout_costs_direct_care_no_pod(impact: ClinicalImpact) -> None:
    plan = plan_for(deployment(paused=True), impact, (), complies)
    assert plan.action is Action.LEAVE
    assert plan.held is (impact is ClinicalImpact.DIRECT_CARE)


@given(
    images=st.lists(st.sampled_from(["good", "bad"]), max_size=6),
    replicas=st.integers(0, 5),
    paused=st.booleans(),
)
def test_direct_care_is_never_stopped(images: list[str], replicas: int, paused: bool) -> None:
    history = revisions(UID, [replica_set(i + 1, image) for i, image in enumerate(images)])
    found = deployment(replicas=replicas, paused=paused)
    plan = plan_for(found, ClinicalImpact.DIRECT_CARE, history, complies)
    assert plan.action is not Action.SCALE_TO_ZERO
    assert plan.quarantine is not Quarantine.FULL


@pytest.mark.parametrize(
    "found",
    [
        deployment(paused=True),
        {"metadata": {"uid": UID, "deletionTimestamp": "2026-11-20T00:00:00Z"}, "spec": {}},
    ],
)
def test_what_somebody_is_working_on_is_left_alone(found: dict[str, Any]) -> None:
    history = revisions(UID, [replica_set(1, "good")])
    plan = plan_for(found, ClinicalImpact.ADMINISTRATIVE, history, complies)
    assert plan.action is Action.LEAVE


def failure(*, mendable: bool, at_pods: bool) -> Failure:
    return Failure(
        "PHI-X-001", Severity.DENY, "spec", "spec", "wrong", "x", "mend it", mendable, at_pods
    )


MENDABLE = failure(mendable=True, at_pods=True)
LOOSE = failure(mendable=False, at_pods=True)
AT_THE_TEMPLATE = failure(mendable=False, at_pods=False)
TAGGED = manifest(WORKLOADS.kinds[0], pod_template(Example(container={"image": "app:1.0"})))["spec"]


@pytest.mark.parametrize(
    ("kind", "impact", "broken", "action", "held"),
    [
        ("Deployment", "direct-care", MENDABLE, Action.HOLD, True),
        ("Deployment", "care-support", MENDABLE, Action.ISOLATE, False),
        ("StatefulSet", "direct-care", MENDABLE, Action.HOLD, True),
        ("StatefulSet", "care-support", MENDABLE, Action.LEAVE, False),
        ("DaemonSet", "administrative", MENDABLE, Action.LEAVE, False),
        ("Deployment", "direct-care", LOOSE, Action.LEAVE, True),
        ("StatefulSet", "direct-care", LOOSE, Action.LEAVE, True),
        ("Deployment", "direct-care", AT_THE_TEMPLATE, Action.LEAVE, False),
        ("Deployment", "administrative", LOOSE, Action.LEAVE, False),
    ],
)
def test_what_is_decided_without_a_compliant_revision(
    kind: str, impact: str, broken: Failure, action: Action, held: bool
) -> None:
    body = {**deployment(**TAGGED), "kind": kind}
    zone = replace(ZONE, impact=impact)
    plan = decide(body, zone, [broken], (), standard_judge())
    assert (plan.action, plan.held) == (action, held)
    assert plan.harmless is not broken.mendable


def test_a_revision_that_costs_reliability_alone_is_good_enough_to_go_back_to() -> None:
    loose = pod_template(Example(container={"resources": {"requests": {"cpu": "1m"}}}))
    history = (Revision(2, "api-2", TAGGED["template"]), Revision(1, "api-1", loose))
    body = {**deployment(**TAGGED), "kind": "Deployment"}
    plan = decide(body, ZONE, [MENDABLE], history, standard_judge())
    assert plan.target is not None
    assert plan.target.number == 1


def test_a_history_is_asked_for_where_it_decides() -> None:
    assert needs_history("Deployment", [LOOSE, MENDABLE])
    assert not needs_history("Deployment", [LOOSE])
    assert not needs_history("StatefulSet", [MENDABLE])


def test_the_author_is_the_last_manager_of_the_template() -> None:
    def entry(manager: str, time: str, field: str) -> dict[str, Any]:
        return {"manager": manager, "time": time, "fieldsV1": {"f:spec": {field: {}}}}

    found = {
        "metadata": {
            "managedFields": [
                entry("helm", "2026-01-01T00:00:00Z", "f:template"),
                entry("kubectl-edit", "2026-03-01T00:00:00Z", "f:template"),
                entry("autoscaler", "2026-04-01T00:00:00Z", "f:replicas"),
            ]
        }
    }
    author = author_of_template(found)
    assert author is not None
    assert (author.manager, author.time) == ("kubectl-edit", "2026-03-01T00:00:00Z")
    assert author_of_template({"metadata": {}}) is None
