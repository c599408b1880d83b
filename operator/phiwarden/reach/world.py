"""What a set of policies allows between the parties of a universe."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from phiwarden.reach.model import Direction, Policy
from phiwarden.reach.ports import EVERY_PORT, NO_PORT, PortSet, RulePorts
from phiwarden.reach.universe import Parties, Universe, members

Accepted = tuple[Parties, RulePorts]
"""Parties, and the ports on which each of them allows a given peer."""

_FEW: Final = 64
"""A rule that allows so many parties is looked up by each of them; wider ones are tried in turn."""


@dataclass(frozen=True, slots=True, order=True)
class RuleRef:
    """Where a rule stands."""

    namespace: str
    policy: str
    direction: Direction
    index: int


@dataclass(frozen=True, slots=True)
class Allowance:
    """A rule, resolved: whom it allows, and on which ports."""

    ref: RuleRef
    peers: Parties
    ports: RulePorts


class Side:
    """What the policies that select a party allow it in one direction."""

    def __init__(self, allowances: Iterable[Allowance]) -> None:
        self.peers: Parties = 0
        self.wide: list[Allowance] = []
        self.narrow: dict[int, list[Allowance]] = defaultdict(list)
        self.names_ports = False
        for allowance in allowances:
            self.peers |= allowance.peers
            self.names_ports |= bool(allowance.ports.named)
            if allowance.peers.bit_count() > _FEW:
                self.wide.append(allowance)
                continue
            for number in members(allowance.peers):
                self.narrow[number].append(allowance)

    def allowing(self, peer: int) -> Iterator[Allowance]:
        """Yield the rules that allow a peer something."""
        yield from self.narrow.get(peer, ())
        for allowance in self.wide:
            if allowance.peers >> peer & 1:
                yield allowance


class World:
    """A universe under a set of policies."""

    def __init__(self, universe: Universe, policies: Iterable[Policy]) -> None:
        self.universe = universe
        self._sides: dict[Direction, dict[int, Side]] = {}
        self._isolated: dict[Direction, Parties] = {}
        self._accepting: dict[Direction, _Accepting] = {}
        policies = tuple(policies)
        for direction in Direction:
            found: dict[int, list[Allowance]] = defaultdict(list)
            for policy in policies:
                allowances = list(_allowances(universe, policy, direction))
                if direction in policy.rules:
                    for number in members(universe.select(policy.namespace, policy.pods)):
                        found[number] += allowances
            # Pods of one namespace that the same policies select share what those allow.
            shared: dict[tuple[RuleRef, ...], Side] = {}
            sides = self._sides[direction] = {}
            for number, allowances in found.items():
                key = tuple(allowance.ref for allowance in allowances)
                if key not in shared:
                    shared[key] = Side(allowances)
                sides[number] = shared[key]
            self._isolated[direction] = sum(1 << number for number in found)
            self._accepting[direction] = _Accepting(found)

    def side(self, direction: Direction, party: int) -> Side | None:
        """Return what a party's policies allow it; None if none isolates it in that direction."""
        return self._sides[direction].get(party)

    def open(self, direction: Direction) -> Parties:
        """Return everybody whom no policy isolates in a direction."""
        return self.universe.everybody & ~self._isolated[direction]

    def candidates(self, direction: Direction, party: int) -> Parties:
        """Return the peers with which both ends allow something.

        Args:
            direction: as seen from the party: `Ingress` asks who may reach it.
            party: number of the party.
        """
        side = self.side(direction, party)
        peers = side.peers if side is not None else self.universe.everybody
        other = opposite(direction)
        willing = self.open(other)
        for owners, _ in self.accepting(other, party):
            willing |= owners
        return peers & willing

    def accepting(self, direction: Direction, peer: int) -> Iterator[Accepted]:
        """Yield the isolated parties whose own rules of a direction allow a peer, by ports."""
        return self._accepting[direction].of(peer)

    def half(self, direction: Direction, party: int, peer: int) -> PortSet:
        """Return the ports on which one end alone lets a connection pass.

        Args:
            direction: of the party's own policies that are asked.
            party: number of the party.
            peer: number of the other end.
        """
        side = self.side(direction, party)
        if side is None:
            return EVERY_PORT
        named = self.universe.parties[party if direction is Direction.INGRESS else peer].ports
        found = NO_PORT
        for allowance in side.allowing(peer):
            found |= allowance.ports.at(named)
        return found

    def ports(self, source: int, target: int) -> PortSet:
        """Return the ports on which connections pass from one party to another."""
        leaving = self.half(Direction.EGRESS, source, target)
        return leaving & self.half(Direction.INGRESS, target, source) if leaving else NO_PORT


def opposite(direction: Direction) -> Direction:
    """Return the direction of the other end of a connection."""
    return Direction.EGRESS if direction is Direction.INGRESS else Direction.INGRESS


class _Accepting:
    """Which isolated parties have a rule that allows a given peer, and which ports of whom."""

    def __init__(self, found: dict[int, list[Allowance]]) -> None:
        by_rule: dict[tuple[Parties, RulePorts], Parties] = defaultdict(int)
        for number, allowances in found.items():
            for peers, ports in {(allowance.peers, allowance.ports) for allowance in allowances}:
                by_rule[peers, ports] |= 1 << number
        self._wide: list[tuple[Parties, Accepted]] = []
        self._narrow: dict[int, list[Accepted]] = defaultdict(list)
        for (peers, ports), owners in by_rule.items():
            if peers.bit_count() > _FEW:
                self._wide.append((peers, (owners, ports)))
                continue
            for peer in members(peers):
                self._narrow[peer].append((owners, ports))

    def of(self, peer: int) -> Iterator[Accepted]:
        yield from self._narrow.get(peer, ())
        for peers, accepted in self._wide:
            if peers >> peer & 1:
                yield accepted


def _allowances(universe: Universe, policy: Policy, direction: Direction) -> Iterator[Allowance]:
    for rule in policy.rules.get(direction, ()):
        yield Allowance(
            RuleRef(policy.namespace, policy.name, direction, rule.index),
            universe.peers(policy.namespace, rule.peers),
            rule.ports,
        )
