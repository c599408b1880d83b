"""Peers of a party, taken together as far as its rules treat them alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from phiwarden.reach.universe import Parties, Universe, members
from phiwarden.reach.world import Accepted, Side


def cells(
    candidates: Parties,
    single: Parties,
    sides: Iterable[Side | None],
    accepting: Iterable[Accepted],
    universe: Universe,
) -> Iterator[Parties]:
    """Yield sets of candidates between whom and a party all rules say the same.

    Args:
        candidates: the peers.
        single: those of them that are each told alone.
        sides: what the party's own policies allow it, in each world.
        accepting: which peers' own policies allow the party, and on which ports.
        universe: for the named ports of the peers.
    """
    rules, accepted = [side for side in sides if side is not None], list(accepting)
    alone = candidates & single
    for side in rules:
        for number in side.narrow:
            alone |= candidates & 1 << number
    for number in members(alone):
        yield 1 << number
    together = [candidates & ~alone]
    masks = {allowance.peers for side in rules for allowance in side.wide}
    masks.update(owners for owners, _ in accepted)
    if any(side.names_ports for side in rules) or any(ports.named for _, ports in accepted):
        masks.update(universe.port_classes.values())
    for mask in masks:
        together = [part for cell in together for part in (cell & mask, cell & ~mask) if part]
    yield from filter(None, together)
