"""Somebody asks for an exception, somebody else approves, and it ends by itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from e2e import workloads
from e2e.exceptions import ask, await_standing, decide, exception, exceptions, in_force, moment
from e2e.people import APPROVER, REQUESTER, allow, person
from e2e.product import Operator, Product, running
from e2e.rest import APPLY, JSON_PATCH, MERGE, STRATEGIC, Answer, Rest
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
from phiwarden.api.crd import phiexception
from phiwarden.boundary.exceptions import moment as written

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
    wait_a_second(asker, path)
    answer = asker.request("PATCH", path, tagged, **applied)
    assert answer.ok, answer.message
    wait_a_second(asker, path)
    del tagged["spec"]["template"]["spec"]["securityContext"]
    answer = asker.request("PATCH", path, tagged, **applied)
    assert answer.ok, answer.message
    wait_a_second(asker, path)
    image = {"name": "app", "image": "registry.hospital.example/portal/api:2"}
    change = {"spec": {"template": {"spec": {"containers": [image]}}}}
    answer = asker.request("PATCH", path, change, content=STRATEGIC)
    assert answer.ok, answer.message
    wait_a_second(asker, path)
    taken = [{"op": "remove", "path": "/spec/template/spec/containers/0/env"}]
    assert "PHI-IMG-001" in asker.request("PATCH", path, taken, content=JSON_PATCH).message
    note = {"op": "add", "path": "/metadata/annotations", "value": {"why": "no release"}}
    answer = asker.request("PATCH", path, [*taken, note], content=JSON_PATCH)
    assert answer.ok, answer.message


def wait_a_second(rest: Rest, path: str) -> None:
    """Wait until a write of an object would be noted as a newer one."""
    until(lambda: moment() > newest(rest, path), "a second passes")


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
    # A note that is newer than the last, and yet from before the end; or the first after none.
    body = asker.get(path).body
    notes = body["metadata"]["managedFields"]
    del body["spec"]["template"]["spec"]["securityContext"]
    newest = dt.datetime.fromisoformat(max(note["time"] for note in notes))
    body["metadata"]["managedFields"][0]["time"] = written(newest + dt.timedelta(seconds=1))
    yield asker.request("PUT", path, body)
    clear = {"metadata": {"managedFields": [{}]}}
    assert asker.request("PATCH", path, clear, content=MERGE).ok
    body["metadata"].pop("resourceVersion")
    body["metadata"]["managedFields"] = [{**notes[0], "time": "2020-01-01T00:00:00Z"}]
    yield asker.request("PUT", path, body)
    body["metadata"]["annotations"] = {"anew": "1"}
    yield asker.request("PUT", path, body)
    fresh = bad(deployment("later"))
    fresh["metadata"]["managedFields"] = [{**notes[0], "time": "2020-01-01T00:00:00Z"}]
    assert asker.delete(path).ok
    yield asker.create(deployments(zone), fresh)


def test_without_their_kind_exceptions_stay_until_their_end(
    product: Product, root: Rest, unwatched: str, asker: Rest, boss: Rest
) -> None:
    """What is not listed, or not yet, must not look as if nobody had approved it."""
    with running(product):
        expires = moment(seconds=40)
        granted(asker, boss, unwatched, "digests", expires=expires)
        assert asker.create(deployments(unwatched), bad(deployment("api"))).ok
        wait(root, unwatched, "Compliant")
    before = exceptions_of(root, unwatched)
    crd = phiexception()
    path = f"{CRDS}/{crd['metadata']['name']}"
    assert root.delete(path).ok
    try:
        until(lambda: root.get(path).code == 404, "the kind is gone")
        with running(product):
            change = {"team": "other", "contact": "other@hospital.example"}
            assert workloads.change(root, unwatched, owner=change).ok
            wait(root, unwatched)
            wait(root, unwatched, "Compliant")
            assert exceptions_of(root, unwatched) == before
            ended(expires)
            wait(root, unwatched, "Compliant", "False")
            assert exceptions_of(root, unwatched) == ""
    finally:
        assert root.create(CRDS, crd).ok


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


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
