"""Whoever tries to take a boundary away: what the API server stored, and what it refused."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from e2e import zones
from e2e.product import NAMESPACE, Product
from e2e.rest import APPLY, JSON_PATCH, MERGE, STRATEGIC, Answer, Rest, connect
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.boundary.labels import encode
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import (
    LIMIT_RANGE,
    NETWORK_POLICY,
    PODS,
    RESOURCE_QUOTA,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind,
)

Body = dict[str, Any]
GUARD = "PHI-GRD-001"
OWNER = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "name": "gone",
    "uid": "00000000-0000-4000-8000-000000000000",
}
NOBODY = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": OWNER["uid"]}


@dataclass(frozen=True)
class Zone:
    """An enforcing zone as the operator makes it, and those who act in it."""

    name: str
    operator: Rest
    engineer: Rest
    """May do everything that RBAC can allow."""
    developer: Rest
    """May edit the namespace, and nothing else."""

    @property
    def path(self) -> str:
        """Return the path of the Namespace."""
        return f"{zones.CORE}/{self.name}"

    def state(self) -> Body:
        """Return what must not change of the Namespace."""
        return standing(self.engineer.get(self.path).body)


def standing(body: Body) -> Body:
    """Return everything of an object that a change of its boundary would change."""
    metadata = body["metadata"]
    assert "uid" in metadata, body
    kept = ("uid", "labels", "annotations", "ownerReferences", "deletionTimestamp")
    rest = {k: v for k, v in body.items() if k not in ("metadata", "status")}
    return {**rest, **{key: metadata.get(key) for key in kept}}


def _labels(boundary: Any) -> dict[str, str]:
    return {
        names.MANAGED_BY: names.FIELD_MANAGER,
        names.WORKLOAD: boundary.workload,
        names.ZONE: boundary.zone,
    }


OWNED: tuple[tuple[Kind, Body, Body], ...] = (
    (
        NETWORK_POLICY,
        {"spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}},
        {"spec": {"egress": [{}]}},
    ),
    (
        SERVICE_ACCOUNT,
        {"automountServiceAccountToken": False},
        {"automountServiceAccountToken": True},
    ),
    (RESOURCE_QUOTA, {"spec": {"hard": {"pods": "50"}}}, {"spec": {"hard": {"pods": "5000"}}}),
    (
        LIMIT_RANGE,
        {"spec": {"limits": [{"type": "Container", "default": {"memory": "512Mi"}}]}},
        {"spec": {"limits": [{"type": "Container", "default": {"memory": "64Gi"}}]}},
    ),
)


@pytest.fixture(scope="module")
def engineer(product: Product) -> Rest:
    return connect(product.cluster.kubeconfig_for("platform-engineer"))


@pytest.fixture(scope="module")
def operator(product: Product) -> Rest:
    return connect(product.operator_kubeconfig())


@pytest.fixture(scope="module")
def root(product: Product) -> Rest:
    """A member of system:masters, whom the chart exempts."""
    return connect(product.cluster.kubeconfig)


@pytest.fixture(scope="module")
def zone(product: Product, root: Rest, operator: Rest, engineer: Rest) -> Iterator[Zone]:
    boundary = zones.unique(examples.ZONE)
    name = zones.make(operator, boundary)
    for kind, body, _ in OWNED:
        metadata = {"name": "boundary", "labels": _labels(boundary)}
        assert operator.create(collection(kind, name), _object(kind, metadata, body)).ok
    people = f"people-{uuid.uuid4().hex[:6]}"
    assert root.create(zones.CORE, {"metadata": {"name": people}}).ok
    product.cluster.kubectl("create", "serviceaccount", "developer", f"-n={people}")
    product.cluster.kubectl(
        "create",
        "rolebinding",
        "developers",
        "--clusterrole=edit",
        f"--serviceaccount={people}:developer",
        f"-n={name}",
    )
    developer = connect(product.cluster.create_token("developer", people))
    yield Zone(name, operator, engineer, developer)
    root.delete(f"{zones.CORE}/{name}")
    root.delete(f"{zones.CORE}/{people}")


def _object(kind: Kind, metadata: Body, body: Body) -> Body:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": metadata, **body}


def refused(answer: Answer, *rules: str) -> None:
    """Assert that a request was refused by one of the rules; of several the first is told."""
    assert answer.code == 403, answer.body
    assert any(rule in answer.message for rule in rules or (GUARD,)), answer.message


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


@pytest.mark.parametrize(
    ("kind", "change"), [(k, c) for k, _, c in OWNED], ids=lambda v: getattr(v, "kind", "")
)
def test_what_phiwarden_owns_in_a_zone_stays_as_it_is(zone: Zone, kind: Kind, change: Body) -> None:
    path = f"{collection(kind, zone.name)}/boundary"
    before = zone.engineer.get(collection(kind, zone.name)).body["items"]

    def patch(body: Any, content: str = MERGE, subresource: str = "") -> Answer:
        return zone.engineer.request("PATCH", path + subresource, body, content=content)

    refused(patch(change), GUARD, "PHI-NET-001")
    refused(patch({"metadata": {"labels": {names.MANAGED_BY: None}}}))
    refused(patch({"metadata": {"labels": {names.MANAGED_BY: "Helm"}}}, STRATEGIC))
    refused(patch({"metadata": {"labels": {names.WORKLOAD: None}}}))
    refused(patch({"metadata": {"labels": None}}))
    refused(patch([{"op": "remove", "path": "/metadata/labels"}], JSON_PATCH))
    # The garbage collector may delete what it finds without a living owner.
    refused(patch({"metadata": {"ownerReferences": [NOBODY]}}))
    if kind is RESOURCE_QUOTA:
        refused(patch({"metadata": {"labels": None}}, MERGE, "/status"))
        refused(patch({"metadata": {"ownerReferences": [NOBODY]}}, MERGE, "/status"))
    applied = _object(kind, {"name": "boundary"}, change)
    refused(
        zone.engineer.request(
            "PATCH", path, applied, content=APPLY, fieldManager="mine", force="true"
        ),
        GUARD,
        "PHI-NET-001",
    )
    whole = copy.deepcopy(next(item for item in before if item["metadata"]["name"] == "boundary"))
    whole["metadata"].pop("labels")
    whole["metadata"].pop("resourceVersion")
    refused(zone.engineer.request("PUT", path, {**_object(kind, {}, {}), **whole}))
    refused(zone.engineer.delete(path))
    refused(
        zone.engineer.request(
            "DELETE",
            collection(kind, zone.name),
            labelSelector=f"{names.MANAGED_BY}={names.FIELD_MANAGER}",
        )
    )
    after = zone.engineer.get(collection(kind, zone.name)).body["items"]
    assert [standing(item) for item in after] == [standing(item) for item in before]


@pytest.mark.parametrize(
    ("kind", "body"), [(k, b) for k, b, _ in OWNED], ids=lambda v: getattr(v, "kind", "")
)
def test_nobody_else_makes_an_object_that_claims_to_be_phiwardens(
    zone: Zone, kind: Kind, body: Body
) -> None:
    forged = {"generateName": "forged-", "labels": {names.MANAGED_BY: names.FIELD_MANAGER}}
    for actor in (zone.engineer, zone.developer):
        answer = actor.create(collection(kind, zone.name), _object(kind, forged, body))
        refused(answer, GUARD, "PHI-NET-001", "cannot create resource")
    if kind is not NETWORK_POLICY:
        plain = _object(kind, {"generateName": "own-"}, body)
        made = zone.engineer.create(collection(kind, zone.name), plain)
        assert made.ok
        path = f"{collection(kind, zone.name)}/{made.body['metadata']['name']}"
        claim = {"metadata": {"labels": {names.MANAGED_BY: names.FIELD_MANAGER}}}
        refused(zone.engineer.request("PATCH", path, claim, content=MERGE))
        assert zone.engineer.delete(path).ok
    items = zone.engineer.get(collection(kind, zone.name)).body["items"]
    assert not [i for i in items if i["metadata"]["name"].startswith(("forged", "own"))]


def test_the_controllers_of_kubernetes_still_write_what_is_theirs(zone: Zone) -> None:
    """The quota controller counts pods in the status of an object that phiwarden owns."""
    path = f"{collection(RESOURCE_QUOTA, zone.name)}/boundary"
    until(
        lambda: (
            "pods"
            in (
                zone.engineer.get(collection(RESOURCE_QUOTA, zone.name))
                .body["items"][0]
                .get("status", {})
                .get("used", {})
            )
        ),
        f"the quota controller writes the status of {path}",
    )


OPEN = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]}


def test_a_network_policy_from_before_cannot_be_widened_not_even_on_its_way_out(
    zone: Zone, root: Rest
) -> None:
    """Deleted, but kept by a finalizer, it still counts for the network."""
    path = collection(NETWORK_POLICY, zone.name)
    metadata = {"name": "from-before", "finalizers": ["example.com/kept"]}
    closed = {"podSelector": {}, "policyTypes": ["Egress"]}
    assert root.create(path, _object(NETWORK_POLICY, metadata, {"spec": closed})).ok
    mine = f"{path}/from-before"
    widened = {"spec": {"egress": [{}]}}
    refused(zone.developer.request("PATCH", mine, widened, content=MERGE), "PHI-NET-001")
    assert zone.developer.delete(mine).ok
    stands = root.get(mine).body
    assert stands["metadata"]["deletionTimestamp"]
    refused(zone.developer.request("PATCH", mine, widened, content=MERGE), "PHI-NET-001")
    assert "egress" not in root.get(mine).body["spec"]
    freed = {"metadata": {"finalizers": None}}
    assert zone.developer.request("PATCH", mine, freed, content=MERGE).ok
    assert root.get(mine).code == 404


@pytest.mark.parametrize("metadata", [{"name": "hole"}, {"generateName": "hole-"}])
def test_nobody_else_writes_a_network_policy(zone: Zone, metadata: Body) -> None:
    body = _object(NETWORK_POLICY, metadata, {"spec": OPEN})
    path = collection(NETWORK_POLICY, zone.name)
    for actor in (zone.engineer, zone.developer):
        refused(actor.create(path, body), "PHI-NET-001")
    if "name" in metadata:
        applied = zone.developer.request(
            "PATCH", f"{path}/hole", body, content=APPLY, fieldManager="mine"
        )
        refused(applied, "PHI-NET-001")
    assert [i["metadata"]["name"] for i in zone.engineer.get(path).body["items"]] == ["boundary"]


PORTS = {"selector": {"app": "app"}, "ports": [{"port": 8443}]}
PUBLISHING: dict[str, Body] = {
    "node port": {"spec": {"type": "NodePort"}},
    "load balancer": {"spec": {"type": "LoadBalancer"}},
    "foreign name": {"spec": {"type": "ExternalName", "externalName": "elsewhere.example"}},
    "external address": {"spec": {"externalIPs": ["203.0.113.9"]}},
}


@pytest.mark.parametrize("change", PUBLISHING)
def test_a_service_is_not_published_not_even_on_its_way_out(
    zone: Zone, root: Rest, change: str
) -> None:
    path = collection(SERVICE, zone.name)
    name = f"svc-{uuid.uuid4().hex[:6]}"
    metadata = {"name": name, "finalizers": ["example.com/kept"]}
    assert zone.developer.create(path, _object(SERVICE, metadata, {"spec": PORTS})).ok
    mine = f"{path}/{name}"

    def publish(content: str) -> Answer:
        return zone.developer.request("PATCH", mine, PUBLISHING[change], content=content)

    refused(publish(MERGE), "PHI-NET-002")
    assert zone.developer.delete(mine).ok
    refused(publish(MERGE), "PHI-NET-002")
    refused(publish(STRATEGIC), "PHI-NET-002")
    stored = root.get(mine).body
    assert stored["spec"]["type"] == "ClusterIP"
    assert "externalIPs" not in stored["spec"]
    assert zone.developer.request(
        "PATCH", mine, {"metadata": {"finalizers": None}}, content=MERGE
    ).ok
    assert root.get(mine).code == 404


INTERNAL = "networking.gke.io/load-balancer-type"


def test_an_internal_load_balancer_stays_internal(root: Rest, engineer: Rest) -> None:
    """The annotation that makes it internal can be written through the status, too."""
    boundary = replace(zones.unique(examples.ZONE), exposure="internal")
    with zones.zone(root, boundary) as name:
        path = collection(SERVICE, name)
        metadata = {"name": "lb", "annotations": {INTERNAL: "Internal"}}
        body = _object(SERVICE, metadata, {"spec": {**PORTS, "type": "LoadBalancer"}})
        assert engineer.create(path, body).ok
        for subresource in ("", "/status"):
            for change in ({INTERNAL: None}, {INTERNAL: "External"}):
                answer = engineer.request(
                    "PATCH",
                    f"{path}/lb{subresource}",
                    {"metadata": {"annotations": change}},
                    content=MERGE,
                )
                refused(answer, "PHI-NET-002")
        address = {"status": {"loadBalancer": {"ingress": [{"ip": "10.0.0.9"}]}}}
        told = engineer.request("PATCH", f"{path}/lb/status", address, content=MERGE)
        assert told.ok, "a cloud's controller writes where the load balancer is"
        assert root.get(f"{path}/lb").body["metadata"]["annotations"][INTERNAL] == "Internal"


def test_a_pod_stays_in_its_quarantine(zone: Zone) -> None:
    (kind,) = PODS.kinds
    path = collection(kind, zone.name)
    pod = examples.manifest(kind, examples.pod_template(Example()), name="quarantined")
    assert zone.developer.create(path, pod).ok
    mine = f"{path}/quarantined"
    cut_off = {"metadata": {"labels": {names.QUARANTINE: "full"}}}
    assert zone.operator.request("PATCH", mine, cut_off, content=MERGE).ok

    def patch(actor: Rest, labels: Body | None, subresource: str = "") -> Answer:
        change = {"metadata": {"labels": labels}}
        return actor.request("PATCH", mine + subresource, change, content=MERGE)

    for actor in (zone.developer, zone.engineer):
        for labels in (None, {names.QUARANTINE: None}, {names.QUARANTINE: "care"}):
            refused(patch(actor, labels), "PHI-GRD-002")
    refused(patch(zone.engineer, {names.QUARANTINE: None}, "/status"), "PHI-GRD-002")
    assert patch(zone.developer, {"note": "x"}).ok
    labels = zone.developer.get(mine).body["metadata"]["labels"]
    assert labels[names.QUARANTINE] == "full"
    until(
        lambda: zone.developer.get(mine).body["status"].get("phase") == "Running",
        "the kubelet writes the status of a pod in quarantine",
    )
    assert patch(zone.operator, {names.QUARANTINE: None}).ok
    assert zone.developer.delete(mine).ok


def test_rights_that_a_developer_lacks_are_refused_by_rbac(zone: Zone, product: Product) -> None:
    """To speak as the operator or a controller takes a right that `edit` does not hold."""
    refused(
        zone.developer.request("PATCH", zone.path, {"metadata": {"labels": None}}, content=MERGE),
        "cannot patch resource",
    )
    token = f"{zones.CORE}/{NAMESPACE}/serviceaccounts/phiwarden/token"
    refused(zone.developer.create(token, {"spec": {}}), "cannot create resource")
    for user in (
        f"system:serviceaccount:{NAMESPACE}:phiwarden",
        "system:kube-controller-manager",
        "system:serviceaccount:kube-system:replicaset-controller",
    ):
        headers = {**zone.developer.headers, "Impersonate-User": user}
        spoofed = Rest(zone.developer.host, zone.developer.context, headers)
        refused(spoofed.get(zone.path), "cannot impersonate")
    headers = {
        **zone.developer.headers,
        "Impersonate-User": "x",
        "Impersonate-Group": "system:masters",
    }
    refused(
        Rest(zone.developer.host, zone.developer.context, headers).get(zone.path), "impersonate"
    )


UNREADABLE: tuple[tuple[str, str, str | None], ...] = (
    *(("labels", key, None) for key in names.BOUNDARY_LABELS if key != names.ENFORCEMENT),
    *(
        ("labels", key, "bogus")
        for key in (names.DATA, names.ENVIRONMENT, names.IMPACT, names.EXPOSURE)
    ),
    *(("annotations", key, None) for key in names.BOUNDARY_ANNOTATIONS),
    ("annotations", names.FORMAT, "2"),
)


def test_a_zone_whose_boundary_cannot_be_read_admits_nothing_new_and_says_why(
    root: Rest, engineer: Rest
) -> None:
    """Only somebody exempt can break it; what is broken is named, in every kind of refusal."""
    boundary = zones.unique(examples.ZONE)
    good = examples.pod_template(Example())
    asked = [
        (kind, examples.manifest(kind, good))
        for shape in examples.POD_SHAPES
        for kind in (shape.kinds[0],)
    ]
    asked.append((SERVICE, _object(SERVICE, {"name": "app"}, {"spec": PORTS})))
    with zones.zone(root, boundary) as name:
        path = f"{zones.CORE}/{name}"
        whole = root.get(path).body["metadata"]
        for where, key, value in UNREADABLE:
            assert root.request(
                "PATCH", path, {"metadata": {where: {key: value}}}, content=MERGE
            ).ok
            for kind, obj in asked:

                def answer(kind: Kind = kind, obj: Body = obj) -> Answer:
                    return engineer.create(collection(kind, name), obj, dry_run=True)

                told = until(
                    lambda ask=answer, key=key: found if key in (found := ask()).message else None,
                    f"{kind.kind} is refused since {key} is {value}",
                )
                assert told.code == 403
                assert "cannot be read" in told.message
            restored = {"metadata": {where: {key: whole[where][key]}}}
            assert root.request("PATCH", path, restored, content=MERGE).ok
        assert root.request("PATCH", path, {"metadata": {"annotations": None}}, content=MERGE).ok
        told = until(
            lambda: (
                found
                if "cannot be read"
                in (
                    found := engineer.create(
                        collection(*asked[0][:1], name), asked[0][1], dry_run=True
                    )
                ).message
                else None
            ),
            "a pod is refused where there are no annotations at all",
        )
        assert told.code == 403


def test_a_zone_goes_with_all_its_content_when_the_operator_deletes_it(
    root: Rest, operator: Rest, engineer: Rest
) -> None:
    """The namespace controller removes what the guard keeps everybody else from removing."""
    boundary = zones.unique(examples.ZONE)
    name = zones.make(operator, boundary)
    for kind, body, _ in OWNED:
        metadata = {"name": "boundary", "labels": _labels(boundary)}
        assert operator.create(collection(kind, name), _object(kind, metadata, body)).ok
    (pod,) = PODS.kinds
    good = examples.pod_template(Example())
    assert engineer.create(collection(pod, name), examples.manifest(pod, good)).ok
    assert engineer.create(
        collection(SERVICE, name), _object(SERVICE, {"name": "app"}, {"spec": PORTS})
    ).ok
    path = f"{zones.CORE}/{name}"
    refused(engineer.delete(path))
    assert operator.delete(path).ok
    until(lambda: root.get(path).code == 404, f"{name} and its content are gone", within=40)
