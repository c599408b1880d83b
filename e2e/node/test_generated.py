"""Generated policies: what `kubectl phi reach` computes of them is what packets do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from e2e.node import Node, peers
from e2e.node.peers import OPEN, SHUT, dial
from e2e.waiting import until
from phiwarden.reach.read import namespace_of, pod_of, policy_of
from phiwarden.reach.universe import Universe
from phiwarden.reach.world import World
from tests.reach import cases

CASES = 16
PORTS = (80, 443, 8080)
NAMED = {"web": 80, "dns": 443}

Row = tuple[str, str, int]
"""Who calls whom, on which port."""


@dataclass(frozen=True)
class Site:
    """Namespaces with pods that call each other.

    Attributes:
        node: where they are.
        namespaces: their names, by those that cases have for them.
        addresses: of the pods, by name.
        places: namespace of each pod.
    """

    node: Node
    namespaces: dict[str, str]
    addresses: dict[str, str]
    places: dict[str, str]

    def listed(self, what: str) -> list[dict[str, Any]]:
        """Return everything of a kind, as the API server has it."""
        text = self.node.cluster.kubectl("get", what, "--all-namespaces", "-o=json").stdout
        items: list[dict[str, Any]] = json.loads(text)["items"]
        return items

    def computed(self) -> dict[Row, bool]:
        """Return which ways the stored policies leave open."""
        policies = [policy_of(body) for body in self.listed("networkpolicies")]
        pods = [pod for body in self.listed("pods") if (pod := pod_of(body)) is not None]
        universe = Universe(dict(map(namespace_of, self.listed("namespaces"))), pods, policies)
        world = World(universe, policies)
        numbers = {
            (pod.namespace, pod.name): number
            for number, party in enumerate(universe.parties)
            for pod in party.pods
        }
        found = {}
        for source, target, port in self.rows():
            one, other = ((self.places[name], name) for name in (source, target))
            spans = world.ports(numbers[one], numbers[other]).spans
            found[source, target, port] = any(
                protocol == "TCP" and first <= port <= last for protocol, first, last in spans
            )
        return found

    def measured(self) -> dict[Row, bool]:
        """Return the same by packets."""
        with ThreadPoolExecutor(len(self.places)) as pool:
            answers = pool.map(self._measured_from, self.places)
        return {row: opened for rows in answers for row, opened in rows.items()}

    def _measured_from(self, source: str) -> dict[Row, bool]:
        rows = {
            f"{self.addresses[row[1]]}:{row[2]}": row for row in self.rows() if row[0] == source
        }
        met = dial(self.node, self.places[source], source, *rows)
        assert set(met.values()) <= {OPEN, *SHUT}, met
        return {rows[target]: outcome == OPEN for target, outcome in met.items()}

    def rows(self) -> Iterator[Row]:
        """Yield every way between two pods."""
        for source in self.places:
            for target in self.places:
                if source != target:
                    yield from ((source, target, port) for port in PORTS)


@pytest.fixture(scope="module")
def site(node: Node) -> Iterator[Site]:
    chance = Random(1)
    with ExitStack() as stack:
        namespaces = {each: stack.enter_context(peers.namespace(node)) for each in cases.NAMESPACES}
        for name in namespaces.values():
            marks = [f"{key}={chance.choice(cases.VALUES)}" for key in cases.KEYS[:2]]
            node.cluster.kubectl("label", "namespace", name, *marks)
        places = {}
        for number, (_, place) in enumerate([*namespaces.items()] * 2):
            name = f"pod-{number}"
            marks = {key: chance.choice(cases.VALUES) for key in cases.KEYS[:2]}
            body = peers.pod(name, place, ports=PORTS, labels=marks)
            body["spec"]["containers"][0]["ports"] = [
                {"name": each, "containerPort": port} for each, port in NAMED.items()
            ]
            peers.create(node, body)
            places[name] = place
        addresses = {name: peers.address(node, place, name) for name, place in places.items()}
        yield Site(node, namespaces, addresses, places)


def halves(body: dict[str, Any], namespaces: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield a policy for each direction that one is about, which together mean the same.

    kube-router 2.10 takes the egress of a policy that selects both ends of a connection for its
    ingress as well: a pod that may call everybody reaches its neighbours, which let nobody in.
    And it takes a port by a name that no pod has, in an egress rule, for every port: there the
    name is one that pods have.
    """
    spec = body["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    for direction in types:
        section = direction.lower()
        rules = {section: spec[section]} if section in spec else {}
        if direction == "Egress":
            rules = json.loads(json.dumps(rules).replace('"nobody-has-it"', '"web"'))
        metadata = {
            "name": f"{body['metadata']['name']}-{section}",
            "namespace": namespaces[body["metadata"]["namespace"]],
        }
        yield {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": metadata,
            "spec": {"podSelector": spec["podSelector"], "policyTypes": [direction], **rules},
        }


@pytest.mark.parametrize("seed", range(CASES))
def test_packets_do_what_is_computed(site: Site, seed: int) -> None:
    made = cases.case(Random(seed), dual_stack=False).policies
    policies = [half for body in made for half in halves(body, site.namespaces)]
    if policies:
        peers.create(site.node, *policies)
    try:
        computed = site.computed()
        try:
            until(lambda: site.measured() == computed, "as computed", within=12, every=0.2)
        except AssertionError:
            assert site.measured() == computed  # shows the rows that differ
            raise
    finally:
        for name in site.namespaces.values():
            site.node.cluster.kubectl("delete", "networkpolicies", "--all", f"-n={name}")
