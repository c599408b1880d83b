"""Where the API server is, as its EndpointSlice says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from phiwarden.boundary.model import ApiServer

SLICE: Final = ("default", "kubernetes")
"""Namespace and name of the slice. Anybody may make others that claim to be of this service."""


def api_servers(body: Mapping[str, Any]) -> tuple[ApiServer, ...]:
    """Return the API servers that a slice names, in order."""
    return tuple(sorted(_servers(body), key=lambda server: (server.address, server.port)))


def _servers(body: Mapping[str, Any]) -> Iterator[ApiServer]:
    if body.get("addressType") not in ("IPv4", "IPv6"):
        return
    for endpoint in body.get("endpoints") or ():
        for address in endpoint.get("addresses") or ():
            for port in body.get("ports") or ():
                yield ApiServer(address, port["port"])
