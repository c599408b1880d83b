"""Addresses, told apart exactly as far as some policy tells them apart."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from ipaddress import ip_address, ip_network
from typing import Final

from phiwarden.reach.model import Network

ROOTS: Final[tuple[Network, ...]] = (ip_network("0.0.0.0/0"), ip_network("::/0"))
"""Every address; they are always told apart."""

AddressClass = frozenset[Network]
"""All ranges that contain an address: two addresses of one class are the same to every policy."""


class AddressIndex:
    """The ranges that policies name."""

    def __init__(self, networks: Iterable[Network]) -> None:
        self.networks: tuple[Network, ...] = tuple(
            sorted({*networks, *ROOTS}, key=lambda n: (n.version, n.prefixlen, n))
        )
        self._by_length: dict[int, dict[int, dict[int, Network]]] = {4: {}, 6: {}}
        for network in self.networks:
            of_length = self._by_length[network.version].setdefault(network.prefixlen, {})
            of_length[int(network.network_address)] = network

    def class_of(self, address: str) -> AddressClass:
        """Return the class of one address."""
        return frozenset(self._containing(ip_network(address)))

    def class_beside(self, network: Network) -> AddressClass:
        """Return the class of the addresses of a range that are in no narrower range."""
        return frozenset(self._containing(network))

    def outside(self, taken: Iterable[str]) -> Iterator[Network]:
        """Yield each range with something left beside narrower ranges and taken addresses.

        Args:
            taken: addresses of pods, which are no addresses outside.
        """
        used: dict[Network, int] = defaultdict(int)
        for network in self.networks:
            if parents := self.class_beside(network) - {network}:
                used[max(parents, key=lambda n: n.prefixlen)] += network.num_addresses
        for address in {ip_address(text) for text in taken}:
            narrowest = max(self._containing(ip_network(address)), key=lambda n: n.prefixlen)
            used[narrowest] += 1
        for network in self.networks:
            if used[network] < network.num_addresses:
                yield network

    def _containing(self, wanted: Network) -> Iterator[Network]:
        number, bits = int(wanted.network_address), wanted.max_prefixlen
        for length, of_length in self._by_length[wanted.version].items():
            if length <= wanted.prefixlen:
                found = of_length.get(number >> (bits - length) << (bits - length))
                if found is not None:
                    yield found
