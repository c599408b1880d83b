"""Which of the ways that are measured the stored policies allow: pure, by `phiwarden.reach`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from phiwarden.api.selectors import Labels
from phiwarden.probe.pods import LABEL
from phiwarden.probe.ways import Way
from phiwarden.reach.model import Pod, Policy
from phiwarden.reach.ports import port_set
from phiwarden.reach.universe import Universe
from phiwarden.reach.world import World


def computed(
    ways: Iterable[Way],
    namespaces: Mapping[str, str],
    labels: Mapping[str, Labels],
    policies: Iterable[Policy],
) -> Mapping[Way, bool]:
    """Return whether policies let a probe's pods connect, by way.

    Args:
        ways: what is measured.
        namespaces: where each source and destination is.
        labels: of these namespaces.
        policies: every NetworkPolicy in them: no other selects the pods of a probe.
    """
    policies = tuple(policies)
    pods = [Pod(namespace, "phiwarden-probe", LABEL) for namespace in namespaces.values()]
    universe = Universe(labels, pods, policies)
    world = World(universe, policies)
    numbers = {
        party.namespace: number
        for number, party in enumerate(universe.parties)
        if party.namespace is not None
    }
    return {
        way: bool(
            world.ports(numbers[namespaces[way.source]], numbers[namespaces[way.destination]])
            & port_set([("TCP", way.port, way.port)])
        )
        for way in ways
    }
