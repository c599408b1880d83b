"""The rights that phiwarden has for other projects' sake: each is used, and nothing is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e import workloads
from e2e.conftest import NODE_LABELS
from e2e.controlplane import ControlPlane, Options, start
from e2e.parties import PARTIES, driver, install, snapshot_controller
from e2e.parties.snapshots import CLASSES, SNAPSHOTS
from e2e.product import Product, running
from e2e.product import install as install_product
from e2e.rest import MERGE, Rest, connect
from e2e.test_backups import LATER
from e2e.trail import AUDIT, OF_OTHERS, Trail, unused
from e2e.waiting import until
from e2e.workloads import NAMESPACES, clinic, deployment, status, unique, wait, zone

Object = dict[str, Any]
EBS = "ebs.csi.aws.com"
HASH = "reconcile.external-secrets.io/data-hash"


@pytest.fixture(scope="module")
def audited(controllers: None) -> Iterator[ControlPlane]:
    with start(Options(audit_policy=AUDIT, node_labels=NODE_LABELS)) as running_:
        yield running_


@pytest.fixture(scope="module")
def shipped(audited: ControlPlane) -> Product:
    return install_product(audited)


@pytest.fixture
def root(audited: ControlPlane) -> Rest:
    return connect(audited.kubeconfig)


def declaration(name: str) -> Object:
    """Return a declaration with a secret from each source, and a volume with backups."""
    store = {"externalSecret": {"store": "vault", "key": "portal/a"}}
    vault = {"vaultStaticSecret": {"mount": "kv", "path": "portal/b"}}
    mounted = {"secretProviderClass": {"provider": "aws"}}
    secrets = [
        {"name": "by-store", "zone": "clinical", "source": store},
        {"name": "by-vault", "zone": "clinical", "source": vault},
        {"name": "by-driver", "zone": "clinical", "keys": ["key"], "source": mounted},
        {"name": "db", "zone": "clinical", "consumers": ["app"]},
    ]
    backup = {"every": "1h", "snapshotClass": "ebs", "keep": 1, "restoreTestEvery": "90d"}
    volume = workloads.declared_volume("charts", "clinical", storageClassName="fast", backup=backup)
    images = {"registries": ["registry.hospital.example/portal"]}
    zones = [zone("clinical", data="phi", images=images)]
    impact = {"clinicalImpact": "administrative"}
    return clinic(
        name, zones=zones, flows=[], externals=[], secrets=secrets, volumes=[volume], **impact
    )


def reader(kind: str) -> Object:
    """Return what reads the secret as a variable."""
    made = deployment(kind.lower())
    made["kind"] = kind
    if kind != "Deployment":
        made["spec"].pop("strategy", None)
    if kind == "StatefulSet":
        made["spec"]["serviceName"] = "none"
    if kind == "DaemonSet":
        del made["spec"]["replicas"]
    reference = {"secretKeyRef": {"name": "db", "key": "password"}}
    pod = made["spec"]["template"]["spec"]
    pod["containers"][0]["env"] = [{"name": "DB_PASSWORD", "valueFrom": reference}]
    return made


def test_each_right_is_used_and_none_is_missing(
    audited: ControlPlane, shipped: Product, root: Rest, tmp_path: Path
) -> None:
    name = unique("rights")
    for party in PARTIES:
        install(root, party)
    trail = Trail(audited)
    parameters = {"parameters": {"encrypted": "true"}}
    assert root.create(CLASSES, {"metadata": {"name": "fast"}, "provisioner": EBS, **parameters}).ok
    with snapshot_controller(audited), driver(audited, EBS):
        kind = {"apiVersion": "snapshot.storage.k8s.io/v1", "kind": "VolumeSnapshotClass"}
        body = {**kind, "metadata": {"name": "ebs"}, "driver": EBS, "deletionPolicy": "Delete"}
        assert root.create(f"{SNAPSHOTS}/volumesnapshotclasses", body).ok
        with running(shipped):
            assert workloads.apply(root, declaration(name)).ok
            wait(root, name, "BackupsFresh", "True")
            wait(root, name, "RecoveryProven", "True")
            _rotate_under_readers(root, name)
        script = tmp_path / "later.py"
        script.write_text(LATER)
        snapshots = f"{SNAPSHOTS}/namespaces/{name}-clinical/volumesnapshots"
        (first,) = (item["metadata"]["uid"] for item in root.get(snapshots).body["items"])
        with running(shipped, command=(str(script), "2")):
            until(
                lambda: (
                    first
                    not in {item["metadata"]["uid"] for item in root.get(snapshots).body["items"]}
                ),
                "the older snapshot is removed",
            )
    assert trail.refused() == []
    assert unused(OF_OTHERS, trail.rights()) == ""


def _rotate_under_readers(root: Rest, name: str) -> None:
    secrets = f"{NAMESPACES}/{name}-clinical/secrets"
    metadata = {"name": "db", "annotations": {HASH: "one"}}
    assert root.create(secrets, {"metadata": metadata, "stringData": {"password": "one"}}).ok

    def entry() -> Object:
        return next(e for e in status(root, name)["secrets"] if e["name"] == "db")

    until(lambda: entry()["standing"] == "Present", "the secret is seen")
    apps = f"/apis/apps/v1/namespaces/{name}-clinical"
    kinds = ("Deployment", "StatefulSet", "DaemonSet")
    for kind in kinds:
        answer = root.create(f"{apps}/{kind.lower()}s", reader(kind))
        assert answer.ok, answer.message
    until(
        lambda: len(_pods(root, name)) >= len(kinds),
        "each has a pod",
        within=60,
    )
    changed = {"metadata": {"annotations": {HASH: "two"}}, "stringData": {"password": "two"}}
    assert root.request("PATCH", f"{secrets}/db", changed, content=MERGE).ok
    for kind in kinds:
        path = f"{apps}/{kind.lower()}s/{kind.lower()}"
        until(lambda p=path: _rolled_over(root, p), f"the {kind} is rolled over")


def _pods(root: Rest, name: str) -> set[str]:
    items = root.get(f"{NAMESPACES}/{name}-clinical/pods").body["items"]
    return {item["metadata"]["labels"]["app"] for item in items}


def _rolled_over(root: Rest, path: str) -> bool:
    template = root.get(path).body["spec"]["template"]["metadata"]
    return "phiwarden.dev/restarted-at" in template.get("annotations", {})
