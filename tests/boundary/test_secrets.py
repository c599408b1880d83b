"""What a declaration makes of secrets: who reads them, who writes them, and what asks stores."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.labels import ZoneBoundary, decode
from phiwarden.boundary.model import Facts, ZonePlan
from phiwarden.boundary.secrets import SOURCES, source_kind
from phiwarden.rulebook import examples
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import WORKLOADS
from tests.boundary.declarations import TODAY, clinic
from tests.rotation.made import declared

STORE = {"store": "vault", "key": "portal/ehr"}
EXTERNAL = {"externalSecret": STORE}
VAULT = {"vaultStaticSecret": {"mount": "kv", "path": "portal/ehr"}}
CLASS = {"secretProviderClass": {"provider": "aws"}}
WRITERS = {kind: f"system:serviceaccount:stores:{kind.lower()}" for kind in SOURCES}
HEAD = {
    "name": "ehr",
    "namespace": "records",
    "labels": {
        "app.kubernetes.io/managed-by": "phiwarden",
        "phiwarden.dev/workload": "portal",
        "phiwarden.dev/zone": "clinical",
    },
}


def secret(**fields: Any) -> dict[str, Any]:
    return {"name": "ehr", "zone": "clinical", **fields}


def planned(*secrets: dict[str, Any], **facts: Any) -> dict[str, ZonePlan]:
    spec = clinic(secrets=list(secrets))
    plan = compile_boundary("portal", spec, Facts(TODAY, **facts))
    return {zone.zone: zone for zone in plan.zones}


def boundaries(*secrets: dict[str, Any], **facts: Any) -> dict[str, ZoneBoundary]:
    metadata = {z: p.namespace.body["metadata"] for z, p in planned(*secrets, **facts).items()}
    return {z: decode(found["labels"], found["annotations"]) for z, found in metadata.items()}


EXTERNAL_SPEC = {
    "refreshPolicy": "Periodic",
    "refreshInterval": "1h",
    "secretStoreRef": {"name": "vault", "kind": "ClusterSecretStore"},
    "target": {"name": "ehr", "creationPolicy": "Orphan", "deletionPolicy": "Retain"},
    "dataFrom": [{"extract": {"key": "portal/ehr"}}],
}
VAULT_SPEC = {
    "mount": "kv",
    "path": "portal/ehr",
    "type": "kv-v2",
    "refreshAfter": "1h",
    "hmacSecretData": True,
    "destination": {"name": "ehr", "create": True},
}


@pytest.mark.parametrize(
    ("fields", "version", "kind", "spec"),
    [
        ({"source": EXTERNAL}, "external-secrets.io/v1", "ExternalSecret", EXTERNAL_SPEC),
        (
            {
                "type": "kubernetes.io/tls",
                "keys": ["tls.key", "tls.crt"],
                "source": {
                    "externalSecret": {**STORE, "storeKind": "SecretStore", "refreshInterval": "2d"}
                },
            },
            "external-secrets.io/v1",
            "ExternalSecret",
            {
                "refreshPolicy": "Periodic",
                "refreshInterval": "48h",
                "secretStoreRef": {"name": "vault", "kind": "SecretStore"},
                "target": {
                    "name": "ehr",
                    "creationPolicy": "Orphan",
                    "deletionPolicy": "Retain",
                    "template": {"type": "kubernetes.io/tls"},
                },
                "data": [
                    {"secretKey": key, "remoteRef": {"key": "portal/ehr", "property": key}}
                    for key in ("tls.crt", "tls.key")
                ],
            },
        ),
        ({"source": VAULT}, "secrets.hashicorp.com/v1beta1", "VaultStaticSecret", VAULT_SPEC),
        (
            {
                "type": "Opaque",
                "keys": ["user", "tls.crt"],
                "source": {
                    "vaultStaticSecret": {
                        **VAULT["vaultStaticSecret"],
                        "authRef": "portal",
                        "engine": "kv-v1",
                        "refreshAfter": "36h",
                    }
                },
            },
            "secrets.hashicorp.com/v1beta1",
            "VaultStaticSecret",
            {
                **VAULT_SPEC,
                "vaultAuthRef": "portal",
                "type": "kv-v1",
                "refreshAfter": "36h",
                "destination": {
                    "name": "ehr",
                    "create": True,
                    "type": "Opaque",
                    # Expressions: a dot of a name stands for itself.
                    "transformation": {
                        "excludeRaw": True,
                        "includes": ["^tls[.]crt$", "^user$"],
                    },
                },
            },
        ),
        (
            {
                "keys": ["user", "password"],
                "source": {
                    "secretProviderClass": {
                        "provider": "aws",
                        "parameters": [
                            {"name": "region", "value": "us-east-1"},
                            {"name": "objects", "value": "- objectName: user"},
                        ],
                    }
                },
            },
            "secrets-store.csi.x-k8s.io/v1",
            "SecretProviderClass",
            {
                "provider": "aws",
                "parameters": {"region": "us-east-1", "objects": "- objectName: user"},
                "secretObjects": [
                    {
                        "secretName": "ehr",
                        "type": "Opaque",
                        "data": [
                            {"objectName": "password", "key": "password"},
                            {"objectName": "user", "key": "user"},
                        ],
                    }
                ],
            },
        ),
    ],
)
def test_what_asks_a_store(
    fields: dict[str, Any], version: str, kind: str, spec: dict[str, Any]
) -> None:
    (made,) = planned(secret(**fields))["clinical"].sources
    assert made.body == {"apiVersion": version, "kind": kind, "metadata": HEAD, "spec": spec}
    assert (made.kind, made.namespace, made.name) == (kind, "records", "ehr")
    assert kind == source_kind(declared(**fields))


def test_what_nobody_is_asked_for_is_made_of_nothing() -> None:
    assert planned(secret())["clinical"].sources == ()
    assert source_kind(declared()) is None


@pytest.mark.parametrize(
    ("kinds", "made"),
    [
        (None, ["ExternalSecret", "VaultStaticSecret"]),
        (frozenset(SOURCES), ["ExternalSecret", "VaultStaticSecret"]),
        (frozenset({"VaultStaticSecret"}), ["VaultStaticSecret"]),
        (frozenset({"Certificate"}), []),
        (frozenset(), []),
    ],
)
def test_a_kind_that_the_cluster_has_not_is_not_made(
    kinds: frozenset[str] | None, made: list[str]
) -> None:
    both = (secret(source=VAULT), secret(name="db", source=EXTERNAL))
    plan = planned(*both, kinds=kinds, writers=WRITERS)
    assert [desired.kind for desired in plan["clinical"].sources] == made
    # Nobody else may write it before its store comes.
    boundary = boundaries(*both, kinds=kinds, writers=WRITERS)["clinical"]
    assert len(boundary.owned_secrets) == 2


def test_readers_of_a_zone_are_those_that_its_secrets_name() -> None:
    found = boundaries(
        secret(consumers=["api", "jobs"]),
        secret(name="db", consumers=["api"]),
        secret(name="nobody"),
        secret(zone="edge", consumers=["web"]),
    )
    assert found["clinical"].secrets == ("db/api", "ehr/api", "ehr/jobs")
    assert found["edge"].secrets == ("ehr/web",)


def test_a_zone_without_secrets_says_that_it_has_none() -> None:
    assert boundaries()["clinical"].secrets == ()


def test_a_secret_of_a_store_is_written_by_its_operator_alone() -> None:
    found = boundaries(
        secret(source=EXTERNAL),
        secret(name="db", source=VAULT),
        secret(name="api-key", keys=["key"], source=CLASS),
        secret(name="by-hand"),
        writers=WRITERS,
    )
    assert found["clinical"].owned_secrets == (
        f"api-key={WRITERS['SecretProviderClass']}",
        f"db={WRITERS['VaultStaticSecret']}",
        f"ehr={WRITERS['ExternalSecret']}",
    )
    assert found["edge"].owned_secrets == ()


@pytest.mark.parametrize("writers", [{}, {"ExternalSecret": ""}, {"VaultStaticSecret": "x"}])
def test_where_no_operator_is_named_anybody_may_write(writers: dict[str, str]) -> None:
    found = boundaries(secret(source=EXTERNAL), writers=writers)
    assert found["clinical"].owned_secrets == ()


def test_what_is_overdue_is_that_of_the_zone() -> None:
    both = (secret(), secret(zone="edge"))
    found = boundaries(*both, overdue={"clinical": ("ehr", "a")})
    assert found["clinical"].overdue_secrets == ("a", "ehr")
    assert found["edge"].overdue_secrets == ()


def _reader(account: Any) -> dict[str, Any]:
    env = [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "k"}}}]
    pod = {"serviceAccountName": account}
    template = examples.pod_template(Example(pod=pod, container={"env": env}))
    return examples.manifest(WORKLOADS.kinds[0], template)


@pytest.mark.parametrize(
    ("written", "account", "readable"),
    [
        (("db/app",), "app", True),
        (("db/app",), "pp", False),
        (("db/app",), "", False),
        (("db/default",), None, True),
        # What somebody exempt wrote there by hand is read as the API server reads it.
        (("db", "junk/of/app", "db/app"), "app", True),
        (("db/of/app",), "app", True),
        (("db",), "app", False),
        (("db/5",), 5, True),
    ],
)
def test_a_boundary_that_was_written_by_hand_is_judged(
    written: tuple[str, ...], account: Any, readable: bool
) -> None:
    zone = replace(examples.ZONE, secrets=written, service_accounts=("app", "pp"))
    rules = {failure.rule for failure in standard_judge().failures(_reader(account), zone)}
    assert ("PHI-SEC-002" not in rules) is readable
