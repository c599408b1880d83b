"""Somebody asks for an exception, somebody else approves, and it ends by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from e2e import workloads
from e2e.exceptions import ask, await_standing, decide, exception, exceptions, in_force, moment
from e2e.people import APPROVER, REQUESTER, allow, person
from e2e.product import Operator, Product, running
from e2e.rest import JSON_PATCH, MERGE, Answer, Rest
from e2e.rollouts import events_of
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    available,
    bad,
    budget,
    budgets,
    clinic,
    deployment,
    deployments,
    pods,
    status,
    unique,
    wait,
)
from phiwarden.api import names
from phiwarden.api.values import instant as written

ASKER, BOSS = "asha@hospital.example", "boris@hospital.example"
ROLES = [REQUESTER, APPROVER, "edit"]


@pytest.fixture
def zone(root: Rest, operator: Operator) -> Iterator[str]:
    """A zone in direct care in which Asha deploys and asks, and Boris approves."""
    yield from declared(root)


def declared(root: Rest, impact: str = "direct-care") -> Iterator[str]:
    name = unique("granting")
    registries = {"registries": ["registry.hospital.example/portal"]}
    zone = workloads.zone("app", namespace=name, data="phi", images=registries, clusterRoles=ROLES)
    wanted = clinic(name, zones=[zone], flows=[], externals=[], clinicalImpact=impact)
    assert workloads.apply(root, wanted).ok
    wait(root, name)
    assert root.create(budgets(name), budget()).ok
    allow(root, name, REQUESTER, ASKER)
    allow(root, name, "edit", ASKER, BOSS)
    allow(root, name, APPROVER, BOSS)
    yield name
    root.delete(f"{WORKLOADS}/{name}")


@pytest.fixture
def asker(root: Rest) -> Rest:
    return person(root, ASKER)


@pytest.fixture
def boss(root: Rest) -> Rest:
    return person(root, BOSS)


def granted(asker: Rest, boss: Rest, zone: str, name: str, **spec: object) -> None:
    """Have an exception asked for and approved, and wait until it counts."""
    answer = ask(asker, zone, exception(name, ASKER, **spec))
    assert answer.ok, answer.message
    answer = decide(boss, zone, name, BOSS)
    assert answer.ok, answer.message
    until(lambda: in_force(boss, zone, name).get("status") == "True", f"{name} is in force")


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
        "must be a moment that exists": exception("x", ASKER, expires="2027-02-31T00:00:00Z"),
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


NAMED = ("api", "later", "kept", "unmade")

BARE = {"securityContext": None}
"""What takes from a pod template what PHI-POD-002 asks for, and adds nothing."""


def ended(expires: str) -> None:
    """Wait until a moment has passed, by the API server's clock, which is this machine's."""
    until(lambda: moment() >= expires, f"it is {expires}", within=60)


@pytest.fixture
def unwatched(product: Product, root: Rest) -> Iterator[str]:
    """A zone, declared while an operator ran for that alone."""
    with running(product):
        making = declared(root)
        name = next(making)
    yield name
    next(making, None)


def test_it_ends_while_the_operator_is_down(
    product: Product, root: Rest, unwatched: str, asker: Rest, boss: Rest
) -> None:
    with running(product):
        expires = moment(seconds=25)
        both = {"rules": ["PHI-IMG-001", "PHI-POD-002"], "expires": expires}
        objects = [{"kind": "Deployment", "name": name} for name in NAMED]
        granted(asker, boss, unwatched, "short", objects=objects, **both)
        for name in ("api", "kept"):
            assert asker.create(deployments(unwatched), bad(deployment(name))).ok
        assert asker.create(deployments(unwatched), deployment("later")).ok
        for name in ("api", "later", "kept"):
            until(available(root, unwatched, name), f"{name} runs")
    ended(expires)
    assert f"PHI-IMG-001/Deployment/api/{expires}" in exceptions_of(root, unwatched)

    for answer in attempts(asker, unwatched):
        assert "PHI-IMG-001" in answer.message or "PHI-POD-002" in answer.message
    # What runs goes on, may be scaled, and lost pods of direct care are replaced.
    assert scaled(asker, unwatched, "kept", 3).ok
    until(available(root, unwatched, "kept"), "a third pod")
    lost, _ = running_pods(root, unwatched)
    assert root.delete(f"{pods(unwatched)}/{lost}").ok

    def replaced() -> bool:
        found = running_pods(root, unwatched)
        return len(found) == 2 and lost not in found

    until(replaced, "a lost pod is replaced")
    with running(product):
        assert await_standing(root, unwatched, "short", "Ended")["status"] == "False"
        assert exceptions_of(root, unwatched) == ""
        wait(root, unwatched, "Compliant", "False")
        until(
            lambda: status(root, unwatched).get("quarantined") == 2,
            "direct care is kept running, apart",
        )
        assert len(running_pods(root, unwatched)) == 2
        (told,) = events_of(root, unwatched, "short")
        assert told["reason"] == "ExceptionEnded"


def exceptions_of(root: Rest, zone: str) -> str:
    """Return what the boundary of a zone says of exceptions."""
    found: str = root.get(f"{NAMESPACES}/{zone}").body["metadata"]["annotations"][names.EXCEPTIONS]
    return found


def running_pods(root: Rest, zone: str) -> list[str]:
    found = root.get(pods(zone), labelSelector="app=api").body["items"]
    return [
        each["metadata"]["name"] for each in found if not each["metadata"].get("deletionTimestamp")
    ]


def scaled(rest: Rest, zone: str, name: str, replicas: int) -> Answer:
    path = f"{deployments(zone)}/{name}"
    return rest.request("PATCH", path, {"spec": {"replicas": replicas}}, content=MERGE)


def attempts(asker: Rest, zone: str) -> Iterator[Answer]:
    """Yield what becomes of all that somebody in a hurry tries once an exception has ended."""
    path = f"{deployments(zone)}/later"
    yield asker.create(deployments(zone), bad(deployment("unmade")))
    yield asker.request("PATCH", path, bad(deployment("later")), content=MERGE)
    # To take away is no write of a field, and the API server notes no new time for it.
    take = {"spec": {"template": {"spec": BARE}}}
    yield asker.request("PATCH", path, take, content=MERGE)
    at = "/spec/template/spec/securityContext"
    yield asker.request("PATCH", path, [{"op": "remove", "path": at}], content=JSON_PATCH)
    for times in ("2020-01-01T00:00:00Z", "2199-01-01T00:00:00Z"):
        body = asker.get(path).body
        notes = body["metadata"]["managedFields"]
        for forged in (
            [{**note, "time": times} for note in notes],
            [{**notes[0], "time": times}],
            [{key: value for key, value in note.items() if key != "time"} for note in notes],
            [{}],
        ):
            body["metadata"]["managedFields"] = forged
            del body["spec"]["template"]["spec"]["securityContext"]
            yield asker.request("PUT", path, body)
            body = asker.get(path).body
    fresh = bad(deployment("later"))
    fresh["metadata"]["managedFields"] = [{**notes[0], "time": "2020-01-01T00:00:00Z"}]
    assert asker.delete(path).ok
    yield asker.create(deployments(zone), fresh)


def test_what_the_clock_of_the_rules_rests_on(root: Rest) -> None:
    """If a version of Kubernetes notes times in another way, exceptions must be thought over."""
    name = unique("clock")
    assert root.create(NAMESPACES, {"metadata": {"name": name}}).ok
    path = f"{deployments(name)}/api"
    made = deployment("api", replicas=0)
    made["metadata"]["managedFields"] = []
    before = written(now()).replace("Z", "")
    assert root.create(deployments(name), made).ok
    assert newest(root, path) >= before

    def settled() -> bool:
        return bool(root.get(path).body.get("status", {}).get("observedGeneration"))

    until(settled, "the controller wrote its status")
    then = newest(root, path)
    until(lambda: written(now()) > then, "a second passes")
    take = {"spec": {"template": {"spec": BARE}}}
    taken = root.request("PATCH", path, take, content=MERGE, dryRun="All").body
    assert max(note["time"] for note in taken["metadata"]["managedFields"]) == then
    write = {"spec": {"template": {"spec": {"terminationGracePeriodSeconds": 7}}}}
    wrote = root.request("PATCH", path, write, content=MERGE, dryRun="All").body
    assert max(note["time"] for note in wrote["metadata"]["managedFields"]) > then


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def newest(root: Rest, path: str) -> str:
    notes = root.get(path).body["metadata"]["managedFields"]
    return max(str(note["time"]) for note in notes)
