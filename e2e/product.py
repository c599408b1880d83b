"""phiwarden as its users install it: the chart by helm, the operator with the chart's rights."""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from e2e.controlplane import ControlPlane, processes
from e2e.controlplane.options import PLATFORM_ENGINEER
from e2e.rest import Rest, connect
from e2e.waiting import until

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "phiwarden"
RELEASE = "phiwarden"
NAMESPACE = "phiwarden-system"


@dataclass(frozen=True)
class Product:
    """The chart, installed."""

    cluster: ControlPlane
    settings: Mapping[str, str]
    """Environment of the controller, as the chart sets it."""

    def operator_kubeconfig(self) -> Path:
        """Return a kubeconfig that acts as the chart's service account."""
        return self.cluster.create_token(RELEASE, NAMESPACE)


def install(cluster: ControlPlane, values: Mapping[str, Any] | None = None) -> Product:
    """Install the chart by helm, without a controller pod: the operator runs beside the test."""
    arguments = ["upgrade", "--install", RELEASE, str(CHART), "-n", NAMESPACE, "--create-namespace"]
    chosen = {"controller": {"enabled": False}, **(values or {})}
    cluster.helm(*arguments, "-f", "-", input=yaml.safe_dump(chosen))
    rendered = cluster.helm(
        "template",
        RELEASE,
        str(CHART),
        "-n",
        NAMESPACE,
        "-f",
        "-",
        "-s",
        "templates/controller.yaml",
        input=yaml.safe_dump({**chosen, "controller": {"enabled": True}}),
    )
    (container,) = yaml.safe_load(rendered.stdout)["spec"]["template"]["spec"]["containers"]
    settings = {entry["name"]: entry["value"] for entry in container["env"]}
    _wait_for_policies(connect(cluster.kubeconfig_for(PLATFORM_ENGINEER)))
    return Product(cluster, settings)


def _wait_for_policies(rest: Rest) -> None:
    """Wait until the API server itself enforces: it compiles new policies within a second or so."""
    forged = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": f"probe-{uuid.uuid4().hex[:8]}",
            "labels": {"phiwarden.dev/workload": "probe", "phiwarden.dev/enforcement": "enforce"},
        },
    }
    until(lambda: _refused_by_guard(rest, forged), "the API server enforces the guard", within=30)


def _refused_by_guard(rest: Rest, forged: Mapping[str, Any]) -> bool:
    return "PHI-GRD-001" in rest.create("/api/v1/namespaces", forged, dry_run=True).message


class Operator:
    """The operator as a process, with the chart's service account and nothing else."""

    def __init__(
        self,
        product: Product,
        *,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = ("-m", "phiwarden", "controller"),
    ) -> None:
        self.log = product.cluster.run_dir / f"operator-{uuid.uuid4().hex[:8]}.log"
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "KUBECONFIG": str(product.operator_kubeconfig()),
            **product.settings,
            **(environment or {}),
        }
        argv = (sys.executable, *command)
        self.child = processes.start(processes.Command("operator", argv, self.log, env))
        until(self._started, f"the operator started; see {self.log}", within=30)

    def _started(self) -> bool:
        self.child.check()
        return any(record.get("event") == "controller.ready" for record in self.records())

    def records(self) -> list[dict[str, Any]]:
        """Return the structured log records so far."""
        records = []
        for line in self.log.read_text().splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                records.append(record)
        return records

    def kill(self) -> None:
        """End it as a power cut would."""
        self.child.process.kill()
        self.child.process.wait()

    def stop(self) -> None:
        """Ask it to end, as Kubernetes does; one that does not is killed, and a failure."""
        asked = self.child.process.poll() is None
        processes.stop([self.child], grace_seconds=20)
        if asked and self.child.process.returncode < 0:
            raise AssertionError(f"the operator had to be killed; see {self.log}")

    def resident_bytes(self) -> int:
        """Return its resident memory."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")


@contextmanager
def running(product: Product, **options: Any) -> Iterator[Operator]:
    """Run the operator for the duration of a block."""
    operator = Operator(product, **options)
    try:
        yield operator
    finally:
        operator.stop()
