"""The network as it is beside the network as it was declared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from phiwarden.reach.cells import cells
from phiwarden.reach.declared import Intent
from phiwarden.reach.ends import Ends
from phiwarden.reach.model import Direction, Pod, Surroundings
from phiwarden.reach.ports import EVERY_PORT, PortSet
from phiwarden.reach.report import Edge, End, EndKind, Place, Report, Verdict
from phiwarden.reach.universe import Parties, Universe, members
from phiwarden.reach.world import RuleRef, World, opposite

NO_POD: Final = "(no pod yet)"


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of a party and some peers; the party is the target for `Ingress`."""

    direction: Direction
    verdict: Verdict
    ports: PortSet
    rules: tuple[RuleRef, ...] = ()
    unisolated: tuple[Direction, ...] = ()
    missing: tuple[Direction, ...] = ()


def compare(cluster: Surroundings, intent: Intent, scope: Collection[str]) -> Report:
    """Return every way into and out of some namespaces, and how it stands to the declaration.

    Args:
        cluster: what is there.
        intent: what was declared.
        scope: the namespaces that are asked about.
    """
    pods = (*cluster.pods, *_stand_ins(cluster, scope))
    ranges = (network for known in intent.outside.values() for network, _ in known)
    policies = (*cluster.policies, *intent.policies)
    universe = Universe(cluster.namespaces, pods, policies, ranges)
    live, declared = World(universe, cluster.policies), World(universe, intent.policies)
    asked = _pods_of(universe, scope)
    named = asked | _pods_of(universe, intent.zones)
    comparison = _Comparison(universe, live, declared, asked, named, intent)
    edges = list(_edges(comparison, Ends(universe, intent, cluster.services)))
    order = list(Verdict)
    edges.sort(
        key=lambda e: (
            order.index(e.verdict),
            e.sources[0],
            e.targets[0],
            e.ports.spans,
            e.rules,
            e.sources,
            e.targets,
        )
    )
    return Report(
        tuple(_places(cluster, intent, scope)),
        tuple(edges),
        intent.expired,
        intent.unavailable,
    )


def _stand_ins(cluster: Surroundings, scope: Collection[str]) -> Iterator[Pod]:
    """Yield pods to come for namespaces that have none: what would be open to them is told, too."""
    inhabited = {pod.namespace for pod in cluster.pods if not pod.on_host}
    for namespace in scope:
        if namespace not in inhabited:
            yield Pod(namespace, NO_POD, count=2)


def _pods_of(universe: Universe, namespaces: Iterable[str]) -> Parties:
    found = 0
    for namespace in namespaces:
        found |= universe.pods_of.get(namespace, 0)
    return found


def _places(cluster: Surroundings, intent: Intent, scope: Collection[str]) -> Iterator[Place]:
    pods: dict[str, list[Pod]] = defaultdict(list)
    for pod in cluster.pods:
        pods[pod.namespace].append(pod)
    for namespace in sorted(scope):
        there = pods[namespace]
        unpoliced = tuple(sorted(pod.name for pod in there if pod.on_host))
        running = sum(pod.count for pod in there if not pod.on_host)
        zone = intent.zones.get(namespace)
        if zone is None:
            end = End(EndKind.NAMESPACE, namespace, namespace)
            yield Place(end, "", running, unpoliced)
            continue
        spec = intent.specs[zone.workload]
        data = next(z.data for z in spec.zones if z.name == zone.name)
        yield Place(zone, str(data), running, unpoliced, str(spec.enforcement))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """Two worlds, and the parties that are asked about.

    Attributes:
        scope: who is asked about.
        named: whose rules are told: theirs, and those of every zone. What strangers allow
            themselves is their own business.
    """

    universe: Universe
    live: World
    declared: World
    scope: Parties
    named: Parties
    intent: Intent

    def told(self, party: int) -> dict[_Told, Parties]:
        """Return all that is to be told of a party, and with which peers."""
        found: dict[_Told, Parties] = defaultdict(int)
        for direction in Direction:
            other = opposite(direction)
            worlds = (self.live, self.declared)
            candidates = 0
            for world in worlds:
                candidates |= world.candidates(direction, party)
            if direction is Direction.EGRESS:
                # What ends within the scope is told of its target.
                candidates &= ~self.scope
            if self.universe.parties[party].count == 1:
                candidates &= ~(1 << party)
            sides = (world.side(direction, party) for world in worlds)
            # No declaration isolates those who are taken together here.
            accepting = self.live.accepting(other, party)
            for cell in cells(candidates, self.named, sides, accepting, self.universe):
                peer = cell.bit_length() - 1
                for told in self._of_pair(direction, party, peer):
                    found[told] |= cell
        return found

    def _of_pair(self, direction: Direction, party: int, peer: int) -> Iterator[_Told]:
        ends = (party, peer) if direction is Direction.EGRESS else (peer, party)
        live = self.live.ports(*ends)
        if not any(map(self._is_zone, ends)):
            if live:
                yield _Told(direction, Verdict.UNJUDGED, live, self._rules(ends, (live, live)))
            return
        declared = self.declared.ports(*ends)
        if as_declared := live & declared:
            both = (as_declared, as_declared)
            yield _Told(direction, Verdict.OPEN, as_declared, self._rules(ends, both))
        if undeclared := live - declared:
            yield self._undeclared(direction, ends, undeclared)
        if declared - live:
            yield from self._closed(direction, ends, declared)

    def _undeclared(self, direction: Direction, ends: tuple[int, int], ports: PortSet) -> _Told:
        """Tell of a hole, and which side of it is open beyond the declaration."""
        beyond = (
            ports - self.declared.half(Direction.EGRESS, *ends),
            ports - self.declared.half(Direction.INGRESS, *reversed(ends)),
        )
        unisolated = tuple(
            side
            for side, extra, end in zip(_SIDES, beyond, ends, strict=True)
            if extra and self.live.side(side, end) is None
        )
        rules = self._rules(ends, beyond)
        return _Told(direction, Verdict.UNDECLARED, ports, rules, unisolated)

    def _closed(
        self, direction: Direction, ends: tuple[int, int], declared: PortSet
    ) -> Iterator[_Told]:
        """Tell of what is declared and does not pass.

        A stranger that its own policies keep from coming closes nothing.
        """
        halves = [
            self.live.half(Direction.EGRESS, *ends) if self._is_zone(ends[0]) else EVERY_PORT,
            self.live.half(Direction.INGRESS, *reversed(ends)),
        ]
        closed = declared - (halves[0] & halves[1])
        if closed:
            missing = tuple(
                side for side, half in zip(_SIDES, halves, strict=True) if closed - half
            )
            yield _Told(direction, Verdict.CLOSED, closed, missing=missing)

    def _rules(self, ends: tuple[int, int], wanted: tuple[PortSet, PortSet]) -> tuple[RuleRef, ...]:
        """Return the rules that open some of the ports wanted, of the source and of the target."""
        found: list[RuleRef] = []
        named = self.universe.parties[ends[1]].ports
        for direction, end, peer, ports in zip(_SIDES, ends, reversed(ends), wanted, strict=True):
            side = self.live.side(direction, end) if self.named >> end & 1 else None
            if side is not None and ports:
                found += [
                    allowance.ref
                    for allowance in side.allowing(peer)
                    if allowance.ports.at(named) & ports
                ]
        return tuple(sorted(found))

    def _is_zone(self, number: int) -> bool:
        party = self.universe.parties[number]
        return not party.on_host and party.namespace in self.intent.zones


_SIDES: Final = (Direction.EGRESS, Direction.INGRESS)
"""Of the source and of the target."""


def _edges(comparison: _Comparison, ends: Ends) -> Iterator[Edge]:
    """Yield edges, those of pods that are told alike as one."""
    found: dict[tuple[End, _Told, Parties], Parties] = defaultdict(int)
    named: dict[tuple[str, Parties], tuple[End, ...]] = {}
    universe = comparison.universe
    for number in members(comparison.scope):
        workload = ends.workload(number)
        end = ends.end(universe.parties[number], workload)
        for told, peers in comparison.told(number).items():
            for others, parties in ends.grouped(peers, workload):
                found[end, told, parties] |= 1 << number
                named[workload, parties] = others
    for (end, told, peers), parties in found.items():
        others = named[end.workload, peers]
        inward = told.direction is Direction.INGRESS
        sources, targets = (peers, parties) if inward else (parties, peers)
        yield Edge(
            sources=others if inward else (end,),
            targets=(end,) if inward else others,
            verdict=told.verdict,
            ports=told.ports,
            rules=told.rules,
            unisolated=told.unisolated,
            missing=told.missing,
            source_pods=ends.pods(sources) if not inward or len(others) == 1 else None,
            target_pods=ends.pods(targets) if inward or len(others) == 1 else None,
            services=ends.services(targets, told.ports),
        )
