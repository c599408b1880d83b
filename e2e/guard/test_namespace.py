"""Whoever tries to take a zone's boundary off its Namespace, or to forge one."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from e2e import zones
from e2e.controlplane import PLATFORM_ENGINEER
from e2e.guard.boundary import GUARD, OWNER, PORTS, Body, Zone, make, make_object, refused
from e2e.product import Product
from e2e.rest import APPLY, JSON_PATCH, MERGE, STRATEGIC, Answer, Rest
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.boundary.labels import encode
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import PODS, SERVICE


def _merge(metadata: Body, subresource: str = "") -> Callable[[Zone], Answer]:
    return lambda zone: zone.engineer.request(
        "PATCH", zone.path + subresource, {"metadata": metadata}, content=MERGE
    )


def _replaced(zone: Zone, subresource: str, change: Callable[[Body], None]) -> Answer:
    body = zone.engineer.get(zone.path).body
    body["metadata"].pop("resourceVersion")
    change(body)
    return zone.engineer.request("PUT", zone.path + subresource, body)


def _stripped(body: Body) -> None:
    body["metadata"]["labels"] = {
        key: value for key, value in body["metadata"]["labels"].items() if "phiwarden" not in key
    }
    body["metadata"].pop("annotations")


TAKING_AWAY: dict[str, Callable[[Zone], Answer]] = {
    "merge patch removes the enforcement label": _merge({"labels": {names.ENFORCEMENT: None}}),
    "merge patch lowers the enforcement": _merge({"labels": {names.ENFORCEMENT: "observe"}}),
    "merge patch removes all labels": _merge({"labels": None}),
    "merge patch removes all annotations": _merge({"annotations": None}),
    "merge patch empties an annotation": _merge({"annotations": {names.REGIONS: ""}}),
    "merge patch approves a registry": _merge({"annotations": {names.REGISTRIES: "docker.io"}}),
    "merge patch holds a workload": _merge({"annotations": {names.HELD: "Deployment/mine"}}),
    "merge patch adds a label of ours": _merge({"labels": {"phiwarden.dev/extra": "x"}}),
    "merge patch claims it for helm": _merge({"labels": {names.MANAGED_BY: "Helm"}}),
    "merge patch lowers pod security": _merge(
        {"labels": {"pod-security.kubernetes.io/enforce": "privileged"}}
    ),
    "merge patch hands it to the garbage collector": _merge({"ownerReferences": [OWNER]}),
    "status: merge patch removes a label": _merge({"labels": {names.WORKLOAD: None}}, "/status"),
    "status: merge patch approves a registry": _merge(
        {"annotations": {names.REGISTRIES: "docker.io"}}, "/status"
    ),
    "status: merge patch hands it to the garbage collector": _merge(
        {"ownerReferences": [OWNER]}, "/status"
    ),
    "strategic patch removes a label": lambda zone: zone.engineer.request(
        "PATCH", zone.path, {"metadata": {"labels": {names.DATA: None}}}, content=STRATEGIC
    ),
    "json patch removes a label": lambda zone: zone.engineer.request(
        "PATCH",
        zone.path,
        [{"op": "remove", "path": f"/metadata/labels/{names.IMPACT.replace('/', '~1')}"}],
        content=JSON_PATCH,
    ),
    "server-side apply takes a label over": lambda zone: zone.engineer.request(
        "PATCH",
        zone.path,
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": zone.name, "labels": {names.DATA: "none"}},
        },
        content=APPLY,
        fieldManager="mine",
        force="true",
    ),
    "put without labels": lambda zone: _replaced(zone, "", _stripped),
    "status: put without labels": lambda zone: _replaced(zone, "/status", _stripped),
    "finalize: put without labels": lambda zone: _replaced(zone, "/finalize", _stripped),
    "deletion": lambda zone: zone.engineer.delete(zone.path),
}


@pytest.mark.parametrize("attempt", TAKING_AWAY)
def test_a_zone_stays_as_its_declaration_says(zone: Zone, attempt: str) -> None:
    before = zone.state()
    refused(TAKING_AWAY[attempt](zone))
    assert zone.state() == before


def test_a_zone_may_carry_labels_and_annotations_of_others(zone: Zone) -> None:
    change = {"labels": {"team": "radiology"}, "annotations": {"example.com/contact": "x"}}
    assert _merge(change)(zone).ok
    assert _merge({"labels": {"team": None}}, "/status")(zone).ok
    assert "team" not in zone.engineer.get(zone.path).body["metadata"]["labels"]


KUBECTL = {
    "a lower level": ("label", f"{names.ENFORCEMENT}=observe", "--overwrite"),
    "no level": ("label", f"{names.ENFORCEMENT}-"),
    "no workload": ("label", f"{names.WORKLOAD}-"),
    "every label": ("label", f"{names.WORKLOAD}-", f"{names.ZONE}-", f"{names.ENFORCEMENT}-"),
    "another registry": ("annotate", f"{names.REGISTRIES}=docker.io", "--overwrite"),
    "no registries": ("annotate", f"{names.REGISTRIES}-"),
    "no pod security": ("label", "pod-security.kubernetes.io/enforce=privileged", "--overwrite"),
}


@pytest.mark.parametrize("wish", KUBECTL)
def test_kubectl_moves_no_mark_of_a_zone(zone: Zone, product: Product, wish: str) -> None:
    before = zone.state()
    verb, *changes = KUBECTL[wish]
    arguments = (verb, "namespace", zone.name, *changes)
    done = product.cluster.kubectl(*arguments, user=PLATFORM_ENGINEER, check=False)
    assert done.returncode != 0
    assert GUARD in done.stderr
    assert zone.state() == before


LEVELS = ("enforce", "warn", "observe", "", None)


def _forged(level: str | None) -> Body:
    labels, annotations = encode(examples.ZONE)
    labels.pop(names.ENFORCEMENT)
    if level is not None:
        labels[names.ENFORCEMENT] = level
    return {"labels": labels, "annotations": annotations}


@pytest.mark.parametrize("level", LEVELS)
def test_nobody_else_makes_a_namespace_a_zone(
    engineer: Rest, root: Rest, level: str | None
) -> None:
    """A forged zone could claim another declaration's name."""
    fresh = f"forged-{uuid.uuid4().hex[:6]}"
    refused(engineer.create(zones.CORE, {"metadata": {"name": fresh, **_forged(level)}}))
    assert root.get(f"{zones.CORE}/{fresh}").code == 404
    assert engineer.create(zones.CORE, {"metadata": {"name": fresh}}).ok
    path = f"{zones.CORE}/{fresh}"
    try:
        for subresource in ("", "/status"):
            change = {"metadata": _forged(level)}
            refused(engineer.request("PATCH", path + subresource, change, content=MERGE))
        single = {"metadata": {"labels": {names.ENFORCEMENT: level or "enforce"}}}
        refused(engineer.request("PATCH", path, single, content=MERGE))
        labels = root.get(path).body["metadata"]["labels"]
        assert labels == {names.NAMESPACE_NAME: fresh}
    finally:
        assert engineer.delete(path).ok


def test_a_zone_goes_with_all_its_content_when_the_operator_deletes_it(
    root: Rest, operator: Rest, engineer: Rest
) -> None:
    """The namespace controller removes what the guard keeps everybody else from removing."""
    boundary = zones.unique(examples.ZONE)
    name = make(operator, boundary)
    (pod,) = PODS.kinds
    good = examples.pod_template(Example())
    assert engineer.create(collection(pod, name), examples.manifest(pod, good)).ok
    assert engineer.create(
        collection(SERVICE, name), make_object(SERVICE, {"name": "app"}, {"spec": PORTS})
    ).ok
    path = f"{zones.CORE}/{name}"
    refused(engineer.delete(path))
    assert operator.delete(path).ok
    until(lambda: root.get(path).code == 404, f"{name} and its content are gone", within=40)
