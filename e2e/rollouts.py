"""What ran before anybody declared a boundary around it."""

from __future__ import annotations

from typing import Any

from e2e import workloads
from e2e.rest import MERGE, Rest
from e2e.waiting import until
from e2e.workloads import NAMESPACES, available, clinic, deployments


def roll_out(admin: Rest, namespace: str, *revisions: dict[str, Any], first: bool = True) -> None:
    """Have the real deployment controller go through revisions of a Deployment.

    Args:
        admin: who does it.
        namespace: where.
        revisions: one after the other.
        first: whether the first of them makes the Deployment.
    """
    name = revisions[0]["metadata"]["name"]
    for number, revision in enumerate(revisions):
        if number == 0 and first:
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
        admin, clinic(name, **{"zones": [zone], "flows": [], "externals": [], **spec})
    )
    assert answer.ok, answer.message


def pilot(admin: Rest, name: str, *revisions: dict[str, Any], **spec: Any) -> None:
    """Have revisions roll out while they are watched and not refused, and enforce after that.

    Only what was seen to work is ever gone back to.
    """
    adopt(admin, name, **{**spec, "enforcement": "observe"})
    workloads.wait(admin, name)
    for number in range(len(revisions)):
        roll_out(admin, name, *revisions[number : number + 1], first=number == 0)
        seen_working(admin, name, revisions[0]["metadata"]["name"], number + 1)
    assert workloads.change(admin, name, enforcement="enforce").ok


def history_of(admin: Rest, namespace: str, kind: str, name: str) -> dict[str, Any]:
    """Return what phiwarden remembers of a workload, empty if it is nothing."""
    path = f"/apis/phiwarden.dev/v1alpha1/namespaces/{namespace}/phihistories"
    answer = admin.get(f"{path}/{kind.lower()}.{name}")
    found: dict[str, Any] = (answer.body.get("status") or {}) if answer.ok else {}
    return found


def worked(admin: Rest, namespace: str, kind: str, name: str) -> list[dict[str, Any]]:
    """Return the templates of a workload that were seen to work, newest first."""
    found: list[dict[str, Any]] = history_of(admin, namespace, kind, name).get("worked", [])
    return found


def seen_working(
    admin: Rest, namespace: str, name: str, templates: int, kind: str = "Deployment"
) -> None:
    """Wait until so many templates of a workload were seen to work."""
    until(
        lambda: len(worked(admin, namespace, kind, name)) == templates,
        f"{templates} templates of {kind}/{name} were seen to work",
    )


def quarantine_of(admin: Rest, namespace: str, app: str) -> set[str | None]:
    pods = admin.get(f"{NAMESPACES}/{namespace}/pods", labelSelector=f"app={app}").body["items"]
    return {pod["metadata"]["labels"].get("phiwarden.dev/quarantine") for pod in pods}


def events_of(admin: Rest, namespace: str, name: str) -> list[dict[str, Any]]:
    """Return the Events that phiwarden wrote about an object."""
    items = admin.get(f"{NAMESPACES}/{namespace}/events").body["items"]
    return [
        event
        for event in items
        if event["involvedObject"]["name"] == name and event["source"]["component"] == "phiwarden"
    ]
