"""Secrets: who may read and write them, how old they are, and that no value is ever looked at."""

from __future__ import annotations

import datetime as dt
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import workloads
from e2e.product import Operator, Product, running
from e2e.rest import APPLY, MERGE, Answer, Rest
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    aged,
    clinic,
    deployment,
    deployments,
    status,
    unique,
    wait,
    zone,
)

HASH = "reconcile.external-secrets.io/data-hash"
CERTIFICATE = "kubernetes.io/tls"


@pytest.fixture(scope="module")
def operator(product: Product) -> Iterator[Operator]:
    with running(product) as started:
        yield started


@pytest.fixture
def name(operator: Operator, admin: Rest) -> Iterator[str]:
    chosen = unique("vault")
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def declare(admin: Rest, name: str, *secrets: dict[str, Any], **spec: Any) -> Answer:
    images = {"registries": ["registry.hospital.example/portal"]}
    accounts = [{"name": "app"}, {"name": "batch"}]
    zones = [zone("clinical", data="phi", images=images, serviceAccounts=accounts)]
    body = clinic(name, zones=zones, flows=[], externals=[], secrets=list(secrets), **spec)
    return workloads.apply(admin, body)


def declared(admin: Rest, name: str, *secrets: dict[str, Any], **spec: Any) -> None:
    """Declare secrets, and wait until the boundary stands."""
    answer = declare(admin, name, *secrets, **spec)
    assert answer.ok, answer.message
    wait(admin, name, "Ready", "True")


def secret(name: str = "db", **fields: Any) -> dict[str, Any]:
    return {"name": name, "zone": "clinical", **fields}


def path(name: str) -> str:
    return f"{NAMESPACES}/{name}-clinical/secrets"


def store(
    rest: Rest,
    name: str,
    of: str = "db",
    *,
    kind: str = "Opaque",
    note: dict[str, str] | None = None,
    **data: str,
) -> dict[str, Any]:
    """Have a Secret delivered."""
    values = {key: b64encode(value.encode()).decode() for key, value in data.items()}
    metadata = {"name": of, "annotations": note or {}}
    answer = rest.create(path(name), {"metadata": metadata, "type": kind, "data": values})
    assert answer.ok, answer.message
    return answer.body


def told(admin: Rest, name: str, of: str = "db") -> dict[str, Any]:
    found = [entry for entry in status(admin, name).get("secrets", ()) if entry["name"] == of]
    return found[0] if found else {}


def stands(admin: Rest, name: str, standing: str, of: str = "db") -> dict[str, Any]:
    """Wait until the status says so of a secret, and return what it says."""
    until(lambda: told(admin, name, of).get("standing") == standing, f"{of} is {standing}")
    return told(admin, name, of)


def reader(name: str, of: str = "db", account: str = "app", **fields: Any) -> dict[str, Any]:
    """Return a Deployment that reads a Secret into its environment."""
    made = deployment(name, replicas=2, **fields)
    pod = made["spec"]["template"]["spec"]
    pod["serviceAccountName"] = account
    reference = {"secretKeyRef": {"name": of, "key": "password"}}
    pod["containers"][0]["env"] = [{"name": "DB_PASSWORD", "valueFrom": reference}]
    return made


def rollouts(name: str) -> str:
    return deployments(f"{name}-clinical")


def test_only_declared_consumers_read_a_secret(admin: Rest, engineer: Rest, name: str) -> None:
    declared(admin, name, secret(consumers=["app"]))
    until(
        lambda: engineer.create(rollouts(name), reader("api"), dry_run=True).ok,
        "a consumer may read it",
    )
    for made in (reader("api", account="batch"), reader("api", of="other")):
        answer = engineer.create(rollouts(name), made, dry_run=True)
        assert "PHI-SEC-002 spec.template.spec.containers[app].env" in answer.message
    assert declare(admin, name, secret(consumers=["app", "batch"])).ok
    until(
        lambda: engineer.create(rollouts(name), reader("api", account="batch"), dry_run=True).ok,
        "another consumer may read it",
    )


def test_an_overdue_secret_holds_back_a_rollout_until_it_is_rotated(
    admin: Rest, engineer: Rest, name: str
) -> None:
    declared(
        admin,
        name,
        secret(consumers=["app"], maxAge="90d"),
        clinicalImpact="care-support",
    )
    store(admin, name, password="one")
    entry = stands(admin, name, "Unproven")
    assert "whether its value changed then is not shown" in entry["evidence"]
    wait(admin, name, "SecretsCurrent", "Unknown", "Unproven")
    aged(admin, f"{path(name)}/db", 91)
    assert "it is older than 90 days" in stands(admin, name, "Overdue")["evidence"]
    wait(admin, name, "SecretsCurrent", "False", "Overdue")
    until(
        lambda: (
            "PHI-SEC-003" in engineer.create(rollouts(name), reader("api"), dry_run=True).message
        ),
        "nothing new is rolled out",
    )
    rotated = {"stringData": {"password": "two"}}
    assert admin.request("PATCH", f"{path(name)}/db", rotated, content=MERGE).ok
    stands(admin, name, "Unproven")
    until(
        lambda: engineer.create(rollouts(name), reader("api"), dry_run=True).ok,
        "it is rolled out again",
    )


def test_a_change_of_the_fingerprint_proves_a_rotation(admin: Rest, name: str) -> None:
    declared(admin, name, secret(maxAge="90d"))
    store(admin, name, note={HASH: "a"}, password="one")
    stands(admin, name, "Unproven")
    # Written, and the value is the same.
    label = {"metadata": {"labels": {"team": "portal"}}}
    assert admin.request("PATCH", f"{path(name)}/db", label, content=MERGE).ok
    changed = {"metadata": {"annotations": {HASH: "b"}}, "stringData": {"password": "two"}}
    assert told(admin, name)["changeProven"] is False
    assert admin.request("PATCH", f"{path(name)}/db", changed, content=MERGE).ok
    entry = stands(admin, name, "Proven")
    assert entry["changeProven"] is True
    wait(admin, name, "SecretsCurrent", "True", "Current")


def seen(admin: Rest, name: str, app: str) -> dict[str, Any]:
    return admin.get(f"{rollouts(name)}/{app}").body


def mark(admin: Rest, name: str, app: str) -> str | None:
    """Return what the operator noted in a template when it rolled it over."""
    template = seen(admin, name, app)["spec"]["template"]
    found: str | None = (
        template["metadata"].get("annotations", {}).get("phiwarden.dev/restarted-at")
    )
    return found


def rotate(admin: Rest, name: str, value: str) -> None:
    """Have the store deliver another value."""
    changed = {"metadata": {"annotations": {HASH: value}}, "stringData": {"password": value}}
    assert admin.request("PATCH", f"{path(name)}/db", changed, content=MERGE).ok


def test_what_reads_a_rotated_secret_as_variables_is_rolled_over_one_after_the_other(
    admin: Rest, engineer: Rest, name: str
) -> None:
    declared(admin, name, secret(consumers=["app"]))
    store(admin, name, note={HASH: "one"}, password="one")
    stands(admin, name, "Present")
    for app in ("one", "two"):
        answer = engineer.create(rollouts(name), reader(app))
        assert answer.ok, answer.message
    mounted = deployment("mounts")
    mounted["spec"]["template"]["spec"]["volumes"] = [
        {"name": "db", "secret": {"secretName": "db"}}
    ]
    assert engineer.create(rollouts(name), mounted).ok
    for app in ("one", "two", "mounts"):
        until(workloads.available(admin, f"{name}-clinical", app), f"{app} runs", within=60)
    generation = seen(admin, name, "mounts")["metadata"]["generation"]
    rotate(admin, name, "two")
    until(lambda: mark(admin, name, "one"), "the first is rolled over")
    # The second waits for all pods of the first.
    until(
        lambda: (
            mark(admin, name, "two") is None
            or workloads.available(admin, f"{name}-clinical", "one")()
        ),
        "the first is done before the second begins",
    )
    until(lambda: mark(admin, name, "two"), "the second is rolled over", within=60)
    wait(admin, name, "SecretsCurrent", "True", "Current")
    assert "holding" not in told(admin, name)
    assert seen(admin, name, "mounts")["metadata"]["generation"] == generation
    events = admin.get(f"{NAMESPACES}/{name}-clinical/events", fieldSelector="reason=SecretRotated")
    assert {e["involvedObject"]["name"] for e in events.body["items"]} == {"one", "two"}


def test_a_single_replica_of_direct_care_is_reported_and_not_restarted(
    admin: Rest, engineer: Rest, name: str
) -> None:
    declared(admin, name, secret(consumers=["app"]), enforcement="warn")
    store(admin, name, note={HASH: "one"}, password="one")
    stands(admin, name, "Present")
    single = reader("single")
    single["spec"]["replicas"] = 1
    assert engineer.create(rollouts(name), single).ok
    until(workloads.available(admin, f"{name}-clinical", "single"), "it runs", within=60)
    assert workloads.change(admin, name, enforcement="enforce").ok
    wait(admin, name, "Ready", "True")
    rotate(admin, name, "two")
    until(lambda: told(admin, name).get("holding") == ["Deployment/single"], "it is reported")
    wait(admin, name, "SecretsCurrent", "False", "OldValueHeld")
    assert mark(admin, name, "single") is None


@pytest.mark.parametrize("content", ["create", "apply", "apply stringData"])
def test_the_names_of_entries_are_known_however_a_secret_is_made(
    admin: Rest, name: str, content: str
) -> None:
    declared(admin, name, secret(keys=["password", "user"]))
    values = {"data": {"password": b64encode(b"one").decode()}}
    if content == "apply stringData":
        values = {"stringData": {"password": "one"}}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, **values}
    if content == "create":
        assert admin.create(path(name), body).ok
    else:
        where = f"{path(name)}/db"
        assert admin.request("PATCH", where, body, content=APPLY, fieldManager="team").ok
    assert stands(admin, name, "Incomplete")["evidence"] == "without user"


def test_an_overdue_secret_is_not_hidden_by_what_is_written_beside_its_value(
    admin: Rest, engineer: Rest, name: str
) -> None:
    asked = secret(consumers=["app"], maxAge="90d", keys=["password"])
    declared(admin, name, asked, clinicalImpact="care-support")
    store(admin, name, password="one")
    aged(admin, f"{path(name)}/db", 91)
    stands(admin, name, "Overdue")
    where = f"{path(name)}/db"
    end = {"phiwarden.dev/not-after": "9999-12-31T23:59:59-05:00"}
    word = {"phiwarden.dev/rotated-at": dt.datetime.now(dt.UTC).isoformat()}
    notes = {"metadata": {"annotations": {**end, **word}}}
    assert engineer.request("PATCH", where, notes, content=MERGE, fieldManager="notes").ok
    until(lambda: len(told(admin, name).get("traps", ())) == 2, "why the notes do not count")
    # Its account of the fields is dropped, and begins anew with a label.
    assert engineer.request("PATCH", where, {"metadata": {"managedFields": [{}]}}, content=MERGE).ok
    label = {"metadata": {"labels": {"team": "portal"}}}
    assert engineer.request("PATCH", where, label, content=MERGE).ok
    until(
        lambda: any("entries are there is not known" in t for t in told(admin, name)["traps"]),
        "its entries are not known any more",
    )
    assert told(admin, name)["standing"] != "Incomplete"
