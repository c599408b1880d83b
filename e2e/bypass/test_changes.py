"""Good templates, made bad by a change."""

from __future__ import annotations

from typing import Any

import pytest

from e2e.bypass.pods import (
    GOOD,
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
