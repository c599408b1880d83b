"""Bad pods and templates, brought in as new objects."""

from __future__ import annotations

import json
import uuid

import pytest

from e2e import zones
from e2e.bypass.pods import BAD, KINDS, POD, TAGGED, bad, fresh, refused
from e2e.rest import APPLY, Rest
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
