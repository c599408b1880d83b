"""How fast `kubectl phi reach` is over a large cluster, and how much memory it takes.

`python -m e2e.bench.reach` computes a cluster of 1,000 namespaces, 5,000 pods and 5,000 policies,
as the API server would list it, and prints seconds and the peak of resident memory, the objects
themselves included. Half of the namespaces are zones, declared and enforced; in the others people
wrote policies of their own. A second cluster has all policies on the pods of one namespace.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from typing import Any

from e2e import workloads
from e2e.bench.figures import Figure, table
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.model import Facts
from phiwarden.cli.formats.reach_json import reach_json
from phiwarden.cli.reaching.seen import Seen
from phiwarden.reach.compare import compare
from phiwarden.reach.declared import intent
from phiwarden.reach.report import Report, Verdict

NAMESPACES = 1000
PODS = 5000
POLICIES = 5000
MOST_SECONDS = 5.0
MOST_MIB = 500
FACTS = Facts(date(2026, 11, 20), gateway_namespaces=("other-0",))
Body = dict[str, Any]


def zones_and_strangers() -> Iterator[tuple[str, Body]]:
    """Yield a cluster: declared workloads of three zones, and namespaces of other people."""
    policies = 0
    declared = NAMESPACES // 6
    for number in range(declared):
        body = workloads.clinic(f"clinic-{number}")
        yield "PHIWorkload", body
        spec = WorkloadSpec.model_validate(body["spec"])
        for zone in compile_boundary(f"clinic-{number}", spec, FACTS).zones:
            yield "Namespace", zone.namespace.body
            for policy in zone.policies:
                policies += 1
                yield "NetworkPolicy", policy.body
            yield from _pods(str(zone.namespace.name), PODS // NAMESPACES)
    others = NAMESPACES - 3 * declared
    for number in range(others):
        name = f"other-{number}"
        yield "Namespace", {"metadata": {"name": name, "labels": {"team": f"team-{number % 50}"}}}
        yield from _pods(name, PODS // NAMESPACES)
    for number in range(POLICIES - policies):
        yield "NetworkPolicy", _written_by_hand(number, f"other-{number % others}")


def all_on_one() -> Iterator[tuple[str, Body]]:
    """Yield a cluster in which every policy selects the same pods and allows another namespace."""
    for number in range(NAMESPACES):
        name = f"other-{number}"
        yield "Namespace", {"metadata": {"name": name}}
        yield from _pods(name, PODS // NAMESPACES)
    for number in range(POLICIES):
        peer = {"matchLabels": {"kubernetes.io/metadata.name": f"other-{number % NAMESPACES}"}}
        spec = {
            "podSelector": {},
            "ingress": [{"from": [{"namespaceSelector": peer}], "ports": [{"port": 1 + number}]}],
        }
        metadata = {"name": f"policy-{number}", "namespace": "other-0"}
        yield "NetworkPolicy", {"metadata": metadata, "spec": spec}


def _pods(namespace: str, count: int) -> Iterator[tuple[str, Body]]:
    for number in range(count):
        seed = hash((namespace, number)) & 0xFFFF
        metadata = {
            "name": f"app-{number}",
            "namespace": namespace,
            "labels": {"app": f"app-{number}", "pod-template-hash": f"{seed:x}"},
        }
        ports = [{"name": "http", "containerPort": 8000 + number}]
        address = f"10.{1 + seed % 200}.{seed >> 8}.{1 + number}"
        yield (
            "Pod",
            {
                "metadata": metadata,
                "spec": {"containers": [{"name": "app", "ports": ports}]},
                "status": {"phase": "Running", "podIPs": [{"ip": address}]},
            },
        )


def _written_by_hand(number: int, namespace: str) -> Body:
    """Return one of the policies that clusters are full of."""
    pods = {"matchLabels": {"app": f"app-{number % 5}"}}
    peers = (
        [{"podSelector": {"matchLabels": {"app": f"app-{(number + 1) % 5}"}}}],
        [{"namespaceSelector": {"matchLabels": {"team": f"team-{number % 50}"}}}],
        [
            {
                "ipBlock": {
                    "cidr": f"192.0.{number % 250}.0/24",
                    "except": [f"192.0.{number % 250}.8/32"],
                }
            }
        ],
        [{"namespaceSelector": {}, "podSelector": pods}],
    )[number % 4]
    spec: Body = {"podSelector": pods, "policyTypes": ["Ingress", "Egress"]}
    spec["ingress"] = [{"from": peers, "ports": [{"port": "http"}]}]
    spec["egress"] = [{"to": peers}, {"ports": [{"port": 53, "protocol": "UDP"}]}]
    return {"metadata": {"name": f"policy-{number}", "namespace": namespace}, "spec": spec}


def measure(
    made: Callable[[], Iterator[tuple[str, Body]]], scope: str
) -> tuple[float, float, int, int]:
    """Return seconds, seconds of CPU, peak of memory in MiB, and the number of edges of a report.

    Args:
        made: yields the objects; what it takes to make and to parse them is not measured, as an
            API server would do the one, and the time of the other depends on its connection.
        scope: namespace to ask about; "" for every zone.
    """
    objects = [(kind, json.dumps(body)) for kind, body in made()]
    parsed = [(kind, json.loads(text)) for kind, text in objects]
    began, used = time.perf_counter(), time.process_time()
    report = _report(parsed, scope)
    text = reach_json(report, 0)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    assert not scope or report.edges, "nothing was computed"
    assert scope or report.count(Verdict.OPEN), "no declared flow is open"
    assert text.startswith("{")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return seconds, cpu, memory, len(report.edges)


def _report(objects: list[tuple[str, Body]], scope: str) -> Report:
    seen = Seen()
    for kind, body in objects:
        if kind == "PHIWorkload":
            seen.specs[body["metadata"]["name"]] = WorkloadSpec.model_validate(body["spec"])
        else:
            seen.take(kind, body)
    cluster = seen.surroundings()
    declared = intent(seen.specs, cluster.namespaces, FACTS)
    return compare(cluster, declared, {scope} if scope else declared.zones.keys())


def figures() -> list[Figure]:
    """Measure each cluster in a process of its own, so that its memory is its own."""
    size = f"{NAMESPACES:,} namespaces, {PODS:,} pods, {POLICIES:,} policies"
    asked = (
        (f"reach of every zone, {size}", partial(measure, zones_and_strangers, "")),
        ("reach of one zone there", partial(measure, zones_and_strangers, "clinic-0-clinical")),
        ("reach of pods that all policies select", partial(measure, all_on_one, "other-0")),
    )
    found = []
    for what, question in asked:
        with multiprocessing.get_context("spawn").Pool(1) as process:
            seconds, cpu, memory, edges = process.apply(question)
        found.append(
            Figure(
                what,
                f"{seconds:.2f} s ({cpu:.2f} of CPU), {memory} MiB, {edges} edges",
                goal=f"under {MOST_SECONDS:.0f} s and {MOST_MIB} MiB",
                reached=seconds < MOST_SECONDS and memory < MOST_MIB,
            )
        )
    return found


def main() -> int:
    """Measure and print; 1 if a goal was missed."""
    measured = figures()
    print(table(measured))
    return 1 if any(figure.reached is False for figure in measured) else 0


if __name__ == "__main__":
    raise SystemExit(main())
