"""What reach tells: who can open connections to whom, and whether that was declared."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from phiwarden.reach.model import Direction
from phiwarden.reach.ports import PortSet
from phiwarden.reach.world import RuleRef


class Verdict(StrEnum):
    """How a way of the network stands to the declaration, worst first."""

    UNDECLARED = "undeclared"
    """It is open, and nothing declares it."""
    CLOSED = "closed"
    """It is declared, and something closes it."""
    OPEN = "open"
    """It is declared, and open."""
    UNJUDGED = "unjudged"
    """It is open, and no declaration speaks of either end."""


class EndKind(StrEnum):
    """What an end of a connection is."""

    ZONE = "zone"
    NAMESPACE = "namespace"
    HOST = "host"
    """Pods on their node's network, which no policy isolates."""
    EXTERNAL = "external"
    API_SERVER = "api-server"
    DNS = "dns"
    ADDRESS = "address"
    ANYWHERE = "anywhere"
    """Every address outside the cluster."""


@dataclass(frozen=True, slots=True, order=True)
class End:
    """One end of connections.

    Attributes:
        kind: what it is.
        name: of the zone, namespace or external, or a range of addresses.
        namespace: of its pods, "" outside.
        workload: whose zone or external it is, "" for anybody else's.
    """

    kind: EndKind
    name: str
    namespace: str = ""
    workload: str = ""

    def __str__(self) -> str:
        match self.kind:
            case EndKind.NAMESPACE:
                return f"namespace {self.name}"
            case EndKind.HOST:
                return f"host network pods of {self.name}"
            case EndKind.ADDRESS if self.name.endswith("/0"):
                return "any other IPv6 address" if ":" in self.name else "any other IPv4 address"
            case _:
                return self.name


@dataclass(frozen=True, slots=True)
class Pods:
    """Which pods of an end an edge is about.

    Attributes:
        names: of pods, or of the controllers that make them.
        count: how many these are.
        total: how many there are in the namespace, but those on the host's network.
    """

    names: tuple[str, ...]
    count: int
    total: int


@dataclass(frozen=True, slots=True)
class Edge:
    """Connections that are alike in everything that is told of them.

    Attributes:
        sources: who opens them; several only where they are namespaces or addresses.
        targets: who receives them; likewise.
        verdict: how they stand to the declaration.
        ports: at the target.
        rules: the rules that allow them; for an undeclared edge, only those that the declaration
            does not ask for.
        unisolated: the sides of zones on which no policy isolates the pods.
        missing: the sides on which a declared way is closed.
        source_pods: None outside, and where there are several sources.
        target_pods: likewise.
        services: `namespace/name` of Services that lead there.
    """

    sources: tuple[End, ...]
    targets: tuple[End, ...]
    verdict: Verdict
    ports: PortSet
    rules: tuple[RuleRef, ...] = ()
    unisolated: tuple[Direction, ...] = ()
    missing: tuple[Direction, ...] = ()
    source_pods: Pods | None = None
    target_pods: Pods | None = None
    services: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace that was asked about.

    Attributes:
        end: the zone, or the namespace that is none.
        data: class of its data, "" for one that is no zone.
        pods: how many run there.
        unpoliced: names of pods on the host's network, which no policy isolates.
        enforcement: of its workload, "" for one that is no zone.
    """

    end: End
    data: str
    pods: int
    unpoliced: tuple[str, ...]
    enforcement: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All that was asked about.

    Attributes:
        places: the namespaces, in order.
        edges: worst first, then in the order of their ends.
        expired: declared flows, in words, that an expired agreement closes.
        unavailable: zones whose namespace belongs to somebody else, in words.
    """

    places: tuple[Place, ...]
    edges: tuple[Edge, ...]
    expired: tuple[str, ...] = ()
    unavailable: tuple[str, ...] = ()

    def count(self, verdict: Verdict) -> int:
        """Return the number of edges of a verdict."""
        return sum(edge.verdict is verdict for edge in self.edges)

    @property
    def differs(self) -> bool:
        """Return whether anything is not as it was declared."""
        return bool(
            self.unavailable
            or any(place.unpoliced and place.data for place in self.places)
            or any(edge.verdict in {Verdict.UNDECLARED, Verdict.CLOSED} for edge in self.edges)
        )
