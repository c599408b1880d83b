"""Free ports on the loopback interface."""

from __future__ import annotations

import random
import socket
from pathlib import Path

_FIRST = 10_240
_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_TRIES = 200


def free_ports(count: int, address: str) -> list[int]:
    """Return so many different ports, free a moment ago; OSError when none are found.

    They lie below the range that the kernel gives to outgoing connections: a client that calls a
    stopped server over and over would otherwise be given the server's own port one day, connect
    to itself, and keep the server from ever coming back.
    """
    last = _first_ephemeral() - 1
    held: list[socket.socket] = []
    try:
        for _ in range(_TRIES):
            if len(held) == count:
                break
            candidate = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
            try:
                candidate.bind((address, random.SystemRandom().randint(_FIRST, last)))
            except OSError:
                candidate.close()
            else:
                held.append(candidate)
        else:
            raise OSError(f"no {count} free ports between {_FIRST} and {last} on {address}")
        return [int(each.getsockname()[1]) for each in held]
    finally:
        for each in held:
            each.close()


def _first_ephemeral() -> int:
    try:
        first = int(_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 32_768
    # A machine that gives all ports to clients leaves no better choice than to share with them.
    return first if first > _FIRST + 1_000 else 60_000
