"""Somebody asks for an exception, somebody else approves, and it ends by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e import workloads
from e2e.exceptions import (
    ASKER,
    BARE,
    BOSS,
    ask,
    await_standing,
    decide,
    declared,
    exception,
    exceptions,
    exceptions_of,
    granted,
    in_force,
    moment,
)
from e2e.people import APPROVER, REQUESTER, allow, person
from e2e.product import Operator
from e2e.rest import APPLY, JSON_PATCH, MERGE, STRATEGIC, Answer, Rest
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    bad,
    deployment,
    deployments,
    pods,
    unique,
    wait,
)


@pytest.fixture
def zone(root: Rest, operator: Operator) -> Iterator[str]:
    """A zone in direct care in which Asha deploys and asks, and Boris approves."""
    yield from declared(root)


@pytest.fixture
def asker(root: Rest) -> Rest:
    return person(root, ASKER)


@pytest.fixture
def boss(root: Rest) -> Rest:
    return person(root, BOSS)


def test_what_one_asks_for_and_another_approves_may_be_deployed(
    zone: str, asker: Rest, boss: Rest, root: Rest
) -> None:
    tagged = bad(deployment("api"))
    before = asker.create(deployments(zone), tagged)
    assert "PHI-IMG-001" in before.message
    granted(asker, boss, zone, "digests")
    answer = asker.create(deployments(zone), tagged)
    assert answer.ok, answer.message
    until(
        lambda: len(root.get(pods(zone), labelSelector="app=api").body["items"]) == 2,
        "its pods are made",
    )
    other = asker.create(deployments(zone), bad(deployment("other")))
    assert "PHI-IMG-001" in other.message
    wait(root, zone, "Compliant")


def test_what_runs_already_may_be_changed(zone: str, asker: Rest, boss: Rest, root: Rest) -> None:
    """As long as the API server has to note when: an image, or an annotation, is written."""
    assert asker.create(deployments(zone), deployment("api")).ok
    granted(asker, boss, zone, "both", rules=["PHI-IMG-001", "PHI-POD-002"])
    path = f"{deployments(zone)}/api"

    def changed(change: dict[str, object]) -> Answer | None:
        answer = asker.request("PATCH", path, change, content=MERGE)
        return answer if answer.ok else None

    # Two changes within a second tell no time, and the controller writes its status as well.
    until(lambda: changed(bad(deployment("api"))), "another image")
    bare = {"spec": {"template": {"spec": BARE}}}
    refused = asker.request("PATCH", path, bare, content=MERGE).message
    assert "PHI-POD-002" in refused
    for number in range(2):
        noted = {**bare, "metadata": {"annotations": {"change": f"CHG-{number}"}}}
        until(lambda noted=noted: changed(noted), "taken away")  # type: ignore[misc]


def test_what_is_being_deleted_is_over(zone: str, asker: Rest, boss: Rest, root: Rest) -> None:
    """Whoever asks may name a finalizer, which nobody takes off."""
    wanted = exception("lasting", ASKER)
    wanted["metadata"]["finalizers"] = ["hospital.example/never"]
    assert ask(asker, zone, wanted).ok
    assert decide(boss, zone, "lasting", BOSS).ok
    await_standing(boss, zone, "lasting", "InForce")
    assert root.delete(f"{exceptions(zone)}/lasting").ok
    until(lambda: exceptions_of(root, zone) == "", "the boundary has it no more")
    free = {"metadata": {"finalizers": None}}
    assert root.request("PATCH", f"{exceptions(zone)}/lasting", free, content=MERGE).ok


def test_one_that_is_too_large_to_be_told_about_is_in_nobodys_way(
    root: Rest, zone: str, asker: Rest, boss: Rest
) -> None:
    """Labels have no bound but the store's: filled up, it takes no status any more."""

    def stored(labels: int) -> bool:
        wanted = exception("large", ASKER)
        wanted["metadata"]["labels"] = {f"k{each:06}": "v" * 63 for each in range(labels)}
        return ask(asker, zone, wanted).ok

    fits, too_many = 19_000, 23_000  # its store takes 1.5 MiB
    while too_many - fits > 1:
        tried = (fits + too_many) // 2
        if not stored(tried):
            too_many = tried
            continue
        fits = tried
        assert root.delete(f"{exceptions(zone)}/large").ok
    assert stored(fits)
    granted(asker, boss, zone, "small")
    assert workloads.change(root, zone, clinicalImpact="care-support").ok
    wait(root, zone)
    assert in_force(root, zone, "large") == {}
    assert root.delete(f"{exceptions(zone)}/large").ok


def test_what_is_granted_later_takes_the_room_of_none(zone: str, asker: Rest, boss: Rest) -> None:
    granted(asker, boss, zone, "z-first")
    begun = moment()
    until(lambda: moment() > begun, "the API server notes seconds")
    rules = ["PHI-IMG-001", "PHI-POD-001", "PHI-POD-002", "PHI-POD-003", "PHI-VOL-003"]
    for each in range(10):
        objects = [{"kind": "Deployment", "name": f"other-{each}-{n}"} for n in range(4)]
        name = f"later-{each}"
        assert ask(asker, zone, exception(name, ASKER, rules=rules, objects=objects)).ok
        assert decide(boss, zone, name, BOSS).ok
    await_standing(boss, zone, "later-9", "TooMany")
    assert in_force(boss, zone, "z-first")["status"] == "True"


def test_every_way_of_changing_what_has_an_exception_works(
    zone: str, asker: Rest, boss: Rest
) -> None:
    """But for one that writes nothing: it takes a field away, and changes no annotation."""
    rules = ["PHI-IMG-001", "PHI-POD-002"]
    granted(asker, boss, zone, "bare", rules=rules)
    tagged = bad(deployment("api"))
    path = f"{deployments(zone)}/api"
    applied = {"content": APPLY, "fieldManager": "gitops", "force": "true"}
    assert asker.request("PATCH", path, tagged, **applied).ok
    (container,) = tagged["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "RELEASE", "value": "2"}]
    assert "PHI-IMG-001" in asker.request("PATCH", path, tagged, **applied).message
    tagged["metadata"]["annotations"] = {"why": "another release"}
    answer = asker.request("PATCH", path, tagged, **applied)
    assert answer.ok, answer.message
    del tagged["spec"]["template"]["spec"]["securityContext"]
    tagged["metadata"]["annotations"] = {"why": "and another"}
    answer = asker.request("PATCH", path, tagged, **applied)
    assert answer.ok, answer.message
    image = {"name": "app", "image": "registry.hospital.example/portal/api:2"}
    change = {"spec": {"template": {"spec": {"containers": [image]}}}}
    answer = asker.request("PATCH", path, change, content=STRATEGIC)
    assert answer.ok, answer.message
    taken = [{"op": "remove", "path": "/spec/template/spec/containers/0/env"}]
    assert "PHI-IMG-001" in asker.request("PATCH", path, taken, content=JSON_PATCH).message
    note = {"op": "add", "path": "/metadata/annotations", "value": {"why": "no release"}}
    answer = asker.request("PATCH", path, [*taken, note], content=JSON_PATCH)
    assert answer.ok, answer.message


def test_nobody_asks_in_the_name_of_somebody_else(zone: str, asker: Rest, boss: Rest) -> None:
    for wanted in (
        exception("forged", BOSS),
        exception("forged", ASKER, uid="1"),
        exception("forged", ASKER.upper()),
        exception("forged", f"{ASKER} "),
    ):
        assert "PHI-GRD-007 spec.requestedBy" in ask(asker, zone, wanted).message
    own = exception("own", ASKER)
    own["status"] = {"decision": {"type": "Approved", "by": {"username": BOSS}}}
    assert ask(asker, zone, own).ok
    assert "status" not in boss.get(f"{exceptions(zone)}/own").body


def test_whoever_asked_does_not_approve_under_any_name(root: Rest, zone: str, asker: Rest) -> None:
    """Asha may approve here: for others. Her provider knows her by two names, and one uid."""
    other = "Asha@Hospital.example"
    for name in (ASKER, other, "asha.k@hospital.example"):
        allow(root, zone, APPROVER, name)
        allow(root, zone, REQUESTER, name)
    assert ask(asker, zone, exception("own", ASKER)).ok
    itself = "PHI-GRD-007 status.decision: whoever asked"
    assert itself in decide(asker, zone, "own", ASKER).message
    assert itself in decide(person(root, other), zone, "own", other).message
    with_uid = person(root, ASKER, uid="4711")
    assert ask(with_uid, zone, exception("mine", ASKER, uid="4711")).ok
    alias = "asha.k@hospital.example"
    same = person(root, alias, uid="4711")
    assert itself in decide(same, zone, "mine", alias, uid="4711").message
    assert decide(asker, zone, "own", ASKER, "Denied").ok


def test_only_who_has_the_verb_decides_and_as_themselves(
    root: Rest, zone: str, asker: Rest, boss: Rest, operator: Operator
) -> None:
    """`edit` and even every right of RBAC but this one are not enough, and a forged name neither."""
    assert ask(asker, zone, exception("wanted", ASKER)).ok
    patcher = person(root, "pat@hospital.example")
    role = {
        "metadata": {"name": unique("patcher")},
        "rules": [
            {
                "apiGroups": ["phiwarden.dev"],
                "resources": ["phiexceptions", "phiexceptions/status"],
                "verbs": ["get", "patch", "update"],
            }
        ],
    }
    assert root.create("/apis/rbac.authorization.k8s.io/v1/clusterroles", role).ok
    assert workloads.change(root, zone, zones=_with_role(root, zone, role["metadata"]["name"])).ok
    wait(root, zone)
    allow(root, zone, role["metadata"]["name"], "pat@hospital.example")
    refused = decide(patcher, zone, "wanted", "pat@hospital.example").message
    assert "PHI-GRD-007 status.decision: only who has the verb approve" in refused
    for forged in (BOSS, ASKER):
        refused = decide(patcher, zone, "wanted", forged).message
        assert "PHI-GRD-007 status.decision.by" in refused
    assert "PHI-GRD-007 status.decision.by" in decide(boss, zone, "wanted", "Boris").message
    conditions = [
        {
            "type": "InForce",
            "status": "True",
            "reason": "InForce",
            "message": "made up",
            "lastTransitionTime": moment(),
        }
    ]
    said = boss.request(
        "PATCH",
        f"{exceptions(zone)}/wanted/status",
        {"status": {"conditions": conditions}},
        content=MERGE,
    )
    assert "PHI-GRD-007 status.conditions" in said.message
    left = {"status": {"daysLeft": 999}}
    said = boss.request("PATCH", f"{exceptions(zone)}/wanted/status", left, content=MERGE)
    assert "PHI-GRD-007 status.conditions" in said.message
    entry = await_standing(root, zone, "wanted", "AwaitingDecision")
    assert entry["status"] == "False"


def _with_role(root: Rest, name: str, role: str) -> list[dict[str, object]]:
    zones = root.get(f"{WORKLOADS}/{name}").body["spec"]["zones"]
    return [{**each, "clusterRoles": [*each["clusterRoles"], role]} for each in zones]


def test_what_was_asked_for_is_what_is_approved(zone: str, asker: Rest, boss: Rest) -> None:
    """Nothing is edited after approval, moved to another object, or approved again once denied."""
    granted(asker, boss, zone, "digests")
    path = f"{exceptions(zone)}/digests"
    for change in (
        {"rules": ["PHI-POD-001"]},
        {"objects": [{"kind": "Deployment", "name": "other"}]},
        {"expires": moment(days=9)},
        {"requestedBy": {"username": BOSS}},
    ):
        for actor in (asker, boss):
            answer = actor.request("PATCH", path, {"spec": change}, content=MERGE)
            assert not answer.ok
    root_like = boss.request("PATCH", path, {"spec": {"ticket": "x"}}, content=MERGE)
    assert not root_like.ok
    assert decide(boss, zone, "digests", BOSS, "Denied").ok
    assert "stays denied" in decide(boss, zone, "digests", BOSS).message
    taken = {"status": {"decision": None}}
    answer = boss.request("PATCH", f"{path}/status", taken, content=MERGE)
    assert not answer.ok
    await_standing(boss, zone, "digests", "Denied")
    until(
        lambda: "PHI-IMG-001" in asker.create(deployments(zone), bad(deployment("api"))).message,
        "it counts no more",
    )


def test_bad_requests_are_told_by_field(root: Rest, zone: str, asker: Rest) -> None:
    words = {
        "at this clinical impact": exception("x", ASKER, expires=moment(days=15)),
        "has passed": exception("x", ASKER, expires=moment(hours=-3)),
        "longer than an exception": exception("x", ASKER, expires=moment(days=4), emergency=True),
        "spec.rules": exception("x", ASKER, rules=[]),
        "must be the identifier of a rule": exception("x", ASKER, rules=["PHI-*"]),
        "no wildcard": exception("x", ASKER, objects=[{"kind": "Deployment", "name": "*"}]),
        "spec.objects[0].kind": exception("x", ASKER, objects=[{"kind": "*", "name": "api"}]),
        "must be a second in UTC that exists": exception(
            "x", ASKER, expires="2027-02-31T00:00:00Z"
        ),
        "spec.reason": exception("x", ASKER, reason="because"),
    }
    for expected, wanted in words.items():
        assert expected in ask(asker, zone, wanted).message
    outside = unique("outside")
    assert root.create(NAMESPACES, {"metadata": {"name": outside}}).ok
    allow(root, outside, REQUESTER, ASKER)
    assert "is no zone" in ask(asker, outside, exception("x", ASKER)).message


def test_what_there_are_no_exceptions_to_is_said(zone: str, asker: Rest, boss: Rest) -> None:
    unknown = exception("unknown", ASKER, rules=["PHI-IMG-001", "PHI-GRD-001", "PHI-XYZ-999"])
    assert ask(asker, zone, unknown).ok
    entry = await_standing(asker, zone, "unknown", "NoSuchRule")
    assert "PHI-GRD-001, PHI-XYZ-999" in entry["message"]
    assert decide(boss, zone, "unknown", BOSS).ok
    assert "PHI-IMG-001" in asker.create(deployments(zone), bad(deployment("api"))).message
