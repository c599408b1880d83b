"""Each key waits once, is worked on by one worker at a time, and is never lost."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.controller.workqueue import FIRST_DELAY, LAST_DELAY, WorkQueue, backoff


class Work:
    """Counts what was worked on, and lets the test hold it up."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.now: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()
        self.failed = asyncio.Event()
        self.failures = 0

    async def __call__(self, key: str) -> None:
        assert key not in self.now, "two workers at one key"
        self.now.add(key)
        self.started.set()
        try:
            await self.gate.wait()
            if self.failures:
                self.failures -= 1
                self.failed.set()
                raise ValueError(key)
            self.done.append(key)
        finally:
            self.now.discard(key)


async def _with_workers(
    queue: "WorkQueue[str]", test: "asyncio.Future[None]", workers: int
) -> None:
    runner = asyncio.create_task(queue.run(workers))
    try:
        await asyncio.wait_for(test, 5)
    finally:
        runner.cancel()
        await asyncio.gather(runner, return_exceptions=True)


def run(scenario: object, *, workers: int = 4, **options: Any) -> Work:
    async def main() -> Work:
        work = Work()
        queue: WorkQueue[str] = WorkQueue("test", work, **options)
        test = asyncio.ensure_future(scenario(work, queue))  # type: ignore[operator]
        await _with_workers(queue, test, workers)
        return work

    return asyncio.run(main())


def test_what_waits_is_worked_on_once() -> None:
    async def scenario(work: Work, queue: WorkQueue[str]) -> None:
        for _ in range(100):
            queue.add("a")
        queue.add("b")
        await queue.settled()

    assert sorted(run(scenario).done) == ["a", "b"]


def test_what_changes_while_it_is_worked_on_is_worked_on_once_more() -> None:
    async def scenario(work: Work, queue: WorkQueue[str]) -> None:
        work.gate.clear()
        queue.add("a")
        await work.started.wait()
        for _ in range(10):
            queue.add("a")
        work.gate.set()
        await queue.settled()

    assert run(scenario).done == ["a", "a"]


def test_a_fault_is_retried_and_stops_nobody_else() -> None:
    async def scenario(work: Work, queue: WorkQueue[str]) -> None:
        work.failures = 1
        queue.add("a")
        queue.add("b")
        await queue.settled()

    assert sorted(run(scenario).done) == ["a", "b"]


def test_news_of_a_key_ends_its_wait_for_a_retry() -> None:
    async def scenario(work: Work, queue: WorkQueue[str]) -> None:
        work.failures = 1
        queue.add("a")
        await work.failed.wait()
        await asyncio.sleep(0)  # the worker takes note of the failure
        loop = asyncio.get_running_loop()
        begun = loop.time()
        queue.add("a")
        await queue.settled()
        assert loop.time() - begun < FIRST_DELAY

    assert run(scenario).done == ["a"]


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, FIRST_DELAY), (2, 0.4), (3, 0.8), (99, LAST_DELAY)]
)
def test_patience_grows_to_a_bound(failures: int, seconds: float) -> None:
    assert backoff(failures) == pytest.approx(seconds)


def length(key: str) -> tuple[int, ...]:
    """The shortest comes first."""
    return (len(key),)


@given(st.lists(st.text("ab", min_size=1, max_size=4), max_size=12))
def test_what_is_most_urgent_comes_first_and_of_equals_what_came_first(keys: list[str]) -> None:
    async def scenario(work: Work, queue: WorkQueue[str]) -> None:
        for key in keys:
            queue.add(key)
        await queue.settled()

    once = list(dict.fromkeys(keys))
    assert run(scenario, workers=1, order=length).done == sorted(once, key=len)


class Gate:
    """Lets one through for each time that it is opened."""

    def __init__(self) -> None:
        self.open = asyncio.Semaphore(0)
        self.passed = 0
        self.asked = asyncio.Event()

    async def __call__(self) -> None:
        self.asked.set()
        await self.open.acquire()
        self.passed += 1


@pytest.mark.parametrize("workers", [1, 4])
def test_what_comes_while_others_wait_at_the_gate_may_come_first(workers: int) -> None:
    gate = Gate()

    async def scenario(work: Work, queue: WorkQueue[str]) -> None:
        queue.add("later")
        await gate.asked.wait()
        queue.add("now")
        for _ in range(2):
            gate.open.release()
        await queue.settled()

    assert run(scenario, workers=workers, order=length, gate=gate).done == ["now", "later"]


def test_each_key_passes_the_gate_once_however_often_it_was_added() -> None:
    gate = Gate()

    async def scenario(work: Work, queue: WorkQueue[str]) -> None:
        for key in "abcab":
            queue.add(key)
        await gate.asked.wait()
        queue.add("a")
        for _ in range(9):
            gate.open.release()
        await queue.settled()

    assert sorted(run(scenario, workers=2, gate=gate).done) == ["a", "b", "c"]
    assert gate.passed == 3


def test_nobody_works_behind_a_closed_gate() -> None:
    gate = Gate()

    async def scenario(work: Work, queue: WorkQueue[str]) -> None:
        queue.add("a")
        await gate.asked.wait()
        await asyncio.sleep(0)
        assert not work.started.is_set()
        gate.open.release()
        await queue.settled()

    assert run(scenario, gate=gate).done == ["a"]


def test_what_failed_passes_the_gate_again() -> None:
    gate = Gate()

    async def scenario(work: Work, queue: WorkQueue[str]) -> None:
        work.failures = 1
        queue.add("a")
        for _ in range(2):
            gate.open.release()
        await queue.settled()

    assert run(scenario, gate=gate).done == ["a"]
    assert gate.passed == 2


def test_what_is_added_while_it_is_worked_on_takes_its_place_anew() -> None:
    async def scenario(work: Work, queue: WorkQueue[str]) -> None:
        work.gate.clear()
        queue.add("a")
        await work.started.wait()
        queue.add("bb")
        queue.add("a")
        work.gate.set()
        await queue.settled()

    assert run(scenario, workers=1, order=length).done == ["a", "a", "bb"]
