"""Pods that run, changed through each of their subresources."""

from __future__ import annotations

from e2e.bypass.pods import GOOD, POD, TAGGED, fresh, good, refused, unversioned
from e2e.rest import MERGE, STRATEGIC, Rest
from phiwarden.cluster.resources import collection


def test_a_running_pod_stays_as_it_was_admitted(zone: str, engineer: Rest, root: Rest) -> None:
    name = fresh()
    path = f"{collection(POD, zone)}/{name}"
    assert engineer.create(collection(POD, zone), good(POD, name)).ok
    tagged = {"spec": {"containers": [{"name": "app", "image": TAGGED}]}}
    refused(engineer.request("PATCH", path, tagged, content=STRATEGIC))
    for subresource in ("resize", "status"):
        engineer.request("PATCH", f"{path}/{subresource}", tagged, content=STRATEGIC)
    debug = {
        "spec": {"ephemeralContainers": [{"name": "debug", "image": "docker.io/library/busybox"}]}
    }
    refused(engineer.request("PATCH", f"{path}/ephemeralcontainers", debug, content=STRATEGIC))
    whole = unversioned(root.get(path).body)
    whole["spec"].update(debug["spec"])
    refused(engineer.request("PUT", f"{path}/ephemeralcontainers", whole))
    stored = root.get(path).body["spec"]
    assert [container["image"] for container in stored["containers"]] == [GOOD]
    assert "ephemeralContainers" not in stored
    note = {"metadata": {"annotations": {"example.com/note": "x"}, "labels": {"note": "x"}}}
    assert engineer.request("PATCH", path, note, content=MERGE).ok
    assert engineer.delete(path).ok
