"""What enforcement costs a request: the same Deployment created in dry run, case by case.

Every case is a namespace of one and the same API server, and cases take turns
in short blocks, since a machine's speed drifts: (a) no policy, (b) a policy
written by hand with the same checks, (c) phiwarden's policies, (d) those and
the feedback webhook. What a webhook costs that says nothing is measured, too.
"""

from __future__ import annotations

import datetime as dt
import itertools
import os
import statistics
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e import feedback
from e2e.bench.figures import Figure
from e2e.controlplane import ControlPlane, processes
from e2e.controlplane.options import PLATFORM_ENGINEER
from e2e.controlplane.ports import free_ports
from e2e.product import running
from e2e.rest import JSON_PATCH, MERGE, Rest, connect
from e2e.waiting import until
from e2e.workloads import (
    NAMESPACES,
    apply,
    bad,
    clinic,
    condition,
    deployment,
    deployments,
    wait,
    zone,
)
from phiwarden.admission import certificates

SILENT = "bench-silent"
HANDWRITTEN = Path(__file__).parent / "handwritten.yaml"

WEBHOOK = 0.003
"""Seconds that the webhook may add to the median."""

CONCURRENCY = (1, 16)
"""Requests that are under way at a time."""


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
        until(
            lambda: self._rests[0].create(path, self._body, dry_run=True).ok,
            f"{case.name} admits",
            within=60,
        )

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


@dataclass(frozen=True)
class Scene:
    """Everything that takes part.

    Attributes:
        clients: who asks.
        cases: what is asked about, in the order of the letters.
        pids: the processes whose time and memory count.
    """

    clients: Clients
    cases: tuple[Case, ...]
    pids: Mapping[str, int]


@contextmanager
def scene(cluster: ControlPlane) -> Iterator[tuple[Scene, Rest]]:
    """Have a namespace for each case, the operator and the webhook for the duration of a block."""
    with feedback.installed(cluster) as site, running(site.product) as operator:
        admin = connect(cluster.kubeconfig)
        cluster.kubectl("apply", "-f", str(HANDWRITTEN))
        admin.create(NAMESPACES, {"metadata": {"name": "none"}})
        labels = {"bench": "handwritten"}
        admin.create(NAMESPACES, {"metadata": {"name": "handwritten", "labels": labels}})
        for name in ("policies", "silent", "webhook"):
            assert apply(admin, one_zone(name)).ok
            wait(admin, name)
            told = {"metadata": {"labels": {"bench": name}}}
            assert admin.request("PATCH", f"{NAMESPACES}/{name}-clinical", told, content=MERGE).ok
        # The cases share an API server, so the webhook is asked about one zone alone.
        path = "/webhooks/0/namespaceSelector/matchLabels"
        narrowed = [{"op": "add", "path": path, "value": {"bench": "webhook"}}]
        answer = admin.request("PATCH", feedback.CONFIGURED, narrowed, content=JSON_PATCH)
        assert answer.ok, answer.message
        with feedback.running(site) as webhook, silent(cluster, admin) as nothing:
            pids = {
                "API server": cluster.pids["kube-apiserver"],
                "operator": operator.child.process.pid,
                "webhook": webhook.child.process.pid,
                "silent webhook": nothing.pid,
            }
            clients = Clients(cluster, pids, max(CONCURRENCY))
            cases = (
                Case("none", "none"),
                Case("by hand", "handwritten"),
                Case("policies", "policies-clinical"),
                Case("silent webhook", "silent-clinical"),
                Case("webhook", "webhook-clinical"),
            )
            for case in cases[1:]:
                clients.wait_until_refused(case)
                clients.wait_until_admitted(case)
            yield Scene(clients, cases, pids), admin


@contextmanager
def silent(cluster: ControlPlane, admin: Rest) -> Iterator[processes.Child]:
    """Have a webhook that says nothing, asked about what phiwarden's is asked about."""
    (port,) = free_ports(1, feedback.ADDRESS)
    day = dt.timedelta(days=1)
    identity = certificates.issue([feedback.ADDRESS], dt.datetime.now(dt.UTC) - day / 2, day)
    folder = cluster.run_dir / SILENT
    folder.mkdir()
    (folder / "tls.crt").write_bytes(identity.certificate)
    (folder / "tls.key").write_bytes(identity.key)
    argv = (sys.executable, "-m", "e2e.bench.silent", str(port))
    files = (str(folder / "tls.crt"), str(folder / "tls.key"))
    child = processes.start(
        processes.Command(SILENT, (*argv, *files), folder / "log", dict(os.environ))
    )
    manifest = admin.get(feedback.CONFIGURED).body
    manifest["metadata"] = {"name": SILENT}
    (webhook,) = manifest["webhooks"]
    webhook["clientConfig"] = {
        "url": f"https://{feedback.ADDRESS}:{port}/",
        "caBundle": b64encode(identity.ca).decode(),
    }
    webhook["namespaceSelector"]["matchLabels"]["bench"] = "silent"
    webhook["failurePolicy"] = "Fail"  # a bench of what is not called would show nothing
    try:
        assert admin.create(feedback.CONFIGURATION, manifest).ok
        yield child
    finally:
        admin.delete(f"{feedback.CONFIGURATION}/{SILENT}")
        processes.stop([child], grace_seconds=5)


def one_zone(name: str) -> dict[str, Any]:
    """Return a PHIWorkload with one zone of patient data."""
    images = {"registries": ["registry.hospital.example/portal"]}
    zones = [zone("clinical", data="phi", images=images)]
    return clinic(name, zones=zones, flows=[], externals=[])


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


def resident(pid: int) -> int:
    """Return the bytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
