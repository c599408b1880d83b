"""What is excepted runs, whatever makes its pods; and what has an exception is not put back."""

from __future__ import annotations

from typing import Any

import pytest

from e2e import workloads
from e2e.exceptions import ask, await_standing, decide, exception, in_force, moment
from e2e.people import person
from e2e.product import Product
from e2e.rest import MERGE, Rest
from e2e.rollouts import adopt, events_of, seen_working
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    available,
    bad,
    budget,
    budgets,
    collection_of,
    cron_job,
    daemon_set,
    deployment,
    deployments,
    image_of,
    pods,
    stateful_set,
    template_of,
    wait,
)
from phiwarden.rulebook.examples import DIGEST

ASKER, BOSS = "asha@hospital.example", "boris@hospital.example"
EVERY_RIGHT = ("system:masters",)


@pytest.fixture
def zone(adoptable: str, admin: Rest) -> str:
    """A zone of care support, in which the administrator asks and the engineer approves."""
    adopt(admin, adoptable, clinicalImpact="care-support")
    wait(admin, adoptable)
    assert admin.create(budgets(adoptable), budget()).ok
    return adoptable


def granted(admin: Rest, zone: str, name: str, kind: str, app: str, **spec: Any) -> None:
    asker, boss = (person(admin, each, groups=EVERY_RIGHT) for each in (ASKER, BOSS))
    asked = exception(name, ASKER, objects=[{"kind": kind, "name": app}], **spec)
    for answer in (ask(asker, zone, asked), decide(boss, zone, name, BOSS)):
        assert answer.ok, answer.message
    until(lambda: in_force(admin, zone, name).get("status") == "True", f"{name} is in force")


@pytest.mark.parametrize("make", [deployment, stateful_set, daemon_set, cron_job])
def test_pods_are_made_of_what_has_an_exception(
    admin: Rest, developer: Rest, zone: str, make: Any
) -> None:
    """Privileged, too: Pod Security admission, which knows no exceptions, steps aside for it."""
    wanted = bad(make("app"))
    (container,) = template_of(wanted)["spec"]["containers"]
    container["securityContext"] = {"privileged": True}
    path = collection_of(wanted["kind"], zone)
    refused = developer.create(path, wanted).message
    assert "PHI-IMG-001" in refused
    assert "PHI-POD-001" in refused
    rules = ["PHI-IMG-001", "PHI-POD-001"]
    granted(admin, zone, "privileged", wanted["kind"], "app", rules=rules)
    answer = developer.create(path, wanted)
    assert answer.ok, answer.message
    until(
        lambda: admin.get(pods(zone), labelSelector="app=app").body["items"],
        "its pods are made",
        within=100,  # a CronJob begins a run once a minute
    )
    alone = {**template_of(wanted), "kind": "Pod", "apiVersion": "v1"}
    alone["metadata"] = {"name": "app-by-hand", "labels": {"app": "app"}}
    assert "PHI-POD-001" in developer.create(pods(zone), alone).message
    alone["metadata"]["ownerReferences"] = [
        {"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": "x", "controller": True}
        for kind, name in (("ReplicaSet", "app-12345"),)
    ]
    assert "PHI-POD-001" in developer.create(pods(zone), alone).message
    wait(admin, zone, "Compliant")


def test_other_objects_have_exceptions_too(admin: Rest, developer: Rest, zone: str) -> None:
    service = {
        "metadata": {"name": "fax"},
        "spec": {"type": "LoadBalancer", "selector": {"app": "fax"}, "ports": [{"port": 443}]},
    }
    path = f"{NAMESPACES}/{zone}/services"
    refused = developer.create(path, service).message
    rules = sorted({word for word in refused.split() if word.startswith("PHI-NET-")})
    assert "PHI-NET-002" in rules
    granted(admin, zone, "fax", "Service", "fax", rules=["PHI-NET-002"])
    answer = developer.create(path, service)
    assert answer.ok, answer.message
    other = {**service, "metadata": {"name": "other"}}
    assert "PHI-NET-002" in developer.create(path, other).message


def test_what_has_an_exception_is_not_put_back_until_it_ends(admin: Rest, adoptable: str) -> None:
    zone = adoptable
    adopt(admin, zone, enforcement="observe", clinicalImpact="care-support")
    wait(admin, zone)
    good = deployment("api")
    assert admin.create(deployments(zone), good).ok
    seen_working(admin, zone, "api", 1)
    path = f"{deployments(zone)}/api"
    assert admin.request("PATCH", path, bad(good), content=MERGE).ok
    seen_working(admin, zone, "api", 2)
    granted(admin, zone, "tags", "Deployment", "api", expires=moment(seconds=30))
    assert workloads.change(admin, zone, enforcement="enforce").ok
    wait(admin, zone)
    wait(admin, zone, "Compliant")
    assert image_of(admin, zone, "api").endswith(":1.0")
    assert events_of(admin, zone, "api") == []
    await_standing(admin, zone, "tags", "Ended")
    until(lambda: image_of(admin, zone, "api").endswith(DIGEST), "it is put back")
    until(available(admin, zone, "api"), "the good release runs")


def test_the_end_is_told_before_it_comes(admin: Rest, product: Product, zone: str) -> None:
    soon = moment(days=1, seconds=8)
    granted(admin, zone, "short", "Deployment", "api", expires=soon)
    entry = await_standing(admin, zone, "short", "EndsWithin1Day")
    assert entry["status"] == "True"
    (told,) = until(lambda: events_of(admin, zone, "short"), "an Event tells")
    assert (told["type"], told["reason"]) == ("Warning", "ExceptionEndsWithin1Day")
    listed = product.cluster.kubectl("get", "phiexceptions", "-n", zone).stdout
    assert "DAYS LEFT" in listed
