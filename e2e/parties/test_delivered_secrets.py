"""Declared secrets, delivered by the real External Secrets and cert-manager."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import workloads
from e2e.parties.controllers import cert_manager, external_secrets
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Answer, Rest
from e2e.waiting import until
from e2e.workloads import NAMESPACES, WORKLOADS, clinic, deployment, status, unique, wait, zone

GROUP = "external-secrets.io/v1"
STORES = f"/apis/{GROUP}/clustersecretstores"
CERTIFICATES = "cert-manager.io/v1"
Object = dict[str, Any]


@pytest.fixture(scope="module")
def operator(product: Product, controllers: None) -> Iterator[Operator]:
    # It starts before the kinds are there: they are found when they come.
    with (
        running(product) as started,
        external_secrets(product.cluster),
        cert_manager(product.cluster),
    ):
        yield started


@pytest.fixture
def store(admin: Rest, operator: Operator) -> Iterator[str]:
    """A ClusterSecretStore that holds one entry, portal/ehr."""
    name = unique("store")
    kind = {"apiVersion": GROUP, "kind": "ClusterSecretStore", "metadata": {"name": name}}
    answer = admin.create(STORES, {**kind, "spec": holding("first")})
    assert answer.ok, answer.message
    yield name
    admin.delete(f"{STORES}/{name}")


@pytest.fixture
def name(operator: Operator, admin: Rest) -> Iterator[str]:
    chosen = unique("store")
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def holding(value: str) -> Object:
    entry = json.dumps({"clientId": "portal", "clientSecret": value})
    return {"provider": {"fake": {"data": [{"key": "portal/ehr", "value": entry}]}}}


def declare(admin: Rest, name: str, *secrets: Object, **spec: Any) -> Answer:
    images = {"registries": ["registry.hospital.example/portal"]}
    zones = [zone("clinical", data="phi", images=images)]
    body = clinic(name, zones=zones, flows=[], externals=[], secrets=list(secrets), **spec)
    answer = workloads.apply(admin, body)
    assert answer.ok, answer.message
    return answer


def ehr(store: str, **fields: Any) -> Object:
    source = {"externalSecret": {"store": store, "key": "portal/ehr"}}
    return {
        "name": "ehr",
        "zone": "clinical",
        "keys": ["clientId", "clientSecret"],
        "consumers": ["app"],
        "source": source,
        **fields,
    }


def secret(name: str, of: str = "ehr") -> str:
    return f"{NAMESPACES}/{name}-clinical/secrets/{of}"


def asking(name: str, of: str = "ehr") -> str:
    return f"/apis/{GROUP}/namespaces/{name}-clinical/externalsecrets/{of}"


def value(admin: Rest, name: str) -> str:
    data = admin.get(secret(name)).body.get("data", {})
    return b64decode(data.get("clientSecret", "")).decode()


def told(admin: Rest, name: str, of: str = "ehr") -> Object:
    found = [entry for entry in status(admin, name).get("secrets", ()) if entry["name"] == of]
    return found[0] if found else {}


def rotate(admin: Rest, store: str, name: str, to: str) -> None:
    """Change the entry in the store, and have it fetched now."""
    assert admin.request("PATCH", f"{STORES}/{store}", {"spec": holding(to)}, content=MERGE).ok
    now = {"metadata": {"annotations": {"force-sync": to}}}
    assert admin.request("PATCH", asking(name), now, content=MERGE).ok
    until(lambda: value(admin, name) == to, "the new value is delivered")


def test_a_declared_secret_is_delivered_rotated_and_its_readers_rolled_over(
    admin: Rest, engineer: Rest, name: str, store: str
) -> None:
    declare(admin, name, ehr(store, maxAge="90d"))
    until(lambda: value(admin, name) == "first", "it is delivered", within=60)
    assert "ownerReferences" not in admin.get(secret(name)).body["metadata"]
    until(lambda: told(admin, name).get("standing") == "Unproven", "its age is not proven yet")
    reader = deployment("portal")
    reference = {"secretKeyRef": {"name": "ehr", "key": "clientSecret"}}
    pod = reader["spec"]["template"]["spec"]
    pod["containers"][0]["env"] = [{"name": "EHR_SECRET", "valueFrom": reference}]
    path = workloads.deployments(f"{name}-clinical")
    answer = engineer.create(path, reader)
    assert answer.ok, answer.message
    until(workloads.available(admin, f"{name}-clinical", "portal"), "it runs", within=60)
    rotate(admin, store, name, "second")
    until(lambda: told(admin, name).get("standing") == "Proven", "the rotation is proven")
    assert any("refreshTime" in trap for trap in told(admin, name)["traps"])
    until(
        lambda: (
            "phiwarden.dev/restarted-at"
            in (
                admin.get(f"{path}/portal")
                .body["spec"]["template"]["metadata"]
                .get("annotations", {})
            )
        ),
        "its reader is rolled over",
    )
    wait(admin, name, "SecretsCurrent", "True", "Current")


def test_nobody_but_its_store_writes_the_secret(
    admin: Rest, engineer: Rest, name: str, store: str
) -> None:
    declare(admin, name, ehr(store))
    until(lambda: value(admin, name) == "first", "it is delivered", within=60)
    wait(admin, name, "Ready", "True")

    def put(body: Object) -> Answer:
        return engineer.request("PATCH", secret(name), body, content=MERGE)

    by_hand = {"stringData": {"clientSecret": "mine"}}
    until(lambda: not put(by_hand).ok, "a write by hand is refused")
    assert "PHI-SEC-004" in put(by_hand).message
    # What a rotation is known by, and what makes the garbage collector delete it.
    for metadata in (
        {"annotations": {"reconcile.external-secrets.io/data-hash": "forged"}},
        {"labels": {"mine": "yes"}},
    ):
        assert "PHI-SEC-004" in put({"metadata": metadata}).message
    # It would come back without an age, and be overdue no more.
    assert "PHI-SEC-004" in engineer.delete(secret(name)).message
    # Another way to the same Secret: somebody's own request to the store.
    spec = {
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
        "target": {"name": "ehr"},
        "data": [{"secretKey": "clientSecret", "remoteRef": {"key": "other"}}],
    }
    mine = {"apiVersion": GROUP, "kind": "ExternalSecret", "metadata": {"name": "mine"}}
    answer = engineer.create(asking(name, "").rstrip("/"), {**mine, "spec": spec})
    assert "PHI-SEC-004" in answer.message
    answer = engineer.request("PATCH", asking(name), {"spec": {"data": []}}, content=MERGE)
    assert "PHI-SEC-004" in answer.message
    other = {**mine, "spec": {**spec, "target": {"name": "mine"}}}
    assert engineer.create(asking(name, "").rstrip("/"), other, dry_run=True).ok
    rotate(admin, store, name, "second")


def test_what_asks_the_store_is_put_back(admin: Rest, name: str, store: str) -> None:
    declare(admin, name, ehr(store))
    until(lambda: value(admin, name) == "first", "it is delivered", within=60)
    first = admin.get(asking(name)).body["metadata"]["uid"]
    assert admin.delete(asking(name)).ok

    def another() -> bool:
        answer = admin.get(asking(name))
        return answer.ok and answer.body["metadata"]["uid"] != first

    until(another, "it is made again")
    assert value(admin, name) == "first"
    drift = {"spec": {"secretStoreRef": {"name": "elsewhere", "kind": "ClusterSecretStore"}}}
    assert admin.request("PATCH", asking(name), drift, content=MERGE).ok
    until(
        lambda: admin.get(asking(name)).body["spec"]["secretStoreRef"]["name"] == store,
        "it is as declared again",
    )


def test_a_store_that_fails_is_told(admin: Rest, name: str, operator: Operator) -> None:
    declare(admin, name, ehr("none-such"))
    until(lambda: told(admin, name).get("standing") == "Missing", "the secret is missing")
    until(lambda: "SecretSyncedError" in told(admin, name).get("evidence", ""), "why it is missing")
    wait(admin, name, "SecretsCurrent", "False", "Missing")


def test_a_certificate_near_its_end_holds_back_a_rollout(
    admin: Rest, engineer: Rest, name: str, operator: Operator
) -> None:
    tls = {"name": "tls", "zone": "clinical", "type": "kubernetes.io/tls", "consumers": ["app"]}
    declare(admin, name, {**tls, "minimumRemaining": "21d"}, clinicalImpact="care-support")
    wait(admin, name, "Ready", "True")
    root = f"/apis/{CERTIFICATES}/namespaces/{name}-clinical"
    issuer = {"apiVersion": CERTIFICATES, "kind": "Issuer", "metadata": {"name": "own"}}
    assert admin.create(f"{root}/issuers", {**issuer, "spec": {"selfSigned": {}}}).ok
    spec = {
        "secretName": "tls",
        "dnsNames": ["portal.hospital.example"],
        "issuerRef": {"name": "own"},
        "duration": "240h",
        "renewBefore": "24h",
    }
    body = {"apiVersion": CERTIFICATES, "kind": "Certificate", "metadata": {"name": "tls"}}
    assert admin.create(f"{root}/certificates", {**body, "spec": spec}).ok
    until(lambda: told(admin, name, "tls").get("standing") == "Expiring", "it ends soon", within=60)
    entry = told(admin, name, "tls")
    assert "Certificate tls tells" in entry["evidence"]
    assert entry["notAfter"]
    app = deployment("web")
    app["spec"]["template"]["spec"]["volumes"] = [{"name": "tls", "secret": {"secretName": "tls"}}]
    path = workloads.deployments(f"{name}-clinical")
    until(
        lambda: "PHI-SEC-003" in engineer.create(path, app, dry_run=True).message,
        "nothing new is rolled out with it",
    )
    longer = {"spec": {"duration": "2160h", "renewBefore": "360h"}}
    assert admin.request("PATCH", f"{root}/certificates/tls", longer, content=MERGE).ok
    until(lambda: told(admin, name, "tls").get("standing") == "Present", "it is renewed", within=60)
    until(lambda: engineer.create(path, app, dry_run=True).ok, "it is rolled out")
