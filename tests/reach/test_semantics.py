"""Every connection is judged as the API's documentation says."""

from __future__ import annotations

from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phiwarden.reach.model import Direction
from phiwarden.reach.world import opposite

from .asked import PROBES, Asked, pairs
from .cases import case
from .oracle import connects

unhurried = settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))


@unhurried
@given(st.randoms(use_true_random=False))
def test_every_connection_is_as_the_documentation_says(chance: Random) -> None:
    drawn = case(chance)
    asked = Asked(drawn)
    for source, target in pairs(drawn):
        for protocol, port in PROBES:
            expected = connects(drawn.policies, source, target, protocol, port)
            found = asked.connects(source, target, protocol, port)
            assert found == expected, f"{source} -> {target} {protocol} {port}: {found}"


@unhurried
@given(st.randoms(use_true_random=False))
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
@given(st.randoms(use_true_random=False))
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
