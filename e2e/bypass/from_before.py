"""A zone in which something broke rules before they were enforced."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from e2e import zones
from e2e.bypass.pods import DEPLOYMENT, KINDS, POD, REPLICASET, TAGGED, Body, bad, images
from e2e.rest import MERGE, Answer, Rest
from e2e.waiting import until
from phiwarden.boundary.labels import encode
from phiwarden.cluster.resources import collection
from phiwarden.rulebook import examples


@dataclass(frozen=True)
class Grandfathered:
    """A zone that enforces since a moment ago, with a Deployment that breaks rules."""

    namespace: str
    rest: Rest
    root: Rest
    name: str = "portal"

    @property
    def path(self) -> str:
        """Return the path of the Deployment."""
        return f"{collection(DEPLOYMENT, self.namespace)}/{self.name}"

    def replicasets(self) -> list[Body]:
        """Return its ReplicaSets, and others that took its name."""
        found: list[Body] = self.root.get(collection(REPLICASET, self.namespace)).body["items"]
        return [rs for rs in found if rs["metadata"]["name"].startswith(f"{self.name}-")]

    def bad_replicaset(self) -> str:
        """Return the name of the ReplicaSet of the revision that breaks rules."""
        (name,) = [rs["metadata"]["name"] for rs in self.replicasets() if images(rs) == [TAGGED]]
        return str(name)

    def bad_pods(self) -> list[Body]:
        """Return the pods that break rules."""
        pods: list[Body] = self.root.get(collection(POD, self.namespace)).body["items"]
        return [p for p in pods if TAGGED in [c["image"] for c in p["spec"]["containers"]]]

    def patch(self, body: Any, content: str = MERGE, *, path: str = "") -> Answer:
        """Change the Deployment, or what is at the path."""
        return self.rest.request("PATCH", path or self.path, body, content=content)

    def boundary(self, **changes: Any) -> None:
        """Write the zone's boundary, as the operator does."""
        labels, annotations = encode(replace(examples.ZONE, **changes))
        body = {"metadata": {"labels": labels, "annotations": annotations}}
        assert self.root.request("PATCH", f"{zones.CORE}/{self.namespace}", body, content=MERGE).ok

    def enforce(self, **changes: Any) -> None:
        """Raise the zone's level, and return once the API server goes by it."""
        self.boundary(enforcement="enforce", **changes)
        path = collection(POD, self.namespace)
        until(
            lambda: not self.rest.create(path, bad(POD, "probe"), dry_run=True).ok,
            f"{self.namespace} enforces",
        )

    def created(self, body: Body) -> str:
        """Create an object as long as the zone does not enforce, and return its path."""
        (kind,) = (kind for kind in KINDS if kind.kind == body["kind"])
        path = collection(kind, self.namespace)
        answer = self.rest.create(path, body)
        assert answer.ok, answer.message
        return f"{path}/{body['metadata']['name']}"

    def wait_until_told(self, path: str, rule: str = "PHI-IMG-001") -> None:
        """Wait until a controller has written down that its object gets no pods, and why."""

        def told() -> bool:
            conditions = self.root.get(path).body["status"].get("conditions", ())
            return any(rule in condition.get("message", "") for condition in conditions)

        until(told, f"{path} is told why it gets no pods")

    def events_tell(self, name: str, rule: str = "PHI-IMG-001") -> bool:
        """Whether a controller has said in an Event why an object gets no pods."""
        events = self.root.get(f"{zones.CORE}/{self.namespace}/events").body["items"]
        return any(
            event["involvedObject"]["name"] == name and rule in event.get("message", "")
            for event in events
        )

    def wait_until_events_tell(self, name: str) -> None:
        """Wait until a controller has said in an Event why an object gets no pods."""
        until(lambda: self.events_tell(name), f"an Event tells why {name} gets no pods")
