"""The scalar values of the API, each with its bounds and its words for a bad one.

Every bound is stated once and holds twice: in the schema that the API server
judges by, and in the parsing of what it stored.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from phiwarden.api.base import Matches, marked, validation

_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"

DNS_LABEL: Final = Matches(
    _LABEL,
    "must be lower-case letters, digits and '-', and begin and end with a letter or digit",
)
DNS_SUBDOMAIN: Final = Matches(
    rf"{_LABEL}(\.{_LABEL})*",
    "must be lower-case letters, digits, '-' and '.', and each part between dots must begin"
    " and end with a letter or digit",
)

ClusterRoleName = Annotated[
    str,
    Field(min_length=1, max_length=128),
    Matches(
        r"[A-Za-z0-9]([A-Za-z0-9.:_-]*[A-Za-z0-9])?",
        "must be letters, digits, '-', '_', '.' and ':', and begin and end with a letter or digit",
    ),
]
"""A name of a ClusterRole that no list separator and no path step can stand in."""

MAX_NAME: Final = 40
"""Characters in the name of a workload or zone: two of them, joined, mostly fit a namespace."""

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), DNS_LABEL]
"""A DNS label short enough to be part of object names."""

Reference = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
"""Name of something that this declaration declares elsewhere; whether it does is checked."""

NamespaceName = Annotated[str, Field(min_length=1, max_length=63), DNS_LABEL]

Text = Annotated[str, Field(min_length=1, max_length=253)]

Plain = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Matches(
        r"[!-~]([ -~]*[!-~])?",
        "must be printable ASCII, without a space at either end",
    ),
]
"""Text of which no two look the same: for what is signed, and read by people."""

Region = Annotated[
    str,
    Field(min_length=1, max_length=63),
    Matches(
        r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?",
        "must be a label value: letters, digits, '-', '_' and '.', beginning and ending with a"
        " letter or digit",
    ),
]

_HOST: Final = rf"({_LABEL}(\.{_LABEL})+(:[0-9]{{1,5}})?|{_LABEL}:[0-9]{{1,5}}|localhost)"
_PATH: Final = r"[a-z0-9]([-._a-z0-9]*[a-z0-9])?"

Registry = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Matches(
        rf"{_HOST}(/{_PATH})*/?",
        "must be a registry host with an optional repository path, such as"
        " registry.hospital.example/portal: lower case, no scheme, no tag, no digest, no wildcard",
    ),
]

Repository = Annotated[
    str,
    Field(min_length=1, max_length=253),
    Matches(
        rf"{_HOST}(/{_PATH})+",
        "must be a registry host with a repository path, such as"
        " registry.hospital.example/portal/records: lower case, no scheme, no tag, no digest",
    ),
]

DIGEST: Final = "sha256:[0-9a-f]{64}"
"""What the digest of an image looks like, to Python and to the API server."""

Digest = Annotated[
    str,
    Field(min_length=71, max_length=71),
    Matches(DIGEST, "must be sha256: and 64 digits and lower-case letters a to f"),
]


def _integral(value: object) -> object:
    # JSON's 8443.0 is an integer to the API server; "8443" and true are not.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("must be an integer")  # noqa: TRY004 - pydantic reports ValueError
    return value


WHOLE: Final = BeforeValidator(_integral)
"""Annotation of an integer; stands after its bounds, which pydantic else drops from the schema."""

PortNumber = Annotated[int, Field(ge=1, le=65535), WHOLE]

Flag = Annotated[bool, Field(strict=True)]


@dataclass(frozen=True)
class _Existing:
    """Annotation of a time that the calendar has.

    A pattern, since a schema's `format: date` would tell its author no more
    than that the value is not of type date.
    """

    pattern: Matches
    example: str
    kind: type[dt.date]
    written: Callable[[Any], str]
    read: Callable[[str], dt.date]

    def __get_pydantic_core_schema__(
        self, _source: type[Any], _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._parse)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        rule = validation(self.pattern.cel("self"), self.pattern.message)
        return {"type": "string", "maxLength": len(self.example), **marked(rule)}

    def _parse(self, value: object) -> dt.date:
        # YAML reads a day without quotes as a date, where the API server reads a string.
        if type(value) is self.kind:
            value = self.written(value)
        if not isinstance(value, str):
            raise ValueError(self.pattern.message)  # noqa: TRY004 - pydantic reports ValueError
        return self.read(self.pattern.check(value))


_DAY: Final = (
    r"2[01][0-9]{2}-("
    r"(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])"
    r"|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))"
    r"|(2000|2[01](0[48]|[2468][048]|[13579][26]))-02-29"
)

FullDate = Annotated[
    dt.date,
    _Existing(
        Matches(
            _DAY,
            "must be a full date that exists, between 2000 and 2199, such as 2027-06-30",
        ),
        "2027-06-30",
        dt.date,
        dt.date.isoformat,
        dt.date.fromisoformat,
    ),
]
"""A day, without a time; its years keep arithmetic with it from overflowing."""


def instant(time: dt.datetime) -> str:
    """Return a time that knows its zone as the one text that stands for its second."""
    return time.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Instant = Annotated[
    dt.datetime,
    _Existing(
        Matches(
            rf"({_DAY})T([01][0-9]|2[0-3])(:[0-5][0-9]){{2}}Z",
            "must be a second in UTC that exists, between 2000 and 2199, such as"
            " 2027-06-30T12:00:00Z",
        ),
        "2027-06-30T12:00:00Z",
        dt.datetime,
        instant,
        dt.datetime.fromisoformat,
    ),
]
"""A second in UTC; there is one text for each."""

NOT_EXTERNAL: Final = (
    ("169.254.0.0/16", "link-local addresses, where clouds hand out credentials"),
    ("fe80::/10", "link-local addresses"),
    ("fd00:ec2::/32", "where a cloud hands out credentials"),
    ("127.0.0.0/8", "the pod itself"),
    ("::1/128", "the pod itself"),
    ("0.0.0.0/8", "no system's address"),
    ("::/128", "no system's address"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved addresses"),
    ("ff00::/8", "multicast"),
)
"""Ranges in which no external system can be, and what is there instead.

All of the internet (/0) overlaps each of them and is let pass: it is refused
for PHI zones, and no network policy may carry it to them.
"""


def _overlap(network: str) -> str:
    return (
        f"cidr('{network}').containsCIDR(cidr(self)) || cidr(self).containsCIDR(cidr('{network}'))"
    )


_NETWORK_WORDS: Final = (
    "must be a network address such as 203.0.113.0/24; a single address ends in /32 or /128"
)
_HOST_BITS: Final = (
    "must have no bits set beyond its prefix length: 203.0.113.0/24 and not 203.0.113.7/24; a"
    " single address ends in /32 or /128"
)

_CIDR_RULES: Final = (
    validation("isCIDR(self)", _NETWORK_WORDS),
    validation("!isCIDR(self) || cidr(self) == cidr(self).masked()", _HOST_BITS),
    *(
        validation(
            f"!isCIDR(self) || cidr(self).prefixLength() == 0 || !({_overlap(network)})",
            f"must not overlap {network} ({what}): no external system is there",
            reason="FieldValueForbidden",
        )
        for network, what in NOT_EXTERNAL
    ),
)


def parse_network(cidr: str) -> IPv4Network | IPv6Network:
    """Return an address range as a value.

    Raises:
        ValueError: not a range, one with host bits, in a form that the API
            server refuses, or one that no external system can be in.
    """
    if re.fullmatch(r"[0-9a-fA-F:.]+/(0|[1-9][0-9]{0,2})", cidr, re.ASCII) is None:
        raise ValueError(_NETWORK_WORDS)
    try:
        network = ip_network(cidr, strict=False)
    except ValueError as error:
        raise ValueError(_NETWORK_WORDS) from error
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError(_NETWORK_WORDS)
    if ip_interface(cidr).ip != network.network_address:
        raise ValueError(_HOST_BITS)
    for text, what in NOT_EXTERNAL:
        refused = ip_network(text)
        if network.version == refused.version and network.prefixlen and network.overlaps(refused):
            raise ValueError(f"must not overlap {text} ({what}): no external system is there")
    return network


@dataclass(frozen=True)
class _IsNetwork:
    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), **marked(*_CIDR_RULES)}

    def _check(self, value: str) -> str:
        parse_network(value)
        return value


Cidr = Annotated[str, Field(min_length=1, max_length=43), _IsNetwork()]
