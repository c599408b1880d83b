"""Backups: snapshots are taken, kept, restored into a claim of their own, and what failed is told.

The snapshot-controller is the real one; the storage behind it is played.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e import workloads
from e2e.controlplane import ControlPlane
from e2e.parties import Driver, driver, install, snapshot_controller
from e2e.parties.crds import CRDS
from e2e.parties.snapshots import CLASSES, SNAPSHOTS, VOLUMES
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Rest
from e2e.waiting import until
from e2e.workloads import NAMESPACES, WORKLOADS, clinic, status, unique, wait, zone
from phiwarden.api import names
from phiwarden.backups.schedule import slot_of

Object = dict[str, Any]
EBS = "ebs.csi.aws.com"
IMAGES = {"registries": ["registry.hospital.example/portal"]}
SNAPSHOT_CLASSES = f"{SNAPSHOTS}/volumesnapshotclasses"
BACKUP = {"every": "24h", "snapshotClass": "ebs-snapshots", "keep": 2}
TESTED = {**BACKUP, "restoreTestEvery": "90d"}

LATER = """
import datetime as dt, sys
from phiwarden.controller.run import run, utc_now
from phiwarden.controller.settings import from_environment
from phiwarden.evidence import logs

ahead = dt.timedelta(hours=float(sys.argv[1]))
logs.configure()
run(from_environment(), clock=lambda: utc_now() + ahead)
"""


@pytest.fixture
def storage(cluster: ControlPlane, admin: Rest) -> Iterator[Driver]:
    with snapshot_controller(cluster), driver(cluster, EBS) as played:
        body = {
            "apiVersion": "snapshot.storage.k8s.io/v1",
            "kind": "VolumeSnapshotClass",
            "metadata": {"name": BACKUP["snapshotClass"]},
            "driver": EBS,
            "deletionPolicy": "Delete",
        }
        answer = admin.create(SNAPSHOT_CLASSES, body)
        assert answer.ok or answer.code == 409, answer.message
        yield played


@pytest.fixture
def fast(admin: Rest) -> Iterator[str]:
    yield make_class(admin, name := unique("fast"))
    admin.delete(f"{CLASSES}/{name}")


@pytest.fixture
def operator(product: Product) -> Iterator[Operator]:
    with running(product) as started:
        yield started


@pytest.fixture
def later(product: Product, tmp_path: Path) -> Callable[[float], Any]:
    """Run the operator with a clock that is so many hours ahead."""
    script = tmp_path / "later.py"
    script.write_text(LATER)
    return lambda hours: running(product, command=(str(script), str(hours)))


@pytest.fixture
def name(product: Product, admin: Rest) -> Iterator[str]:
    chosen = unique("backed-up")
    yield chosen
    admin.delete(f"{WORKLOADS}/{chosen}")


def make_class(admin: Rest, name: str, **fields: Any) -> str:
    body = {"metadata": {"name": name}, "provisioner": EBS, "parameters": {"encrypted": "true"}}
    answer = admin.create(CLASSES, body | {"allowVolumeExpansion": True} | fields)
    assert answer.ok, answer.message
    return name


def declare(admin: Rest, name: str, storage_class: str, backup: Object | None) -> None:
    volume = {
        "name": "charts",
        "zone": "clinical",
        "size": "10Gi",
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        **({"backup": backup} if backup is not None else {}),
    }
    zones = [zone("clinical", data="phi", images=IMAGES)]
    body = clinic(name, zones=zones, flows=[], externals=[], volumes=[volume])
    answer = workloads.apply(admin, body)
    assert answer.ok, answer.message


def claims(name: str) -> str:
    return f"{NAMESPACES}/{name}-clinical/persistentvolumeclaims"


def snapshots(name: str) -> str:
    return f"{SNAPSHOTS}/namespaces/{name}-clinical/volumesnapshots"


def taken(admin: Rest, name: str) -> list[str]:
    items = admin.get(snapshots(name)).body["items"]
    return sorted(
        item["metadata"]["name"] for item in items if "deletionTimestamp" not in item["metadata"]
    )


def told(admin: Rest, name: str) -> Object:
    """Return what the status says of the backups of the one volume."""
    (entry,) = status(admin, name).get("volumes") or [{}]
    found: Object = entry.get("backup") or {}
    return found


def trials(admin: Rest, name: str) -> list[Object]:
    items: list[Object] = admin.get(claims(name), labelSelector=names.RESTORE_TEST).body["items"]
    return items


def events(admin: Rest, name: str) -> dict[str, str]:
    items = admin.get(f"{NAMESPACES}/default/events").body["items"]
    return {e["reason"]: e["message"] for e in items if e["involvedObject"]["name"] == name}


def test_a_volume_is_backed_up_and_its_recovery_proven(
    admin: Rest, storage: Driver, operator: Operator, name: str, fast: str
) -> None:
    declare(admin, name, fast, TESTED)
    wait(admin, name, "BackupsFresh", "True", "Fresh")
    (snapshot,) = taken(admin, name)
    body = admin.get(f"{snapshots(name)}/{snapshot}").body
    claim = admin.get(f"{claims(name)}/charts").body
    assert body["spec"]["source"] == {"persistentVolumeClaimName": "charts"}
    assert body["metadata"]["labels"][names.CLAIM_UID] == claim["metadata"]["uid"]
    proof = wait(admin, name, "RecoveryProven", "True", "Proven")
    today = dt.datetime.now(dt.UTC).date()
    assert f"none before {today}" in proof["message"]
    until(lambda: trials(admin, name) == [], "what it was restored into is removed")
    until(
        lambda: len(of_class(admin, fast)) == 1,
        "and its volume, by the reclaim policy of its class",
    )
    found = told(admin, name)
    assert (found["lastSnapshot"], found["ready"]) == (snapshot, 1)
    assert (found["restoreTest"], found["lastProof"]) == ("Passed", found["lastRestoreTest"])
    start = slot_of("charts", snapshot)
    assert start is not None
    assert dt.datetime.fromisoformat(found["nextDue"]) == start + dt.timedelta(hours=24)
    # The restored claim was patient data as well, and never spoilt what is said of volumes.
    assert workloads.condition(admin, name, "VolumesEncrypted")["reason"] == "Proven"


def of_class(admin: Rest, storage_class: str) -> list[str]:
    items = admin.get(VOLUMES).body["items"]
    return [v["metadata"]["name"] for v in items if v["spec"]["storageClassName"] == storage_class]


def test_what_was_taken_and_proven_is_known_after_a_restart(
    admin: Rest, product: Product, storage: Driver, name: str, fast: str
) -> None:
    with running(product) as operator:
        declare(admin, name, fast, TESTED)
        wait(admin, name, "RecoveryProven", "True", "Proven")
        until(lambda: trials(admin, name) == [], "what it was restored into is removed")
        before = told(admin, name)
        operator.kill()
    version = admin.get(f"{WORKLOADS}/{name}").body["metadata"]["resourceVersion"]
    with running(product):
        # Another declaration is reconciled after this one was looked at.
        other = unique("after")
        assert workloads.apply(admin, clinic(other)).ok
        wait(admin, other)
        assert told(admin, name) == before
        assert len(taken(admin, name)) == 1
        assert trials(admin, name) == []
        assert admin.get(f"{WORKLOADS}/{name}").body["metadata"]["resourceVersion"] == version
        admin.delete(f"{WORKLOADS}/{other}")


def test_snapshots_are_taken_on_schedule_and_the_oldest_go_once_newer_ones_are_ready(
    admin: Rest,
    product: Product,
    storage: Driver,
    name: str,
    fast: str,
    later: Callable[[float], Any],
) -> None:
    with running(product):
        declare(admin, name, fast, {**BACKUP, "keep": 1})
        wait(admin, name, "BackupsFresh", "True", "Fresh")
    (first,) = taken(admin, name)
    start = slot_of("charts", first)
    assert start is not None
    foreign = {
        "apiVersion": "snapshot.storage.k8s.io/v1",
        "kind": "VolumeSnapshot",
        "metadata": {"name": "by-hand"},
        "spec": {
            "volumeSnapshotClassName": BACKUP["snapshotClass"],
            "source": {"persistentVolumeClaimName": "charts"},
        },
    }
    assert admin.create(snapshots(name), foreign).ok
    storage.uploading = True
    second = f"charts-{start + dt.timedelta(hours=24):%Y%m%d%H%M}"
    with later(25):
        until(lambda: second in taken(admin, name), "the next one is taken")
        # It is no backup before it is ready, and the first is all that there is.
        assert taken(admin, name) == sorted(["by-hand", first, second])
        storage.uploading = False
        until(lambda: first not in taken(admin, name), "the oldest goes")
        assert taken(admin, name) == sorted(["by-hand", second])
        wait(admin, name, "BackupsFresh", "True", "Fresh")
    with running(product):
        # What is no longer declared is left as it is.
        declare(admin, name, fast, None)
        wait(admin, name, "BackupsFresh", "True", "NoneDeclared")
        assert taken(admin, name) == sorted(["by-hand", second])


def test_a_moment_that_comes_is_not_slept_through(
    admin: Rest,
    product: Product,
    storage: Driver,
    name: str,
    fast: str,
    later: Callable[[float], Any],
) -> None:
    """Nothing happens but that time goes by: the next slot begins while the operator runs."""
    with running(product):
        declare(admin, name, fast, {**BACKUP, "every": "1h", "keep": 5})
        wait(admin, name, "BackupsFresh", "True", "Fresh")
    due = dt.datetime.fromisoformat(told(admin, name)["nextDue"])
    ahead = due - dt.datetime.now(dt.UTC) - dt.timedelta(seconds=25)
    with later(ahead / dt.timedelta(hours=1)):
        assert len(taken(admin, name)) == 1
        until(lambda: len(taken(admin, name)) == 2, "the next one is taken in time", within=90)
    newest = slot_of("charts", taken(admin, name)[-1])
    assert newest == due


def test_backups_that_are_late_are_told_with_what_the_storage_says(
    admin: Rest,
    product: Product,
    storage: Driver,
    name: str,
    fast: str,
    later: Callable[[float], Any],
) -> None:
    with running(product):
        declare(admin, name, fast, BACKUP)
        wait(admin, name, "BackupsFresh", "True", "Fresh")
    storage.failure = "no space for snapshots"
    with later(30):
        entry = wait(admin, name, "BackupsFresh", "False", "Failed")
        assert "no space for snapshots" in entry["message"]
        until(lambda: "BackupFailed" in events(admin, name), "it is told in an Event")
    with later(40):
        entry = wait(admin, name, "BackupsFresh", "False", "Overdue")
        assert "clinical/charts" in entry["message"]
        until(lambda: "BackupOverdue" in events(admin, name), "it is told once more")
    # What is there is kept, ready or not.
    assert len(taken(admin, name)) == 2


def test_a_restore_that_does_not_come_about_is_a_failed_one(
    admin: Rest,
    product: Product,
    storage: Driver,
    name: str,
    fast: str,
    later: Callable[[float], Any],
) -> None:
    with running(product):
        declare(admin, name, fast, BACKUP)
        wait(admin, name, "BackupsFresh", "True", "Fresh")
        wait(admin, name, "RecoveryProven", "True", "NoneDeclared")
        storage.stop()
        declare(admin, name, fast, TESTED)
        wait(admin, name, "RecoveryProven", "False", "Unproven")
        until(lambda: told(admin, name).get("restoreTest") == "Running", "it is being restored")
    (trial,) = trials(admin, name)
    (snapshot,) = taken(admin, name)
    assert trial["spec"]["dataSource"]["name"] == snapshot
    with later(2):
        entry = wait(admin, name, "RecoveryProven", "False", "Failed")
        assert "not restored within 1 h" in entry["message"]
        until(lambda: "RecoveryFailed" in events(admin, name), "it is told")
        until(lambda: trials(admin, name) == [], "its claim is removed")
    assert told(admin, name)["restoreTest"] == "Failed"
    assert admin.get(f"{claims(name)}/charts").ok


def test_a_class_that_binds_only_for_a_pod_is_tested_where_the_volume_was_made(
    admin: Rest, storage: Driver, operator: Operator, name: str
) -> None:
    waiting = make_class(admin, unique("waiting"), volumeBindingMode="WaitForFirstConsumer")
    declare(admin, name, waiting, TESTED)
    entry = wait(admin, name, "BackupsFresh", "False", "NoneYet")
    assert "no volume yet" in entry["message"]
    entry = wait(admin, name, "RecoveryProven", "False", "NotTestable")
    assert "binds only for a pod" in entry["message"]
    # As the scheduler does once a pod uses the claim.
    chosen = {"metadata": {"annotations": {"volume.kubernetes.io/selected-node": "node"}}}
    assert admin.request("PATCH", f"{claims(name)}/charts", chosen, content=MERGE).ok
    wait(admin, name, "BackupsFresh", "True", "Fresh")
    wait(admin, name, "RecoveryProven", "True", "Proven")
    until(lambda: trials(admin, name) == [], "the claim of the test is removed")
    admin.delete(f"{CLASSES}/{waiting}")


def gone(admin: Rest, crd: str) -> bool:
    """Whether a kind of snapshots is gone; what is left of it waits for no controller."""
    plural = crd.partition(".")[0]
    for item in admin.get(f"{SNAPSHOTS}/{plural}").body.get("items", ()):
        meta = item["metadata"]
        where = f"namespaces/{meta['namespace']}/{plural}" if "namespace" in meta else plural
        free = {"metadata": {"finalizers": None}}
        admin.request("PATCH", f"{SNAPSHOTS}/{where}/{meta['name']}", free, content=MERGE)
    return admin.get(f"{CRDS}/{crd}").code == 404


def test_without_the_kind_that_is_said_and_with_it_backups_begin(
    cluster: ControlPlane, admin: Rest, product: Product, name: str, fast: str
) -> None:
    for crd in install(admin, "external-snapshotter"):
        assert admin.delete(f"{CRDS}/{crd}").ok
        until(lambda crd=crd: gone(admin, crd), "the kind is gone")
    with running(product):
        declare(admin, name, fast, TESTED)
        for kind in ("BackupsFresh", "RecoveryProven"):
            wait(admin, name, kind, "False", "NoSnapshotSupport")
        until(lambda: "BackupNoSnapshotSupport" in events(admin, name), "it is told")
        install(admin, "external-snapshotter")
        wait(admin, name, "BackupsFresh", "False", "NoneYet")


def test_nobody_else_deletes_or_forges_a_snapshot_of_phiwardens(
    admin: Rest,
    storage: Driver,
    operator: Operator,
    product: Product,
    engineer: Rest,
    name: str,
    fast: str,
) -> None:
    declare(admin, name, fast, BACKUP)
    wait(admin, name, "BackupsFresh", "True", "Fresh")
    (snapshot,) = taken(admin, name)
    path = f"{snapshots(name)}/{snapshot}"
    body = admin.get(path).body
    unmarked = {"metadata": {"labels": {names.MANAGED_BY: None}}}
    forged = {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "metadata": {"name": "forged", "labels": body["metadata"]["labels"]},
        "spec": body["spec"],
    }
    for answer in (
        engineer.delete(path),
        engineer.request("PATCH", path, unmarked, content=MERGE),
        engineer.create(snapshots(name), forged),
    ):
        assert answer.code == 403, answer.body
        assert "PHI-GRD-001" in answer.message
