"""How fast what slipped through is put back, among thousands of Deployments, and how steadily.

A violation is stored by a client while the refusal is taken away; the floor is
the same client's own write of the template, which is what a put-back writes.
"""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Callable
from typing import Any

from e2e import workloads
from e2e.bench.facts import at_once, memory
from e2e.bench.figures import Figure, spread
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Rest, connect
from e2e.waiting import until
from e2e.workloads import bad, clinic, deployment, deployments, image_of, status, zone
from phiwarden.api import names
from phiwarden.cluster.resources import ADMISSION_BINDING, WORKLOADS, collection, kind_of

DEPLOYMENT = kind_of("Deployment")
HISTORIES = f"/apis/{names.API_VERSION}/phihistories"
REGISTRY = "registry.hospital.example"
PER_MINUTE = 600
ZONES = 10
PATIENCE = 1800


def figures(product: Product, count: int, tightened: int, rounds: int) -> list[Figure]:
    """Measure among so many Deployments.

    Args:
        product: the chart, installed with PER_MINUTE.
        count: Deployments in all.
        tightened: those of them that one change of a boundary makes violate.
        rounds: violations that are stored one after the other.
    """
    rest = connect(product.cluster.kubeconfig)
    crowd, storm = workloads.unique("crowd"), workloads.unique("storm")
    with running(product) as operator:
        spaces = _declare(rest, crowd, [f"z{number}" for number in range(ZONES)])
        (space,) = _declare(rest, storm, ["wide"], enforcement="observe", registries=_BOTH)
        apps = [(spaces[n % ZONES], f"app-{n}") for n in range(count - tightened)]
        stormy = [(space, f"storm-{n}") for n in range(tightened)]
        _roll_out(product, rest, [*apps, *stormy], 1, lambda app: deployment(app, replicas=1))
        _roll_out(product, rest, stormy, 2, _from_the_other_registry)
        _let_violations_in(rest, spaces[0])
        found = [
            *_one_by_one(rest, apps, rounds),
            memory(operator, f"controller, {count} Deployments"),
        ]
        found += _tighten(rest, operator, storm, space, tightened)
    return found


_BOTH = [f"{REGISTRY}/portal", f"{REGISTRY}/other"]


def _declare(rest: Rest, name: str, zones: list[str], **more: Any) -> list[str]:
    registries = more.pop("registries", _BOTH[:1])
    images = {"images": {"registries": registries}}
    declared = [zone(each, data="phi", **images) for each in zones]
    asked = {"zones": declared, "flows": [], "externals": [], **more}
    assert workloads.apply(rest, clinic(name, clinicalImpact="care-support", **asked)).ok
    workloads.wait(rest, name)
    return [f"{name}-{each}" for each in zones]


def _from_the_other_registry(app: str) -> dict[str, Any]:
    body = deployment(app, replicas=1)
    (container,) = body["spec"]["template"]["spec"]["containers"]
    container["image"] = container["image"].replace(f"{REGISTRY}/portal", f"{REGISTRY}/other")
    return body


def _roll_out(
    product: Product,
    rest: Rest,
    apps: list[tuple[str, str]],
    revision: int,
    body: Callable[[str], dict[str, Any]],
) -> None:
    """Roll a revision of Deployments out, and wait until each was seen to work."""
    deeds = [
        lambda api, s=space, a=app: api.apply(
            DEPLOYMENT, {**body(a), "metadata": {"name": a, "namespace": s}}
        )
        for space, app in apps
    ]
    at_once(product, deeds)
    wanted = {(space, f"deployment.{app}") for space, app in apps}

    def all_seen() -> bool:
        seen = {
            (item["metadata"]["namespace"], item["metadata"]["name"])
            for item in rest.get(HISTORIES).body["items"]
            if len(item.get("status", {}).get("worked", ())) >= revision
        }
        return wanted <= seen

    until(all_seen, f"revision {revision} of all was seen to work", within=PATIENCE, every=2)


def _let_violations_in(rest: Rest, namespace: str) -> None:
    """Take the refusal away, so that a violation can be stored at all; the operator stays."""
    root = collection(ADMISSION_BINDING)
    for binding in ("phiwarden-workloads", "phiwarden-workloads-manifest"):
        assert rest.delete(f"{root}/{binding}-enforce").ok
    worse = bad(deployment("probe"))
    until(lambda: rest.create(deployments(namespace), worse, dry_run=True).ok, "it is let in")


def _one_by_one(rest: Rest, apps: list[tuple[str, str]], rounds: int) -> list[Figure]:
    seconds, floor = [], []
    for space, app in apps[:rounds]:
        path = f"{deployments(space)}/{app}"
        good = image_of(rest, space, app)
        begun = time.perf_counter()
        assert rest.request("PATCH", path, bad(deployment(app, replicas=1)), content=MERGE).ok
        floor.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        until(lambda s=space, a=app, g=good: image_of(rest, s, a) == g, "put back", every=0.001)
        seconds.append(time.perf_counter() - begun)
    p50 = statistics.median(seconds)
    p99 = statistics.quantiles(seconds, n=100, method="inclusive")[98]
    ratio = f"{p50 / statistics.median(floor):.1f}"
    return [
        Figure(
            f"violation stored to put back, p50 of {rounds}",
            spread(seconds),
            spread(floor),
            ratio,
            "under 500 ms",
            p50 < 0.5,
        ),
        Figure(
            f"violation stored to put back, p99 of {rounds}",
            f"{p99 * 1000:.0f} ms",
            goal="under 2 s",
            reached=p99 < 2,
        ),
    ]


def _tighten(rest: Rest, operator: Operator, name: str, space: str, count: int) -> list[Figure]:
    """Take a registry away that all run from, and follow how they go back."""
    images = {"registries": _BOTH[:1]}
    narrow = [zone("wide", data="phi", images=images)]
    begun = time.perf_counter()
    assert workloads.change(rest, name, enforcement="enforce", zones=narrow).ok
    until(lambda: status(rest, name)["violations"] > count * 0.9, "all were judged", every=0.01)
    judged = time.perf_counter() - begun
    until(
        lambda: all(
            item["spec"]["template"]["spec"]["containers"][0]["image"].startswith(_BOTH[0])
            for item in rest.get(collection(WORKLOADS["Deployment"], space)).body["items"]
        ),
        "all went back",
        within=PATIENCE,
        every=1,
    )
    done = [
        dt.datetime.fromisoformat(record["timestamp"])
        for record in operator.records()
        if record["event"] == "decision" and record["namespace"] == space
    ]
    # The first ones come together: what is measured is how steady the rest is.
    rate = (count - 1 - PER_MINUTE // 6) / (done[-1] - done[0]).total_seconds() * 60
    return [
        Figure(
            f"a boundary tightened over {count} Deployments: all judged",
            f"{judged:.1f} s",
            goal="under 5 s",
            reached=judged < 5,
        ),
        Figure(
            f"the same: put back, at {PER_MINUTE} a minute as configured",
            f"{rate:.0f} a minute, {len(done)} deeds",
            goal=f"at most {PER_MINUTE} a minute, {count} deeds",
            reached=rate <= PER_MINUTE * 1.02 and len(done) == count,
        ),
    ]
