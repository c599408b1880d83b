"""What is under test, asked as an oracle is: one connection after the other."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from itertools import product
from typing import Any

from phiwarden.reach.read import namespace_of, pod_of, policy_of
from phiwarden.reach.universe import Universe
from phiwarden.reach.world import World

from .cases import OUTSIDE, PORTS, PROTOCOLS, Case
from .oracle import Who

PROBES = tuple(product(PROTOCOLS, (*PORTS, 65535)))


class Asked:
    """A case, understood by what is under test."""

    def __init__(self, case: Case, policies: list[dict[str, Any]] | None = None) -> None:
        """Read a case; `policies` stand in place of its own."""
        read = [policy_of(body) for body in (case.policies if policies is None else policies)]
        pods = [pod for body in case.pods if (pod := pod_of(body)) is not None]
        namespaces = dict(map(namespace_of, case.namespaces))
        self.universe = Universe(namespaces, pods, read)
        self.world = World(self.universe, read)
        self._numbers = {
            pod.name: number
            for number, party in enumerate(self.universe.parties)
            for pod in party.pods
        }

    def connects(self, source: Who, target: Who, protocol: str, port: int) -> bool:
        ports = self.world.ports(self.number(source), self.number(target))
        return any(also == protocol and a <= port <= b for also, a, b in ports.spans)

    def number(self, who: Who) -> int:
        """Return the party that somebody belongs to."""
        if who.pod is not None:
            return self._numbers[who.pod["metadata"]["name"]]
        address = ip_address(who.addresses[0])
        ranges = [
            (party.outside.prefixlen, number)
            for number, party in enumerate(self.universe.parties)
            if party.outside is not None and address in party.outside
        ]
        return max(ranges)[1]


def everybody(case: Case) -> list[Who]:
    """Return every pod of a case, and some addresses outside."""
    labels = {each["metadata"]["name"]: each["metadata"]["labels"] for each in case.namespaces}
    pods = [
        Who(
            tuple(each["ip"] for each in pod["status"]["podIPs"]),
            pod,
            labels[pod["metadata"]["namespace"]],
        )
        for pod in case.pods
    ]
    return [*pods, *(Who((address,)) for address in OUTSIDE)]


def pairs(case: Case) -> Iterator[tuple[Who, Who]]:
    """Yield every two ends of which one is a pod, and which are not the same pod."""
    for source, target in product(everybody(case), repeat=2):
        if source is not target and (source.pod is not None or target.pod is not None):
            yield source, target
