"""What is said of backups, what the status remembers of them, and when they are looked at."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from phiwarden.api.backup import BackupStatus
from phiwarden.backups.model import Freshness, Recovery, Remembered, VolumePlan
from phiwarden.backups.plan import Outlook
from phiwarden.controller.alarms import Alarms
from phiwarden.controller.backup_conditions import fresh, recoverable
from phiwarden.controller.backups import remembered

NOW = dt.datetime(2026, 11, 20, 12, 0, tzinfo=dt.UTC)
GOOD = VolumePlan(
    zone="clinical",
    name="charts",
    freshness=Freshness.FRESH,
    recovery=Recovery.PROVEN,
    proof=NOW - dt.timedelta(days=40),
    status=BackupStatus(last_snapshot_time=NOW, message="why", restore_test_message="how"),
)


def test_nothing_declared_is_nothing_missing() -> None:
    for said in (fresh(Outlook()), recoverable(Outlook())):
        assert (said.good, said.reason) == (True, "NoneDeclared")
    untested = Outlook((replace(GOOD, recovery=None),))
    assert (recoverable(untested).good, recoverable(untested).reason) == (True, "NoneDeclared")


def test_the_oldest_date_is_told() -> None:
    older = replace(
        GOOD,
        proof=dt.datetime(2026, 9, 1, tzinfo=dt.UTC),
        status=BackupStatus(last_snapshot_time=NOW - dt.timedelta(hours=3)),
    )
    said = fresh(Outlook((GOOD, older)))
    assert (said.good, said.reason) == (True, "Fresh")
    assert "2026-11-20 09:00 UTC" in said.message
    said = recoverable(Outlook((GOOD, older)))
    assert (said.good, said.reason) == (True, "Proven")
    assert "2026-09-01" in said.message


@pytest.mark.parametrize("bad", [each for each in Freshness if each is not Freshness.FRESH])
def test_one_that_is_not_fresh_is_named_with_its_reason(bad: Freshness) -> None:
    said = fresh(Outlook((GOOD, replace(GOOD, name="other", freshness=bad))))
    assert (said.good, said.reason) == (False, bad.value)
    assert "clinical/other (why)" in said.message
    assert "charts" not in said.message


@pytest.mark.parametrize("bad", [each for each in Recovery if each is not Recovery.PROVEN])
def test_one_that_is_not_proven_is_named_with_its_reason(bad: Recovery) -> None:
    said = recoverable(Outlook((GOOD, replace(GOOD, name="other", recovery=bad))))
    assert (said.good, said.reason) == (False, bad.value)
    assert "clinical/other (how)" in said.message


def test_what_is_remembered_is_that_of_the_declared_volume() -> None:
    stored = {
        "volumes": [
            {"zone": "edge", "name": "charts", "declared": True, "uid": "a"},
            {"zone": "clinical", "name": "charts", "declared": False, "uid": "b"},
            {
                "zone": "clinical",
                "name": "charts",
                "declared": True,
                "uid": "c",
                "backup": {
                    "lastRestoreTest": "2026-11-20T12:00:00Z",
                    "lastProof": "2026-11-20T12:00:00Z",
                    "restoreTest": "Passed",
                    "restoreTestMessage": "restored",
                },
            },
        ]
    }
    assert remembered(stored, "clinical", "charts", NOW) == Remembered("c", NOW, NOW, "restored")
    assert remembered(stored, "edge", "charts", NOW) == Remembered("a")
    assert remembered({}, "clinical", "charts", NOW) == Remembered()


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59Z", "0000-01-01T00:00:00Z", "never"])
def test_a_proof_that_nobody_here_wrote_is_not_remembered(text: str) -> None:
    backup = {"lastProof": text, "lastRestoreTest": text}
    entry = {"zone": "clinical", "name": "charts", "declared": True, "uid": "c", "backup": backup}
    assert remembered({"volumes": [entry]}, "clinical", "charts", NOW) == Remembered("c")


async def _looked_at(orders: Callable[[Alarms], Awaitable[None]], count: int) -> list[str]:
    looked: list[str] = []
    enough = asyncio.Event()

    def look(name: str) -> None:
        looked.append(name)
        if len(looked) == count:
            enough.set()

    alarms = Alarms(lambda: dt.datetime.now(dt.UTC))
    task = asyncio.create_task(alarms.run(look))
    await orders(alarms)
    async with asyncio.timeout(10):
        await enough.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return looked


def test_the_moment_of_a_declaration_comes_once_and_an_earlier_order_is_taken_back() -> None:
    begun = dt.datetime.now(dt.UTC)
    soon = dt.timedelta(milliseconds=100)

    async def orders(alarms: Alarms) -> None:
        alarms.set("later", "backups", begun + dt.timedelta(hours=1))
        await asyncio.sleep(0)  # it sleeps towards that by now, and must be woken
        alarms.set("soon", "backups", begun + soon)
        alarms.set("dropped", "backups", begun + soon)
        alarms.set("dropped", "backups", None)
        alarms.set("earlier", "backups", begun + dt.timedelta(hours=1))
        alarms.set("earlier", "backups", begun - soon)

    found = asyncio.run(_looked_at(orders, count=2))
    assert found == ["earlier", "soon"]
