"""Every connection is judged as the API's documentation says."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phiwarden.reach import world
from phiwarden.reach.cells import cells
from phiwarden.reach.model import Direction
from phiwarden.reach.universe import members
from phiwarden.reach.world import opposite

from .asked import PROBES, Asked, pairs
from .cases import case
from .oracle import connects


@pytest.fixture(autouse=True, params=[world._FEW, 1])
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have small cases go the way of large ones, too: nearly every rule is wide."""
    monkeypatch.setattr(world, "_FEW", request.param)


# By seeds, since each then decides of everything: what is drawn step by step is mostly simple.
clusters = st.integers(0, 2**32).map(Random)
unhurried = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))


@unhurried
@given(clusters)
def test_every_connection_is_as_the_documentation_says(chance: Random) -> None:
    drawn = case(chance)
    asked = Asked(drawn)
    for source, target in pairs(drawn):
        for protocol, port in PROBES:
            expected = connects(drawn.policies, source, target, protocol, port)
            found = asked.connects(source, target, protocol, port)
            assert found == expected, f"{source} -> {target} {protocol} {port}: {found}"


@unhurried
@given(clusters)
def test_no_peer_with_a_connection_is_left_out_of_the_candidates(chance: Random) -> None:
    drawn = case(chance)
    asked = Asked(drawn)
    for source, target in pairs(drawn):
        ends = asked.number(source), asked.number(target)
        if not asked.world.ports(*ends):
            continue
        for direction, (own, peer) in zip(
            (Direction.EGRESS, Direction.INGRESS), (ends, ends[::-1]), strict=True
        ):
            assert asked.world.candidates(direction, own) >> peer & 1, (direction, own, peer)
            assert asked.world.half(opposite(direction), peer, own)


@unhurried
@given(clusters)
def test_peers_that_are_taken_together_are_the_same_to_a_party(chance: Random) -> None:
    judged = Asked(case(chance)).world
    universe = judged.universe
    for party, direction in product(range(len(universe.parties)), Direction):
        candidates = judged.candidates(direction, party)
        accepting = judged.accepting(opposite(direction), party)
        sides = [judged.side(direction, party)]
        found = list(cells(candidates, 0, sides, accepting, universe))
        assert sum(found) == candidates, "each candidate is in one cell"
        for cell in found:
            ends = [(party, peer) for peer in members(cell)]
            if direction is Direction.INGRESS:
                ends = [(peer, party) for _, peer in ends]
            assert len({judged.ports(*each) for each in ends}) == 1


@unhurried
@given(clusters)
def test_an_address_outside_belongs_to_exactly_one_party(chance: Random) -> None:
    drawn = case(chance)
    asked = Asked(drawn)
    ranges = [party.outside for party in asked.universe.parties if party.outside is not None]
    assert len(ranges) == len(set(ranges))
    taken = {each["ip"] for pod in drawn.pods for each in pod["status"]["podIPs"]}
    assert not {str(each.network_address) for each in ranges if each.num_addresses == 1} & {
        address
        for pod in drawn.pods
        if not pod["spec"]["hostNetwork"]
        for address in taken & {each["ip"] for each in pod["status"]["podIPs"]}
    }
