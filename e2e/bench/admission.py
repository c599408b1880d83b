"""What enforcement costs a request: the same Deployment created in dry run, case by case.

Every case is a namespace of one and the same API server, and cases take turns
in short blocks, since a machine's speed drifts: (a) no policy, (b) a policy
written by hand with the same checks, (c) phiwarden's policies, (d) those and
the feedback webhook. What a webhook costs that says nothing is measured, too.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Mapping, Sequence

from e2e.bench.clients import Block, Case, Clients, resident
from e2e.bench.figures import Figure
from e2e.bench.scene import CONCURRENCY, Scene, one_zone, scene
from e2e.controlplane import ControlPlane
from e2e.waiting import until
from e2e.workloads import apply, condition

WEBHOOK = 0.003
"""Seconds that the webhook may add to the median."""


def measure(
    clients: Clients, cases: Sequence[Case], *, rounds: int, requests: int, concurrency: int
) -> list[list[Block]]:
    """Return the blocks of every round; each case begins a round as often as any other."""
    for case in cases:
        clients.block(case, requests, concurrency)
    taken = []
    for number in range(rounds):
        turn = number % len(cases)
        order = [*cases[turn:], *cases[:turn]]
        taken.append([clients.block(case, requests, concurrency) for case in order])
    return taken


def ratio(taken: Sequence[Sequence[Block]], case: str, floor: str) -> tuple[float, float, float]:
    """Return median, lowest and highest of the p50's ratio, round by round."""
    found = []
    for blocks in taken:
        of = {block.case: block.p50 for block in blocks}
        found.append(of[case] / of[floor])
    return statistics.median(found), min(found), max(found)


def p50s(taken: Sequence[Sequence[Block]]) -> Mapping[str, tuple[float, float, float]]:
    """Return for each case median, lowest and highest p50 of its blocks, in seconds."""
    found: dict[str, list[float]] = {}
    for block in itertools.chain.from_iterable(taken):
        found.setdefault(block.case, []).append(block.p50)
    return {c: (statistics.median(v), min(v), max(v)) for c, v in found.items()}


def figures(cluster: ControlPlane, *, workloads: int, rounds: int) -> list[Figure]:
    """Measure at one PHIWorkload for each case, and then beside many others."""
    with scene(cluster) as (place, admin):
        found = _at(place, "1 PHIWorkload", rounds)
        names = [f"many-{number}" for number in range(workloads)]
        for name in names:
            assert apply(admin, one_zone(name)).ok
        for name in names:
            until(
                lambda name=name: condition(admin, name, "Ready").get("status") == "True",
                f"{name} stands",
                within=300,
                every=0.2,
            )
        found += _at(place, f"{workloads} PHIWorkloads", rounds)
        found += [
            Figure(f"resident memory there, {name}", f"{resident(pid) / 2**20:.0f} MiB")
            for name, pid in place.pids.items()
        ]
    return found


def _at(place: Scene, beside: str, rounds: int) -> list[Figure]:
    found = []
    for concurrency in CONCURRENCY:
        # Long enough for the API server's garbage collection to fall into every block.
        requests = 60 if concurrency == 1 else 50 * concurrency
        taken = measure(
            place.clients, place.cases, rounds=rounds, requests=requests, concurrency=concurrency
        )
        where = f"create a Deployment, {beside}, {concurrency} at a time"
        found += _latencies(taken, where)
        found += _processor_time(taken, where)
    return found


def _latencies(taken: Sequence[Sequence[Block]], where: str) -> list[Figure]:
    p50 = p50s(taken)
    goals = (("by hand", "none", None), ("policies", "by hand", 1.25), ("policies", "none", 2.0))
    found = []
    for case, floor, goal in goals:
        middle, low, high = ratio(taken, case, floor)
        found.append(
            Figure(
                f"{where}: {case} against {floor}",
                _milliseconds(p50[case]),
                _milliseconds(p50[floor]),
                f"{middle:.2f} ({low:.2f} to {high:.2f})",
                "" if goal is None else f"at most {goal}",
                None if goal is None else middle <= goal,
            )
        )
    least, added = (_added(taken, case) for case in ("silent webhook", "webhook"))
    return [
        *found,
        Figure(
            f"{where}: a silent webhook beside policies",
            _milliseconds(p50["silent webhook"]),
            _milliseconds(p50["policies"]),
            f"+{least * 1000:.1f} ms",
        ),
        Figure(
            f"{where}: webhook beside policies",
            _milliseconds(p50["webhook"]),
            _milliseconds(p50["policies"]),
            f"+{added * 1000:.1f} ms",
            "at most +3 ms, if a silent one adds less",
            None if least > WEBHOOK else added <= WEBHOOK,
        ),
    ]


def _added(taken: Sequence[Sequence[Block]], case: str) -> float:
    """Return the median of the seconds that a case adds to the policies, round by round."""
    return statistics.median(
        of[case] - of["policies"]
        for of in ({block.case: block.p50 for block in blocks} for blocks in taken)
    )


def _processor_time(taken: Sequence[Sequence[Block]], where: str) -> list[Figure]:
    """Return what each process spent on 1,000 requests, for each case."""
    spent: dict[str, dict[str, float]] = {}
    requests: dict[str, int] = {}
    for block in itertools.chain.from_iterable(taken):
        requests[block.case] = requests.get(block.case, 0) + len(block.seconds)
        for process, seconds in block.cpu.items():
            of = spent.setdefault(process, {})
            of[block.case] = of.get(block.case, 0.0) + seconds
    return [
        Figure(
            f"{where}: processor seconds for 1,000 requests, {process}",
            ", ".join(f"{case} {of[case] / requests[case] * 1000:.2f}" for case in of),
        )
        for process, of in spent.items()
        if max(of.values()) > 0.1
    ]


def _milliseconds(found: tuple[float, float, float]) -> str:
    middle, low, high = (seconds * 1000 for seconds in found)
    return f"{middle:.1f} ms ({low:.1f} to {high:.1f})"
