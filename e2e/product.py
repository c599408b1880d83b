"""phiwarden as its users install it: the chart by helm, the operator with the chart's rights."""

from __future__ import annotations

import datetime as dt
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

from e2e import zones
from e2e.controlplane import ControlPlane, processes
from e2e.controlplane.options import PLATFORM_ENGINEER
from e2e.rest import Answer, Rest, connect
from e2e.waiting import until
from phiwarden.api import names
from phiwarden.cluster.resources import ADMISSION_BINDING, collection
from phiwarden.controller.enforcement import SETTLING
from phiwarden.rulebook import examples, shapes
from phiwarden.rulebook.model import Example, rulebook
from phiwarden.rulebook.subjects import OTHERS, Subject, subject_of

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "charts" / "phiwarden"
RELEASE = "phiwarden"
COMMAND = ("-m", "phiwarden", "controller")
"""The operator."""
NAMESPACE = "phiwarden-system"


@dataclass(frozen=True)
class Product:
    """The chart, installed."""

    cluster: ControlPlane
    settings: Mapping[str, str]
    """Environment of the controller, as the chart sets it."""

    def operator_kubeconfig(self) -> Path:
        """Return a kubeconfig that acts as the controller's service account."""
        return self.cluster.create_token(RELEASE, NAMESPACE)


def install(cluster: ControlPlane, values: Mapping[str, Any] | None = None) -> Product:
    """Install the chart by helm, without pods: what they would run, runs beside the test."""
    chosen = upgrade(cluster, values)
    settings = environment(
        cluster, {**chosen, "controller": {"enabled": True}}, "templates/controller.yaml"
    )
    engineer = connect(cluster.kubeconfig_for(PLATFORM_ENGINEER))
    _wait_for_policies(connect(cluster.kubeconfig), engineer)
    return Product(cluster, settings)


def settled(product: Product) -> None:
    """Wait until the operator holds the API server to have taken up all policies."""
    rest = connect(product.cluster.kubeconfig)

    def age() -> dt.timedelta:
        items = rest.get(collection(ADMISSION_BINDING)).body["items"]
        made = [dt.datetime.fromisoformat(b["metadata"]["creationTimestamp"]) for b in items]
        return dt.datetime.now(dt.UTC) - max(made)

    until(lambda: age() > SETTLING, "the policies are settled", every=0.2)


def upgrade(cluster: ControlPlane, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Have helm install or upgrade the chart; return the values that it was given."""
    # Without a webhook: a cluster of simulated nodes reaches no Service.
    chosen = {"controller": {"enabled": False}, "feedback": {"enabled": False}, **(values or {})}
    arguments = ["upgrade", "--install", RELEASE, str(CHART), "-n", NAMESPACE, "--create-namespace"]
    cluster.helm(*arguments, "-f", "-", input=yaml.safe_dump(chosen))
    return chosen


def environment(cluster: ControlPlane, values: Mapping[str, Any], template: str) -> dict[str, str]:
    """Return the environment of the one Deployment that a template of the chart makes."""
    rendered = cluster.helm(
        *("template", RELEASE, str(CHART), "-n", NAMESPACE, "-f", "-", "-s", template),
        input=yaml.safe_dump(dict(values)),
    )
    (deployment,) = [
        manifest
        for manifest in yaml.safe_load_all(rendered.stdout)
        if manifest is not None and manifest["kind"] == "Deployment"
    ]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry["value"] for entry in container["env"]}


def _wait_for_policies(admin: Rest, engineer: Rest) -> None:
    """Wait until the API server enforces every policy: it compiles new ones one after the other."""
    with zones.zone(admin, zones.unique(examples.ZONE)) as namespace:
        for kind, obj in _one_offence_for_each_policy():
            path = collection(kind, namespace)
            until(
                lambda path=path, obj=obj: _refused(engineer.create(path, obj, dry_run=True)),
                f"{kind.kind} is held to the rules",
                within=60,
            )
        session = f"{zones.CORE}/{namespace}/pods/probe/exec"
        until(
            lambda: _refused(engineer.request("POST", session, command="id")),
            "nobody gets into a pod",
            within=60,
        )
        forged = {"metadata": {"name": "probe", "labels": {"phiwarden.dev/workload": "probe"}}}
        until(
            lambda: _refused(engineer.create(zones.CORE, forged, dry_run=True)),
            "a zone cannot be forged",
            within=60,
        )
        until(
            lambda: _refused(engineer.request("DELETE", f"{zones.CORE}/{namespace}", dryRun="All")),
            "a zone cannot be deleted",
            within=60,
        )
        own = {"metadata": {"name": "probe", "labels": {names.MANAGED_BY: names.FIELD_MANAGER}}}
        until(
            lambda: (
                "phiwarden-owned"
                in engineer.create(
                    collection(shapes.LIMIT_RANGE, namespace), own, dry_run=True
                ).message
            ),
            "an object of the boundary cannot be forged",
            within=60,
        )


def _one_offence_for_each_policy() -> Iterator[tuple[shapes.Kind, dict[str, Any]]]:
    # Of what carries pods, one policy judges the manifest by itself and one by its zone.
    for image in ("nginx", f"docker.io/library/nginx@{examples.DIGEST}"):
        offence = examples.pod_template(Example(container={"image": image}))
        for shape in shapes.POD_SHAPES:
            yield shape.kinds[0], examples.manifest(shape.kinds[0], offence)
    for subject in OTHERS:
        # Of an object that must be there, or of a kind that is not there yet.
        if subject.name not in ("scale", "snapshots", "references"):
            offence = next(_offences(subject))
            kind = next(k for k in subject.kinds if k.kind == offence["kind"])
            yield kind, {**offence, "metadata": {**offence.get("metadata", {}), "name": "probe"}}


def _offences(subject: Subject) -> Iterator[dict[str, Any]]:
    """Yield objects that a subject's policy refuses in the zone of the examples."""
    for rule in rulebook():
        for example in rule.examples.failing:
            obj = example.object
            if obj is not None and not example.zone and subject_of(obj) is subject:
                yield obj


def _refused(answer: Answer) -> bool:
    return answer.code == 403 and "phiwarden-" in answer.message


class Program:
    """A command of phiwarden as a process, with the rights of a service account of the chart."""

    def __init__(
        self,
        product: Product,
        name: str,
        account: str,
        command: Sequence[str],
        environment: Mapping[str, str],
    ) -> None:
        self.log = product.cluster.run_dir / f"{name}-{uuid.uuid4().hex[:8]}.log"
        env = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "KUBECONFIG": str(product.cluster.create_token(account, NAMESPACE)),
            **environment,
        }
        argv = (sys.executable, *command)
        self.child = processes.start(processes.Command(name, argv, self.log, env))

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
            raise AssertionError(f"{self.child.command.name} had to be killed; see {self.log}")

    def resident_bytes(self) -> int:
        """Return its resident memory."""
        for line in Path(f"/proc/{self.child.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")


class Operator(Program):
    """The operator as a process, with the chart's service account and nothing else."""

    def __init__(
        self,
        product: Product,
        *,
        environment: Mapping[str, str] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        settings = {**product.settings, **(environment or {})}
        super().__init__(product, "operator", RELEASE, command, settings)
        until(self._started, f"the operator started; see {self.log}", within=30)

    def _started(self) -> bool:
        self.child.check()
        return ready(self)


def ready(operator: Program) -> bool:
    """Whether an operator has said that it is ready."""
    return any(record.get("event") == "controller.ready" for record in operator.records())


@contextmanager
def running(product: Product, **options: Any) -> Iterator[Operator]:
    """Run the operator for the duration of a block."""
    operator = Operator(product, **options)
    try:
        yield operator
    finally:
        operator.stop()
