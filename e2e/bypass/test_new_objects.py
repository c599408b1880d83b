"""Bad pods and templates, brought in as new objects."""

from __future__ import annotations

import json
import uuid

import pytest

from e2e import zones
from e2e.bypass.pods import (
    BAD,
    DAEMONSET,
    DEPLOYMENT,
    JOB,
    KINDS,
    POD,
    TAGGED,
    bad,
    fresh,
    good,
    refused,
)
from e2e.product import Product
from e2e.rest import APPLY, Rest, connect
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.shapes import Kind


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_no_kind_brings_a_bad_pod_in(zone: str, engineer: Rest, root: Rest, kind: Kind) -> None:
    """Asked for, generated, applied, or only tried out: refused by all of them, and nothing stored."""
    path = collection(kind, zone)
    name = fresh()
    for actor in (engineer, root):
        refused(actor.create(path, bad(kind, name)))
        refused(actor.create(path, bad(kind, name), dry_run=True))
    nameless = bad(kind, name)
    nameless["metadata"] = {**nameless["metadata"], "generateName": f"{name}-"}
    nameless["metadata"].pop("name")
    refused(engineer.create(path, nameless))
    for force in ("true", "false"):
        refused(
            engineer.request(
                "PATCH",
                f"{path}/{name}",
                bad(kind, name),
                content=APPLY,
                fieldManager="mine",
                force=force,
            )
        )
    # Whoever forges the marks of a controller, or of an object on its way out, gains nothing.
    disguised = bad(kind, name)
    disguised["metadata"] |= {
        "deletionTimestamp": "2020-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 0,
        "finalizers": ["example.com/kept"],
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": "app-5d4f8c7b9",
                "uid": str(uuid.uuid4()),
                "controller": True,
            }
        ],
    }
    refused(engineer.create(path, disguised))
    stored = root.get(path).body["items"]
    assert not [item for item in stored if item["metadata"]["name"].startswith(name)]


def test_a_pod_template_makes_no_pod(zone: str, engineer: Rest, root: Rest) -> None:
    """PodTemplates are not judged: nothing runs from them."""
    name = fresh("inert")
    body = {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": name},
        "template": examples.pod_template(BAD),
    }
    assert engineer.create(f"{zones.CORE}/{zone}/podtemplates", body).ok
    path = collection(POD, zone)
    assert not [p for p in root.get(path).body["items"] if TAGGED in json.dumps(p["spec"])]


def test_a_controller_of_ones_own_brings_no_bad_pod_in(
    zone: str, product: Product, root: Rest
) -> None:
    """A service account that may make pods, for an object that is none of Kubernetes' own."""
    name = fresh("own")
    product.cluster.kubectl("create", "serviceaccount", name, f"-n={zone}")
    may = ("--verb=create,patch,delete", "--resource=pods")
    product.cluster.kubectl("create", "role", name, *may, f"-n={zone}")
    to = f"--serviceaccount={zone}:{name}"
    product.cluster.kubectl("create", "rolebinding", name, f"--role={name}", to, f"-n={zone}")
    controller = connect(product.cluster.create_token(name, zone))
    wanted = {"metadata": {"name": name}}
    owner = root.create(f"{zones.CORE}/{zone}/configmaps", wanted).body["metadata"]
    path = collection(POD, zone)
    for body, admitted in ((bad(POD, name), False), (good(POD, name), True)):
        body["metadata"]["ownerReferences"] = [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": name,
                "uid": owner["uid"],
                "controller": True,
            }
        ]
        applied = {"content": APPLY, "fieldManager": name}
        answers = (
            controller.create(path, body, dry_run=True),
            controller.request("PATCH", f"{path}/{name}", body, **applied),
        )
        for answer in answers:
            if admitted:
                assert answer.ok, answer.message
            else:
                refused(answer)
        assert root.get(f"{path}/{name}").ok == admitted
    assert controller.delete(f"{path}/{name}").ok


NUMBERS = {
    "none yet": (DEPLOYMENT, {"replicas": 0}, 403),
    "none while paused": (DEPLOYMENT, {"replicas": 0, "paused": True}, 403),
    "as many as can be": (DEPLOYMENT, {"replicas": 2**31 - 1}, 403),
    "less than none": (DEPLOYMENT, {"replicas": -1}, 422),
    "more than can be": (DEPLOYMENT, {"replicas": 2**31}, 400),
    "a job for later": (JOB, {"suspend": True}, 403),
    "a job that is never done": (JOB, {"completions": 0}, 403),
    "a daemon for later": (DAEMONSET, {"updateStrategy": {"type": "OnDelete"}}, 403),
}


@pytest.mark.parametrize("number", NUMBERS)
def test_no_template_is_let_in_since_it_makes_no_pods_yet(
    zone: str, engineer: Rest, root: Rest, number: str
) -> None:
    kind, fields, code = NUMBERS[number]
    body = bad(kind, fresh("idle"))
    body["spec"] |= fields
    answer = engineer.create(collection(kind, zone), body)
    assert answer.code == code, answer.body
    if code == 403:
        refused(answer)
    assert root.get(f"{collection(kind, zone)}/{body['metadata']['name']}").code == 404


@pytest.mark.parametrize("place", [0, 49, 99])
def test_one_bad_container_is_found_among_a_hundred(
    zone: str, engineer: Rest, root: Rest, place: int
) -> None:
    for kind in (POD, DEPLOYMENT):
        name = fresh("crowd")
        body = good(kind, name)
        spec = body["spec"] if kind is POD else body["spec"]["template"]["spec"]
        (usual,) = spec["containers"]
        spec["containers"] = [{**usual, "name": f"c{number}"} for number in range(100)]
        assert engineer.create(collection(kind, zone), body, dry_run=True).ok
        spec["containers"][place]["image"] = TAGGED
        answer = engineer.create(collection(kind, zone), body)
        refused(answer)
        assert f"spec.containers[c{place}].image" in answer.message
        assert root.get(f"{collection(kind, zone)}/{name}").code == 404
