"""An operator that is killed at any of its writes leaves nothing that the next one cannot end."""

from __future__ import annotations

from itertools import count
from typing import Any

from e2e import workloads
from e2e.kills import When, killed_at
from e2e.product import Product, running, settled
from e2e.rest import MERGE, Rest
from e2e.rollouts import adopt, events_of, history_of, seen_working
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
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

MOST = 24
"""Writes of one run that are tried; the test fails if a run has more."""

DEEDS = r"/(deployments|phihistories|events)|/status\b"
"""What a put-back writes. The boundary's own objects are applied, which is done twice unharmed."""


def test_everything_is_done_once_wherever_the_operator_is_killed(
    admin: Rest, product: Product
) -> None:
    """After the n-th write is before the next one: every state that it can be killed in is met."""
    settled(product)  # it would write of that once more, whenever that is
    waiting = prepared(admin, product)
    ends = {}
    for n in count(1):
        name = waiting.pop()
        assert workloads.change(admin, name, enforcement="enforce").ok
        with killed_at(
            product, n, When.AFTER, lambda name=name: is_done(admin, name), DEEDS
        ) as write:
            ends[f"{n}: {write}"] = end_of(admin, name)
        if write is None:
            break
        # Below `enforce` nothing is written of it while the next one is looked at.
        assert workloads.change(admin, name, enforcement="observe").ok
    for kind in ("/deployments/api", "/deployments/report", "phihistories", "/events", "/status"):
        if any(kind in where for where in ends):
            continue
        # Two are at work at once: which write is the n-th is not the same in each run.
        name = waiting.pop()
        assert workloads.change(admin, name, enforcement="enforce").ok
        with killed_at(
            product, 1, When.AFTER, lambda name=name: is_done(admin, name), kind
        ) as write:
            assert write is not None, f"no write of {kind} was met"
            ends[f"{kind}: {write}"] = end_of(admin, name)
        assert workloads.change(admin, name, enforcement="observe").ok
    assert {where: end for where, end in ends.items() if end != RIGHT} == {}


RIGHT = {
    "changes": {"api": 3, "report": 2},
    "revision": "3",
    "replicas": 0,
    "told": {"api": ["RolledBack"], "report": ["ScaledToZero"]},
    "events": {"api": ["RolledBack"], "report": ["ScaledToZero"]},
    "remembered": {"api": ["RolledBack"], "report": ["ScaledToZero"]},
    "pending": [],
    "quarantined": 1,
}
"""One change of each, made once and told once: of the template, and of the replicas."""


def prepared(admin: Rest, product: Product) -> list[str]:
    """Return namespaces with one workload to put back and one to stop, once they are enforced."""
    names = [unique("killed") for _ in range(MOST)]
    with running(product):
        for name in names:
            assert admin.create(NAMESPACES, {"metadata": {"name": name}}).ok
            adopt(admin, name, enforcement="observe", clinicalImpact="administrative")
            wait(admin, name)
            for body in (deployment("api"), bad(deployment("report"))):
                assert admin.create(deployments(name), body).ok
        for name in names:
            seen_working(admin, name, "api", 1)
            seen_working(admin, name, "report", 1)
            path = f"{deployments(name)}/api"
            assert admin.request("PATCH", path, bad(deployment("api")), content=MERGE).ok
        for name in names:
            seen_working(admin, name, "api", 2)
            until(lambda name=name: reported(admin, name), "the status tells of it")
    return names


def reported(admin: Rest, name: str) -> bool:
    tested = condition(admin, name, "RollbackReady").get("reason") == "NoWayBack"
    return tested and status(admin, name)["violations"] == 2


def is_done(admin: Rest, name: str) -> bool:
    told = {entry["name"] for entry in status(admin, name).get("remediations", ())}
    return (
        image_of(admin, name, "api").endswith(DIGEST)
        and told == {"api", "report"}
        and status(admin, name)["violations"] == 1
        and condition(admin, name, "Remediated").get("status") == "True"
    )


def end_of(admin: Rest, name: str) -> dict[str, Any]:
    bodies = {app: admin.get(f"{deployments(name)}/{app}").body for app in ("api", "report")}
    memory = {app: history_of(admin, name, "Deployment", app) for app in bodies}
    entries = status(admin, name)["remediations"]
    return {
        "changes": {app: body["metadata"]["generation"] for app, body in bodies.items()},
        "revision": bodies["api"]["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "replicas": bodies["report"]["spec"]["replicas"],
        "told": {a: [e["action"] for e in entries if e["name"] == a] for a in bodies},
        "events": {a: [e["reason"] for e in events_of(admin, name, a)] for a in bodies},
        "remembered": {a: [e["action"] for e in memory[a].get("acts", ())] for a in bodies},
        "pending": [app for app in bodies if "pending" in memory[app]],
        "quarantined": status(admin, name)["quarantined"],
    }
