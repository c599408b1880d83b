"""CI signs and brings a release, somebody else approves it, and nothing else may run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e import workloads
from e2e.controlplane import ControlPlane
from e2e.people import APPROVER, RELEASER, ROLES, allow, person
from e2e.product import Operator
from e2e.releases import (
    await_standing,
    decide,
    release,
    releases,
    said,
    stated,
    unsigned_release,
)
from e2e.rest import MERGE, Rest
from e2e.rollouts import events_of, quarantine_of, seen_working
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    available,
    budget,
    budgets,
    clinic,
    deployment,
    deployments,
    image_of,
    pods,
    status,
    unique,
    wait,
)
from phiwarden.api import names
from phiwarden.rulebook.examples import DIGEST
from tests.releases.made import off_curve, private, private_pem, public_pem

CI, BOSS, TEAM = "ci@hospital.example", "boris@hospital.example", "asha@hospital.example"
OTHER = f"sha256:{'1' * 64}"
Object = dict[str, Any]


def keys(*chosen: str, **not_after: str) -> list[Object]:
    """Return keys as a zone declares them."""
    ends = {name: {"notAfter": day} for name, day in not_after.items()}
    return [
        {"name": name, "publicKey": public_pem(private(name)), **ends.get(name, {})}
        for name in chosen
    ]


def zone_of(name: str, **images: Any) -> Object:
    """Return a zone that asks for releases signed by key `ci`, or as it is said."""
    asked = {
        "registries": ["registry.hospital.example/portal"],
        "requireRelease": True,
        "releaseKeys": keys("ci"),
        **images,
    }
    roles = [RELEASER, APPROVER, "edit"]
    return workloads.zone("app", namespace=name, data="phi", images=asked, clusterRoles=roles)


def declared(root: Rest, impact: str) -> Iterator[str]:
    """Have a zone in which CI brings releases, Asha deploys, and Boris approves."""
    name = unique("promoting")
    wanted = clinic(name, zones=[zone_of(name)], flows=[], externals=[], clinicalImpact=impact)
    assert workloads.apply(root, wanted).ok
    wait(root, name)
    assert root.create(budgets(name), budget()).ok
    allow(root, name, RELEASER, CI)
    allow(root, name, "edit", TEAM)
    allow(root, name, APPROVER, BOSS)
    yield name
    root.delete(f"{WORKLOADS}/{name}")


@pytest.fixture
def zone(root: Rest, operator: Operator) -> Iterator[str]:
    yield from declared(root, "direct-care")


@pytest.fixture
def support(root: Rest, operator: Operator) -> Iterator[str]:
    """The same in care support."""
    yield from declared(root, "care-support")


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the plugin where kubectl looks for it, as `pip install` puts it there."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}", prepend=":")


@pytest.fixture
def ci(root: Rest) -> Rest:
    return person(root, CI)


@pytest.fixture
def boss(root: Rest) -> Rest:
    return person(root, BOSS)


@pytest.fixture
def team(root: Rest) -> Rest:
    return person(root, TEAM)


def approved(ci: Rest, boss: Rest, zone: str, name: str, *digests: str, **how: Any) -> None:
    """Have a release brought and approved, and wait until it counts."""
    answer = ci.create(releases(zone), release(name, CI, stated(zone, *digests), **how))
    assert answer.ok, answer.message
    answer = decide(boss, zone, name, BOSS)
    assert answer.ok, answer.message
    await_standing(boss, zone, name, "InForce")


def of(name: str, digest: str = DIGEST) -> Object:
    """Return a Deployment of an image by its digest."""
    return deployment(name, image=f"registry.hospital.example/portal/{name}@{digest}")


def refused(rest: Rest, zone: str, manifest: Object) -> str:
    """Return why an object is not admitted; "" if it would be."""
    return rest.create(deployments(zone), manifest, dry_run=True).message


def test_what_ci_signed_and_somebody_approved_may_be_deployed(
    root: Rest,
    zone: str,
    ci: Rest,
    boss: Rest,
    team: Rest,
    cluster: ControlPlane,
    plugin: None,
    tmp_path: Path,
) -> None:
    entry = wait(root, zone, "ReleasesVerified", "False")
    assert (entry["reason"], "app" in entry["message"]) == ("NoneInForce", True)
    (tmp_path / "ci.pem").write_bytes(private_pem(private("ci")))
    (tmp_path / "portal.json").write_text(
        json.dumps(unsigned_release("portal", CI, stated(zone))), encoding="utf-8"
    )
    unsigned, private_key = tmp_path / "portal.json", tmp_path / "ci.pem"
    told = cluster.kubectl(
        *("phi", "release", "sign", "-f", str(unsigned), "--key", str(private_key)),
        *("--output", str(tmp_path / "signed.json")),
    )
    assert "PRIVATE" not in told.stdout + told.stderr
    assert ci.create(releases(zone), _read(cluster, tmp_path / "signed.json")).ok
    await_standing(root, zone, "portal", "AwaitingDecision")
    verified = said(root, zone, "portal", "Verified")
    assert (verified["status"], verified["reason"]) == ("True", "Verified")
    assert "PHI-IMG-003" in refused(team, zone, of("api"))

    decision = {"type": "Approved", "by": {"username": BOSS}, "reason": "reviewed with the team"}
    cluster.kubectl(
        *("patch", "phirelease", "portal", "-n", zone, "--subresource=status", "--type=merge"),
        *(f"--as={BOSS}", "-p", json.dumps({"status": {"decision": decision}})),
    )
    await_standing(root, zone, "portal", "InForce")
    assert root.get(f"{releases(zone)}/portal").body["status"]["verified"]["name"] == "ci"
    assert wait(root, zone, "ReleasesVerified")["reason"] == "InForce"
    assert team.create(deployments(zone), of("api")).ok
    until(available(root, zone, "api"), "it runs")
    for manifest in (of("later", OTHER), of("later", DIGEST.upper().replace("SHA256", "sha256"))):
        assert "PHI-IMG-003" in refused(team, zone, manifest)
    wait(root, zone, "Compliant")


def _read(cluster: ControlPlane, path: Path) -> Object:
    """Return a manifest as kubectl sends it."""
    found = cluster.kubectl("create", "--dry-run=client", f"-f={path}", "-o=json")
    body: Object = json.loads(found.stdout)
    body["metadata"].pop("namespace", None)
    return body


def test_nobody_brings_a_release_in_the_name_of_somebody_else(
    root: Rest, zone: str, ci: Rest
) -> None:
    changes = stated(zone)
    for wanted in (
        release("forged", BOSS, changes),
        release("forged", CI, changes, uid="1"),
        release("forged", CI.upper(), changes),
        release("forged", CI, changes, after={"metadata": {"name": "forged"}}),
    ):
        answer = ci.create(releases(zone), wanted)
        assert "PHI-GRD-008 metadata.annotations" in answer.message
        assert CI in answer.message, "it tells what is right"
    own = release("own", CI, changes)
    own["status"] = {"decision": {"type": "Approved", "by": {"username": BOSS}}}
    assert ci.create(releases(zone), own).ok
    assert "decision" not in root.get(f"{releases(zone)}/own").body.get("status", {})
    for notes in (
        {names.SUBMITTED_BY: BOSS},
        {names.SUBMITTED_BY: None},
        {names.SUBMITTED_BY_UID: "1"},
    ):
        for path in (f"{releases(zone)}/own", f"{releases(zone)}/own/status"):
            patch = {"metadata": {"annotations": notes}, "status": {}}
            root.request("PATCH", path, patch, content=MERGE)
    found = root.get(f"{releases(zone)}/own").body["metadata"]["annotations"]
    assert found == {names.SUBMITTED_BY: CI}
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "kube-root-ca.crt", "uid": "1"}
    owned = release("owned", CI, changes, after={"metadata.ownerReferences": [owner]})
    assert "PHI-GRD-008 metadata.ownerReferences" in ci.create(releases(zone), owned).message


def test_whoever_brought_it_does_not_approve_it_under_any_name(
    root: Rest, zone: str, ci: Rest
) -> None:
    """CI may approve here what others bring. Its provider knows it by two names, and one uid."""
    upper, alias = CI.upper(), "pipeline@hospital.example"
    for name in (CI, upper, alias):
        allow(root, zone, APPROVER, name)
        allow(root, zone, RELEASER, name)
    assert ci.create(releases(zone), release("own", CI, stated(zone))).ok
    itself = "PHI-GRD-008 status.decision: whoever brought"
    assert itself in decide(ci, zone, "own", CI).message
    assert itself in decide(person(root, upper), zone, "own", upper).message
    with_uid = person(root, CI, uid="4711")
    assert with_uid.create(releases(zone), release("mine", CI, stated(zone), uid="4711")).ok
    same = person(root, alias, uid="4711")
    assert itself in decide(same, zone, "mine", alias, uid="4711").message
    assert decide(ci, zone, "own", CI, "Denied").ok


def test_only_who_has_the_verb_decides_and_as_themselves(
    root: Rest, zone: str, ci: Rest, boss: Rest
) -> None:
    assert ci.create(releases(zone), release("wanted", CI, stated(zone))).ok
    pat = "pat@hospital.example"
    role = {
        "metadata": {"name": unique("patcher")},
        "rules": [
            {
                "apiGroups": ["phiwarden.dev"],
                "resources": ["phireleases", "phireleases/status"],
                "verbs": ["get", "patch", "update"],
            }
        ],
    }
    assert root.create(f"{ROLES}/clusterroles", role).ok
    patched = zone_of(zone)
    patched["clusterRoles"] = [*patched["clusterRoles"], role["metadata"]["name"]]
    assert workloads.change(root, zone, zones=[patched]).ok
    wait(root, zone)
    allow(root, zone, role["metadata"]["name"], pat)
    patcher = person(root, pat)
    only = "PHI-GRD-008 status.decision: only who has the verb approve on phireleases"
    assert only in decide(patcher, zone, "wanted", pat).message
    for forged in (BOSS, CI):
        assert "PHI-GRD-008 status.decision.by" in decide(patcher, zone, "wanted", forged).message
    assert "PHI-GRD-008 status.decision.by" in decide(boss, zone, "wanted", "Boris").message
    assert not decide(ci, zone, "wanted", CI).ok
    await_standing(root, zone, "wanted", "AwaitingDecision")
    path = f"{releases(zone)}/wanted/status"
    for made_up in (
        {"verified": {"name": "ci", "keyId": "0" * 64}},
        {"conditions": []},
    ):
        answer = boss.request("PATCH", path, {"status": made_up}, content=MERGE)
        assert "PHI-GRD-008 status.conditions" in answer.message
    assert said(root, zone, "wanted")["status"] == "False"


def test_what_was_revoked_stays_revoked_under_any_name(
    root: Rest, engineer: Rest, zone: str, ci: Rest, boss: Rest, team: Rest
) -> None:
    approved(ci, boss, zone, "first")
    path = f"{releases(zone)}/first"
    change = {"spec": {"version": "2.0.0"}}
    assert "immutable once signed" in engineer.request("PATCH", path, change, content=MERGE).message
    taken = {"status": {"decision": None}}
    assert not boss.request("PATCH", f"{path}/status", taken, content=MERGE).ok
    assert refused(team, zone, of("api")) == ""

    assert decide(boss, zone, "first", BOSS, "Denied").ok
    await_standing(root, zone, "first", "Denied")
    until(lambda: "PHI-IMG-003" in refused(team, zone, of("api")), "it counts no more")
    (told,) = events_of(root, zone, "first")
    assert (told["type"], told["reason"]) == ("Warning", "ReleaseRevoked")
    assert "stays denied" in decide(boss, zone, "first", BOSS).message
    stays = "PHI-GRD-008 status.decision: what was revoked stays there"
    assert stays in engineer.delete(path).message
    assert stays in engineer.delete(releases(zone)).message
    again = {**release("again", CI, stated(zone)), "spec": root.get(path).body["spec"]}
    assert ci.create(releases(zone), again).ok
    assert decide(boss, zone, "again", BOSS).ok
    entry = await_standing(root, zone, "again", "Revoked")
    assert "first" in entry["message"]
    assert "PHI-IMG-003" in refused(team, zone, of("api"))
    # Another statement about the same images is another release, and somebody approves it anew.
    answer = ci.create(releases(zone), release("next", CI, stated(zone, version="1.4.3")))
    assert answer.ok, answer.message
    assert decide(boss, zone, "next", BOSS).ok
    await_standing(root, zone, "next", "InForce")
    assert refused(team, zone, of("api")) == ""
    assert root.delete(path).ok, "whom the chart exempts may"


def test_what_no_declared_key_vouches_for_counts_nowhere(
    root: Rest, zone: str, support: str, ci: Rest, boss: Rest, team: Rest
) -> None:
    allow(root, support, RELEASER, CI)
    changes = stated(zone)
    for name, reason, wanted in (
        ("wrong-key", "UnknownKey", release("wrong-key", CI, changes, key="thief")),
        (
            "other-bytes",
            "OtherBytes",
            release("other-bytes", CI, changes, after={"images[0].digest": OTHER}),
        ),
        ("other-workload", "OtherWorkload", release("other-workload", CI, stated(support))),
        (
            "too-many-found",
            "OverLimit",
            release("too-many-found", CI, {**changes, "scan.counts.critical": 1}),
        ),
    ):
        assert ci.create(releases(zone), wanted).ok
        assert decide(boss, zone, name, BOSS).ok
        await_standing(root, zone, name, "NotVerified")
        assert said(root, zone, name, "Verified")["reason"] == reason
        assert "verified" not in root.get(f"{releases(zone)}/{name}").body["status"]
        (told,) = events_of(root, zone, name)
        assert told["reason"] == "ReleaseNotVerified"
    for digest in (DIGEST, OTHER):
        assert "PHI-IMG-003" in refused(team, zone, of("api", digest))


def test_in_care_support_what_runs_a_revoked_release_is_put_back(
    root: Rest, support: str, ci: Rest, boss: Rest, team: Rest
) -> None:
    approved(ci, boss, support, "old")
    approved(ci, boss, support, "new", OTHER, key="ci")
    assert team.create(deployments(support), of("api")).ok
    until(available(root, support, "api"), "the old one runs")
    seen_working(root, support, "api", 1)
    path = f"{deployments(support)}/api"
    assert team.request("PATCH", path, of("api", OTHER), content=MERGE).ok
    until(available(root, support, "api"), "the new one runs")
    seen_working(root, support, "api", 2)
    assert decide(boss, support, "new", BOSS, "Denied").ok
    until(lambda: image_of(root, support, "api").endswith(DIGEST), "it was put back")
    until(available(root, support, "api"), "the old one runs again")
    wait(root, support, "Compliant")
    (entry,) = status(root, support)["remediations"]
    assert (entry["action"], entry["rules"]) == ("RolledBack", ["PHI-IMG-003"])


def test_direct_care_that_runs_a_revoked_release_goes_on_apart(
    root: Rest, zone: str, ci: Rest, boss: Rest, team: Rest
) -> None:
    approved(ci, boss, zone, "only")
    assert team.create(deployments(zone), of("api")).ok
    until(available(root, zone, "api"), "it runs")
    assert decide(boss, zone, "only", BOSS, "Denied").ok
    until(lambda: quarantine_of(root, zone, "api") == {"care"}, "its pods are apart")
    assert status(root, zone)["violations"] >= 1
    # Care goes on: a lost pod is replaced.
    first = root.get(pods(zone), labelSelector="app=api").body["items"][0]["metadata"]["name"]
    assert root.delete(f"{pods(zone)}/{first}").ok
    until(available(root, zone, "api"), "a lost pod is replaced")
    assert "PHI-IMG-003" in refused(team, zone, of("other"))


def test_a_key_is_rotated_while_releases_are_open(
    root: Rest, zone: str, ci: Rest, boss: Rest, team: Rest
) -> None:
    """Today is the last day of the old key; then it is taken out."""
    approved(ci, boss, zone, "by-old")
    until_today = keys("ci", "next", ci=_today(root, zone))
    assert workloads.change(root, zone, zones=[zone_of(zone, releaseKeys=until_today)]).ok
    wait(root, zone)
    approved(ci, boss, zone, "by-new", OTHER, key="next")
    assert said(root, zone, "by-old")["reason"] == "InForce"
    before = keys("ci", "next", ci="2026-01-01")
    assert workloads.change(root, zone, zones=[zone_of(zone, releaseKeys=before)]).ok
    await_standing(root, zone, "by-old", "NotVerified")
    assert said(root, zone, "by-old", "Verified")["reason"] == "ExpiredKey"
    assert workloads.change(root, zone, zones=[zone_of(zone, releaseKeys=keys("next"))]).ok
    until(
        lambda: said(root, zone, "by-old", "Verified")["reason"] == "UnknownKey",
        "nothing that the old key signed counts",
    )
    assert "PHI-IMG-003" in refused(team, zone, of("api"))
    assert refused(team, zone, of("api", OTHER)) == ""


def _today(root: Rest, zone: str) -> str:
    """Return the day on which a zone's release was brought, by the API server's clock."""
    made = root.get(f"{releases(zone)}/by-old").body["metadata"]["creationTimestamp"]
    return str(made)[:10]


def test_a_key_that_cannot_be_used_is_named(root: Rest, zone: str) -> None:
    """Its form is right, and its point lies on no curve: the API server cannot tell."""
    declared_keys = [*keys("ci"), {"name": "broken", "publicKey": off_curve()}]
    answer = workloads.change(root, zone, zones=[zone_of(zone, releaseKeys=declared_keys)])
    assert answer.ok, answer.message
    entry = wait(root, zone, "ReleasesVerified", "False", "KeyUnreadable")
    assert "spec.zones[0].images.releaseKeys[1].publicKey: key broken" in entry["message"]


def test_a_zone_that_asks_for_none_lets_run_what_it_did(
    root: Rest, zone: str, ci: Rest, boss: Rest, team: Rest
) -> None:
    """And releases can be brought and approved before one asks for them."""
    assert workloads.change(root, zone, zones=[zone_of(zone, requireRelease=False)]).ok
    until(
        lambda: (
            names.RELEASES not in root.get(f"{NAMESPACES}/{zone}").body["metadata"]["annotations"]
        ),
        "the boundary asks for none",
    )
    assert refused(team, zone, of("api", OTHER)) == ""
    approved(ci, boss, zone, "early")
    assert "asks for no releases" in said(root, zone, "early")["message"]
    assert wait(root, zone, "ReleasesVerified")["reason"] == "NoneAsked"
