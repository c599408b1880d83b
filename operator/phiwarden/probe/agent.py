"""Runs in a pod of the probe: listens, or dials and writes what came of it.

    phiwarden probe-agent listen 8443 61616
    phiwarden probe-agent dial 10.0.0.7:8443 [2001:db8::7]:8443

What came of each way is one word: `open`, `refused`, `timeout`, or `failed`
for anything else, such as a name that cannot be resolved. A block shows as
`refused` or as `timeout`, by the network plug-in.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

OPEN: Final = "open"
REFUSED: Final = "refused"
TIMED_OUT: Final = "timeout"
FAILED: Final = "failed"
OUTCOMES: Final = frozenset({OPEN, REFUSED, TIMED_OUT, FAILED})

TERMINATION_LOG: Final = Path("/dev/termination-log")
"""What a container writes there ends up in its pod's status."""

TIMEOUT: Final = 2.0
"""Seconds after which a way is held for closed."""

_AT_ONCE: Final = 32


async def listen(ports: Sequence[int]) -> None:
    """Accept TCP connections on ports, and say nothing, until the process is ended."""
    servers = [await asyncio.start_server(_hang_up, port=port) for port in ports]
    async with asyncio.TaskGroup() as group:
        for server in servers:
            group.create_task(server.serve_forever())


async def _hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def dial(targets: Sequence[str]) -> dict[str, str]:
    """Open a TCP connection to each target, and return what came of it, by target."""
    some = asyncio.Semaphore(_AT_ONCE)

    async def one(target: str) -> str:
        async with some:
            return await _outcome(target)

    return dict(zip(targets, await asyncio.gather(*map(one, targets)), strict=True))


async def _outcome(target: str) -> str:
    host, _, port = target.rpartition(":")
    try:
        async with asyncio.timeout(TIMEOUT):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except ConnectionRefusedError:
        return REFUSED
    except TimeoutError:
        return TIMED_OUT
    except OSError:
        return FAILED
    writer.close()
    return OPEN


def written(outcomes: dict[str, str]) -> str:
    """Return outcomes as they are left for the one who asked."""
    return json.dumps(list(outcomes.values()), separators=(",", ":"))
