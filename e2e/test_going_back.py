"""Going back when the history is not what it was: pruned, edited, or with its Secret gone."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from e2e import workloads
from e2e.product import Product
from e2e.rest import MERGE, Rest, connect
from e2e.rollouts import adopt, events_of, history_of, quarantine_of, roll_out, worked
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    available,
    bad,
    deployment,
    deployments,
    image_of,
    status,
    wait,
)
from phiwarden.rulebook.examples import DIGEST


@pytest.fixture
def name(adoptable: str) -> str:
    return adoptable


def release(number: int, **container: Any) -> dict[str, Any]:
    return deployment("api", env=[{"name": "RELEASE", "value": str(number)}], **container)


def watched(admin: Rest, name: str, *releases: dict[str, Any], **spec: Any) -> None:
    """Have releases roll out while they are watched, and not enforce yet."""
    adopt(admin, name, **{"clinicalImpact": "direct-care", **spec, "enforcement": "observe"})
    wait(admin, name)
    for number, each in enumerate(releases, start=1):
        roll_out(admin, name, each, first=number == 1)
        until(
            lambda number=number: len(worked(admin, name, "Deployment", "api")) == number,
            f"release {number} was seen to work",
        )


def enforce(admin: Rest, name: str) -> None:
    assert workloads.change(admin, name, enforcement="enforce").ok


def replica_set_of(admin: Rest, namespace: str, revision: int) -> dict[str, Any]:
    path = f"/apis/apps/v1/namespaces/{namespace}/replicasets"
    (found,) = [
        body
        for body in admin.get(path).body["items"]
        if body["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == str(revision)
    ]
    return dict(found)


def path_of(body: dict[str, Any]) -> str:
    metadata = body["metadata"]
    return f"/apis/apps/v1/namespaces/{metadata['namespace']}/replicasets/{metadata['name']}"


def running_release(admin: Rest, namespace: str) -> str:
    template = admin.get(f"{deployments(namespace)}/api").body["spec"]["template"]
    return str(template["spec"]["containers"][0]["env"][0]["value"])


def held_because(admin: Rest, name: str, *words: str) -> None:
    until(lambda: quarantine_of(admin, name, "api") == {"care"}, "its pods are apart")
    (event,) = until(lambda: events_of(admin, name, "api"), "an Event tells the team")
    assert event["reason"] == "Held"
    for word in words:
        assert word in event["message"]
    until(available(admin, name, "api"), "it runs as before")


def test_a_history_that_was_pruned_to_nothing(admin: Rest, name: str) -> None:
    watched(admin, name, release(1), bad(release(2)))
    assert admin.delete(path_of(replica_set_of(admin, name, 1))).ok
    enforce(admin, name)
    held_because(admin, name, "there is no earlier revision")


def test_a_replica_set_that_was_edited_by_hand_is_not_what_worked(admin: Rest, name: str) -> None:
    watched(admin, name, release(1), bad(release(2)))
    old = replica_set_of(admin, name, 1)
    changed = copy.deepcopy(old["spec"]["template"])
    changed["spec"]["containers"][0]["env"] = [{"name": "RELEASE", "value": "smuggled"}]
    edit = {"spec": {"template": changed}}
    assert admin.request("PATCH", path_of(old), edit, content=MERGE).ok
    enforce(admin, name)
    held_because(admin, name, "revision 1 keeps the rules, but was never seen to work")
    assert running_release(admin, name) == "2"


def test_a_revision_whose_secret_is_gone_is_passed_over(admin: Rest, name: str) -> None:
    secrets = f"{NAMESPACES}/{name}/secrets"
    for secret in ("older", "newer"):
        assert admin.create(secrets, {"metadata": {"name": secret}, "stringData": {"k": "v"}}).ok

    def reads(number: int, secret: str) -> dict[str, Any]:
        body = release(number)
        source = {"secretRef": {"name": secret}}
        body["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [source]
        return body

    declared = [
        {"name": secret, "zone": "app", "keys": ["k"], "consumers": ["app"]}
        for secret in ("older", "newer")
    ]
    watched(
        admin, name, reads(1, "older"), reads(2, "newer"), bad(reads(3, "newer")), secrets=declared
    )
    wait(admin, name, "RollbackReady", "True")
    assert admin.delete(f"{secrets}/newer").ok
    entry = wait(admin, name, "RollbackReady", "False", "NoWayBack")
    assert "revision 2 needs Secret newer, which is not there" in entry["message"]
    enforce(admin, name)
    until(
        lambda: running_release(admin, name) == "1", "it goes back further, to one that can start"
    )
    until(available(admin, name, "api"), "which runs")


def test_the_verdict_on_the_revision_to_go_back_to_is_that_of_today(admin: Rest, name: str) -> None:
    """Both worked; a boundary that is tightened rules one of them out."""
    other = release(2)
    (container,) = other["spec"]["template"]["spec"]["containers"]
    container["image"] = f"registry.hospital.example/shared/api@{DIGEST}"
    zone = {
        "images": {
            "registries": [
                "registry.hospital.example/portal",
                "registry.hospital.example/shared",
            ]
        }
    }
    whole = workloads.zone("app", namespace=name, adopt=True, data="phi", **zone)
    watched(admin, name, release(1), other, bad(release(3)), zones=[whole])
    wait(admin, name, "RollbackReady", "True")
    narrow = workloads.zone(
        "app",
        namespace=name,
        adopt=True,
        data="phi",
        images={"registries": ["registry.hospital.example/portal"]},
    )
    assert workloads.change(admin, name, zones=[narrow]).ok
    enforce(admin, name)
    until(lambda: running_release(admin, name) == "1", "release 2 is passed over")


def test_recreate_is_not_put_back_in_direct_care(admin: Rest, name: str) -> None:
    """Every pod would be stopped before a new one starts: that is left to people."""
    good = release(1)
    good["spec"]["strategy"] = {"type": "Recreate"}
    watched(admin, name, good, bad(release(2)))
    enforce(admin, name)
    held_because(admin, name, "would take every pod away at once")


def test_what_is_deleted_in_the_middle_leaves_nothing_behind(admin: Rest, name: str) -> None:
    watched(admin, name, release(1), bad(release(2)), clinicalImpact="administrative")
    assert workloads.change(admin, name, enforcement="enforce").ok
    assert admin.delete(f"{deployments(name)}/api").ok
    until(lambda: admin.get(f"{deployments(name)}/api").code == 404, "it is gone")
    until(lambda: not history_of(admin, name, "Deployment", "api"), "its history went along")
    entry = wait(admin, name, "Remediated", "True")
    assert entry["reason"] == "NothingWaits"
    until(lambda: status(admin, name)["violations"] == 0, "nothing is counted")
    # Another one of the same name is another one: nothing of it is known to work.
    roll_out(admin, name, release(1))
    until(
        lambda: [w["revision"] for w in worked(admin, name, "Deployment", "api")] == [1],
        "its history begins anew",
    )


def test_two_managers_who_fight_are_set_apart(admin: Rest, product: Product, name: str) -> None:
    """Whoever may pass the guards brings the same template back; after a while that is left."""
    watched(admin, name, release(1), bad(release(2)), clinicalImpact="care-support")
    enforce(admin, name)
    path = f"{deployments(name)}/api"
    times = 0
    root = connect(product.cluster.kubeconfig)
    while True:
        back = until(
            lambda: (
                image_of(admin, name, "api").endswith(DIGEST)
                or quarantine_of(admin, name, "api") == {"full"}
            ),
            "it is put back, or set apart",
        )
        assert back
        if quarantine_of(admin, name, "api") == {"full"}:
            break
        times += 1
        force(root, admin, name, path, bad(release(2)))
    assert times == 3
    entry = wait(admin, name, "GitOpsConflict", "True", "Insisting")
    assert "brought back what phiwarden put back 3 times" in entry["message"]
    assert image_of(admin, name, "api").endswith(":1.0")
    # Another template is another will, and is put back again.
    force(root, admin, name, path, bad(release(3), "4.0"))
    until(lambda: image_of(admin, name, "api").endswith(DIGEST), "the new one is put back")
    wait(admin, name, "GitOpsConflict", "False")
    until(lambda: quarantine_of(admin, name, "api") == {None}, "nothing is apart")


def force(root: Rest, admin: Rest, name: str, path: str, body: dict[str, Any]) -> None:
    """Write what the API server refuses while it enforces, as somebody who switches that off."""
    assert workloads.change(admin, name, enforcement="observe").ok

    def written() -> bool:
        return root.request("PATCH", path, body, content=MERGE).ok

    until(written, "it is let in")
    assert workloads.change(admin, name, enforcement="enforce").ok
