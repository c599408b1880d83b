"""What is held for direct care gets its pods back, and nothing hides behind it."""

from __future__ import annotations

import copy

import pytest

from e2e.bypass.from_before import Grandfathered
from e2e.bypass.pods import (
    POD,
    REPLICASET,
    STATEFULSET,
    TAGGED,
    bad,
    fresh,
    good,
    images,
    refused,
    template_of,
)
from e2e.rest import Rest
from e2e.waiting import until
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.model import Example


def test_only_what_is_held_gets_its_pods_back(old: Grandfathered, root: Rest) -> None:
    """For direct care a held Deployment may replace its pods; nothing else may hide behind it."""
    old.boundary(held=(f"ReplicaSet/{old.bad_replicaset()}",))
    gone = old.bad_pods()[0]["metadata"]["name"]
    path = collection(POD, old.namespace)

    def replaced() -> bool:
        pods = [
            p["metadata"]["name"]
            for p in old.bad_pods()
            if "deletionTimestamp" not in p["metadata"]
        ]
        return gone not in pods and len(pods) == 2

    assert root.request("DELETE", f"{path}/{gone}", {"gracePeriodSeconds": 0}).ok
    until(replaced, "the held Deployment got its pod back", within=60)
    # A ReplicaSet with its name, a pod that claims to be its own, a change of what is held.
    for name in (f"{old.name}-evil", old.name):
        refused(old.rest.create(collection(REPLICASET, old.namespace), bad(REPLICASET, name)))
    replicaset = next(rs for rs in old.replicasets() if images(rs) == [TAGGED])
    owned = bad(POD, fresh())
    owned["metadata"]["ownerReferences"] = [
        {
            "apiVersion": "apps/v1",
            "kind": "ReplicaSet",
            "name": replicaset["metadata"]["name"],
            "uid": replicaset["metadata"]["uid"],
            "controller": True,
        }
    ]
    owned["metadata"]["labels"] = template_of(replicaset)["metadata"]["labels"]
    refused(old.rest.create(path, owned))
    refused(root.create(path, owned))
    worse = {"spec": {"template": {"spec": {"hostNetwork": True}}}}
    refused(old.patch(worse), "PHI-POD-003")
    rs_path = f"{collection(REPLICASET, old.namespace)}/{replicaset['metadata']['name']}"
    refused(old.patch(worse, path=rs_path), "PHI-POD-003")
    changed = copy.deepcopy(good(REPLICASET, f"{old.name}-x"))
    assert old.rest.create(collection(REPLICASET, old.namespace), changed).ok
    mine = f"{collection(REPLICASET, old.namespace)}/{old.name}-x"
    refused(old.patch(worse, path=mine), "PHI-POD-003")
    assert not template_of(root.get(mine).body)["spec"].get("hostNetwork")


@pytest.mark.parametrize("impact", ["care-support", "administrative"])
def test_what_is_held_counts_for_direct_care_alone(old: Grandfathered, impact: str) -> None:
    old.boundary(held=(f"ReplicaSet/{old.bad_replicaset()}",), impact=impact)
    scale = {"spec": {"replicas": 3}}
    path = f"{collection(REPLICASET, old.namespace)}/{old.bad_replicaset()}"
    assert old.patch(scale, path=f"{old.path}/scale").ok
    old.wait_until_told(path)
    assert len(old.bad_pods()) == 2


def test_a_replica_set_from_before_does_not_hide_behind_the_name_of_what_is_held(
    before: Grandfathered,
) -> None:
    """It stands alone, and only its name looks like one of the held Deployment's."""
    body = bad(REPLICASET, f"{before.name}-other", Example(pod={"hostNetwork": True}))
    body["spec"] |= {"replicas": 0, "selector": {"matchLabels": {"app": "other"}}}
    body["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
    path = before.created(body)
    before.enforce(held=(f"ReplicaSet/{before.name}",))
    assert before.patch({"spec": {"replicas": 1}}, path=f"{path}/scale").ok

    def answered() -> bool:
        status = before.root.get(path).body["status"]
        return bool(status["replicas"] or before.events_tell(f"{before.name}-other", "PHI-POD-003"))

    until(answered, "its controller made a pod, or was refused")
    pods = before.root.get(collection(POD, before.namespace)).body["items"]
    assert not [p for p in pods if p["spec"].get("hostNetwork")]


def test_a_held_stateful_set_goes_back_to_no_forged_revision(before: Grandfathered) -> None:
    """Its controller makes pods of an earlier revision from a record, and not from the template."""
    body = bad(STATEFULSET, "records")
    path = before.created(body)
    first = until(lambda: before.root.get(path).body["status"].get("currentRevision"), "a record")
    before.enforce(held=("StatefulSet/records",))
    revisions = f"/apis/apps/v1/namespaces/{before.namespace}/controllerrevisions"
    record = before.rest.get(f"{revisions}/{first}").body
    forged = copy.deepcopy(record)
    forged["revision"] = 0
    forged["metadata"] = {
        "name": "records-forged",
        "labels": record["metadata"]["labels"],
        "ownerReferences": record["metadata"]["ownerReferences"],
    }
    forged["data"]["spec"]["template"]["spec"]["hostNetwork"] = True
    refused(before.rest.create(revisions, forged), "PHI-GRD-003")
    refused(before.patch({"revision": 7}, path=f"{revisions}/{first}"), "PHI-GRD-003")
    refused(
        before.patch({"metadata": {"ownerReferences": None}}, path=f"{revisions}/{first}"),
        "PHI-GRD-003",
    )
    # In place, as the API server lets it be done to what nobody guards.
    assert before.rest.delete(f"{revisions}/{first}").ok
    forged["metadata"]["name"] = first
    refused(before.rest.create(revisions, forged), "PHI-GRD-003")


def test_the_controller_still_records_what_is_rolled_out(before: Grandfathered) -> None:
    path = before.created(good(STATEFULSET, "records"))
    first = until(lambda: before.root.get(path).body["status"].get("currentRevision"), "a record")
    before.enforce()
    annotated = {"spec": {"template": {"metadata": {"annotations": {"release": "2"}}}}}
    assert before.patch(annotated, path=path).ok
    until(
        lambda: before.root.get(path).body["status"].get("updateRevision") not in (None, first),
        "the new template has a record",
    )
