"""A boundary that is tightened sets off no storm: in turns, least critical first, with a breaker."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from e2e import workloads
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Rest
from e2e.rollouts import adopt, worked
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    WORKLOADS,
    bad,
    condition,
    deployment,
    deployments,
    image_of,
    status,
    unique,
    wait,
)
from phiwarden.rulebook.examples import DIGEST

SLOWLY = {"PHIWARDEN_PUT_BACK_PER_MINUTE": "30"}
"""One every two seconds, and five at once."""


@pytest.fixture
def namespaces(admin: Rest) -> Iterator[Callable[[str], str]]:
    made = []

    def make(prefix: str) -> str:
        chosen = unique(prefix)
        made.append(chosen)
        assert admin.create(NAMESPACES, {"metadata": {"name": chosen}}).ok
        account = {"metadata": {"name": "app"}}
        assert admin.create(f"{NAMESPACES}/{chosen}/serviceaccounts", account).ok
        return chosen

    yield make
    for chosen in made:
        admin.delete(f"{WORKLOADS}/{chosen}")


def violating(admin: Rest, name: str, impact: str, apps: int, **template: Any) -> None:
    """Have Deployments roll out something good, then something bad, while nothing is enforced."""
    adopt(admin, name, enforcement="observe", clinicalImpact=impact)
    wait(admin, name)
    listed = [f"app-{number}" for number in range(apps)]
    for app in listed:
        good = deployment(app)
        good["spec"]["template"]["metadata"]["annotations"] = template
        assert admin.create(deployments(name), good).ok
    for app in listed:
        until(lambda app=app: worked(admin, name, "Deployment", app), f"{app} was seen to work")
    for app in listed:
        path = f"{deployments(name)}/{app}"
        worse = bad(deployment(app))
        worse["spec"]["template"]["metadata"]["annotations"] = dict.fromkeys(template)
        assert admin.request("PATCH", path, worse, content=MERGE).ok
    for app in listed:
        until(
            lambda app=app: len(worked(admin, name, "Deployment", app)) == 2,
            f"the bad release of {app} runs",
        )


def put_back(operator: Operator) -> list[tuple[dt.datetime, str]]:
    """Return when what was put back, and where, in order."""
    return [
        (dt.datetime.fromisoformat(record["timestamp"]), record["namespace"])
        for record in operator.records()
        if record["event"] == "decision" and record["action"] == "RolledBack"
    ]


def test_the_least_critical_goes_first_and_not_all_at_once(
    admin: Rest, product: Product, namespaces: Callable[[str], str]
) -> None:
    care, office = namespaces("care"), namespaces("office")
    with running(product, environment=SLOWLY) as operator:
        violating(admin, care, "direct-care", 6)
        violating(admin, office, "administrative", 6)
        for name in (care, office):
            assert workloads.change(admin, name, enforcement="enforce").ok
        entry = wait(admin, care, "Remediated", "False", "Waiting")
        assert "wait for their turn" in entry["message"]
        for name in (care, office):
            wait(admin, name, "Remediated", "True", "NothingWaits")
            wait(admin, name, "Compliant")
        done = put_back(operator)
    assert len(done) == 12
    # What came before the other was declared may be first; from then on care is last.
    assert [where for _, where in done][-4:] == [care] * 4
    first, last = done[0][0], done[-1][0]
    assert (last - first).total_seconds() > (12 - 5 - 1) * 2


def test_it_stops_when_what_was_put_back_does_not_come_up(
    admin: Rest, product: Product, namespaces: Callable[[str], str]
) -> None:
    """The good template worked once; now its pods do not become ready any more."""
    name = namespaces("storm")
    narrow = {
        "PHIWARDEN_PUT_BACK_UNREADY": "2",
        "PHIWARDEN_PUT_BACK_FAILURES": "2",
    }
    with running(product, environment=narrow):
        violating(admin, name, "care-support", 4)
        assert workloads.change(admin, name, rollback={"progressDeadline": "1m"}).ok
        for app in range(4):
            path = f"{deployments(name)}/app-{app}"
            quick = {"spec": {"progressDeadlineSeconds": 3}}
            assert admin.request("PATCH", path, quick, content=MERGE).ok
        # From now on no new pod becomes ready: the nodes take none.
        nodes = [node["metadata"]["name"] for node in admin.get("/api/v1/nodes").body["items"]]
        cordon(admin, nodes, unschedulable=True)
        try:
            assert workloads.change(admin, name, enforcement="enforce").ok
            entry = wait(admin, name, "Remediated", "False", "Halted")
            assert "did not become ready" in entry["message"]
            backed = [image_of(admin, name, f"app-{app}").endswith(DIGEST) for app in range(4)]
            assert backed.count(True) == 2
            events = admin.get(f"{NAMESPACES}/default/events").body["items"]
            told = [e for e in events if e["involvedObject"]["name"] == name]
            assert "RemediationHalted" in {event["reason"] for event in told}
            assert condition(admin, name, "Compliant")["status"] == "False"
            # What runs still runs: the old pods were not taken away.
            for app in range(4):
                seen = admin.get(f"{deployments(name)}/app-{app}").body["status"]
                assert seen["availableReplicas"] == 2
        finally:
            cordon(admin, nodes, unschedulable=False)
        # Once they are ready it goes on by itself.
        wait(admin, name, "Remediated", "True")
        wait(admin, name, "Compliant")
    assert status(admin, name)["violations"] == 0


def cordon(admin: Rest, nodes: list[str], *, unschedulable: bool) -> None:
    for node in nodes:
        change = {"spec": {"unschedulable": unschedulable}}
        assert admin.request("PATCH", f"/api/v1/nodes/{node}", change, content=MERGE).ok
