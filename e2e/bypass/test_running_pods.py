"""Pods that run, changed through each of their subresources."""

from __future__ import annotations

from e2e import zones
from e2e.bypass.pods import GOOD, POD, TAGGED, Body, fresh, good, refused, unversioned
from e2e.rest import APPLY, JSON_PATCH, MERGE, STRATEGIC, Answer, Rest
from phiwarden.cluster.resources import collection


def shut(answer: Answer) -> None:
    """Assert that a debug container was refused; of the two policies that do so one is told."""
    assert answer.code == 403, answer.body
    assert any(rule in answer.message for rule in ("PHI-IMG-001", "PHI-IDN-004")), answer.message


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
    shut(engineer.request("PATCH", f"{path}/ephemeralcontainers", debug, content=STRATEGIC))
    whole = unversioned(root.get(path).body)
    whole["spec"].update(debug["spec"])
    shut(engineer.request("PUT", f"{path}/ephemeralcontainers", whole))
    stored = root.get(path).body["spec"]
    assert [container["image"] for container in stored["containers"]] == [GOOD]
    assert "ephemeralContainers" not in stored
    note = {"metadata": {"annotations": {"example.com/note": "x"}, "labels": {"note": "x"}}}
    assert engineer.request("PATCH", path, note, content=MERGE).ok
    assert engineer.delete(path).ok


DEBUG = {"name": "debug", "image": "docker.io/library/busybox"}


def test_no_kind_of_patch_adds_a_debug_container(zone: str, engineer: Rest, root: Rest) -> None:
    name = fresh("debugged")
    path = f"{collection(POD, zone)}/{name}"
    assert engineer.create(collection(POD, zone), good(POD, name)).ok
    fields = {"spec": {"ephemeralContainers": [DEBUG]}}
    applied = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, **fields}
    added = [{"op": "add", "path": "/spec/ephemeralContainers", "value": [DEBUG]}]
    mine = {"fieldManager": "mine", "force": "true"}
    where = f"{path}/ephemeralcontainers"
    shut(engineer.request("PATCH", where, fields, content=MERGE))
    shut(engineer.request("PATCH", where, fields, content=STRATEGIC))
    shut(engineer.request("PATCH", where, added, content=JSON_PATCH))
    shut(engineer.request("PATCH", where, applied, content=APPLY, **mine))
    whole = unversioned(root.get(path).body)
    whole["spec"] |= fields["spec"]
    # None of these changes such a container, so what they are sent is dropped, or refused.
    for subresource in ("", "/status", "/resize"):
        engineer.request("PUT", path + subresource, whole)
        engineer.request("PATCH", path + subresource, fields, content=STRATEGIC)
    assert "ephemeralContainers" not in root.get(path).body["spec"]
    assert engineer.delete(path).ok


def test_a_pod_that_waits_keeps_to_its_regions(zone: str, engineer: Rest, root: Rest) -> None:
    """A pod behind a scheduling gate may have its node selector changed."""
    name = fresh("gated")
    path = f"{collection(POD, zone)}/{name}"
    gated = good(POD, name, schedulingGates=[{"name": "example.com/gate"}])
    assert engineer.create(collection(POD, zone), gated).ok
    before = root.get(path).body["spec"]["nodeSelector"]
    for region in (None, "elsewhere"):
        change = {"spec": {"nodeSelector": {"topology.kubernetes.io/region": region}}}
        assert engineer.request("PATCH", path, change, content=MERGE).code in (403, 422)
    assert root.get(path).body["spec"]["nodeSelector"] == before
    assert engineer.delete(path).ok


def binding(name: str, **metadata: Body) -> Body:
    """Return what puts a pod on a node; its labels and annotations are copied to the pod."""
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name, **metadata},
        "target": {"kind": "Node", "name": "elsewhere"},
    }


def test_a_binding_leaves_a_pods_spec_as_it_was_admitted(
    zone: str, engineer: Rest, root: Rest
) -> None:
    """A kubelet rejects a pod whose node selector does not fit; it has to stay for that."""
    unconfined = {"container.apparmor.security.beta.kubernetes.io/app": "unconfined"}
    for where in ("pods/{}/binding", "bindings"):
        name = fresh("bound")
        path = f"{collection(POD, zone)}/{name}"
        assert engineer.create(collection(POD, zone), good(POD, name, schedulerName="none")).ok
        before = root.get(path).body["spec"]
        target = f"{zones.CORE}/{zone}/{where.format(name)}"
        assert engineer.create(target, binding(name, annotations=unconfined)).ok
        assert root.get(path).body["spec"] == {**before, "nodeName": "elsewhere"}
        assert engineer.request("DELETE", path, {"gracePeriodSeconds": 0}).ok


def test_a_pod_on_its_way_out_takes_in_nothing_bad(zone: str, engineer: Rest, root: Rest) -> None:
    name = fresh("leaving")
    path = f"{collection(POD, zone)}/{name}"
    kept = good(POD, name)
    kept["metadata"]["finalizers"] = ["example.com/kept"]
    assert engineer.create(collection(POD, zone), kept).ok
    assert engineer.delete(path).ok
    try:
        privileged = {**DEBUG, "securityContext": {"privileged": True}}
        engineer.request(
            "PATCH",
            f"{path}/ephemeralcontainers",
            {"spec": {"ephemeralContainers": [privileged]}},
            content=STRATEGIC,
        )
        tagged = {"spec": {"containers": [{"name": "app", "image": TAGGED}]}}
        engineer.request("PATCH", path, tagged, content=STRATEGIC)
        stored = root.get(path).body["spec"]
    finally:
        freed = {"metadata": {"finalizers": None}}
        assert engineer.request("PATCH", path, freed, content=MERGE).ok
    assert "ephemeralContainers" not in stored
    assert [container["image"] for container in stored["containers"]] == [GOOD]
