"""Peers of a party, taken together as far as its rules treat them alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from phiwarden.reach.universe import Parties, Universe, members
from phiwarden.reach.world import Side


def cells(
    candidates: Parties, alike: Parties, sides: Iterable[Side | None], universe: Universe
) -> Iterator[Parties]:
    """Yield sets of candidates that are the same to every rule of a party.

    Args:
        candidates: the peers.
        alike: those of them that may be taken together: no policy of their own isolates them.
        sides: what the party's own policies allow it, in each world.
        universe: for the named ports of the peers.
    """
    rules = [side for side in sides if side is not None]
    singled = candidates & ~alike
    for side in rules:
        for number in side.narrow:
            singled |= candidates & 1 << number
    for number in members(singled):
        yield 1 << number
    together = [candidates & ~singled]
    masks = {allowance.peers for side in rules for allowance in side.wide}
    if any(side.names_ports for side in rules):
        masks.update(universe.port_classes.values())
    for mask in masks:
        together = [part for cell in together for part in (cell & mask, cell & ~mask) if part]
    yield from filter(None, together)
