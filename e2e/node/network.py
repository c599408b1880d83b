"""Addresses of a node, and the commands that make its links: pure functions of its slot.

    this machine 10.99.S.2 ── 10.99.S.1 node 10.98.S.1 ── 10.98.S.2 outside
                                         └ pods 10.244.S.0/24

The API server runs on this machine. Whatever else a pod calls ends in `outside`, a network
namespace with nothing behind it, so no packet of a test ever leaves the machine.
"""

from __future__ import annotations

from dataclasses import dataclass

from e2e.controlplane.components import SERVICE_RANGE

SLOTS = 8
LINK = "phiwarden"
RANGES = ("10.99.0.0/16", "10.244.0.0/16")
"""What this machine may have no routes to, other than those made here."""
OUTSIDE = "outside"
BRIDGE = "cni0"
DNS_ADDRESS = "10.96.0.10"
# Without the second, a reply from pod to pod would bypass the rules that translated the request.
SYSCTLS = ("net/ipv4/ip_forward", "net/bridge/bridge-nf-call-iptables")

Argv = tuple[str, ...]


@dataclass(frozen=True)
class Network:
    """What differs between nodes that run at the same time."""

    slot: int

    @property
    def link(self) -> str:
        """This machine's end of the link to the node."""
        return f"{LINK}{self.slot}"

    @property
    def host(self) -> str:
        """This machine's address on that link; the API server listens there."""
        return f"10.99.{self.slot}.2"

    @property
    def node(self) -> str:
        """The node's address."""
        return f"10.99.{self.slot}.1"

    @property
    def outside(self) -> str:
        """The address of what is neither pod nor node nor API server."""
        return f"10.98.{self.slot}.2"

    @property
    def pods(self) -> str:
        """The range of the pods' addresses."""
        return f"10.244.{self.slot}.0/24"

    @property
    def services(self) -> str:
        """The range of the services' addresses, known in the node only."""
        return SERVICE_RANGE


def on_this_machine(network: Network, pid: int) -> tuple[Argv, ...]:
    """Return what links this machine to the network namespace of a process."""
    return (
        _ip("link", "add", network.link, "type", "veth", "peer", "name", "eth0", "netns", str(pid)),
        _ip("address", "add", f"{network.host}/24", "dev", network.link),
        _ip("link", "set", network.link, "up"),
        _ip("route", "add", network.pods, "via", network.node),
    )


def in_the_node(network: Network) -> tuple[Argv, ...]:
    """Return what the node's own namespace needs, beside the end of that link."""
    gateway = f"10.98.{network.slot}.1"
    outside = ("-netns", OUTSIDE)
    return (
        _ip("link", "set", "lo", "up"),
        _ip("address", "add", f"{network.node}/24", "dev", "eth0"),
        _ip("link", "set", "eth0", "up"),
        _ip("netns", "add", OUTSIDE),
        _ip("link", "add", OUTSIDE, "type", "veth", "peer", "name", "eth0", "netns", OUTSIDE),
        _ip("address", "add", f"{gateway}/24", "dev", OUTSIDE),
        _ip("link", "set", OUTSIDE, "up"),
        _ip("route", "add", "default", "via", network.outside),
        _ip(*outside, "link", "set", "lo", "up"),
        _ip(*outside, "address", "add", f"{network.outside}/24", "dev", "eth0"),
        _ip(*outside, "link", "set", "eth0", "up"),
        _ip(*outside, "route", "add", "default", "via", gateway),
    )


def _ip(*arguments: str) -> Argv:
    return ("ip", *arguments)
