"""What enforcement costs a request: the same Deployment created in dry run, case by case.

Every case is a namespace of one and the same API server, and cases take turns
in short blocks, since a machine's speed drifts: (a) no policy, (b) a policy
written by hand with the same checks, (c) phiwarden's policies, (d) those and
the feedback webhook.
"""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.controlplane import ControlPlane
from e2e.controlplane.options import PLATFORM_ENGINEER
from e2e.rest import Rest, connect
from e2e.workloads import deployment, deployments


@dataclass(frozen=True)
class Case:
    """A namespace in which requests meet one kind of enforcement."""

    name: str
    namespace: str


@dataclass(frozen=True)
class Block:
    """Seconds of each request of one case in one turn."""

    case: str
    seconds: tuple[float, ...]
    cpu: Mapping[str, float]
    """Processor time that each process took meanwhile, in seconds."""

    @property
    def p50(self) -> float:
        return statistics.median(self.seconds)


def application() -> dict[str, Any]:
    """Return a compliant Deployment with three containers, as a team would write it."""
    body = deployment("app")
    (app,) = body["spec"]["template"]["spec"]["containers"]
    env = [
        {"name": "LOG_LEVEL", "value": "info"},
        {"name": "EHR_URL", "value": "https://ehr.hospital.example/fhir"},
        {"name": "DB_HOST", "value": "records.portal-clinical.svc"},
        {"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
    ]
    body["spec"]["template"]["spec"]["containers"] = [
        {
            **app,
            "name": name,
            "env": env,
            "ports": [{"containerPort": port}],
            "args": [f"--listen=:{port}", "--tls"],
        }
        for port, name in enumerate(("app", "proxy", "metrics"), 8443)
    ]
    body["spec"]["template"]["spec"]["volumes"] = [
        {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}},
        {"name": "settings", "configMap": {"name": "settings"}},
    ]
    return body


class Clients:
    """Connections that stay open, one for each thread."""

    def __init__(self, cluster: ControlPlane, pids: Mapping[str, int], count: int) -> None:
        self._pids = pids
        kubeconfig = cluster.kubeconfig_for(PLATFORM_ENGINEER)
        self._rests = [connect(kubeconfig) for _ in range(count)]
        self._body = application()

    def block(self, case: Case, requests: int, concurrency: int) -> Block:
        """Send a block of requests, so many at a time."""
        path = deployments(case.namespace)
        share = requests // concurrency
        before = cpu_seconds(self._pids)
        with ThreadPoolExecutor(concurrency) as pool:
            found = list(
                pool.map(lambda rest: self._send(rest, path, share), self._rests[:concurrency])
            )
        spent = cpu_seconds(self._pids)
        cpu = {name: spent[name] - before[name] for name in spent}
        return Block(case.name, tuple(itertools.chain.from_iterable(found)), cpu)

    def _send(self, rest: Rest, path: str, count: int) -> list[float]:
        seconds = []
        for _ in range(count):
            begun = time.perf_counter()
            answer = rest.create(path, self._body, dry_run=True)
            seconds.append(time.perf_counter() - begun)
            assert answer.ok, answer.body
            assert answer.warnings == (), answer.warnings
        return seconds


def cpu_seconds(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the processor time that each process has taken so far."""
    ticks = os.sysconf("SC_CLK_TCK")
    found = {}
    for name, pid in pids.items():
        stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        found[name] = (int(stat[11]) + int(stat[12])) / ticks
    return found


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
