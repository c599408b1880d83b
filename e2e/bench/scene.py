"""Everything that takes part in the measurement of admission: a namespace for each case."""

from __future__ import annotations

import datetime as dt
import os
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from e2e import feedback
from e2e.bench.clients import Case, Clients
from e2e.controlplane import ControlPlane, processes
from e2e.controlplane.ports import free_ports
from e2e.product import running
from e2e.rest import JSON_PATCH, MERGE, Rest, connect
from e2e.workloads import (
    NAMESPACES,
    apply,
    clinic,
    wait,
    zone,
)
from phiwarden.admission import certificates

SILENT = "bench-silent"
HANDWRITTEN = Path(__file__).parent / "handwritten.yaml"

CONCURRENCY = (1, 16)
"""Requests that are under way at a time."""


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
    secrets = [{"name": "db", "zone": "clinical", "keys": ["password"], "consumers": ["app"]}]
    return clinic(name, zones=zones, flows=[], externals=[], secrets=secrets)
