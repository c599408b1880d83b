"""Measures what users wait for, on a real control plane with a durable etcd.

The floor of a figure is a bare asynchronous client that writes the same
objects the same way (server-side apply) to the same API server in the same
run; client and operator take turns in blocks, since a machine's speed drifts.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import statistics
import time
from typing import Any

from e2e import workloads
from e2e.bench import admission, bare, facts, reach, remedy
from e2e.bench.figures import Figure, spread, table
from e2e.conftest import NODE_LABELS
from e2e.controlplane import Options, acquire
from e2e.product import Product, install, running, settled
from e2e.rest import Rest, connect
from e2e.waiting import until
from e2e.workloads import NAMESPACES, WORKLOADS, clinic
from phiwarden.cluster.client import Api


def main() -> int:
    """Run every measurement and print one table; 1 if a goal was missed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--workloads", type=int, default=300, metavar="N")
    parser.add_argument("--rounds", type=int, default=30, metavar="N")
    parser.add_argument("--beside", type=int, default=1000, metavar="N")
    parser.add_argument("--declarations", type=int, default=1000, metavar="N")
    parser.add_argument("--crowd", type=int, default=10_000, metavar="N")
    parser.add_argument("--deployments", type=int, default=2000, metavar="N")
    parser.add_argument("--tightened", type=int, default=500, metavar="N")
    parser.add_argument("--only", choices=("boundary", "admission", "reach", "facts", "remedy"))
    chosen = parser.parse_args()
    figures: list[Figure] = []
    if chosen.only in {None, "boundary"}:
        with acquire(Options(durable_etcd=True, node_labels=NODE_LABELS)) as cluster:
            product = install(cluster)
            settled(product)
            figures += one(product, chosen.rounds)
            figures += many(product, chosen.workloads)
    if chosen.only in {None, "admission"}:
        with acquire(Options(node_labels=NODE_LABELS)) as cluster:
            figures += admission.figures(cluster, workloads=chosen.beside, rounds=12)
    if chosen.only in {None, "facts"}:
        with acquire(Options(durable_etcd=True, node_labels=NODE_LABELS)) as cluster:
            product = install(cluster)
            settled(product)
            figures += facts.figures(product, chosen.declarations, chosen.rounds, chosen.crowd)
    if chosen.only in {None, "remedy"}:
        # A simulated node has room for a thousand pods.
        room = 1 + chosen.deployments // 500
        with acquire(Options(durable_etcd=True, node_labels=NODE_LABELS, nodes=room)) as cluster:
            product = install(cluster, {"remediation": {"perMinute": remedy.PER_MINUTE}})
            settled(product)
            figures += remedy.figures(product, chosen.deployments, chosen.tightened, chosen.rounds)
    if chosen.only in {None, "reach"}:
        figures += reach.figures()
    print(table(figures))
    return 1 if any(figure.reached is False for figure in figures) else 0


def one(product: Product, rounds: int) -> list[Figure]:
    """From `apply` of a declaration with three zones to enforced, one at a time."""
    rest = connect(product.cluster.kubeconfig)
    seconds, floor = [], []
    with running(product):
        for _ in range(rounds):
            name = workloads.unique("one")
            begun = time.perf_counter()
            assert workloads.apply(rest, clinic(name)).ok
            until(lambda n=name: _enforced(rest, n), "enforced", every=0.001)
            seconds.append(time.perf_counter() - begun)
            plans = bare.zones([clinic(workloads.unique("bare"))])
            floor.append(asyncio.run(_bare(product, plans)))
    ratio = statistics.median(a / b for a, b in zip(seconds, floor, strict=True))
    p50 = statistics.median(seconds)
    return [
        Figure(
            f"declaration with 3 zones, apply to enforced, p50 of {rounds}",
            spread(seconds),
            spread(floor),
            f"{ratio:.2f}",
            "under 500 ms",
            p50 < 0.5,
        )
    ]


def many(product: Product, count: int) -> list[Figure]:
    """Hundreds of declarations; a restart over them; memory."""
    rest = connect(product.cluster.kubeconfig)
    # Each has the machine to itself; half of the client's turn is before, and half after.
    half = [clinic(workloads.unique("bare")) for _ in range(count // 2)]
    floor = asyncio.run(_bare(product, bare.zones(half)))
    ours = _reconcile(product, rest, [clinic(workloads.unique("many")) for _ in range(count)])
    half = [clinic(workloads.unique("bare")) for _ in range(count - count // 2)]
    floor += asyncio.run(_bare(product, bare.zones(half)))
    before = _quiet(rest)
    begun = time.perf_counter()
    with running(product) as operator:
        seen = time.perf_counter() - begun
        quiet = _quiet(rest)
        written = len(set(before.items()) ^ set(quiet.items()))
        memory = operator.resident_bytes() / 2**20
    ratio = ours / floor
    objects = sum(len(zone.objects) for zone in bare.zones([clinic("x")]))
    return [
        Figure(
            f"{count} declarations of 3 zones reconciled ({count * objects} objects)",
            f"{ours:.1f} s",
            f"{floor:.1f} s",
            f"{ratio:.2f}",
            "at most 1.5 times",
            ratio <= 1.5,
        ),
        Figure(
            f"restart over {count} declarations ({count * objects * 2} objects in the cluster)",
            f"{seen:.1f} s to ready, {written} objects written",
            goal="no write",
            reached=written == 0,
        ),
        Figure(
            "controller, resident memory there",
            f"{memory:.0f} MiB",
            goal="under 250 MiB",
            reached=memory < 250,
        ),
    ]


async def _bare(product: Product, plans: list[Any]) -> float:
    api = await Api.connect(str(product.operator_kubeconfig()))
    try:
        return await bare.write(api, plans)
    finally:
        await api.close()


def _reconcile(product: Product, rest: Rest, block: list[dict[str, Any]]) -> float:
    """Store declarations, start the operator, and return its seconds until all are enforced."""
    for workload in block:
        assert workloads.apply(rest, workload).ok
    with running(product) as operator:
        # One after the other: asking for all at once would keep the API server busy with answers.
        for workload in block:
            name = workload["metadata"]["name"]
            until(lambda n=name: _enforced(rest, n), f"{name} is enforced", within=300, every=0.1)
        ended = dt.datetime.now(dt.UTC)
        (ready,) = [r for r in operator.records() if r["event"] == "controller.ready"]
    return (ended - dt.datetime.fromisoformat(ready["timestamp"])).total_seconds()


def _enforced(rest: Rest, name: str) -> bool:
    return _stands(rest.get(f"{WORKLOADS}/{name}").body)


def _stands(body: dict[str, Any]) -> bool:
    conditions = (body.get("status") or {}).get("conditions") or ()
    good = {c["type"] for c in conditions if c["status"] == "True"}
    return {"Ready", "BoundaryEnforced"} <= good


def _versions(rest: Rest) -> dict[str, str]:
    paths = (
        NAMESPACES,
        WORKLOADS,
        "/apis/networking.k8s.io/v1/networkpolicies",
        "/api/v1/serviceaccounts",
    )
    return {
        item["metadata"]["uid"]: item["metadata"]["resourceVersion"]
        for path in paths
        for item in rest.get(path).body["items"]
    }


def _quiet(rest: Rest) -> dict[str, str]:
    """Return all resource versions once they have not changed for two seconds."""
    last, since = _versions(rest), time.monotonic()

    def still() -> bool:
        nonlocal last, since
        now = _versions(rest)
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > 2

    until(still, "nothing is written any more", within=60, every=0.5)
    return last


if __name__ == "__main__":
    raise SystemExit(main())
