"""No value of a secret ever reaches the operator: all that the API server answers it is read."""

from __future__ import annotations

import http.client
import uuid
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlsplit

import yaml

from e2e import workloads
from e2e.product import Product, running
from e2e.rest import MERGE, Rest
from e2e.test_secrets import declared, reader, rollouts, secret, store
from e2e.waiting import until
from e2e.wire import Wire, tapped
from e2e.workloads import NAMESPACES, WORKLOADS, clinic, status, unique, wait, zone


def test_no_value_of_a_secret_is_sent_to_the_operator(
    admin: Rest, product: Product, tmp_path: Path
) -> None:
    name = unique("wire")
    secrets = [
        {"name": "db", "zone": "clinical", "type": "Opaque", "keys": ["password"], "maxAge": "90d"},
        {"name": "later", "zone": "clinical", "keys": ["password"]},
    ]
    zones = [zone("clinical", data="phi")]
    values = [uuid.uuid4().hex for _ in range(4)]
    kubeconfig = product.operator_kubeconfig()
    with tapped(kubeconfig, tmp_path) as (wire, path):
        # One that is there before, so that it is listed; one that comes, so that it is watched.
        assert admin.create(NAMESPACES, {"metadata": {"name": f"{name}-clinical"}}).ok
        deliver(admin, name, "db", values[0])
        zones[0]["adopt"] = True
        body = clinic(name, zones=zones, flows=[], externals=[], secrets=secrets)
        assert workloads.apply(admin, body).ok
        with running(product, environment={"KUBECONFIG": str(path)}):
            until(lambda: standing(admin, name, "db") == "Unproven", "the first is seen")
            deliver(admin, name, "later", values[1])
            until(lambda: standing(admin, name, "later") == "Present", "the second is seen")
            for secret, value in (("db", values[2]), ("later", values[3])):
                where = f"{NAMESPACES}/{name}-clinical/secrets/{secret}"
                changed = {"stringData": {"password": value, "another": value}}
                assert admin.request("PATCH", where, changed, content=MERGE).ok
            version = admin.get(f"{NAMESPACES}/{name}-clinical/secrets/later").body["metadata"]
            seen = version["resourceVersion"].encode()
            until(lambda: seen in bytes(wire.answered), "the operator was told of the change")
        told = bytes(wire.answered)
        assert f'"name":"{name}-clinical"'.encode() in told
        for value in values:
            assert value.encode() not in told
            assert b64encode(value.encode()) not in told
        # What is asked for as a whole does come this way, and would have been found.
        asked_as_a_whole(wire, kubeconfig, name)
        assert b64encode(values[2].encode()) in bytes(wire.answered)
    admin.delete(f"{WORKLOADS}/{name}")


def deliver(admin: Rest, name: str, secret: str, value: str) -> None:
    body = {"metadata": {"name": secret}, "stringData": {"password": value}}
    answer = admin.create(f"{NAMESPACES}/{name}-clinical/secrets", body)
    assert answer.ok, answer.message


def standing(admin: Rest, name: str, secret: str) -> str | None:
    entries = status(admin, name).get("secrets", ())
    return next((entry["standing"] for entry in entries if entry["name"] == secret), None)


def asked_as_a_whole(wire: Wire, kubeconfig: Path, name: str) -> None:
    """List Secrets with the operator's own rights, as it never does."""
    token = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
    connection = http.client.HTTPConnection(urlsplit(wire.address).netloc, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    connection.request("GET", f"{NAMESPACES}/{name}-clinical/secrets", headers=headers)
    assert connection.getresponse().read()
    connection.close()


def test_without_the_right_to_look_the_rest_is_enforced(
    admin: Rest, engineer: Rest, product: Product
) -> None:
    name = unique("unseen")
    with running(product, environment={"PHIWARDEN_WATCH_SECRETS": "false"}):
        declared(admin, name, secret(consumers=["app"], maxAge="90d"))
        store(admin, name, password="one")
        entry = wait(admin, name, "SecretsCurrent", "Unknown", "Unproven")
        assert "secrets.watch is false" in entry["message"]
        until(lambda: engineer.create(rollouts(name), reader("api"), dry_run=True).ok, "it reads")
        answer = engineer.create(rollouts(name), reader("api", of="other"), dry_run=True)
        assert "PHI-SEC-002" in answer.message
    admin.delete(f"{WORKLOADS}/{name}")
