"""An exception ends by itself, whoever is down: no operator runs here but where a story says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from e2e import workloads
from e2e.exceptions import (
    ASKER,
    BARE,
    BOSS,
    await_standing,
    declared,
    exceptions_of,
    granted,
    moment,
    newest,
)
from e2e.people import person
from e2e.product import Product, running
from e2e.rest import JSON_PATCH, MERGE, Answer, Rest
from e2e.rollouts import events_of
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    available,
    bad,
    deployment,
    deployments,
    pods,
    status,
    unique,
    wait,
)
from phiwarden.api.crd import phiexception
from phiwarden.api.values import instant as written


@pytest.fixture
def asker(root: Rest) -> Rest:
    return person(root, ASKER)


@pytest.fixture
def boss(root: Rest) -> Rest:
    return person(root, BOSS)


NAMED = ("api", "later", "kept", "unmade")


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
