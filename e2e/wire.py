"""What passes between a program and the API server, byte by byte."""

from __future__ import annotations

import asyncio
import ssl
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yaml

_PACKED = b"Accept-Encoding: gzip"
_PLAIN = b"X-Accept-Nothing: gzi"
"""Nobody asks for compressed answers here: what is packed cannot be searched."""


@dataclass
class Wire:
    """A loopback address behind which the API server is, and all that it answered there."""

    host: str
    port: int
    context: ssl.SSLContext
    answered: bytearray = field(default_factory=bytearray)
    address: str = ""
    _done: asyncio.Event = field(init=False, repr=False)
    _loop: asyncio.AbstractEventLoop = field(init=False, repr=False)

    async def serve(self, ready: threading.Event) -> None:
        """Pass bytes on until `stop` is called."""
        self._done, self._loop = asyncio.Event(), asyncio.get_running_loop()
        passing: set[asyncio.Task[None]] = set()

        def accept(client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._passed(client, answers))
            passing.add(task)
            task.add_done_callback(passing.discard)

        async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            self.address = f"http://127.0.0.1:{port}"
            ready.set()
            await self._done.wait()
            for task in passing:
                task.cancel()
            await asyncio.gather(*passing, return_exceptions=True)

    def stop(self) -> None:
        """End; from another thread."""
        self._loop.call_soon_threadsafe(self._done.set)

    async def asking(self, connection: object, chunk: bytes) -> None:
        """Be told of what is asked on a connection, before it is passed on."""

    async def answering(self, connection: object, chunk: bytes) -> None:
        """Be told of what is answered on a connection, before it is passed on."""

    async def _passed(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        ends, ways = [answers], list[asyncio.Task[None]]()
        try:
            server, requests = await asyncio.open_connection(self.host, self.port, ssl=self.context)
            ends.append(requests)
            connection = object()
            ways.append(asyncio.create_task(self._asked(connection, client, requests)))
            ways.append(asyncio.create_task(self._told(connection, server, answers)))
            # Whoever hangs up ends both ways.
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            answers.close()
            with suppress(OSError):  # one that is late or lost has hung up
                async with asyncio.timeout(1):
                    await answers.wait_closed()
        finally:
            for way in ways:
                way.cancel()
            for end in ends:
                # Closed with courtesy, TLS waits 30 s for a peer that is busy with a watch.
                end.transport.abort()
            closed = (end.wait_closed() for end in ends)
            await asyncio.gather(*ways, *closed, return_exceptions=True)

    async def _asked(
        self, connection: object, client: asyncio.StreamReader, requests: asyncio.StreamWriter
    ) -> None:
        while chunk := await client.read(1 << 16):
            await self.asking(connection, chunk)
            requests.write(chunk.replace(_PACKED, _PLAIN))
            await requests.drain()

    async def _told(
        self, connection: object, server: asyncio.StreamReader, answers: asyncio.StreamWriter
    ) -> None:
        while chunk := await server.read(1 << 16):
            await self.answering(connection, chunk)
            self.answered += chunk
            answers.write(chunk)
            await answers.drain()


W = TypeVar("W", bound=Wire)


@contextmanager
def tapped(
    kubeconfig: Path, folder: Path, kind: Callable[[str, int, ssl.SSLContext], W] = Wire
) -> Iterator[tuple[W, Path]]:
    """Have a kubeconfig that leads over a wire of ours, for the duration of a block.

    Args:
        kubeconfig: of a user with a token.
        folder: where the other one is written.
        kind: makes the wire.
    """
    config: dict[str, Any] = yaml.safe_load(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    where = urlsplit(cluster["server"])
    authority = b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    wire = kind(where.hostname or "", where.port or 443, context)
    ready = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(wire.serve(ready)))
    thread.start()
    try:
        assert ready.wait(10)
        config["clusters"][0]["cluster"] = {"server": wire.address}
        path = folder / "tapped.yaml"
        path.write_text(yaml.safe_dump(config))
        yield wire, path
    finally:
        wire.stop()
        thread.join(20)
        assert not thread.is_alive(), "the wire does not end"
