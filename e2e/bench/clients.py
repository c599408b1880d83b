"""Clients that send the same request again and again, and what it took."""

from __future__ import annotations

import itertools
import os
import statistics
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e.controlplane import ControlPlane
from e2e.controlplane.options import PLATFORM_ENGINEER
from e2e.rest import Rest, connect
from e2e.waiting import until
from e2e.workloads import (
    bad,
    deployment,
    deployments,
)


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

    def wait_until_admitted(self, case: Case) -> None:
        """Wait until what is in order is admitted: a webhook that is asked first must be up."""
        path = deployments(case.namespace)
        refused: list[str] = []

        def admitted() -> bool:
            answer = self._rests[0].create(path, self._body, dry_run=True)
            refused[:] = [answer.message]
            return answer.ok

        try:
            until(admitted, f"{case.name} admits", within=60)
        except AssertionError as error:
            error.add_note("; ".join(refused))
            raise

    def wait_until_refused(self, case: Case) -> None:
        """Wait until what breaks a rule is refused: the API server takes up policies in its time."""
        path = deployments(case.namespace)
        worse = bad(deployment("app"))
        until(
            lambda: self._rests[0].create(path, worse, dry_run=True).code in (403, 422),
            f"{case.name} refuses",
            within=60,
        )

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


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
