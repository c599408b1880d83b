"""Sets of ports behave as sets."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from phiwarden.reach.ports import EVERY_PORT, NO_PORT, PROTOCOLS, PortSet, port_set

spans = st.tuples(
    st.sampled_from(PROTOCOLS), st.sampled_from((1, 2, 3, 80, 65534)), st.integers(0, 3)
).map(lambda drawn: (drawn[0], drawn[1], min(drawn[1] + drawn[2], 65535)))
sets = st.lists(spans, max_size=5).map(port_set)
PROBES = {
    (protocol, n) for protocol in PROTOCOLS for n in (*range(1, 8), *range(79, 85), 65534, 65535)
}


def probe(ports: PortSet) -> set[tuple[str, int]]:
    return {
        (protocol, number)
        for protocol, number in PROBES
        if any(also == protocol and a <= number <= b for also, a, b in ports.spans)
    }


@given(sets, sets)
def test_operations_are_those_of_sets(one: PortSet, other: PortSet) -> None:
    assert probe(one | other) == probe(one) | probe(other)
    assert probe(one & other) == probe(one) & probe(other)
    assert probe(one - other) == probe(one) - probe(other)
    assert probe(one.complement()) == PROBES - probe(one)


@given(sets, sets)
def test_equal_sets_are_equal_values(one: PortSet, other: PortSet) -> None:
    assert (one - other) | (one & other) == one
    assert one | one.complement() == EVERY_PORT
    assert one & one.complement() == NO_PORT


def test_ports_are_told_in_the_fewest_words() -> None:
    assert port_set([("TCP", 443, 443), ("UDP", 8000, 8010)]).words() == (
        "TCP 443",
        "UDP 8000-8010",
    )
    assert EVERY_PORT.words() == ("every port",)
    assert (EVERY_PORT - port_set([("TCP", 53, 53)])).words() == ("every port but TCP 53",)
    assert port_set([("SCTP", 1, 65535)]).words() == ("all SCTP ports",)
