"""Sets of ports, and what one entry of a NetworkPolicy's `ports` adds to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

FIRST: Final = 1
LAST: Final = 65535
PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
"""All that a policy can speak of, in the order of sets."""

Span = tuple[str, int, int]
"""Protocol, first and last port, both included."""

Named = Mapping[tuple[str, str], tuple[int, ...]]
"""Protocol and name of a container port, to the numbers that it has in a pod."""


@dataclass(frozen=True, slots=True)
class PortSet:
    """Ports of transport protocols.

    Attributes:
        spans: in order, none touching another of its protocol; so equal sets are equal.
    """

    spans: tuple[Span, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __or__(self, other: PortSet) -> PortSet:
        if self == other or not other.spans:
            return self
        return port_set((*self.spans, *other.spans)) if self.spans else other

    def __and__(self, other: PortSet) -> PortSet:
        if self == other:
            return self
        if EVERY_PORT in {self, other}:
            return other if self == EVERY_PORT else self
        return port_set(
            (protocol, max(first, begin), min(last, end))
            for protocol, first, last in self.spans
            for also, begin, end in other.spans
            if protocol == also and first <= end and begin <= last
        )

    def __sub__(self, other: PortSet) -> PortSet:
        if self == other:
            return NO_PORT
        return self & other.complement() if self.spans and other.spans else self

    def complement(self) -> PortSet:
        """Return every port that is not in the set."""
        gaps: list[Span] = []
        for protocol in PROTOCOLS:
            begin = FIRST
            for also, first, last in self.spans:
                if also == protocol:
                    gaps.append((protocol, begin, first - 1))
                    begin = last + 1
            gaps.append((protocol, begin, LAST))
        return port_set(span for span in gaps if span[1] <= span[2])

    def words(self) -> tuple[str, ...]:
        """Return such as ("TCP 443", "UDP 8000-8010"), or ("every port but TCP 443",)."""
        if self == EVERY_PORT:
            return ("every port",)
        missing = self.complement().spans
        if len(missing) < len(self.spans):
            but = ", ".join(_span_in_words(*span) for span in missing)
            return (f"every port but {but}",)
        return tuple(_span_in_words(*span) for span in self.spans)


def port_set(spans: Iterable[Span]) -> PortSet:
    """Return the set of some ports, however they overlap."""
    merged: list[Span] = []
    for protocol, first, last in sorted(spans):
        if merged and merged[-1][0] == protocol and first <= merged[-1][2] + 1:
            merged[-1] = (protocol, merged[-1][1], max(last, merged[-1][2]))
        else:
            merged.append((protocol, first, last))
    return PortSet(tuple(merged))


NO_PORT: Final = PortSet()
EVERY_PORT: Final = port_set((protocol, FIRST, LAST) for protocol in PROTOCOLS)


def _span_in_words(protocol: str, first: int, last: int) -> str:
    if (first, last) == (FIRST, LAST):
        return f"all {protocol} ports"
    return f"{protocol} {first}" if first == last else f"{protocol} {first}-{last}"


@dataclass(frozen=True, slots=True)
class RulePorts:
    """The ports of one rule.

    Attributes:
        numbered: those given by number.
        named: protocol and name of those given by name, which only a destination pod resolves.
    """

    numbered: PortSet
    named: frozenset[tuple[str, str]] = frozenset()

    def at(self, destination: Named) -> PortSet:
        """Return the ports of a destination; a name that it does not have opens nothing."""
        if not self.named:
            return self.numbered
        return self.numbered | port_set(
            (protocol, number, number)
            for protocol, name in self.named
            for number in destination.get((protocol, name), ())
        )
