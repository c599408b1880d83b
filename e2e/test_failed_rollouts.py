"""A rollout that does not become ready goes back, once; who is on call can have it left alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from e2e import workloads
from e2e.rest import MERGE, Rest
from e2e.rollouts import adopt, events_of, history_of, roll_out, worked
from e2e.waiting import until
from e2e.workloads import (
    available,
    condition,
    deployment,
    deployments,
    failing,
    status,
    wait,
)

QUICKLY = {"onFailedRollout": True, "progressDeadline": "1m"}


@pytest.fixture
def name(adoptable: str) -> str:
    return adoptable


def release(number: int, *, works: bool = True, **spec: Any) -> dict[str, Any]:
    """Return a compliant release whose pods become ready, or never do."""
    body = deployment("api", env=[{"name": "RELEASE", "value": str(number)}])
    body["spec"] |= {"progressDeadlineSeconds": 3, **spec}
    return body if works else failing(body)


def apply(rest: Rest, namespace: str, body: dict[str, Any]) -> None:
    path = f"{deployments(namespace)}/{body['metadata']['name']}"
    answer = rest.request("PATCH", path, body, content=MERGE)
    assert answer.ok, answer.message


def number_of(admin: Rest, namespace: str) -> str:
    template = admin.get(f"{deployments(namespace)}/api").body["spec"]["template"]
    return str(template["spec"]["containers"][0]["env"][0]["value"])


def declared(admin: Rest, name: str, impact: str = "direct-care", **rollback: Any) -> None:
    adopt(admin, name, clinicalImpact=impact, rollback={**QUICKLY, **rollback})
    wait(admin, name)


def first_release(admin: Rest, name: str) -> None:
    roll_out(admin, name, release(1))
    until(lambda: worked(admin, name, "Deployment", "api"), "it was seen to work")


def failed(admin: Rest, name: str) -> bool:
    found = admin.get(f"{deployments(name)}/api").body["status"].get("conditions", ())
    return any(entry.get("reason") == "ProgressDeadlineExceeded" for entry in found)


@pytest.mark.parametrize("impact", ["direct-care", "care-support"])
def test_a_rollout_that_fails_goes_back_to_what_worked(admin: Rest, name: str, impact: str) -> None:
    declared(admin, name, impact)
    first_release(admin, name)
    apply(admin, name, release(2, works=False))
    until(lambda: number_of(admin, name) == "1", "it went back by itself")
    until(available(admin, name, "api"), "what worked is there")
    (event,) = until(lambda: events_of(admin, name, "api"), "the team is told")
    assert event["reason"] == "RolledBack"
    assert "its rollout failed; revision 1 is the newest one that has worked" in event["message"]
    (entry,) = status(admin, name)["remediations"]
    assert (entry["fromRevision"], entry["toRevision"]) == (2, 1)
    wait(admin, name, "Compliant")


def test_it_goes_back_once_and_never_into_a_loop(admin: Rest, developer: Rest, name: str) -> None:
    declared(admin, name)
    first_release(admin, name)
    apply(developer, name, release(2, works=False))
    until(lambda: number_of(admin, name) == "1", "it went back by itself")
    until(available(admin, name, "api"), "what worked is there")
    apply(developer, name, release(2, works=False))
    entry = wait(admin, name, "GitOpsConflict", "True", "Insisting")
    assert f"{name}/Deployment/api: " in entry["message"]
    until(lambda: failed(admin, name), "it failed again")
    until(
        lambda: "LeftAlone" in {event["reason"] for event in events_of(admin, name, "api")},
        "the team is told that it is left",
    )
    assert number_of(admin, name) == "2"
    # Another release starts anew: it is put back like the first one.
    apply(developer, name, release(3, works=False))
    until(lambda: number_of(admin, name) == "1", "the next one that fails goes back, too")
    wait(admin, name, "GitOpsConflict", "False")


def test_nothing_goes_back_where_it_is_not_asked_for_or_nobody_is_harmed(
    admin: Rest, name: str
) -> None:
    declared(admin, name, "administrative")
    first_release(admin, name)
    apply(admin, name, release(2, works=False))
    until(lambda: failed(admin, name), "it fails")
    # Something that can only follow: the next look at the same declaration.
    assert workloads.change(admin, name, rollback={"onFailedRollout": False}).ok
    assert workloads.change(admin, name, clinicalImpact="care-support").ok
    wait(admin, name)
    assert number_of(admin, name) == "2"
    assert workloads.change(admin, name, rollback={"onFailedRollout": True}).ok
    apply(admin, name, {"metadata": {"name": "api", "annotations": {"example.com/look": "again"}}})
    until(lambda: number_of(admin, name) == "1", "now it goes back")


def test_a_rollout_that_somebody_paused_is_left_alone(admin: Rest, name: str) -> None:
    declared(admin, name)
    first_release(admin, name)
    apply(admin, name, release(2, works=False, progressDeadlineSeconds=600))
    apply(admin, name, {"metadata": {"name": "api"}, "spec": {"paused": True}})
    until(
        lambda: "LeftAlone" in {event["reason"] for event in events_of(admin, name, "api")},
        "it is reported",
        within=100,
    )
    (event,) = events_of(admin, name, "api")
    assert "paused by somebody who is working on it" in event["message"]
    assert number_of(admin, name) == "2"


def test_a_pause_of_people_on_call_is_recorded_and_ends(
    admin: Rest, developer: Rest, name: str
) -> None:
    declared(admin, name)
    first_release(admin, name)
    until_when = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=12)
    paused = release(2, works=False)
    paused["metadata"]["annotations"] = {
        "phiwarden.dev/pause-until": until_when.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "phiwarden.dev/pause-reason": "INC-4711 looking into it",
    }
    apply(developer, name, paused)
    pause = until(
        lambda: history_of(admin, name, "Deployment", "api").get("pause"), "it is recorded"
    )
    assert pause["reason"] == "INC-4711 looking into it"
    assert pause["by"]
    (event,) = until(lambda: events_of(admin, name, "api"), "the team is told")
    assert event["reason"] == "LeftAlone"
    assert "INC-4711" in event["message"]
    assert number_of(admin, name) == "2"
    until(lambda: number_of(admin, name) == "1", "it goes back once the pause has ended")
    assert dt.datetime.now(dt.UTC) >= until_when.replace(microsecond=0)


@pytest.mark.parametrize("until_when", ["tomorrow", "2099-01-01T00:00:00Z", "2026-01-01T00:00:00"])
def test_a_pause_that_is_no_time_or_too_long_is_not_granted(
    admin: Rest, name: str, until_when: str
) -> None:
    declared(admin, name)
    first_release(admin, name)
    paused = release(2, works=False)
    paused["metadata"]["annotations"] = {"phiwarden.dev/pause-until": until_when}
    apply(admin, name, paused)
    until(lambda: number_of(admin, name) == "1", "it goes back all the same")
    until(
        lambda: (
            {e["reason"] for e in events_of(admin, name, "api")}
            == {"PauseNotGranted", "RolledBack"}
        ),
        "the team is told both",
    )


def test_a_stateful_set_whose_rollout_fails_goes_back_and_is_freed(admin: Rest, name: str) -> None:
    """Its controller knows no deadline; the declaration's is counted from its last progress."""
    declared(admin, name)
    sets = f"/apis/apps/v1/namespaces/{name}/statefulsets"

    def stateful(number: int, *, works: bool) -> dict[str, Any]:
        body = release(number, works=works)
        spec = {k: v for k, v in body["spec"].items() if k != "progressDeadlineSeconds"}
        kind = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "records"}}
        return {**kind, "spec": {**spec, "serviceName": "records"}}

    assert admin.create(sets, stateful(1, works=True)).ok
    until(lambda: worked(admin, name, "StatefulSet", "records"), "it was seen to work")
    assert admin.request("PATCH", f"{sets}/records", stateful(2, works=False), content=MERGE).ok
    until(
        lambda: {e["reason"] for e in events_of(admin, name, "records")} == {"RolledBack", "Freed"},
        "it went back, and its stuck pod was freed",
        within=120,
    )
    until(
        lambda: admin.get(f"{sets}/records").body["status"].get("readyReplicas") == 2,
        "both pods are ready",
    )


def test_it_is_said_whether_there_is_a_way_back(admin: Rest, name: str) -> None:
    declared(admin, name)
    first_release(admin, name)
    entry = wait(admin, name, "RollbackReady", "False", "NoWayBack")
    assert "Deployment/api (there is no earlier revision)" in entry["message"]
    roll_out(admin, name, release(2), first=False)
    wait(admin, name, "RollbackReady", "True", "Tested")
    assert condition(admin, name, "Remediated")["status"] == "True"
