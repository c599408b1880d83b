"""What is taken, kept and said of the backups of a workload."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from phiwarden.api import names
from phiwarden.backups.model import Freshness, Recovery, Remembered, VolumePlan
from phiwarden.backups.objects import CLAIM, SNAPSHOT
from phiwarden.backups.plan import (
    MAX_TRIALS,
    MAX_WAITING,
    outlook,
    plan_volume,
    refused_of,
)
from phiwarden.backups.restore import removal
from phiwarden.backups.schedule import name_of
from phiwarden.storage.claims import Snapshot
from tests.backups.made import DAY, HOUR, NOW, claim, snapshot, subject, trial, volume

UNTESTED = volume(restoreTestEvery=None)
MADE = NOW - 30 * DAY
"""When the claim was made: its slots begin at noon."""


def planned(*snapshots: Snapshot, now: dt.datetime = NOW, **fields: Any) -> VolumePlan:
    return plan_volume(subject(**{"volume": UNTESTED, "snapshots": snapshots, **fields}), now)


def test_a_snapshot_is_taken_under_the_name_of_its_slot() -> None:
    (made,) = planned().makes
    assert (made.kind, made.name) == (SNAPSHOT, "charts-202611201200")
    assert made.body["spec"] == {
        "volumeSnapshotClassName": "encrypted-snapshots",
        "source": {"persistentVolumeClaimName": "charts"},
    }
    assert made.body["metadata"]["labels"] == {
        names.MANAGED_BY: "phiwarden",
        names.WORKLOAD: "portal",
        names.ZONE: "clinical",
        names.VOLUME: "charts",
        names.CLAIM_UID: "claim-1",
    }
    later = planned(now=NOW + DAY - HOUR)
    assert [make.name for make in later.makes] == [made.name]


def test_none_is_taken_twice_in_a_slot() -> None:
    found = planned(snapshot(dt.timedelta()))
    assert found.makes == ()
    assert found.status.next_due == NOW + DAY
    assert found.wake == NOW + DAY
    for state in ({"ready": False}, {"ready": False, "error": "no"}, {"leaving": True}):
        assert planned(snapshot(dt.timedelta(), **state)).makes == ()


def test_the_next_slot_is_due_however_late_the_last_was_taken() -> None:
    last = snapshot(DAY, created=NOW - HOUR)
    assert [make.name for make in planned(last).makes] == ["charts-202611201200"]


@pytest.mark.parametrize(
    "there",
    [None, claim(phase="Pending", volume_name=""), claim(phase="Lost"), claim(leaving=True)],
)
def test_nothing_is_taken_of_a_claim_without_a_volume_or_that_is_leaving(there: Any) -> None:
    found = planned(claim=there)
    assert found.makes == ()
    assert found.freshness is Freshness.NONE_YET
    assert found.status.message


def test_another_snapshot_of_that_name_is_in_the_way_and_left() -> None:
    found = planned(snapshot(dt.timedelta(), labels={}))
    assert (found.makes, found.removes) == ((), ())
    assert "in the way" in (found.status.message or "")


def test_no_more_are_taken_while_many_wait() -> None:
    waiting = [snapshot(n * DAY, ready=False, error="no") for n in range(1, MAX_WAITING + 1)]
    assert planned(*waiting).makes == ()
    assert planned(*waiting[:-1]).makes != ()
    # What is older than one that is ready does not count.
    assert planned(*waiting[1:], snapshot(DAY)).makes != ()


@pytest.mark.parametrize(
    ("snapshots", "freshness"),
    [
        ([], Freshness.NONE_YET),
        ([snapshot(HOUR)], Freshness.FRESH),
        ([snapshot(36 * HOUR)], Freshness.FRESH),
        ([snapshot(36 * HOUR + HOUR)], Freshness.OVERDUE),
        ([snapshot(HOUR, taken=NOW - 37 * HOUR)], Freshness.OVERDUE),
        ([snapshot(40 * HOUR, taken=NOW - HOUR)], Freshness.FRESH),
        ([snapshot(-5 * DAY)], Freshness.FRESH),  # by a clock that is ahead
        ([snapshot(HOUR, leaving=True)], Freshness.NONE_YET),
        ([snapshot(HOUR, uid="claim-0")], Freshness.NONE_YET),
        ([snapshot(HOUR, labels={})], Freshness.NONE_YET),
        ([snapshot(HOUR, ready=False)], Freshness.NONE_YET),
        ([snapshot(HOUR, ready=False, error="no")], Freshness.FAILED),
        ([snapshot(37 * HOUR, ready=False)], Freshness.OVERDUE),
        ([snapshot(25 * HOUR), snapshot(HOUR, ready=False)], Freshness.FRESH),
        ([snapshot(25 * HOUR), snapshot(HOUR, ready=False, error="no")], Freshness.FAILED),
        ([snapshot(HOUR), snapshot(25 * HOUR, ready=False, error="no")], Freshness.FRESH),
        ([snapshot(49 * HOUR), snapshot(HOUR, ready=False, error="no")], Freshness.OVERDUE),
    ],
)
def test_how_it_stands_with_the_newest(snapshots: list[Snapshot], freshness: Freshness) -> None:
    assert planned(*snapshots).freshness is freshness


def test_time_alone_makes_it_overdue_and_that_moment_is_waited_for() -> None:
    taken = snapshot(dt.timedelta())
    found = planned(taken, volume=volume(every="31d", restoreTestEvery=None))
    assert found.wake is not None
    last = planned(taken, now=NOW + DAY)
    assert last.freshness is Freshness.FRESH
    late = planned(taken, snapshot(-DAY, ready=False), now=NOW + DAY)
    assert late.wake is not None
    assert late.wake > NOW + DAY
    over = planned(taken, snapshot(-DAY, ready=False), now=late.wake)
    assert over.freshness is Freshness.OVERDUE


def test_what_is_told_of_them() -> None:
    found = planned(snapshot(dt.timedelta(), ready=False), snapshot(DAY), snapshot(2 * DAY))
    assert found.status.last_snapshot == name_of("charts", NOW - DAY)
    assert found.status.last_snapshot_time == NOW - DAY
    assert found.status.ready == 2
    failed = planned(snapshot(dt.timedelta(), ready=False, error="no space"))
    assert "no space" in (failed.status.message or "")


def test_what_is_beyond_keep_goes_by_its_uid() -> None:
    found = planned(*(snapshot(n * DAY) for n in range(5)))
    assert [(r.kind, r.uid) for r in found.removes] == [
        (SNAPSHOT, snapshot(4 * DAY).uid),
        (SNAPSHOT, snapshot(3 * DAY).uid),
    ]


@pytest.mark.parametrize("there", [None, claim(leaving=True), claim(uid="claim-2")])
def test_what_a_claim_that_is_no_more_left_is_kept(there: Any) -> None:
    found = planned(*(snapshot(n * DAY) for n in range(5)), claim=there)
    assert found.removes == ()


def test_snapshots_of_a_claim_that_is_gone_are_told_all_the_same() -> None:
    found = planned(snapshot(50 * HOUR), claim=None)
    assert found.status.ready == 1
    assert found.freshness is Freshness.OVERDUE


def test_what_a_test_restores_from_outlives_its_time() -> None:
    made = [snapshot(n * DAY) for n in range(5)]
    running = trial(made[4], HOUR / 2)
    found = plan_volume(subject(snapshots=tuple(made), trials=(running,)), NOW)
    assert [r.uid for r in found.removes] == [made[3].uid]


def test_without_the_kind_that_is_said_and_proofs_are_remembered() -> None:
    known = Remembered("claim-1", NOW - DAY, NOW - DAY)
    found = outlook([subject(remembered=known)], (), (), NOW, supported=False)
    (plan,) = found.volumes
    assert (plan.freshness, plan.recovery) == (Freshness.UNSUPPORTED, Recovery.UNSUPPORTED)
    assert plan.status.last_proof == NOW - DAY
    assert (found.makes, found.removes, found.wake) == ((), (), None)


def test_only_so_many_tests_run_at_a_time() -> None:
    taken = snapshot(dt.timedelta())
    running = trial(taken, HOUR / 2)
    found = outlook(
        [
            subject(snapshots=(taken,), trials=(running,)),
            *(subject(snapshots=(taken,)) for _ in range(MAX_TRIALS + 2)),
        ],
        (),
        (),
        NOW,
        supported=True,
    )
    assert [make.kind for make in found.makes] == [CLAIM] * (MAX_TRIALS - 1)


def test_tests_of_what_declares_no_backup_any_more_are_cleared_away() -> None:
    taken = snapshot(DAY)
    running, other = trial(taken, HOUR), trial(snapshot(2 * DAY), HOUR)
    leaving = replace(running, leaving=True)
    found = outlook([], [running, other, leaving], [taken], NOW, supported=True)
    assert found.removes == (removal(running),)


def test_a_refusal_is_told_and_a_missing_snapshot_is_a_failed_one() -> None:
    found = outlook([subject(snapshots=(snapshot(DAY),))], (), (), NOW, supported=True)
    (told,) = refused_of(found, {"charts": "403 Forbidden: quota"}).volumes
    assert told.freshness is Freshness.FAILED
    assert "quota" in (told.status.message or "")
    assert refused_of(found, {}) == found
