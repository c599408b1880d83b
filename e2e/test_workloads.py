"""Simulated nodes and the real controllers: what the stories of rollouts and put-backs rest on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from e2e import zones
from e2e.product import Product
from e2e.rest import MERGE, Rest
from e2e.waiting import until
from e2e.workloads import (
    Object,
    bad,
    collection_of,
    cron_job,
    daemon_set,
    deployment,
    fail_probe,
    failing,
    job,
    path_of,
    pods,
    rolled_out,
    slow,
    stateful_set,
)
from phiwarden.rulebook.examples import ZONE


@pytest.fixture(scope="module")
def zone(root: Rest, product: Product) -> Iterator[str]:
    """A namespace that the rules hold in, without an operator."""
    with zones.zone(root, zones.unique(ZONE)) as name:
        yield name


@pytest.fixture(scope="module", autouse=True)
def nightly(engineer: Rest, zone: str) -> str:
    """A CronJob, made first: while the other tests run, its minute comes."""
    make(engineer, zone, cron_job("nightly"))
    return "nightly"


def make(engineer: Rest, zone: str, obj: Object) -> str:
    answer = engineer.create(collection_of(obj["kind"], zone), obj)
    assert answer.ok, answer.message
    return path_of(obj, zone)


def pods_of(admin: Rest, zone: str, app: str) -> dict[str, Object]:
    found = admin.get(pods(zone), labelSelector=f"app={app}").body["items"]
    return {pod["metadata"]["name"]: pod for pod in found}


def conditions(obj: Object) -> dict[str, Any]:
    return {each["type"]: each for each in obj["status"].get("conditions", ())}


def is_ready(pod: Object) -> bool:
    found = conditions(pod).get("Ready", {})
    statuses = pod["status"].get("containerStatuses", ())
    assert all(each["ready"] is (found["status"] == "True") for each in statuses)
    return bool(found.get("status") == "True")


@pytest.mark.parametrize("make_one", [deployment, stateful_set, daemon_set])
def test_every_kind_is_admitted_rolls_out_and_is_refused_when_bad(
    admin: Rest, engineer: Rest, zone: str, make_one: Any
) -> None:
    good = make_one("kind")
    until(rolled_out(admin, make(engineer, zone, good)), f"the {good['kind']} runs")
    answer = engineer.create(collection_of(good["kind"], zone), bad(make_one("worse")))
    assert "PHI-IMG-001" in answer.message


def test_a_rollout_whose_pods_fail_their_probes_gets_stuck_and_the_next_one_does_not(
    admin: Rest, engineer: Rest, zone: str
) -> None:
    good = deployment("probed")
    good["spec"]["progressDeadlineSeconds"] = 3
    path = make(engineer, zone, good)
    until(rolled_out(admin, path), "it runs")
    assert engineer.request("PATCH", path, failing(good), content=MERGE).ok

    def stuck() -> bool:
        progressing = conditions(admin.get(path).body)["Progressing"]
        return progressing["status"] == "False"

    until(stuck, "the deployment controller gave up")
    assert admin.get(path).body["status"]["availableReplicas"] == 2
    running = [pod for pod in pods_of(admin, zone, "probed").values() if not is_ready(pod)]
    assert [pod["status"]["phase"] for pod in running] == ["Running"]
    assert engineer.request("PATCH", path, good, content=MERGE).ok
    until(rolled_out(admin, path), "it runs again")


def test_pods_that_are_slow_become_ready_when_they_said(
    admin: Rest, engineer: Rest, zone: str
) -> None:
    path = make(engineer, zone, slow(deployment("slow", replicas=3), 3))
    until(lambda: len(pods_of(admin, zone, "slow")) == 3, "there are pods")
    name, *_ = pods_of(admin, zone, "slow")
    until(lambda: pods_of(admin, zone, "slow")[name]["status"]["phase"] == "Running", "it runs")
    # A change meanwhile does not set the clock back.
    note = {"metadata": {"annotations": {"changed": "meanwhile"}}}
    assert admin.request("PATCH", f"{pods(zone)}/{name}", note, content=MERGE).ok
    until(rolled_out(admin, path), "it is ready")
    for pod in pods_of(admin, zone, "slow").values():
        started = dt.datetime.fromisoformat(pod["status"]["startTime"])
        ready = dt.datetime.fromisoformat(conditions(pod)["Ready"]["lastTransitionTime"])
        assert (ready - started).total_seconds() in (3, 4)


def test_a_pod_that_was_ready_fails_its_probe_on_command(
    admin: Rest, engineer: Rest, zone: str
) -> None:
    path = make(engineer, zone, deployment("commanded"))
    until(rolled_out(admin, path), "it runs")
    name, other = pods_of(admin, zone, "commanded")
    fail_probe(admin, zone, name)
    until(lambda: not is_ready(pods_of(admin, zone, "commanded")[name]), "it is not ready")
    assert is_ready(pods_of(admin, zone, "commanded")[other])
    until(lambda: admin.get(path).body["status"]["availableReplicas"] == 1, "one is left")
    fail_probe(admin, zone, name, fails=False)
    until(rolled_out(admin, path), "both are ready")
    assert set(pods_of(admin, zone, "commanded")) == {name, other}


def test_a_stateful_set_rolls_one_pod_after_the_other_and_stops_at_one_that_fails(
    admin: Rest, engineer: Rest, zone: str
) -> None:
    good = stateful_set("ordered", replicas=3)
    path = make(engineer, zone, slow(good, 1))
    seen: list[list[str]] = []

    def grown() -> bool:
        there = sorted(pods_of(admin, zone, "ordered"))
        if not seen or seen[-1] != there:
            seen.append(there)
        return rolled_out(admin, path)()

    until(grown, "it runs")
    assert [len(names) for names in seen if names] == [1, 2, 3]
    assert engineer.request("PATCH", path, failing(good), content=MERGE).ok

    def failed() -> set[str]:
        found = pods_of(admin, zone, "ordered").items()
        return {name for name, pod in found if not is_ready(pod)}

    def changed() -> set[str]:
        found = pods_of(admin, zone, "ordered").items()
        probed = {name: pod["spec"]["containers"][0]["readinessProbe"] for name, pod in found}
        return {name for name, probe in probed.items() if probe["httpGet"]["path"] == "/failing"}

    until(lambda: failed() == changed() == {"ordered-2"}, "the last one is new, and fails")
    # Forced: the controller does not go back by itself over a pod that is not ready.
    assert engineer.request("PATCH", path, good, content=MERGE).ok
    assert admin.delete(f"{pods(zone)}/ordered-2").ok
    until(rolled_out(admin, path), "it runs again")


def test_a_daemon_set_has_a_pod_on_every_simulated_node(
    admin: Rest, engineer: Rest, zone: str
) -> None:
    good = daemon_set("everywhere")
    path = make(engineer, zone, good)
    until(rolled_out(admin, path), "it runs")
    nodes = {node["metadata"]["name"] for node in admin.get("/api/v1/nodes").body["items"]}
    found = pods_of(admin, zone, "everywhere").values()
    assert {pod["spec"]["nodeName"] for pod in found} == nodes
    assert engineer.request("PATCH", path, failing(good), content=MERGE).ok
    until(lambda: admin.get(path).body["status"].get("numberUnavailable") == 1, "the new one fails")
    assert engineer.request("PATCH", path, good, content=MERGE).ok
    until(rolled_out(admin, path), "it runs again")


@pytest.mark.parametrize(
    ("command", "end"),
    [(None, "Complete"), (["sleep", "2"], "Complete"), (["false"], "Failed")],
    ids=["at once", "later", "failed"],
)
def test_a_job_ends_as_its_command_says(
    admin: Rest, engineer: Rest, zone: str, command: list[str] | None, end: str
) -> None:
    name = "job-" + ("-".join(command) if command else "plain")
    path = make(engineer, zone, job(name, **({"command": command} if command else {})))
    if command == ["sleep", "2"]:
        until(lambda: admin.get(path).body["status"].get("ready") == 1, "its pod runs")
    until(lambda: conditions(admin.get(path).body).get(end, {}).get("status") == "True", end)


def test_a_cron_job_makes_a_job_every_minute_whose_pod_completes(
    admin: Rest, zone: str, nightly: str
) -> None:
    path = f"{collection_of('CronJob', zone)}/{nightly}"
    until(
        lambda: admin.get(path).body["status"].get("lastSuccessfulTime"),
        "a Job of it is done",
        within=90,
        every=0.2,
    )
    made = admin.get(collection_of("Job", zone)).body["items"]
    owners = [job["metadata"].get("ownerReferences", ()) for job in made]
    assert nightly in [owner["name"] for each in owners for owner in each]
