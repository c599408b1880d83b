"""Flows, and the systems outside the cluster that they may join to a zone."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from phiwarden.api import network_rules as rules
from phiwarden.api.base import ApiModel, checked, list_set
from phiwarden.api.values import (
    Cidr,
    FullDate,
    Name,
    PortNumber,
    Reference,
    Region,
    Text,
    parse_network,
)
from phiwarden.api.vocabulary import Purpose

MAX_PORTS: Final = 32
MAX_CIDRS: Final = 32


class Port(ApiModel):
    """One port, or a range of ports, of one transport protocol."""

    model_config = checked(*rules.PORT)

    port: Annotated[
        PortNumber,
        Field(description="Port number of the destination pods or external system."),
    ]
    end_port: Annotated[
        PortNumber | None,
        Field(description="Last port of a range that starts at `port`; one port if left out."),
    ] = None
    protocol: Annotated[Literal["TCP", "UDP", "SCTP"], Field(description="Transport protocol.")] = (
        "TCP"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end_port is not None and self.end_port < self.port:
            raise ValueError(rules.END_BEFORE_START)
        return self


Ports = Annotated[tuple[Port, ...], Field(max_length=MAX_PORTS)]


class Endpoint(ApiModel):
    """One end of a flow: exactly one of a zone of this workload or an external."""

    model_config = checked(*rules.ENDPOINT)

    zone: Annotated[
        Reference | None,
        Field(description="Name of a zone of this workload, as spec.zones declares it."),
    ] = None
    external: Annotated[
        Reference | None,
        Field(description="Name of a system outside the cluster, as spec.externals declares it."),
    ] = None


class Flow(ApiModel):
    """A permitted flow. Everything that is not listed is refused."""

    model_config = checked(*rules.FLOW)

    source: Annotated[
        Endpoint,
        Field(alias="from", description="Where connections are opened from."),
    ]
    destination: Annotated[Endpoint, Field(alias="to", description="Where connections go.")]
    ports: Annotated[Ports, Field(min_length=1, description="Ports at the destination.")]
    purpose: Annotated[
        Purpose,
        Field(
            description="Why the data flows. Flows for treatment stay open when a direct-care"
            " workload is quarantined."
        ),
    ]
    deidentified_by: Annotated[
        Name | None,
        Field(
            description="What removes the identifiers before PHI reaches a zone of a lower data"
            " class. Required for every such flow (PHI-DAT-002)."
        ),
    ] = None


class Agreement(ApiModel):
    """The contract under which an external party may receive PHI."""

    type: Annotated[
        Literal["BAA", "DPA", "DUA", "Other"],
        Field(
            description="Kind of contract: BAA, a business associate agreement (45 CFR"
            " 164.314(a)); DPA, a data processing agreement (GDPR 28(3)); DUA, a data use"
            " agreement (45 CFR 164.514(e)); or another."
        ),
    ]
    counterparty: Annotated[Text, Field(description="Who signed it.")]
    reference: Annotated[Text, Field(description="Where to find it: a contract number.")]
    expires: Annotated[
        FullDate,
        Field(
            description="Last day on which it is in force (UTC), such as 2027-06-30. Flows to the"
            " external close by themselves when that day ends."
        ),
    ]


class External(ApiModel):
    """A system outside the cluster."""

    model_config = checked(*rules.EXTERNAL)

    name: Annotated[Name, Field(description="Name of the external within this workload.")]
    kind: Annotated[
        Literal["ehr", "lab", "payer", "imaging", "identity", "ai", "other"],
        Field(
            description="What kind of system it is. One of kind ai always needs an agreement"
            " (PHI-AI-001)."
        ),
    ]
    cidrs: Annotated[
        tuple[Cidr, ...],
        Field(
            min_length=1,
            max_length=MAX_CIDRS,
            description="Address ranges of the system, such as 203.0.113.0/24. Ranges in which no"
            " external system can be (link-local, loopback, multicast) are refused. A system that"
            " flows join to a PHI zone names ranges of its own: /8 or narrower (IPv6: /16).",
            json_schema_extra=list_set(),
        ),
    ]
    region: Annotated[
        Region | None,
        Field(
            description="Region in which the system holds data. One that flows join to a PHI zone"
            " must be within spec.residency.regions, where both are given."
        ),
    ] = None
    agreement: Annotated[
        Agreement | None,
        Field(
            description="Contract with whoever runs the system. Required where a flow joins the"
            " external to a PHI zone (PHI-DAT-003), and for every external of kind ai."
        ),
    ] = None

    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Return the address ranges as values."""
        return tuple(parse_network(cidr) for cidr in self.cidrs)
