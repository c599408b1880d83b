"""What deployments meet at a boundary, told with containers that run, under the installed product."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from e2e import workloads
from e2e.feedback import SIGNATURE
from e2e.node import PEER, Node, peers
from e2e.node.clinic import REPOSITORY, by_digest
from e2e.node.peers import OPEN, SHUT, dial
from e2e.rest import MERGE, Rest
from e2e.rollouts import events_of, quarantine_of, roll_out, seen_working
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    available,
    bad,
    clinic,
    deployment,
    deployments,
    flow,
    image_of,
    unique,
    wait,
    zone,
)

PORT = 8443
IMAGES = {"registries": [REPOSITORY.rpartition("/")[0]]}


@pytest.fixture(scope="module")
def image(installed: Node) -> str:
    """The image of every application, by digest; somebody has given it tags as well."""
    named = by_digest(installed)
    for tag in ("1.0", "2.0"):
        installed.name_image(PEER, f"{REPOSITORY}:{tag}")
    return named


def application(image: str, **container: Any) -> dict[str, Any]:
    """Return a Deployment of two pods that serve, ready as soon as they answer."""
    probe = {"httpGet": {"path": "/", "port": PORT}, "periodSeconds": 1}
    serving = {"args": ["serve", "api", str(PORT)], "readinessProbe": probe}
    return deployment("api", image=image, **{**serving, **container})


def pods_of(admin: Rest, namespace: str) -> dict[str, dict[str, Any]]:
    """Return the pods of the application that are not on their way out, by name."""
    items = admin.get(f"{NAMESPACES}/{namespace}/pods", labelSelector="app=api").body["items"]
    return {
        item["metadata"]["name"]: item
        for item in items
        if "deletionTimestamp" not in item["metadata"]
    }


def containers(admin: Rest, namespace: str) -> set[tuple[str, int]]:
    """Return the application's running containers, and how often each was started anew."""
    return {
        (each["containerID"], each["restartCount"])
        for pod in pods_of(admin, namespace).values()
        for each in pod["status"]["containerStatuses"]
        if each["ready"]
    }


@contextmanager
def legacy(admin: Rest, **spec: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Have a namespace from before any boundary, and a declaration that will adopt it.

    It is the zone `app`; `front` sends it requests.
    """
    name = unique("legacy")
    assert admin.create(NAMESPACES, {"metadata": {"name": name}}).ok
    account = {"metadata": {"name": "app"}}
    assert admin.create(f"{NAMESPACES}/{name}/serviceaccounts", account).ok
    declared = clinic(
        name,
        zones=[
            zone("front", data="none", images=IMAGES),
            zone("app", namespace=name, adopt=True, data="phi", images=IMAGES),
        ],
        flows=[flow({"zone": "front"}, {"zone": "app"}, PORT)],
        externals=[],
        **spec,
    )
    yield name, declared
    admin.delete(f"{WORKLOADS}/{name}")


def test_a_bad_rollout_is_refused_and_a_good_one_serves(
    installed: Node, admin: Rest, team: Rest, image: str
) -> None:
    name = unique("portal")
    zones = [zone("clinical", data="phi", images=IMAGES)]
    assert workloads.apply(admin, clinic(name, zones=zones, flows=[], externals=[])).ok
    wait(admin, name, "BoundaryEnforced")
    namespace = f"{name}-clinical"
    good = application(image)

    refused = until(
        lambda: (
            answer
            if SIGNATURE in (answer := team.create(deployments(namespace), bad(good))).message
            else None
        ),
        "the webhook explains",
        within=90,
    )
    assert "PHI-IMG-001" in refused.message
    assert admin.get(deployments(namespace)).body["items"] == []

    assert team.create(deployments(namespace), good).ok
    until(available(admin, namespace, "api"), "the good one runs")
    before = containers(admin, namespace)
    assert len(before) == 2
    for change in (bad(good), application(image, securityContext={"privileged": True})):
        answer = team.request("PUT", f"{deployments(namespace)}/api", change)
        assert answer.code == 403, answer.body
    assert containers(admin, namespace) == before
    pod, *_ = pods_of(admin, namespace)
    itself = f"127.0.0.1:{PORT}"
    assert dial(installed, namespace, pod, itself) == {itself: OPEN}
    admin.delete(f"{WORKLOADS}/{name}")


def test_what_slipped_in_before_enforcement_goes_back_to_what_worked(
    admin: Rest, image: str
) -> None:
    with legacy(admin, clinicalImpact="care-support", enforcement="observe") as (name, declared):
        assert workloads.apply(admin, declared).ok
        wait(admin, name)
        good = application(image)
        for number, release in enumerate((good, bad(good, "1.0"), bad(good, "2.0")), start=1):
            roll_out(admin, name, release, first=number == 1)
            seen_working(admin, name, "api", number)
        assert workloads.change(admin, name, enforcement="enforce").ok
        until(lambda: image_of(admin, name, "api") == image, "the template is the good one again")
        until(available(admin, name, "api"), "the good revision runs")
        running = [pod["spec"]["containers"][0]["image"] for pod in pods_of(admin, name).values()]
        assert running == [image, image]
        assert len(containers(admin, name)) == 2
        wait(admin, name, "Compliant")


def test_a_rollout_whose_probes_fail_goes_back_and_nobody_notices(admin: Rest, image: str) -> None:
    """It listens elsewhere than its probe asks, as a release with a wrong port does."""
    rollback = {"onFailedRollout": True, "progressDeadline": "1m"}
    with legacy(admin, clinicalImpact="direct-care", rollback=rollback) as (name, declared):
        assert workloads.apply(admin, declared).ok
        wait(admin, name)
        good = application(image)
        good["spec"]["progressDeadlineSeconds"] = 10
        roll_out(admin, name, good)
        seen_working(admin, name, "api", 1)
        before = containers(admin, name)
        deaf = application(image, args=["serve", "api", "9999"])
        path = f"{deployments(name)}/api"
        assert admin.request("PATCH", path, deaf, content=MERGE).ok
        until(
            lambda: "RolledBack" in {event["reason"] for event in events_of(admin, name, "api")},
            "it went back by itself",
            within=90,
        )
        until(available(admin, name, "api"), "what worked runs")
        # A rolling update takes none away before a new one is ready: none of these was touched.
        assert containers(admin, name) == before


def test_a_stateful_set_that_is_stuck_is_put_back_and_freed(admin: Rest, image: str) -> None:
    with legacy(admin, clinicalImpact="care-support", enforcement="observe") as (name, declared):
        assert workloads.apply(admin, declared).ok
        wait(admin, name)
        good = {**application(image), "kind": "StatefulSet"}
        good["spec"]["serviceName"] = "api"
        sets = f"/apis/apps/v1/namespaces/{name}/statefulsets"
        assert admin.create(sets, good).ok
        seen_working(admin, name, "api", 1, "StatefulSet")
        worse = bad({**application(image, args=["serve", "api", "9999"]), "kind": "StatefulSet"})
        assert admin.request("PATCH", f"{sets}/api", worse, content=MERGE).ok
        until(
            lambda: any(
                pod["spec"]["containers"][0]["image"] != image
                for pod in pods_of(admin, name).values()
            ),
            "a pod of the bad template is stuck",
        )
        assert workloads.change(admin, name, enforcement="enforce").ok
        until(workloads.rolled_out(admin, f"{sets}/api"), "all are of the good template", within=90)
        assert {p["spec"]["containers"][0]["image"] for p in pods_of(admin, name).values()} == {
            image
        }
        assert "Freed" in {event["reason"] for event in events_of(admin, name, "api")}


def test_direct_care_that_cannot_go_back_keeps_running_apart(
    installed: Node, admin: Rest, image: str
) -> None:
    """Its containers are not touched; care reaches them, and nobody else."""
    with legacy(admin, clinicalImpact="direct-care") as (name, declared):
        # Whom the declaration does not know, and who may call it today.
        with peers.namespace(installed) as stranger:
            roll_out(admin, name, bad(application(image)))
            before = containers(admin, name)
            assert len(before) == 2
            targets = [f"{pod['status']['podIP']}:{PORT}" for pod in pods_of(admin, name).values()]
            peers.create(installed, peers.pod("caller", stranger))
            peers.address(installed, stranger, "caller")
            assert set(dial(installed, stranger, "caller", *targets).values()) == {OPEN}

            assert workloads.apply(admin, declared).ok
            until(lambda: quarantine_of(admin, name, "api") == {"care"}, "its pods are apart")
            assert admin.create(deployments(f"{name}-front"), application(image)).ok
            until(available(admin, f"{name}-front", "api"), "somebody calls from the front")
            front, *_ = pods_of(admin, f"{name}-front")
            until(
                lambda: set(dial(installed, stranger, "caller", *targets).values()) <= SHUT,
                "strangers are shut out",
            )
            met = dial(installed, f"{name}-front", front, *targets)
            assert set(met.values()) == {OPEN}
        assert containers(admin, name) == before
        assert image_of(admin, name, "api").endswith(":1.0")
        wait(admin, name, "Compliant", "False")


SESSIONS = (
    ("exec", "{pod}", "--", "/peer", "dial", "1s", "127.0.0.1:8443"),
    ("attach", "{pod}", "--pod-running-timeout=5s"),
    ("port-forward", "{pod}", ":8443"),
    ("debug", "{pod}", "--image={image}", "--target=app", "--profile=restricted"),
    ("cp", "{pod}:/peer", "/dev/null"),
)


@pytest.fixture(scope="module")
def shell_less(installed: Node, admin: Rest, image: str) -> Iterator[str]:
    """A zone with patient data, and an application that runs in it."""
    name = unique("records")
    zones = [zone("clinical", data="phi", images=IMAGES)]
    assert workloads.apply(admin, clinic(name, zones=zones, flows=[], externals=[])).ok
    wait(admin, name, "BoundaryEnforced")
    namespace = f"{name}-clinical"
    assert admin.create(deployments(namespace), application(image)).ok
    until(available(admin, namespace, "api"), "it runs")
    yield namespace
    admin.delete(f"{WORKLOADS}/{name}")


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session[0])
def test_nobody_gets_into_a_container_that_holds_patient_data(
    installed: Node, admin: Rest, image: str, shell_less: str, session: tuple[str, ...]
) -> None:
    pod, *_ = pods_of(admin, shell_less)
    words = [word.format(pod=pod, image=image) for word in session]
    done = installed.cluster.kubectl(f"-n={shell_less}", *words, check=False, timeout=20)
    print(done.stderr)
    assert done.returncode != 0, done.stdout
    assert "PHI-IDN-004" in done.stderr, done.stderr
    assert "kubectl logs" in done.stderr
    assert "ephemeralContainers" not in pods_of(admin, shell_less)[pod]["spec"]


def test_its_logs_are_read_all_the_same(installed: Node, admin: Rest, shell_less: str) -> None:
    pod, *_ = pods_of(admin, shell_less)
    said = installed.cluster.kubectl("logs", pod, f"-n={shell_less}").stdout
    assert said == f"api serves {PORT}\n"


def test_elsewhere_sessions_are_as_free_as_before(installed: Node, image: str) -> None:
    kubectl = installed.cluster.kubectl
    with peers.namespace(installed) as namespace:
        peers.create(installed, peers.pod("free", namespace, ports=[PORT]))
        peers.address(installed, namespace, "free")
        dialled = ("exec", "free", f"-n={namespace}", "--", "/peer", "dial", "1s", "127.0.0.1:8443")
        assert kubectl(*dialled).stdout == "127.0.0.1:8443 open\n"
        debug = ("debug", "free", f"--image={image}", "--target=peer", "--profile=restricted")
        kubectl(*debug, f"-n={namespace}")
        found = json.loads(kubectl("get", "pod", "free", f"-n={namespace}", "-o=json").stdout)
        assert [each["image"] for each in found["spec"]["ephemeralContainers"]] == [image]
