"""What broke rules before they were enforced: it runs on, and brings in nothing new."""

from __future__ import annotations

import pytest

from e2e.bypass.from_before import Grandfathered
from e2e.bypass.pods import (
    CRONJOB,
    GOOD,
    JOB,
    REGISTRY,
    REPLICASET,
    REPLICATIONCONTROLLER,
    STATEFULSET,
    TAGGED,
    bad,
    images,
    refused,
)
from e2e.controlplane import PLATFORM_ENGINEER
from e2e.product import Product
from e2e.rest import STRATEGIC
from e2e.waiting import until
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.shapes import Kind


def test_what_runs_goes_on_but_does_not_grow(old: Grandfathered) -> None:
    """A scale passes, since nothing may be stuck; the pods that it asks for do not."""
    scale = {"spec": {"replicas": 4}}
    assert old.patch(scale, path=f"{old.path}/scale").ok
    path = f"{collection(REPLICASET, old.namespace)}/{old.bad_replicaset()}"
    old.wait_until_told(path)
    assert len(old.bad_pods()) == 2
    assert old.patch(scale, path=f"{path}/scale").ok
    note = {"metadata": {"annotations": {"example.com/note": "x"}, "labels": {"note": "x"}}}
    assert old.patch(note).ok
    assert old.patch({"spec": {"paused": True, "minReadySeconds": 1}}).ok
    assert len(old.bad_pods()) == 2


def test_a_change_of_part_of_a_bad_template_is_judged_as_a_whole(old: Grandfathered) -> None:
    restart = {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "2026-11-20"}}}
    refused(old.patch({"spec": {"template": restart}}))
    refused(old.patch({"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 1}}}}))
    assert old.patch(
        {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": GOOD}]}}}},
        STRATEGIC,
    ).ok
    assert images(old.root.get(old.path).body) == [GOOD]


def test_a_rollback_to_a_bad_revision_is_refused(old: Grandfathered, product: Product) -> None:
    mended = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": GOOD}]}}}}
    assert old.patch(mended, STRATEGIC).ok
    until(lambda: not old.bad_pods(), "the good revision replaced the bad one")
    done = product.cluster.kubectl(
        "rollout",
        "undo",
        f"deployment/{old.name}",
        f"-n={old.namespace}",
        user="platform-engineer",
        check=False,
    )
    assert done.returncode != 0
    assert "PHI-IMG-001" in done.stderr
    assert images(old.root.get(old.path).body) == [GOOD]
    # The old ReplicaSet is still there, and may be taken from its Deployment: it gets no pods.
    path = f"{collection(REPLICASET, old.namespace)}/{old.bad_replicaset()}"
    loose = {
        "metadata": {"ownerReferences": None, "labels": {"app": None}},
        "spec": {"replicas": 1},
    }
    assert old.patch(loose, path=path).ok
    old.wait_until_told(path)
    assert not old.bad_pods()


def test_an_object_on_its_way_out_runs_nothing_new(old: Grandfathered) -> None:
    """It is judged like any other, and what keeps it can still be taken off."""
    kept = {"metadata": {"finalizers": ["example.com/kept"]}}
    assert old.patch(kept).ok
    assert old.rest.delete(old.path).ok
    other = f"{REGISTRY}/app:2.0"
    change = {"spec": {"template": {"spec": {"containers": [{"name": "app", "image": other}]}}}}
    answer = old.patch(change, STRATEGIC)
    refused(answer)
    assert [images(rs) for rs in old.replicasets()] in ([], [[TAGGED]])
    assert old.patch({"metadata": {"finalizers": None}}).ok


def test_a_job_from_a_bad_cron_job_is_refused(before: Grandfathered, product: Product) -> None:
    """A CronJob from before may be resumed; what it starts is judged anew."""
    body = bad(CRONJOB, "nightly")
    body["spec"]["suspend"] = True
    path = before.created(body)
    before.enforce()
    assert before.patch({"spec": {"suspend": False}}, path=path).ok
    spec = body["spec"]["jobTemplate"]["spec"]
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "now"}, "spec": spec}
    jobs = collection(JOB, before.namespace)
    refused(before.rest.create(jobs, job))
    by_hand = product.cluster.kubectl(
        "create",
        "job",
        "by-hand",
        "--from=cronjob/nightly",
        f"-n={before.namespace}",
        user=PLATFORM_ENGINEER,
        check=False,
    )
    assert "PHI-IMG-001" in by_hand.stderr
    assert before.root.get(jobs).body["items"] == []


def test_a_bad_job_that_is_resumed_starts_no_pod(before: Grandfathered) -> None:
    body = bad(JOB, "backfill")
    body["spec"]["suspend"] = True
    path = before.created(body)
    before.enforce()
    running = len(before.bad_pods())
    assert before.patch({"spec": {"suspend": False}}, path=path).ok
    before.wait_until_events_tell("backfill")
    assert len(before.bad_pods()) == running


SCALED = (STATEFULSET, REPLICASET, REPLICATIONCONTROLLER)


@pytest.mark.parametrize("kind", SCALED, ids=lambda kind: kind.kind)
def test_nothing_bad_grows_by_its_scale(before: Grandfathered, kind: Kind) -> None:
    """Through the subresource, which carries no template, as through the object."""
    body = bad(kind, "none-yet")
    body["spec"]["replicas"] = 0
    path = before.created(body)
    before.enforce()
    running = len(before.bad_pods())
    assert before.patch({"spec": {"replicas": 2}}, path=f"{path}/scale").ok
    before.wait_until_events_tell("none-yet")
    assert before.patch({"spec": {"replicas": 3}}, path=path).ok
    assert len(before.bad_pods()) == running
