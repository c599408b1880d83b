"""Each key waits once, is worked on by one worker at a time, and is never lost."""

import asyncio

import pytest

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


async def _with_workers(work: Work, queue: "WorkQueue[str]", test: "asyncio.Future[None]") -> None:
    runner = asyncio.create_task(queue.run(4))
    try:
        await asyncio.wait_for(test, 5)
    finally:
        runner.cancel()
        await asyncio.gather(runner, return_exceptions=True)


def run(scenario: object) -> Work:
    async def main() -> Work:
        work = Work()
        queue: WorkQueue[str] = WorkQueue("test", work)
        await _with_workers(work, queue, asyncio.ensure_future(scenario(work, queue)))  # type: ignore[operator]
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
