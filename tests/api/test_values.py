"""Scalar values: Python's reading, CEL's reading, and the calendar's."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from ipaddress import ip_network
from typing import Any

import cel
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from phiwarden.api.amounts import parse_quantity
from phiwarden.api.base import RULES, Matches
from phiwarden.api.quantities import Cpu, Memory
from phiwarden.api.values import DNS_SUBDOMAIN as SUBDOMAIN
from phiwarden.api.values import (
    NOT_EXTERNAL,
    Cidr,
    FullDate,
    Name,
    NamespaceName,
    Region,
    Registry,
    parse_network,
)

DAY: TypeAdapter[dt.date] = TypeAdapter(FullDate)
PATTERNED = {"name": Name, "namespace": NamespaceName, "region": Region, "registry": Registry}


def accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


def rule_of(kind: Any) -> str:
    (rule,) = TypeAdapter(kind).json_schema()[RULES]
    text: str = rule["rule"]
    return text


# What patterns tend to read differently: line breaks, other digits, other letters.
near = st.text(st.sampled_from("abz09AZ-_./:@\n\r\u2028\u0661\u0131 ,"), max_size=12)


@pytest.mark.parametrize("kind", PATTERNED)
@given(value=near)
@example("edge\n")
@example("\u0661")
def test_cel_and_python_read_a_pattern_alike(kind: str, value: str) -> None:
    assume(value)
    program = cel.compile(rule_of(PATTERNED[kind]))
    assert accepts(PATTERNED[kind], value) == program.execute({"self": value})


@given(st.from_regex(SUBDOMAIN.pattern, fullmatch=True))
def test_no_subdomain_has_an_empty_part(value: str) -> None:
    assert all(value.split("."))


@given(st.from_regex(re.compile(r"\d{1,4}-\d{1,2}-\d{1,2}\n?", re.ASCII), fullmatch=True))
@example("2100-02-29")
@example("2000-02-29")
@example("2027-06-30\n")
def test_a_day_is_accepted_if_and_only_if_the_calendar_has_it(text: str) -> None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        assert not accepts(FullDate, text)
    else:
        assert accepts(FullDate, text) == (2000 <= day.year <= 2199)


@given(st.dates(dt.date(2000, 1, 1), dt.date(2199, 12, 31)))
def test_every_day_of_two_centuries_is_read_and_may_be_reckoned_with(day: dt.date) -> None:
    assert DAY.validate_python(day.isoformat()) == day
    assert DAY.validate_python(day) == day
    assert day + dt.timedelta(days=365 * 100)


@pytest.mark.parametrize(
    "value", [20270630, 1.5, True, None, dt.datetime(2027, 6, 30, tzinfo=dt.UTC), "20270630"]
)
def test_what_is_no_day_is_not_taken_for_one(value: object) -> None:
    assert not accepts(FullDate, value)


@given(st.text(st.sampled_from("0123456789mkMGTPi.e+- \n"), max_size=8))
@example("5m\n")
def test_a_quantity_that_is_accepted_is_worth_something(text: str) -> None:
    if accepts(Cpu, text):
        assert parse_quantity(text) >= Decimal("0.001")
    if accepts(Memory, text):
        assert parse_quantity(text) >= 2**20


@pytest.mark.parametrize("text", ["", "Gi", "1K", "1 Gi", "-1", "1e3", "1Gi\n", "\u0661"])
def test_what_is_no_plain_amount_is_not_accepted(text: str) -> None:
    assert not accepts(Cpu, text)
    assert not accepts(Memory, text)


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6), st.integers(0, 128))
def test_a_network_that_is_accepted_lies_in_no_range_of_ours_and_has_no_host_bits(
    address: Any, length: int
) -> None:
    text = f"{address}/{length}"
    if not accepts(Cidr, text):
        return
    network = parse_network(text)
    assert network.network_address == address
    refused = [ip_network(cidr) for cidr, _ in NOT_EXTERNAL]
    assert length == 0 or not any(
        network.version == other.version and network.overlaps(other) for other in refused
    )


@pytest.mark.parametrize("cidr", [cidr for cidr, _ in NOT_EXTERNAL])
def test_a_range_that_holds_no_external_says_why(cidr: str) -> None:
    with pytest.raises(ValueError, match="must not overlap"):
        parse_network(cidr)


def test_a_pattern_stands_for_the_whole_of_a_value() -> None:
    either = Matches("a|b", "must be a or b")
    assert either.check("b") == "b"
    with pytest.raises(ValueError, match="must be a or b"):
        either.check("ab")
    assert either.cel("self") == "self.matches(r'^(?:a|b)$')"
