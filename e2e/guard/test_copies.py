"""Whoever would carry data past a boundary by way of a copy of its volume."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from e2e import custom_kinds, workloads, zones
from e2e.guard.boundary import refused
from e2e.rest import MERGE, Answer, Rest
from e2e.waiting import until
from e2e.workloads import deployment
from phiwarden.cluster.resources import collection, item
from phiwarden.rulebook import examples
from phiwarden.rulebook.shapes import CLAIM, VOLUME_SNAPSHOT, WORKLOADS
from phiwarden.rulebook.subjects import OTHERS

RULE = "PHI-VOL-002"
CLASS = "fast-encrypted"
BINDER = "system:serviceaccount:kube-system:persistent-volume-binder"
_, STATEFUL_SET, _ = WORKLOADS.kinds
GRANT = next(kind for s in OTHERS if s.name == "references" for kind in s.kinds)
SNAPSHOT = {"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": "records"}
ORIGINAL = {"kind": "PersistentVolumeClaim", "name": "records"}
IMPORT = {"apiGroup": "importer.example", "kind": "VolumeImportSource", "name": "records"}

Body = dict[str, Any]


@dataclass(frozen=True)
class Pair:
    """A zone with patient data, and one of a test."""

    clinical: str
    test: str


@pytest.fixture(scope="module")
def pair(root: Rest, engineer: Rest) -> Iterator[Pair]:
    boundary = replace(zones.unique(examples.ZONE), storage_classes=(CLASS,))
    other = replace(boundary, zone="test", environment="test", data="synthetic")
    with (
        custom_kinds.installed(root),
        zones.zone(root, boundary) as clinical,
        zones.zone(root, other) as test,
    ):
        for namespace in (clinical, test):
            until(
                lambda namespace=namespace: (
                    engineer.create(collection(CLAIM, namespace), claim(), dry_run=True).ok
                    and engineer.create(*snapshot(namespace), dry_run=True).ok
                    and not engineer.create(*snapshot(namespace, content="x"), dry_run=True).ok
                    and not engineer.create(*grant(namespace), dry_run=True).ok
                ),
                f"{namespace} is served and judged",
            )
        yield Pair(clinical, test)


def claim(name: str = "copy", **spec: Any) -> Body:
    return workloads.claim(name, CLASS, **spec)


def snapshot(namespace: str, content: str = "") -> tuple[str, Body]:
    source = (
        {"volumeSnapshotContentName": content}
        if content
        else {"persistentVolumeClaimName": "records"}
    )
    body = {"apiVersion": VOLUME_SNAPSHOT.api_version, "kind": VOLUME_SNAPSHOT.kind}
    named = {"metadata": {"name": "copy"}, "spec": {"source": source}}
    return collection(VOLUME_SNAPSHOT, namespace), {**body, **named}


def grant(namespace: str, to: str = "VolumeSnapshot", by: str = "Other") -> tuple[str, Body]:
    body = {"apiVersion": GRANT.api_version, "kind": GRANT.kind, "metadata": {"name": "copy"}}
    peers = [{"group": "", "kind": by, "namespace": "test"}]
    return collection(GRANT, namespace), {
        **body,
        "spec": {"from": peers, "to": [{"group": "", "kind": to}]},
    }


def ask(who: Rest, namespace: str, **spec: Any) -> Answer:
    return who.create(collection(CLAIM, namespace), claim(**spec), dry_run=True)


def test_a_claim_is_filled_from_what_is_in_its_own_zone(pair: Pair, engineer: Rest) -> None:
    for namespace in (pair.clinical, pair.test):
        for source in (ORIGINAL, SNAPSHOT):
            for field in ("dataSource", "dataSourceRef"):
                answer = ask(engineer, namespace, **{field: source})
                assert answer.ok, answer.message
                # What was asked for, and not a claim that the API server made empty.
                assert answer.body["spec"]["dataSourceRef"]["name"] == "records"


@pytest.mark.parametrize("source", [ORIGINAL, SNAPSHOT], ids=lambda source: source["kind"])
def test_a_claim_is_filled_from_no_other_namespace(
    pair: Pair, engineer: Rest, source: Body
) -> None:
    for here, there in ((pair.clinical, pair.test), (pair.test, pair.clinical)):
        foreign = {**source, "namespace": there}
        plain = engineer.create(
            collection(CLAIM, "default"), claim(dataSourceRef=foreign), dry_run=True
        )
        if "dataSourceRef" not in plain.body["spec"]:
            pytest.skip("this cluster fills no claim from another namespace")
        answer = ask(engineer, here, dataSourceRef=foreign)
        refused(answer, RULE)
        assert f"records of {there}" in answer.message


def test_nor_from_a_kind_of_which_nobody_knows_where_its_data_is_from(
    pair: Pair, engineer: Rest
) -> None:
    for namespace in (pair.clinical, pair.test):
        refused(ask(engineer, namespace, dataSourceRef=IMPORT), RULE)
        posing = {**ORIGINAL, "apiGroup": "importer.example"}
        refused(ask(engineer, namespace, dataSourceRef=posing), RULE)
        # In this field the API server takes claims and snapshots, and drops anything else.
        answer = ask(engineer, namespace, dataSource=IMPORT)
        assert answer.ok
        assert not {"dataSource", "dataSourceRef"} & set(answer.body["spec"])


def test_a_claim_chooses_no_volume_by_its_name(pair: Pair, root: Rest, engineer: Rest) -> None:
    for namespace in (pair.clinical, pair.test):
        refused(ask(engineer, namespace, volumeName="pv-released"), RULE)
        # Nor later: Kubernetes lets the name be set once.
        path = item(CLAIM, namespace, "waiting")
        assert engineer.create(collection(CLAIM, namespace), claim("waiting")).ok
        chosen = {"spec": {"volumeName": "pv-released"}}
        forged = {"metadata": {"annotations": {"pv.kubernetes.io/bind-completed": "yes"}}, **chosen}
        for change in (chosen, forged):
            refused(engineer.request("PATCH", path, change, content=MERGE), RULE)
        binder = Rest(root.host, root.context, {**root.headers, "Impersonate-User": BINDER})
        bound = engineer.get(path).body
        bound["spec"] |= chosen["spec"]
        assert binder.request("PUT", path, bound).ok
        assert root.delete(path).ok


def test_templates_of_claims_are_held_to_the_same(pair: Pair, engineer: Rest) -> None:
    for spec in (
        {"dataSourceRef": {**SNAPSHOT, "namespace": pair.test}},
        {"dataSourceRef": IMPORT},
        {"volumeName": "pv-released"},
    ):
        template = claim("data", **spec)
        stateful = deployment("db")
        stateful["kind"] = "StatefulSet"
        stateful["spec"] |= {"serviceName": "db", "volumeClaimTemplates": [template]}
        path = collection(STATEFUL_SET, pair.clinical)
        refused(engineer.create(path, stateful, dry_run=True), RULE)
        volume = {"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": template["spec"]}}}
        worker = deployment("worker")
        worker["spec"]["template"]["spec"]["volumes"] = [volume]
        path = collection(WORKLOADS.kinds[0], pair.clinical)
        refused(engineer.create(path, worker, dry_run=True), RULE)


def test_a_snapshot_is_made_of_a_claim_and_taken_from_nowhere_else(
    pair: Pair, root: Rest, engineer: Rest
) -> None:
    for namespace in (pair.clinical, pair.test):
        assert engineer.create(*snapshot(namespace), dry_run=True).ok
        refused(engineer.create(*snapshot(namespace, content="of-anything"), dry_run=True), RULE)
        # A backup that is brought back from elsewhere is brought by whom the chart exempts.
        assert root.create(*snapshot(namespace, content="of-anything"), dry_run=True).ok


def test_a_zone_grants_its_volumes_to_no_other_namespace(pair: Pair, engineer: Rest) -> None:
    for namespace in (pair.clinical, pair.test):
        for to in ("VolumeSnapshot", "PersistentVolumeClaim"):
            refused(engineer.create(*grant(namespace, to), dry_run=True), RULE)
        by_claims = grant(namespace, "Anything", "PersistentVolumeClaim")
        refused(engineer.create(*by_claims, dry_run=True), RULE)
        assert engineer.create(*grant(namespace, "Service", "HTTPRoute"), dry_run=True).ok
        # What may be granted is no way to what may not.
        path, harmless = grant(namespace, "Service", "HTTPRoute")
        assert engineer.create(path, harmless).ok
        widened = grant(namespace)[1]["spec"]
        answer = engineer.request("PATCH", f"{path}/copy", {"spec": widened}, content=MERGE)
        refused(answer, RULE)
        assert engineer.delete(f"{path}/copy").ok
