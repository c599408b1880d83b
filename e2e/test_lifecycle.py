"""The operator comes and goes, the API server too; nothing is lost, doubled or written for nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e import custom_kinds, exceptions, releases, workloads
from e2e.conftest import NODE_LABELS
from e2e.controlplane import ControlPlane, Options, start
from e2e.people import person
from e2e.product import Operator, Product, install, running
from e2e.rest import MERGE, Rest, connect
from e2e.rollouts import adopt, events_of, worked
from e2e.trail import AUDIT, OF_OTHERS, Trail, granted, unused
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    available,
    bad,
    clinic,
    deployment,
    deployments,
    failing,
    status,
    unique,
    wait,
)
from phiwarden.storage.making import recipe


@pytest.fixture(scope="module")
def audited(binaries: None) -> Iterator[ControlPlane]:
    """A control plane that notes every request of the operator."""
    with start(Options(audit_policy=AUDIT, node_labels=NODE_LABELS)) as running_:
        yield running_


@pytest.fixture(scope="module")
def shipped(audited: ControlPlane) -> Product:
    return install(audited)


@pytest.fixture
def root(audited: ControlPlane) -> Rest:
    return connect(audited.kubeconfig)


def everything(root: Rest) -> dict[str, str]:
    """Return the resource version of every object that the operator may write."""
    paths = [
        NAMESPACES,
        WORKLOADS,
        "/apis/networking.k8s.io/v1/networkpolicies",
        "/api/v1/serviceaccounts",
        "/api/v1/resourcequotas",
        "/api/v1/limitranges",
    ]
    return {
        f"{path} {item['metadata'].get('namespace', '')}/{item['metadata']['name']}": item[
            "metadata"
        ]["resourceVersion"]
        for path in paths
        for item in root.get(path).body["items"]
    }


def test_a_restart_over_a_converged_cluster_writes_nothing(
    audited: ControlPlane, shipped: Product, root: Rest
) -> None:
    names = [unique("steady") for _ in range(3)]
    with running(shipped):
        for name in names:
            quota = {"cpu": "8000m", "memory": "16384Mi", "pods": 50}
            zones = clinic(name)["spec"]["zones"]
            zones[1]["quota"] = quota
            zones[1]["serviceAccounts"] = [{"name": "app", "apiAccess": True}]
            assert workloads.apply(root, clinic(name, zones=zones)).ok
            wait(root, name, "BoundaryEnforced")
        _settle(audited)
    before = everything(root)
    trail = Trail(audited)
    with running(shipped):
        _settle(audited)
        assert trail.writes() == []
        assert everything(root) == before
        # In the steady state only watches stand; nothing is asked again and again.
        quiet = Trail(audited)
        time.sleep(3)  # a stretch of time is what is measured here, not waited for
        assert [r for r in quiet.requests() if r["verb"] != "watch"] == []


def _settle(cluster: ControlPlane) -> None:
    """Wait until the operator has asked nothing but watches for a second."""
    quiet = [Trail(cluster), time.monotonic()]

    def silent() -> bool:
        trail, since = quiet
        if any(r["verb"] != "watch" for r in trail.requests()):
            quiet[:] = [Trail(cluster), time.monotonic()]
            return False
        return time.monotonic() - since > 1.0

    until(silent, "the operator is quiet", within=30, every=0.1)


def test_an_api_server_that_goes_away_and_comes_back_is_survived(
    audited: ControlPlane, shipped: Product, root: Rest
) -> None:
    before, after = unique("before"), unique("after")
    with running(shipped) as operator:
        assert workloads.apply(root, clinic(before)).ok
        wait(root, before)
        audited.restart_apiserver()
        # Changed while the watches may still be down: neither may be missed.
        until(lambda: workloads.apply(root, clinic(after)).ok, "the API server takes writes")
        policy = (
            f"/apis/networking.k8s.io/v1/namespaces/{before}-edge/networkpolicies/phiwarden-dns"
        )
        assert root.delete(policy).ok
        wait(root, after)
        until(lambda: root.get(policy).ok, "drift during the outage was put back", within=30)
        operator.child.check()
        _settle(audited)
        namespaces = [n["metadata"]["name"] for n in root.get(NAMESPACES).body["items"]]
        assert len([n for n in namespaces if n.startswith(f"{after}-")]) == 3


def test_an_operator_killed_in_the_middle_finishes_after_its_return(
    audited: ControlPlane, shipped: Product, root: Rest
) -> None:
    """Killed as soon as the first namespace stands; the second run makes it whole."""
    name = unique("killed")
    operator = Operator(shipped)
    assert workloads.apply(root, clinic(name)).ok
    until(
        lambda: any(
            n["metadata"]["name"].startswith(f"{name}-") for n in root.get(NAMESPACES).body["items"]
        ),
        "a first namespace stands",
        every=0.001,
    )
    operator.kill()
    with running(shipped):
        wait(root, name)
        assert {z["state"] for z in status(root, name)["zones"]} == {"Enforced"}


def test_the_boundary_holds_while_the_operator_is_down(
    audited: ControlPlane, shipped: Product, root: Rest
) -> None:
    name = unique("alone")
    with running(shipped):
        assert workloads.apply(root, clinic(name)).ok
        wait(root, name)
    developer = connect(audited.kubeconfig_for("platform-engineer"))
    path = deployments(f"{name}-clinical")
    refused = developer.create(path, bad(deployment("api")))
    assert refused.code == 403
    assert "PHI-IMG-001" in refused.message
    assert developer.create(path, deployment("api")).ok
    until(available(root, f"{name}-clinical", "api"), "a good one rolls out without the operator")


def test_an_agreement_closes_its_flow_by_itself_when_its_day_ends(
    shipped: Product, root: Rest, tmp_path: Path
) -> None:
    """The operator's clock is moved to a second before midnight; nothing else happens."""
    name = unique("expiring")
    clock = tmp_path / "run.py"
    clock.write_text(MOVED_CLOCK)
    with running(shipped, command=(str(clock), "2027-06-30T23:59:45+00:00")):
        externals = [workloads.external("epic-fhir", "2027-06-30")]
        assert workloads.apply(root, clinic(name, externals=externals)).ok
        wait(root, name, "AgreementsInForce", "True", "ExpiresWithin7Days")
        policy = (
            f"/apis/networking.k8s.io/v1/namespaces/{name}-clinical"
            "/networkpolicies/phiwarden-to-external-epic-fhir-treatment"
        )
        assert root.get(policy).ok
        wait(root, name, "AgreementsInForce", "False", "Expired")
        assert root.get(policy).code == 404

        def told() -> dict[str, str]:
            events = root.get(f"{NAMESPACES}/default/events").body["items"]
            ours = [event for event in events if event["involvedObject"]["name"] == name]
            return {event["reason"]: event["message"] for event in ours}

        wanted = {"AgreementExpiresWithin7Days", "AgreementExpired"}
        until(lambda: set(told()) == wanted, "both days were told")
        assert all("BAA-2026-014" in message for message in told().values())


MOVED_CLOCK = """
import datetime as dt, sys, time
from phiwarden.controller.run import run
from phiwarden.controller.settings import from_environment
from phiwarden.evidence import logs

start, begun = dt.datetime.fromisoformat(sys.argv[1]), time.monotonic()
logs.configure()
run(from_environment(), clock=lambda: start + dt.timedelta(seconds=time.monotonic() - begun))
"""


def test_an_altered_or_missing_policy_is_told(shipped: Product, root: Rest) -> None:
    name = unique("altered")
    binding = (
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings"
        "/phiwarden-workloads-enforce"
    )
    with running(shipped):
        assert workloads.apply(root, clinic(name)).ok
        wait(root, name, "BoundaryEnforced")
        body = root.get(binding).body
        changed = {"spec": {"validationActions": ["Audit"]}}
        assert root.request("PATCH", binding, changed, content=MERGE).ok
        entry = wait(root, name, "BoundaryEnforced", "False", "PoliciesAltered")
        assert "phiwarden-workloads-enforce" in entry["message"]
        restored = {"spec": body["spec"]}
        assert root.request("PATCH", binding, restored, content=MERGE).ok
        # What API servers do meanwhile nobody can see: they are given time to take it up.
        entry = wait(root, name, "BoundaryEnforced", "False", "PoliciesSettling")
        assert "API servers take them up until" in entry["message"]
        wait(root, name, "BoundaryEnforced")
        assert root.delete(binding).ok
        entry = wait(root, name, "BoundaryEnforced", "False", "PoliciesAltered")
        assert "missing" in entry["message"]
    install(shipped.cluster)


def test_a_wrong_setting_is_told_and_not_guessed() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "phiwarden", "controller"],
        env={**os.environ, "PHIWARDEN_USERNAME": "phiwarden"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "PHIWARDEN_USERNAME" in ended.stderr


def test_the_role_grants_what_is_used_and_nothing_else(
    audited: ControlPlane, shipped: Product, root: Rest
) -> None:
    """One long story, every request noted: each granted right was used in it."""
    trail = Trail(audited)
    _use_every_right(shipped, root)
    used = trail.rights()
    refused = [r for r in trail.requests() if r.get("responseStatus", {}).get("code") == 403]
    assert [r["requestURI"] for r in refused] == []
    assert unused(granted(shipped) - OF_OTHERS, used) == ""
    assert {right for right in used if right[1] == "configmaps"} == set()


EBS = "ebs.csi.aws.com"


def _store(root: Rest, name: str, images: dict[str, Any]) -> None:
    """Have a declared volume made, on storage of this name."""
    classes = "/apis/storage.k8s.io/v1/storageclasses"
    driver = {"provisioner": "dobs.csi.digitalocean.com"}
    assert root.create(classes, {"metadata": {"name": name}, **driver}).ok
    volume = workloads.declared_volume
    declared = clinic(
        name,
        zones=[workloads.zone("app", data="phi", images=images)],
        flows=[],
        externals=[],
        volumes=[
            volume("charts", "app", storageClassName=name),
            volume("scans", "app", encryption={"provisioner": EBS, "key": name}),
        ],
    )
    assert workloads.apply(root, declared).ok
    wait(root, name, "VolumesEncrypted", "True", "Proven")
    root.delete(f"{WORKLOADS}/{name}")
    root.delete(f"{classes}/{name}")
    root.delete(f"{classes}/{recipe(EBS, name).name}")


def _put_back(root: Rest, name: str) -> None:
    """Have something of every kind put back or set apart."""
    assert root.create(NAMESPACES, {"metadata": {"name": name}}).ok
    adopt(root, name, enforcement="observe", clinicalImpact="administrative")
    wait(root, name)
    good = (deployment("web"), workloads.stateful_set("records"), workloads.daemon_set("agent"))
    for body in good:
        assert root.create(workloads.collection_of(body["kind"], name), body).ok
    for body in good:
        kind, called = body["kind"], body["metadata"]["name"]
        until(lambda k=kind, c=called: worked(root, name, k, c), f"{called} was seen to work")
    for body in (bad(good[0]), failing(bad(good[1])), bad(good[2])):
        path = workloads.path_of(body, name)
        assert root.request("PATCH", path, body, content=MERGE).ok
    runs = bad(workloads.job("import", command=["sleep", "600"]))
    alone = bad(deployment("alone"))["spec"]["template"]["spec"]
    pod = {"kind": "Pod", "metadata": {"name": "alone"}, "spec": alone}
    for body in (bad(workloads.cron_job("nightly")), runs, pod):
        assert root.create(workloads.collection_of(body["kind"], name), body).ok
    assert workloads.change(root, name, enforcement="enforce").ok
    done = ["RolledBack"] * 3 + ["Suspended"] * 2 + ["Isolated"]
    until(
        lambda: (
            sorted(r["action"] for r in status(root, name).get("remediations", ())) == sorted(done)
        ),
        "everything is put back, stopped or set apart",
    )
    until(
        lambda: "Freed" in {event["reason"] for event in events_of(root, name, "records")},
        "the stuck pod is freed",
    )
    root.delete(f"{WORKLOADS}/{name}")


def _use_every_right(product: Product, root: Rest) -> None:
    name, legacy = unique("rights"), unique("legacy")
    assert root.create(NAMESPACES, {"metadata": {"name": legacy}}).ok
    assert root.create(NAMESPACES, {"metadata": {"name": f"{legacy}-empty"}}).ok
    assert root.create(f"{NAMESPACES}/{legacy}/serviceaccounts", {"metadata": {"name": "app"}}).ok
    assert root.create(deployments(legacy), bad(deployment("api"))).ok
    until(available(root, legacy, "api"), "the old violation runs")
    quota = {"cpu": "8", "memory": "16Gi", "pods": 50}
    images = {"registries": ["registry.hospital.example/portal"]}
    accounts = [{"name": "app"}, {"name": "spare"}]
    zones = [
        workloads.zone("app", images=images, quota=quota, serviceAccounts=accounts),
        workloads.zone("old", namespace=legacy, adopt=True, images=images),
        workloads.zone("empty", namespace=f"{legacy}-empty", adopt=True),
    ]
    flows = [workloads.flow({"zone": "app"}, {"zone": "old"}, 443)]
    common: dict[str, Any] = {"flows": flows, "externals": [], "deletionPolicy": "Delete"}
    with custom_kinds.installed(root, custom_kinds.DRIVERS), running(product):
        assert workloads.apply(root, clinic(name, zones=zones, **common)).ok
        wait(root, name)
        until(lambda: status(root, name).get("quarantined") == 1, "the old violation is held")
        asker = person(root, "asha", groups=("system:masters",))
        answer = exceptions.ask(asker, legacy, exceptions.exception("digests", "asha"))
        assert answer.ok, answer.message
        exceptions.await_standing(root, legacy, "digests", "AwaitingDecision")
        brought = releases.release("portal-1", "asha", releases.stated(name))
        answer = asker.create(releases.releases(legacy), brought)
        assert answer.ok, answer.message
        until(
            lambda: releases.said(root, legacy, "portal-1").get("status") == "False",
            "the release is told of",
        )
        wait(root, name, "Compliant", "False")
        _put_back(root, unique("every-kind"))
        # Server-side apply cannot take a foreign entry back; the object is replaced.
        place = f"{NAMESPACES}/{name}-app/resourcequotas/phiwarden-quota"
        before = root.get(place).body["spec"]
        more = {"spec": {"hard": {"services": "1"}}}
        assert root.request("PATCH", place, more, content=MERGE).ok
        until(lambda: root.get(place).body["spec"] == before, "the quota is as it was")
        _store(root, f"{name}-store", images)
        less = [workloads.zone("app", images=images), *zones[1:]]
        assert workloads.change(root, name, zones=less, flows=[]).ok
        wait(root, name)
        root.delete(f"{WORKLOADS}/{name}")
        until(lambda: root.get(f"{WORKLOADS}/{name}").code == 404, "the declaration is gone")
