"""The example clinic on a real node: its zones, one server pod in each, and everybody around them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product as pairs
from typing import Any

from e2e import workloads
from e2e.node import PEER, Node
from e2e.node.peers import OPEN, SHUT, address, create, dial, dial_outside, namespace, pod
from e2e.product import Operator, Product, install, running
from e2e.rest import Rest, connect
from e2e.workloads import clinic, unique, wait, zone

REPOSITORY = "registry.hospital.example/portal/peer"
ZONES = ("edge", "clinical", "analytics")
PORTS = (8443, 5432, 9999)
"""Every server listens on all of them; the last one nobody declares."""

OUTSIDE = "outside"
EHR = "203.0.113.7"
STRANGER = "198.51.100.9"
METADATA = "169.254.169.254"
OUTSIDE_PORTS = (443, 80)

Row = tuple[str, str]
"""Who calls, and whom: `zone:port` or `address:port`."""

Matrix = dict[Row, bool]


@dataclass(frozen=True)
class Clinic:
    """A declared clinic with a server in each zone.

    Attributes:
        node: where it runs.
        product: the chart, installed there.
        name: of its PHIWorkload.
        image: what its pods run, by digest.
        targets: what is called, by the name that rows have for it.
    """

    node: Node
    product: Product
    name: str
    image: str
    targets: Mapping[str, str]

    @property
    def admin(self) -> Rest:
        return connect(self.node.cluster.kubeconfig)

    def namespace(self, place: str) -> str:
        """Return the namespace of a zone, or of the two places beside them."""
        return f"{self.name}-{place}"

    def phi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `kubectl phi` as whoever may read everything."""
        kubeconfig = f"--kubeconfig={self.node.cluster.kubeconfig}"
        command = (sys.executable, "-m", "phiwarden.cli.phi", *arguments, kubeconfig)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    def measured(self) -> Matrix:
        """Return what opens a connection to what, by packets."""
        sources = (*ZONES, "neighbour", OUTSIDE)
        with ThreadPoolExecutor(len(sources)) as pool:
            found = pool.map(self._measured_from, sources)
        return {key: opened for rows in found for key, opened in rows.items()}

    def _measured_from(self, source: str) -> Matrix:
        wanted = dict(self.targets)
        if source == OUTSIDE:
            wanted = {row: at for row, at in wanted.items() if row.split(":")[0] in ZONES}
            met = dial_outside(self.node, *wanted.values())
        else:
            # From another pod than the one that is called: a pod always reaches itself.
            met = dial(self.node, self.namespace(source), "caller", *wanted.values())
        return {(source, row): _opened(met[at]) for row, at in wanted.items()}


def _opened(outcome: str) -> bool:
    assert outcome == OPEN or outcome in SHUT, outcome
    return outcome == OPEN


def declaration(name: str, **spec: Any) -> dict[str, Any]:
    """Return the clinic: edge is public on one port, analytics may call the API server."""
    images = {"registries": [REPOSITORY.rpartition("/")[0]]}
    zones = [
        zone("edge", data="none", exposure="public", exposedPorts=[{"port": 8443}], images=images),
        zone("clinical", data="phi", images=images),
        zone(
            "analytics",
            data="deidentified",
            images=images,
            serviceAccounts=[{"name": "app", "apiAccess": True}],
        ),
    ]
    return clinic(name, zones=zones, **spec)


FLOWS = (("edge", "clinical:8443"), ("clinical", "analytics:5432"), ("clinical", f"{EHR}:443"))


def declared(rows: Matrix, *, flows: tuple[Row, ...] = FLOWS) -> Matrix:
    """Return which rows must be open."""
    must = {
        *flows,
        ("analytics", "api-server"),
        *((source, "dns") for source in ZONES),
        ("neighbour", "edge:8443"),
        (OUTSIDE, "edge:8443"),
    }
    # Nothing was declared of the neighbour's own way out.
    free = {("neighbour", row) for _, row in rows if row.split(":")[0] not in ZONES}
    return {row: row in must | free for row in rows}


@contextmanager
def running_clinic(node: Node) -> Iterator[tuple[Clinic, Operator]]:
    """Have the clinic declared, enforced and running for the duration of a block."""
    name = unique("portal")
    world_outside(node)
    image = by_digest(node)
    product = install(node.cluster)
    admin = connect(node.cluster.kubeconfig)
    with running(product) as operator, namespace(node, f"{name}-neighbour"):
        assert workloads.apply(admin, declaration(name)).ok
        wait(admin, name)
        for place in (*ZONES, "neighbour"):
            create(
                node,
                peer("server", f"{name}-{place}", image, PORTS, zoned=place in ZONES),
                peer("caller", f"{name}-{place}", image, zoned=place in ZONES),
            )
        yield Clinic(node, product, name, image, _targets(node, name)), operator


def peer(
    name: str, namespace: str, image: str, ports: Sequence[int] = (), *, zoned: bool = True
) -> dict[str, Any]:
    """Return a pod that listens on ports, or only calls others, and keeps the rules of a zone."""
    body = pod(name, namespace, ports=ports)
    if not zoned:
        return body
    (container,) = body["spec"]["containers"]
    good = workloads.deployment(name)["spec"]["template"]["spec"]
    (usual,) = good.pop("containers")
    container |= {"image": image} | {key: usual[key] for key in ("resources", "securityContext")}
    body["spec"] |= good
    return body


def by_digest(node: Node) -> str:
    """Give the peer's image a name as a hospital's registry would, by digest; return it."""
    listed = node.run("ctr", "--namespace=k8s.io", "images", "list", f"name=={PEER}").stdout
    found = re.search(r"sha256:[0-9a-f]{64}", listed)
    assert found is not None, listed
    name = f"{REPOSITORY}@{found[0]}"
    node.name_image(PEER, name)
    return name


def world_outside(node: Node) -> None:
    """Put an EHR, somebody else and a cloud's metadata service outside the cluster."""
    for each in (EHR, STRANGER, METADATA):
        node.run_outside("ip", "address", "add", f"{each}/32", "dev", "lo")
    inside = ("ip", "netns", "exec", "outside", "peer", "serve", "outside")
    node.start("outside", *inside, *map(str, OUTSIDE_PORTS))


def _targets(node: Node, name: str) -> Mapping[str, str]:
    for place in (*ZONES, "neighbour"):
        address(node, f"{name}-{place}", "caller")
    found = {
        f"{place}:{port}": f"{address(node, f'{name}-{place}', 'server')}:{port}"
        for place, port in pairs(ZONES, PORTS)
    }
    found |= {
        f"{host}:{port}": f"{host}:{port}"
        for host, port in pairs((EHR, STRANGER, METADATA), OUTSIDE_PORTS)
    }
    selector = ("-n=kube-system", "--selector=k8s-app=kube-dns", "-o=jsonpath={..podIP}")
    dns = node.cluster.kubectl("get", "pods", *selector).stdout.split()[0]
    server_url = node.cluster.server.removeprefix("https://")
    return {**found, "dns": f"{dns}:53", "api-server": server_url}
