"""A queue of keys: each waits once, is worked on by one worker, and is retried with patience."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

import structlog

from phiwarden.cluster.client import ClusterError, Refused

K = TypeVar("K", bound=Hashable)

log = structlog.get_logger(__name__)

FIRST_DELAY: Final = 0.2
LAST_DELAY: Final = 60.0


def backoff(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row, the first being 1."""
    return min(FIRST_DELAY * 2.0 ** min(failures - 1, 16), LAST_DELAY)


def _told(error: Exception) -> str:
    """Return what may be logged of an error: a refusal can quote values of an object."""
    if isinstance(error, Refused):
        return f"Refused: {error.code} {error.reason}"
    return f"{type(error).__name__}: {error}"[:300]


class WorkQueue(Generic[K]):
    """Coalesces what happens to a key while it waits; never works on a key twice at once."""

    def __init__(
        self,
        name: str,
        work: Callable[[K], Awaitable[None]],
        *,
        order: Callable[[K], tuple[int, ...]] = lambda _: (),
        gate: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Make a queue.

        Args:
            name: for logs.
            work: is done on each key.
            order: of what waits the least comes first, and of equals the one that came first.
            gate: is waited for before each key.
        """
        self.name = name
        self._work = work
        self._order = order
        self._gate = gate
        self._came = itertools.count()
        self._ready: asyncio.PriorityQueue[tuple[tuple[int, ...], int, K]] = asyncio.PriorityQueue()
        self._waiting: set[K] = set()
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._failures: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._turnstile = asyncio.Lock()
        self._settled = asyncio.Event()
        self._settled.set()

    def __len__(self) -> int:
        """Return how many keys wait."""
        return len(self._waiting)

    def add(self, key: K) -> None:
        """Have a key worked on soon; one that is being worked on is worked on once more."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.put_nowait((self._order(key), next(self._came), key))
        self._note()

    async def settled(self) -> None:
        """Wait until nothing waits, is worked on or will be retried."""
        await self._settled.wait()

    def _note(self) -> None:
        if self._waiting or self._working or self._timers:
            self._settled.clear()
        else:
            self._settled.set()

    async def run(self, workers: int) -> None:
        """Work for ever, on so many keys at a time."""
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(self._worker())

    async def _worker(self) -> None:
        while True:
            key = await self._next()
            self._waiting.discard(key)
            self._working.add(key)
            try:
                await self._work(key)
                self._failures.pop(key, None)
            except Exception as error:  # noqa: BLE001 - one key's fault must not stop the others
                self._retry(key, error)
            finally:
                self._working.discard(key)
                if key in self._again:
                    self._again.discard(key)
                    self.add(key)
                self._note()

    async def _next(self) -> K:
        # One worker at a time: whoever waited at the gate with a key in hand could be overtaken
        # for ever, and with it a key that comes before all others.
        async with self._turnstile:
            entry = await self._ready.get()
            if self._gate is not None:
                await self._gate()
                # What came meanwhile may come first.
                self._ready.put_nowait(entry)
                entry = self._ready.get_nowait()
        *_, key = entry
        return key

    def _retry(self, key: K, error: Exception) -> None:
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        delay = backoff(failures)
        log.warning(
            "work.failed",
            queue=self.name,
            key=str(key),
            failures=failures,
            retry_seconds=delay,
            error=_told(error),
            exc_info=failures == 1 and not isinstance(error, ClusterError),
        )
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(delay, self._due, key)

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)
