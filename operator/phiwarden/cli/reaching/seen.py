"""Objects of a cluster, taken in one by one and kept only as far as reach depends on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from phiwarden.api.selectors import Labels
from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.endpoints import SLICE, api_servers
from phiwarden.boundary.model import ApiServer
from phiwarden.cluster import resources
from phiwarden.reach.model import Pod, Policy, Service, Surroundings
from phiwarden.reach.read import NotUnderstood, namespace_of, pod_of, policy_of, service_of
from phiwarden.rulebook.shapes import NAMESPACE, NETWORK_POLICY, SERVICE, Kind

Body = Mapping[str, Any]

KINDS: Final[tuple[Kind, ...]] = (
    resources.PHIWORKLOAD,
    NAMESPACE,
    NETWORK_POLICY,
    resources.POD,
    SERVICE,
)
"""All that must be listed, everywhere: a policy anywhere may select pods, and a pod be a peer."""


class NotReadable(ValueError):
    """What reach looks at cannot be had, or says what cannot be; a line for each."""


@dataclass(slots=True)
class Seen:
    """What was found so far."""

    specs: dict[str, WorkloadSpec] = field(default_factory=dict)
    namespaces: dict[str, Labels] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)
    policies: list[Policy] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    api_servers: tuple[ApiServer, ...] = ()

    def take(self, kind: str, body: Body) -> None:
        """Take in an object; kinds on which nothing depends are passed over.

        Raises:
            NotUnderstood: the API server would refuse the object.
        """
        match kind:
            case "Namespace":
                name, labels = namespace_of(body)
                self.namespaces[name] = labels
            case "NetworkPolicy":
                self.policies.append(policy_of(body))
            case "Pod":
                self.take_pod(pod_of(body))
            case "Service":
                if (service := service_of(body)) is not None:
                    self.services.append(service)
            case "EndpointSlice" if _name(body) == SLICE:
                self.api_servers = api_servers(body)

    def take_pod(self, pod: Pod | None) -> None:
        """Take in a pod that has a network."""
        if pod is not None:
            self.pods.append(pod)

    def surroundings(self) -> Surroundings:
        """Return everything as a value; a namespace that nobody described has its name alone."""
        used = {pod.namespace for pod in self.pods} | {p.namespace for p in self.policies}
        for namespace in used - self.namespaces.keys():
            self.take("Namespace", {"metadata": {"name": namespace}})
        return Surroundings(
            self.namespaces, tuple(self.pods), tuple(self.policies), tuple(self.services)
        )


def _name(body: Body) -> tuple[str, str]:
    metadata = body.get("metadata") or {}
    return str(metadata.get("namespace")), str(metadata.get("name"))


__all__ = ["KINDS", "NotReadable", "NotUnderstood", "Seen"]
