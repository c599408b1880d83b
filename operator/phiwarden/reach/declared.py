"""What declarations ask of the network, in the terms of policies."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from phiwarden.api import names
from phiwarden.api.selectors import Labels
from phiwarden.api.workload import Enforcement, WorkloadSpec
from phiwarden.boundary.compile import compile_boundary
from phiwarden.boundary.model import Facts
from phiwarden.boundary.network import DNS_ADDRESSES
from phiwarden.reach.model import Network, Policy
from phiwarden.reach.read import policy_of
from phiwarden.reach.report import End, EndKind


@dataclass(frozen=True, slots=True)
class Intent:
    """All declarations together.

    Attributes:
        zones: namespace to the zone that it is.
        specs: workload to its declaration.
        policies: those that would make the network as declared.
        outside: workload to the ranges of addresses that it has names for.
        expired: flows, in words, that an expired agreement closes.
        unavailable: zones, in words, whose namespace belongs to somebody else.
    """

    zones: Mapping[str, End]
    specs: Mapping[str, WorkloadSpec]
    policies: tuple[Policy, ...]
    outside: Mapping[str, tuple[tuple[Network, End], ...]]
    expired: tuple[str, ...]
    unavailable: tuple[str, ...]


def intent(
    specs: Mapping[str, WorkloadSpec], namespaces: Mapping[str, Labels], facts: Facts
) -> Intent:
    """Return what declarations ask for, as if all of them were enforced.

    Args:
        specs: declarations by the names of their workloads.
        namespaces: labels of those that there are.
        facts: the day, the API servers and the gateways' namespaces.
    """
    zones: dict[str, End] = {}
    policies: list[Policy] = []
    outside: dict[str, tuple[tuple[Network, End], ...]] = {}
    expired: list[str] = []
    unavailable: list[str] = []
    for workload, spec in sorted(specs.items()):
        lost = frozenset(
            zone.name
            for zone in spec.zones
            if _taken(workload, namespaces.get(zone.namespace_in(workload)))
        )
        enforced = spec.model_copy(update={"enforcement": Enforcement.ENFORCE})
        plan = compile_boundary(workload, enforced, dataclasses.replace(facts, unavailable=lost))
        for zone in spec.zones:
            namespace = zone.namespace_in(workload)
            if zone.name in lost:
                unavailable.append(f"zone {zone.name} of {workload}: namespace {namespace}")
            else:
                zones[namespace] = End(EndKind.ZONE, zone.name, namespace, workload)
        policies += [policy_of(policy.body) for zone in plan.zones for policy in zone.policies]
        outside[workload] = tuple(_outside(workload, spec, facts))
        expired += plan.closed_flows
    return Intent(zones, specs, tuple(policies), outside, tuple(expired), tuple(unavailable))


def _taken(workload: str, labels: Labels | None) -> bool:
    """Return whether a namespace is there, and not the workload's own."""
    return labels is not None and labels.get(names.WORKLOAD) != workload


def _outside(workload: str, spec: WorkloadSpec, facts: Facts) -> Iterable[tuple[Network, End]]:
    for external in spec.externals:
        for network in external.networks():
            yield network, End(EndKind.EXTERNAL, external.name, workload=workload)
    for server in facts.api_servers:
        yield ip_network(server.address), End(EndKind.API_SERVER, "the Kubernetes API")
    for network in DNS_ADDRESSES:
        yield network, End(EndKind.DNS, f"DNS {network.network_address}")
