"""What ran before anybody declared a boundary around it."""

from __future__ import annotations

from typing import Any

from e2e import workloads
from e2e.rest import MERGE, Rest
from e2e.waiting import until
from e2e.workloads import NAMESPACES, available, clinic, deployments


def roll_out(admin: Rest, namespace: str, *revisions: dict[str, Any]) -> None:
    """Have the real deployment controller go through revisions of a Deployment."""
    name = revisions[0]["metadata"]["name"]
    for number, revision in enumerate(revisions):
        if number == 0:
            assert admin.create(deployments(namespace), revision).ok
        else:
            path = f"{deployments(namespace)}/{name}"
            assert admin.request("PATCH", path, revision, content=MERGE).ok
        until(available(admin, namespace, name), f"revision {number + 1} of {name} rolled out")


def adopt(admin: Rest, name: str, **spec: Any) -> None:
    """Declare the namespace of that name as the only zone of a workload of that name."""
    registries = {"registries": ["registry.hospital.example/portal"]}
    zone = workloads.zone("app", namespace=name, adopt=True, data="phi", images=registries)
    answer = workloads.apply(
        admin, clinic(name, zones=[zone], **{"flows": [], "externals": [], **spec})
    )
    assert answer.ok, answer.message


def quarantine_of(admin: Rest, namespace: str, app: str) -> set[str | None]:
    pods = admin.get(f"{NAMESPACES}/{namespace}/pods", labelSelector=f"app={app}").body["items"]
    return {pod["metadata"]["labels"].get("phiwarden.dev/quarantine") for pod in pods}
