"""What a pod of the probe tells of a way, tried on loopback."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from phiwarden.probe import agent


@contextmanager
def bound(*, listens: bool) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) if listens else socket.socket() as held:
        if not listens:
            held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_open_and_refused_are_told_apart_in_the_order_asked() -> None:
    with bound(listens=True) as yes, bound(listens=False) as no:
        targets = [f"127.0.0.1:{no}", f"127.0.0.1:{yes}", "name.invalid:443"]
        found = asyncio.run(agent.dial(targets))
    assert list(found) == targets
    assert list(found.values()) == ["refused", "open", "failed"]
    assert agent.written(found) == '["refused","open","failed"]'


def test_what_does_not_answer_is_a_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "TIMEOUT", 0.2)
    with socket.socket() as full:  # a listener whose queue is full drops what comes
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(("127.0.0.1", port))
        found = asyncio.run(agent.dial([f"127.0.0.1:{port}"]))
        for one in waiting:
            one.close()
    assert list(found.values()) == ["timeout"]


def test_a_listener_accepts_on_all_its_ports() -> None:
    with bound(listens=False) as first, bound(listens=False) as second:
        ports = [first, second]

    async def both() -> dict[str, str]:
        listening = asyncio.create_task(agent.listen(ports))
        try:
            async with asyncio.timeout(10):
                while True:
                    found = await agent.dial([f"127.0.0.1:{port}" for port in ports])
                    if set(found.values()) == {"open"}:
                        return found
        finally:
            listening.cancel()

    assert set(asyncio.run(both()).values()) == {"open"}
