"""How fast a change of a secret, class or volume reaches status and boundary, at scale.

The floor of a change is the two writes that it takes, done by a bare client
one after the other: the Namespace and the status.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from e2e import workloads
from e2e.bench.figures import Figure, spread
from e2e.product import Operator, Product, running
from e2e.rest import MERGE, Rest, connect
from e2e.waiting import until
from e2e.workloads import NAMESPACES, WORKLOADS, clinic, status, zone
from phiwarden.api import names
from phiwarden.cluster.client import Api
from phiwarden.cluster.resources import PHIWORKLOAD, SECRET, STORAGE_CLASS, collection

Object = dict[str, Any]

AT_ONCE = 16
CLASS = "facts-shared"
EBS = "ebs.csi.aws.com"
VOLUMES = "/api/v1/persistentvolumes"
CLASSES = collection(STORAGE_CLASS)
SECONDS = 1.0
"""What a change may take."""
MEMORY = 400
"""MiB that the controller may have."""


def figures(product: Product, count: int, rounds: int, crowd: int) -> list[Figure]:
    """Measure with so many declarations, of three secrets and two claims each.

    Args:
        product: the chart, installed.
        count: declarations.
        rounds: changes of each kind.
        crowd: Secrets in one zone beside the declared ones.
    """
    rest = connect(product.cluster.kubeconfig)
    assert rest.create(CLASSES, storage_class(CLASS)).ok
    block = [declaration(f"facts-{number}") for number in range(count)]
    with running(product) as operator:
        _populate(product, rest, block)
        for body in block:
            name = body["metadata"]["name"]
            until(lambda n=name: _all_there(rest, n), f"{name} is whole", within=900, every=0.2)
        found = [
            *_changes(rest, rounds),
            memory(
                operator,
                f"controller, {count} declarations, {3 * count} secrets, {2 * count} claims",
            ),
        ]
    found.append(_restart(product, rest, count))
    if crowd:
        found += _crowd(product, rest, crowd)
    return found


def storage_class(name: str, **more: Any) -> Object:
    """Return a class that encrypts."""
    parameters = {"parameters": {"encrypted": "true"}}
    return {"metadata": {"name": name}, "provisioner": EBS, **parameters, **more}


def declaration(name: str) -> Object:
    """Return a declaration of one zone with three secrets and two volumes."""
    secrets = [
        {"name": f"secret-{n}", "zone": "clinical", "maxAge": "90d", "consumers": ["app"]}
        for n in range(3)
    ]
    volumes = [
        workloads.declared_volume(f"volume-{n}", "clinical", storageClassName=CLASS)
        for n in range(2)
    ]
    zones = [zone("clinical", data="phi")]
    return clinic(name, zones=zones, flows=[], externals=[], secrets=secrets, volumes=volumes)


def _populate(product: Product, rest: Rest, block: list[Object]) -> None:
    """Store declarations, and deliver their secrets once their namespaces are there."""
    spaces = {f"{body['metadata']['name']}-clinical" for body in block}
    at_once(product, [lambda api, b=body: api.apply(PHIWORKLOAD, b) for body in block])
    until(
        lambda: spaces <= {n["metadata"]["name"] for n in rest.get(NAMESPACES).body["items"]},
        "every namespace is there",
        within=900,
        every=1,
    )
    secrets = [
        lambda api, s=space, n=number: api.create(SECRET, s, delivered(f"secret-{n}"))
        for space in spaces
        for number in range(3)
    ]
    at_once(product, secrets)


def at_once(product: Product, deeds: Iterable[Callable[[Api], Awaitable[Any]]]) -> None:
    """Do much with one API server, several things at a time."""

    async def all_of_them() -> None:
        api = await Api.connect(str(product.cluster.kubeconfig))
        limit = asyncio.Semaphore(AT_ONCE)

        async def one(deed: Callable[[Api], Awaitable[Any]]) -> None:
            async with limit:
                await deed(api)

        try:
            await asyncio.gather(*(one(deed) for deed in deeds))
        finally:
            await api.close()

    asyncio.run(all_of_them())


def delivered(name: str) -> Object:
    """Return a Secret."""
    return {"metadata": {"name": name}, "stringData": {"password": "bench"}}


def _all_there(rest: Rest, name: str) -> bool:
    told = status(rest, name)
    secrets, volumes = told.get("secrets", ()), told.get("volumes", ())
    there = [entry["standing"] == "Unproven" for entry in secrets]
    made = [bool(entry.get("uid")) for entry in volumes]
    return len(there) == 3 and len(made) == 2 and all((*there, *made))


def _changes(rest: Rest, rounds: int) -> list[Figure]:
    overdue, rotated, bound = [], [], []
    floor = [_floor(rest, number) for number in range(rounds)]
    for number in range(rounds):
        name = f"facts-{number}"
        _age(rest, name)
        overdue.append(_until(lambda n=name: _is_overdue(rest, n)))
        value = {"stringData": {"password": str(number)}}
        where = f"{NAMESPACES}/{name}-clinical/secrets/secret-0"
        assert rest.request("PATCH", where, value, content=MERGE).ok
        rotated.append(_until(lambda n=name: _is_fresh(rest, n)))
        bound.append(_bind(rest, name))
    classes = [_new_class(rest, f"facts-{n}", f"facts-class-{n}") for n in range(rounds)]
    return [
        _figure("a secret overdue: status and boundary", overdue, floor),
        _figure("a secret written anew: status and boundary", rotated, floor),
        _figure("a class that comes: status and boundary", classes, floor),
        _figure("a volume bound: status", bound, floor),
    ]


def _figure(what: str, seconds: list[float], floor: list[float]) -> Figure:
    p50 = statistics.median(seconds)
    ratio = p50 / statistics.median(floor)
    return Figure(
        f"{what}, p50 of {len(seconds)}",
        spread(seconds),
        spread(floor),
        f"{ratio:.1f}",
        f"under {SECONDS:g} s",
        p50 < SECONDS,
    )


def _until(true: Callable[[], bool]) -> float:
    begun = time.perf_counter()
    until(true, "it is seen", every=0.001)
    return time.perf_counter() - begun


def _floor(rest: Rest, number: int) -> float:
    begun = time.perf_counter()
    note = {"metadata": {"annotations": {"bench": str(number)}}}
    for path in (f"{NAMESPACES}/default", f"{WORKLOADS}/facts-{number}"):
        assert rest.request("PATCH", path, note, content=MERGE).ok
    return time.perf_counter() - begun


def _age(rest: Rest, name: str) -> None:
    workloads.aged(rest, f"{NAMESPACES}/{name}-clinical/secrets/secret-0", 91)


def _is_overdue(rest: Rest, name: str) -> bool:
    return _told(rest, name) == ("secret-0", "Overdue")


def _is_fresh(rest: Rest, name: str) -> bool:
    return _told(rest, name) == ("", "Unproven")


def _told(rest: Rest, name: str) -> tuple[str, str]:
    """Return what the boundary and the status say of the first secret."""
    namespace = rest.get(f"{NAMESPACES}/{name}-clinical").body["metadata"]["annotations"]
    return namespace[names.OVERDUE_SECRETS], status(rest, name)["secrets"][0]["standing"]


def _new_class(rest: Rest, name: str, called: str) -> float:
    body = rest.get(f"{WORKLOADS}/{name}").body["spec"]["zones"]
    body[0]["storageClasses"] = [called]
    assert workloads.change(rest, name, zones=body).ok
    generation = rest.get(f"{WORKLOADS}/{name}").body["metadata"]["generation"]
    until(lambda: status(rest, name).get("observedGeneration") == generation, "the change is seen")
    assert rest.create(CLASSES, storage_class(called)).ok

    def stands() -> bool:
        metadata = rest.get(f"{NAMESPACES}/{name}-clinical").body["metadata"]
        return called in metadata["annotations"][names.STORAGE_CLASSES].split(",")

    return _until(stands)


def _bind(rest: Rest, name: str) -> float:
    """Make the volume of a claim as its driver would, and bind both as Kubernetes does."""
    where = f"{NAMESPACES}/{name}-clinical/persistentvolumeclaims/volume-0"
    claim = rest.get(where).body
    made = f"pvc-{claim['metadata']['uid']}"
    spec = {
        "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
        "accessModes": claim["spec"]["accessModes"],
        "storageClassName": CLASS,
        "claimRef": {
            "namespace": f"{name}-clinical",
            "name": "volume-0",
            "uid": claim["metadata"]["uid"],
        },
        "csi": {"driver": EBS, "volumeHandle": made},
    }
    metadata = {"name": made, "annotations": {"pv.kubernetes.io/provisioned-by": EBS}}
    assert rest.create(VOLUMES, {"metadata": metadata, "spec": spec}).ok
    until(lambda: rest.get(where).body["spec"].get("volumeName") == made, "bound", every=0.001)

    def told() -> bool:
        entries = status(rest, name)["volumes"]
        return any(entry.get("volume") == made for entry in entries)

    return _until(told)


def memory(operator: Operator, what: str) -> Figure:
    """Return what the controller holds now."""
    held = operator.resident_bytes() / 2**20
    return Figure(what, f"{held:.0f} MiB", goal=f"under {MEMORY} MiB", reached=held < MEMORY)


def _restart(product: Product, rest: Rest, count: int) -> Figure:
    before = _versions(rest)
    begun = time.perf_counter()
    with running(product) as operator:
        seen = time.perf_counter() - begun
        until(_at_rest(operator), "all was looked at", within=300, every=2)
        written = len(set(before.items()) ^ set(_versions(rest).items()))
    return Figure(
        f"a re-check of all {count} declarations",
        f"{seen:.1f} s to ready, {written} objects written",
        goal="no write",
        reached=written == 0,
    )


def _at_rest(operator: Operator) -> Callable[[], bool]:
    """Return a question: has the operator used next to no processor time since it was asked last?"""
    before = _ticks(operator)

    def ask() -> bool:
        nonlocal before
        used, before = _ticks(operator) - before, _ticks(operator)
        return used < _IDLE

    return ask


_IDLE = 10
"""Hundredths of a second of processor time within two seconds."""


def _ticks(operator: Operator) -> int:
    stat = Path(f"/proc/{operator.child.pid}/stat").read_text()
    fields = stat.rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _versions(rest: Rest) -> dict[str, str]:
    paths = (NAMESPACES, WORKLOADS, "/api/v1/persistentvolumeclaims", CLASSES)
    return {
        item["metadata"]["uid"]: item["metadata"]["resourceVersion"]
        for path in paths
        for item in rest.get(path).body["items"]
    }


def _crowd(product: Product, rest: Rest, crowd: int) -> list[Figure]:
    """Ten thousand Secrets in a zone that declares three."""
    space = "facts-0-clinical"

    others = [
        lambda api, n=number: api.create(SECRET, space, delivered(f"other-{n}"))
        for number in range(crowd)
    ]
    with running(product) as operator:
        at_once(product, others)
        _age(rest, "facts-0")
        seconds = [_until(lambda: _is_overdue(rest, "facts-0"))]
        grown = memory(operator, f"controller, {crowd} more secrets in one zone")
    return [
        Figure(
            f"a secret overdue among {crowd} others",
            spread(seconds),
            goal=f"under {SECONDS:g} s",
            reached=seconds[0] < SECONDS,
        ),
        grown,
    ]
