"""What is held for direct care gets its pods back, and nothing hides behind it."""

from __future__ import annotations

import copy

import pytest

from e2e.bypass.from_before import Grandfathered
from e2e.bypass.pods import POD, REPLICASET, TAGGED, bad, fresh, good, images, refused, template_of
from e2e.rest import Rest
from e2e.waiting import until
from phiwarden.cluster.resources import collection


def test_only_what_is_held_gets_its_pods_back(old: Grandfathered, root: Rest) -> None:
    """For direct care a held Deployment may replace its pods; nothing else may hide behind it."""
    old.boundary(held=(f"Deployment/{old.name}",))
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
    old.boundary(held=(f"Deployment/{old.name}",), impact=impact)
    scale = {"spec": {"replicas": 3}}
    path = f"{collection(REPLICASET, old.namespace)}/{old.bad_replicaset()}"
    assert old.patch(scale, path=f"{old.path}/scale").ok
    old.wait_until_told(path)
    assert len(old.bad_pods()) == 2
