"""What Vault's operator and the Secrets Store driver report, in objects of their real CRDs.

Their controllers need a Vault and a cloud: the tests write what they would.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import workloads
from e2e.parties import install
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Rest
from e2e.waiting import until
from e2e.workloads import NAMESPACES, WORKLOADS, clinic, status, unique, wait, zone

VAULT = "secrets.hashicorp.com/v1beta1"
DRIVER = "secrets-store.csi.x-k8s.io/v1"
Object = dict[str, Any]


@pytest.fixture(scope="module")
def operator(product: Product, own_cluster: None) -> Iterator[Operator]:
    with running(product) as started:
        yield started


@pytest.fixture
def name(operator: Operator, admin: Rest) -> Iterator[str]:
    for party in ("vault-secrets-operator", "secrets-store-csi-driver"):
        install(admin, party)
    chosen = unique("told")
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def declare(admin: Rest, name: str, *secrets: Object) -> None:
    zones = [zone("clinical", data="phi")]
    body = clinic(name, zones=zones, flows=[], externals=[], secrets=list(secrets))
    answer = workloads.apply(admin, body)
    assert answer.ok, answer.message
    wait(admin, name, "Ready", "True")


def of(name: str, group: str, plural: str) -> str:
    return f"/apis/{group}/namespaces/{name}-clinical/{plural}"


def deliver(admin: Rest, name: str, of_name: str = "db") -> None:
    """Have the Secret written, as the store's operator does; whom the chart exempts may, too."""
    body = {"metadata": {"name": of_name}, "stringData": {"password": "one"}}
    answer = admin.create(f"{NAMESPACES}/{name}-clinical/secrets", body)
    assert answer.ok, answer.message


def report(admin: Rest, path: str, told: Object) -> None:
    answer = admin.request("PATCH", f"{path}/status", {"status": told}, content=MERGE)
    assert answer.ok, answer.message


def entry(admin: Rest, name: str, of_name: str = "db") -> Object:
    found = [each for each in status(admin, name).get("secrets", ()) if each["name"] == of_name]
    return found[0] if found else {}


def stands(admin: Rest, name: str, standing: str) -> Object:
    until(lambda: entry(admin, name).get("standing") == standing, f"it is {standing}")
    return entry(admin, name)


def test_another_mac_of_a_vault_static_secret_proves_a_rotation(admin: Rest, name: str) -> None:
    source = {"vaultStaticSecret": {"authRef": "zone", "mount": "kv", "path": "portal/db"}}
    declare(
        admin,
        name,
        {"name": "db", "zone": "clinical", "keys": ["password"], "maxAge": "90d", "source": source},
    )
    path = f"{of(name, VAULT, 'vaultstaticsecrets')}/db"
    until(lambda: admin.get(path).ok, "Vault's operator is asked")
    spec = admin.get(path).body["spec"]
    assert (spec["mount"], spec["path"], spec["type"]) == ("kv", "portal/db", "kv-v2")
    assert (spec["vaultAuthRef"], spec["destination"]["name"]) == ("zone", "db")
    deliver(admin, name)
    report(admin, path, {"lastGeneration": 1, "secretMAC": "b25l"})
    stands(admin, name, "Unproven")
    until(lambda: entry(admin, name).get("version"), "the version is noted")
    report(admin, path, {"lastGeneration": 1, "secretMAC": "dHdv"})
    assert stands(admin, name, "Proven")["changeProven"] is True


def test_vault_itself_dates_the_rotation_of_a_static_role(admin: Rest, name: str) -> None:
    declare(admin, name, {"name": "db", "zone": "clinical", "maxAge": "90d"})
    path = of(name, VAULT, "vaultdynamicsecrets")
    spec = {"mount": "database", "path": "static-creds/portal", "destination": {"name": "db"}}
    body = {"apiVersion": VAULT, "kind": "VaultDynamicSecret", "metadata": {"name": "portal"}}
    answer = admin.create(path, {**body, "spec": spec})
    assert answer.ok, answer.message
    deliver(admin, name)
    # The renewal of a lease is no rotation.
    lease = {"secretLease": {"id": "x", "duration": 60, "renewable": True, "requestID": "y"}}
    now = int(dt.datetime.now(dt.UTC).timestamp())
    common = {"lastGeneration": 1, "lastRenewalTime": now, **lease}
    report(admin, f"{path}/portal", common)
    until(lambda: entry(admin, name).get("traps"), "what is no proof is told")
    assert entry(admin, name)["standing"] == "Unproven"
    for days, standing in ((5, "Proven"), (100, "Overdue")):
        rotated = now - days * 86400
        static = {"lastVaultRotation": rotated, "rotationPeriod": 86400, "ttl": 10}
        report(admin, f"{path}/portal", {**common, "staticCredsMetaData": static})
        assert "VaultDynamicSecret portal tells" in stands(admin, name, standing)["evidence"]


def test_another_version_in_a_pod_proves_a_rotation(admin: Rest, name: str) -> None:
    source = {
        "secretProviderClass": {
            "provider": "aws",
            "parameters": [{"name": "objects", "value": "- objectName: password"}],
        }
    }
    declare(
        admin,
        name,
        {"name": "db", "zone": "clinical", "keys": ["password"], "maxAge": "90d", "source": source},
    )
    asked = f"{of(name, DRIVER, 'secretproviderclasses')}/db"
    until(lambda: admin.get(asked).ok, "the driver is asked")
    spec = admin.get(asked).body["spec"]
    assert spec["parameters"] == {"objects": "- objectName: password"}
    assert spec["secretObjects"][0]["secretName"] == "db"
    # The Secret is there once a pod has mounted the class.
    stands(admin, name, "Missing")
    deliver(admin, name)
    path = of(name, DRIVER, "secretproviderclasspodstatuses")
    body = {"apiVersion": DRIVER, "kind": "SecretProviderClassPodStatus"}

    def mounted(pod: str, version: str) -> None:
        told = {
            "podName": pod,
            "secretProviderClassName": "db",
            "mounted": True,
            "objects": [{"id": "secret/password", "version": version}],
        }
        metadata = {"name": f"{pod}-{name}-clinical-db"}
        answer = admin.create(path, {**body, "metadata": metadata, "status": told})
        assert answer.ok, answer.message

    mounted("one", "v1")
    until(lambda: entry(admin, name).get("version"), "the version is noted")
    mounted("two", "v1")
    assert stands(admin, name, "Unproven")
    mounted("three", "v2")
    assert stands(admin, name, "Proven")["changeProven"] is True
