"""External Secrets writes a Secret, and says what it wrote, with a store that the test fills."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.controlplane import ControlPlane
from e2e.parties.controllers import Controller, external_secrets
from e2e.rest import MERGE, Rest
from e2e.waiting import until
from e2e.workloads import NAMESPACES, unique

GROUP = "external-secrets.io/v1"
STORES = f"/apis/{GROUP}/clustersecretstores"
DATA_HASH = "reconcile.external-secrets.io/data-hash"
Object = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def controller(cluster: ControlPlane, controllers: None) -> Iterator[Controller]:
    with external_secrets(cluster) as started:
        yield started


@pytest.fixture
def store(admin: Rest) -> Iterator[str]:
    """A ClusterSecretStore that holds one secret, clinic/db."""
    name = unique("store")
    kind = {"apiVersion": GROUP, "kind": "ClusterSecretStore", "metadata": {"name": name}}
    answer = admin.create(STORES, {**kind, "spec": holding("first")})
    assert answer.ok, answer.message
    yield name
    admin.delete(f"{STORES}/{name}")


def holding(value: str) -> Object:
    return {"provider": {"fake": {"data": [{"key": "clinic/db", "value": value}]}}}


def external_secret(name: str, store: str, policy: str = "Owner") -> Object:
    return {
        "apiVersion": GROUP,
        "kind": "ExternalSecret",
        "metadata": {"name": name},
        "spec": {
            "refreshInterval": "1s",
            "secretStoreRef": {"kind": "ClusterSecretStore", "name": store},
            "target": {"name": name, "creationPolicy": policy},
            "data": [{"secretKey": "password", "remoteRef": {"key": "clinic/db"}}],
        },
    }


def of(namespace: str, kind: str) -> str:
    if kind == "secrets":
        return f"{NAMESPACES}/{namespace}/secrets"
    return f"/apis/{GROUP}/namespaces/{namespace}/{kind}"


def password(admin: Rest, path: str) -> str:
    data = admin.get(path).body.get("data", {})
    return b64decode(data.get("password", "")).decode()


@pytest.mark.parametrize(("policy", "owned"), [("Owner", True), ("Orphan", False)])
def test_a_secret_is_written_and_written_anew_when_the_value_changes(
    admin: Rest, controller: Controller, namespace: str, store: str, policy: str, owned: bool
) -> None:
    wanted = external_secret("db", store, policy)
    answer = admin.create(of(namespace, "externalsecrets"), wanted)
    assert answer.ok, answer.message
    path = f"{of(namespace, 'secrets')}/db"
    until(lambda: password(admin, path) == "first", "the Secret is written")
    first = admin.get(path).body["metadata"]
    assert [owner["kind"] for owner in first.get("ownerReferences", ())] == (
        ["ExternalSecret"] if owned else []
    )
    changed = admin.request(
        "PATCH", f"{STORES}/{store}", {"spec": holding("second")}, content=MERGE
    )
    assert changed.ok, changed.message
    until(lambda: password(admin, path) == "second", "the Secret is written anew")
    second = admin.get(path).body["metadata"]
    assert second["annotations"][DATA_HASH] != first["annotations"][DATA_HASH]


def test_what_the_store_does_not_have_is_told_and_no_secret_is_written(
    admin: Rest, namespace: str, store: str
) -> None:
    wanted = external_secret("db", store)
    wanted["spec"]["data"][0]["remoteRef"]["key"] = "clinic/other"
    assert admin.create(of(namespace, "externalsecrets"), wanted).ok
    path = f"{of(namespace, 'externalsecrets')}/db"

    def told() -> Object | None:
        conditions = admin.get(path).body.get("status", {}).get("conditions") or ()
        return next((each for each in conditions if each["type"] == "Ready"), None)

    condition = until(told, "the condition is there")
    assert (condition["status"], condition["reason"]) == ("False", "SecretSyncedError")
    assert admin.get(f"{of(namespace, 'secrets')}/db").code == 404
