"""The operator killed at a write of its choice, and another that ends the work."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from e2e.product import COMMAND, RELEASE, Product, Program, ready
from e2e.waiting import until
from e2e.wire import Wire, tapped

_WRITE = re.compile(rb"(POST|PUT|PATCH|DELETE) (\S+) HTTP/1\.1\r\n")
REST = 1.0
"""Seconds without a byte on the wire after which nothing is under way."""


class When(Enum):
    """The moment of a write at which the operator is killed."""

    BEFORE = "before the API server heard of it"
    AFTER = "after the API server answered, and before the answer was heard"


@dataclass
class Cut(Wire):
    """A wire that goes dead, both ways and for good, at the n-th write that passes.

    Dead and not cut: what hangs on it learns nothing until it is killed.
    """

    at: int | None = None
    of: re.Pattern[str] = re.compile("")
    when: When = When.BEFORE
    writes: list[str] = field(default_factory=list)
    """Method and path of every write so far that counts."""
    dead: threading.Event = field(default_factory=threading.Event)
    _last: float = field(default_factory=time.monotonic)
    _doomed: object = None

    async def asking(self, connection: object, chunk: bytes) -> None:
        """Count writes. A client that waits for its answer begins each with a chunk of its own."""
        await self._alive()
        if not (found := _WRITE.match(chunk)):
            return
        write = " ".join(part.decode() for part in found.groups())
        if not self.of.search(write):
            return
        self.writes.append(write)
        if len(self.writes) == self.at:
            if self.when is When.BEFORE:
                self.dead.set()
                await self._alive()
            self._doomed = connection

    async def answering(self, connection: object, chunk: bytes) -> None:
        """Go dead at the first byte of the answer that must not be heard."""
        if connection is self._doomed:
            self.dead.set()
        await self._alive()

    async def _alive(self) -> None:
        self._last = time.monotonic()
        if self.dead.is_set():
            await asyncio.Event().wait()

    def at_rest(self) -> bool:
        """Whether nothing passed for a while."""
        return time.monotonic() - self._last > REST


@contextmanager
def killed_at(
    product: Product, n: int, when: When, done: Callable[[], object], of: str = ""
) -> Iterator[str | None]:
    """Have an operator killed at its n-th write, and its work ended by another.

    Yields method and path of that write once the work is done, while the other operator runs;
    None if the first one ended the work without so many writes, and runs.

    Args:
        product: the chart, installed.
        n: counted from 1, from the start of the operator.
        when: the moment.
        done: whether the world is as it should be, as far as can be told from outside.
        of: regular expression of the writes that count, by method and path.
    """
    kubeconfig = product.operator_kubeconfig()
    with TemporaryDirectory() as folder:
        cut = partial(Cut, at=n, when=when, of=re.compile(of))
        with (
            tapped(kubeconfig, Path(folder), cut) as (wire, path),
            _started(product, path) as first,
        ):
            _wait(first, wire, done)
            if not wire.dead.is_set():
                yield None
                return
            first.kill()
            write = wire.writes[n - 1]
        with (
            tapped(kubeconfig, Path(folder), Cut) as (wire, path),
            _started(product, path) as other,
        ):
            _wait(other, wire, done)
            yield write


@contextmanager
def _started(product: Product, kubeconfig: Path) -> Iterator[Program]:
    """Run an operator that is not waited for: it may be killed before it is ready."""
    settings = {**product.settings, "KUBECONFIG": str(kubeconfig)}
    operator = Program(product, "operator", RELEASE, COMMAND, settings)
    try:
        yield operator
    finally:
        operator.stop()


def _wait(operator: Program, wire: Cut, done: Callable[[], object]) -> None:
    """Wait until the wire is dead, or all is done and nothing under way."""

    def over() -> bool:
        operator.child.check()
        return wire.dead.is_set() or (ready(operator) and wire.at_rest() and bool(done()))

    try:
        until(over, f"the operator is at rest, all is done; see {operator.log}")
    except AssertionError as error:
        error.add_note("\n".join(("It wrote", *wire.writes)))
        raise
