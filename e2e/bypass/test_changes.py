"""Good templates, made bad by a change."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.bypass.pods import (
    DEPLOYMENT,
    GOOD,
    JOB,
    KINDS,
    TAGGED,
    Body,
    fresh,
    good,
    images,
    refused,
    template_of,
    unversioned,
)
from e2e.rest import APPLY, JSON_PATCH, MERGE, STRATEGIC, Answer, Rest
from phiwarden.cluster.resources import collection
from phiwarden.rulebook.shapes import Kind

CHANGEABLE = [kind for kind in KINDS if kind.kind not in ("Pod", "Job")]


def _steps(kind: Kind) -> str:
    return {"CronJob": "/spec/jobTemplate/spec/template"}.get(kind.kind, "/spec/template")


def _nested(kind: Kind, template: Body) -> Body:
    node: Body = template
    for step in reversed(_steps(kind).strip("/").split("/")):
        node = {step: node}
    return node


@pytest.mark.parametrize("kind", CHANGEABLE, ids=lambda kind: kind.kind)
def test_no_way_of_writing_makes_a_good_template_bad(
    zone: str, engineer: Rest, root: Rest, kind: Kind
) -> None:
    name = fresh()
    assert engineer.create(collection(kind, zone), good(kind, name)).ok
    path = f"{collection(kind, zone)}/{name}"
    containers = {"spec": {"containers": [{"name": "app", "image": TAGGED}]}}

    def patch(body: Any, content: str, **query: str) -> Answer:
        return engineer.request("PATCH", path, body, content=content, **query)

    whole = root.get(path).body
    changed = unversioned(whole)
    template_of(changed)["spec"]["containers"][0]["image"] = TAGGED
    json_patch = [
        {"op": "replace", "path": f"{_steps(kind)}/spec/containers/0/image", "value": TAGGED}
    ]
    applied = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name},
        **_nested(kind, containers),
    }
    refused(
        engineer.request(
            "PUT", path, {**changed, "apiVersion": kind.api_version, "kind": kind.kind}
        )
    )
    refused(patch(_nested(kind, containers), STRATEGIC))
    refused(patch(json_patch, JSON_PATCH))
    refused(patch(json_patch, JSON_PATCH, dryRun="All"))
    merge = _nested(kind, {"spec": {"containers": template_of(changed)["spec"]["containers"]}})
    refused(patch(merge, MERGE))
    refused(patch(applied, APPLY, fieldManager="mine", force="true"))
    # Through the status a template cannot be changed, whatever is written there.
    engineer.request(
        "PUT", f"{path}/status", {**changed, "apiVersion": kind.api_version, "kind": kind.kind}
    )
    assert images(root.get(path).body) == [GOOD]
    assert engineer.delete(path).ok


def test_a_template_is_judged_while_nothing_comes_of_it(
    zone: str, engineer: Rest, root: Rest
) -> None:
    """Paused, or scaled to none, a Deployment keeps its template for later."""
    name = fresh("paused")
    body = good(DEPLOYMENT, name)
    body["spec"] |= {"paused": True, "replicas": 0}
    path = f"{collection(DEPLOYMENT, zone)}/{name}"
    assert engineer.create(collection(DEPLOYMENT, zone), body).ok
    worse = {"template": {"spec": {"containers": [{"name": "app", "image": TAGGED}]}}}
    for more in ({}, {"paused": False}, {"replicas": 1}, {"paused": False, "replicas": 1}):
        refused(engineer.request("PATCH", path, {"spec": {**worse, **more}}, content=STRATEGIC))
    assert images(root.get(path).body) == [GOOD]
    assert engineer.delete(path).ok


def test_what_is_written_over_a_newer_version_is_not_stored(
    zone: str, engineer: Rest, root: Rest
) -> None:
    """As kubectl edit does it: the whole object, with the version that was read."""
    name = fresh("stale")
    path = f"{collection(DEPLOYMENT, zone)}/{name}"
    read = engineer.create(collection(DEPLOYMENT, zone), good(DEPLOYMENT, name)).body
    note = {"metadata": {"annotations": {"example.com/note": "x"}}}
    assert engineer.request("PATCH", path, note, content=MERGE).ok
    right = engineer.request("PUT", path, read)
    assert right.code == 409
    template_of(read)["spec"]["containers"][0]["image"] = TAGGED
    assert engineer.request("PUT", path, read).code in (403, 409)
    assert images(root.get(path).body) == [GOOD]
    assert engineer.delete(path).ok


def test_a_suspended_job_keeps_to_its_regions(zone: str, engineer: Rest, root: Rest) -> None:
    """Of a Job's template the API server lets the node selector be changed before it starts."""
    name = fresh("suspended")
    path = f"{collection(JOB, zone)}/{name}"
    body = good(JOB, name)
    body["spec"]["suspend"] = True
    assert engineer.create(collection(JOB, zone), body).ok
    before = template_of(root.get(path).body)
    for selector in (None, {"topology.kubernetes.io/region": "elsewhere"}):
        change = {"spec": {"suspend": False, "template": {"spec": {"nodeSelector": selector}}}}
        refused(engineer.request("PATCH", path, change, content=MERGE), "PHI-RES-001")
    assert template_of(root.get(path).body) == before
    assert engineer.delete(path).ok


def test_there_is_no_rollback_subresource_any_more(zone: str, engineer: Rest, root: Rest) -> None:
    name = fresh("rollback")
    path = f"{collection(DEPLOYMENT, zone)}/{name}"
    assert engineer.create(collection(DEPLOYMENT, zone), good(DEPLOYMENT, name)).ok
    body = {"kind": "DeploymentRollback", "name": name, "rollbackTo": {"revision": 1}}
    for group in ("apps/v1", "extensions/v1beta1"):
        where = path.replace("apps/v1", group)
        answer = engineer.create(f"{where}/rollback", {"apiVersion": group, **body})
        assert answer.code == 404, answer.body
    assert images(root.get(path).body) == [GOOD]
    assert engineer.delete(path).ok
