"""Restore tests: when they are made, how they end, and what is remembered of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from phiwarden.api import names
from phiwarden.backups.model import Recovery, Remembered
from phiwarden.backups.objects import CLAIM, trial_name
from phiwarden.backups.restore import DEADLINE, LATE, RETRY, Trials, removal, trials
from phiwarden.backups.retention import ours, ready
from phiwarden.storage.claims import Snapshot
from tests.backups.made import DAY, HOUR, NOW, PLACE, claim, snapshot, subject, trial, volume

TAKEN = snapshot(HOUR)
QUARTER = 90 * DAY


def outcome(*snapshots: Snapshot, **fields: Any) -> Trials:
    about = subject(snapshots=snapshots or (TAKEN,), **fields)
    return trials(about, ready(ours(about.snapshots, PLACE, "charts", "claim-1")), NOW)


def proven(ago: dt.timedelta) -> Remembered:
    return Remembered("claim-1", NOW - ago, NOW - ago, "restored")


def failed(ago: dt.timedelta, proof: dt.timedelta | None = None) -> Remembered:
    before = NOW - proof if proof is not None else None
    return Remembered("claim-1", NOW - ago, before, "not bound")


def test_the_newest_snapshot_that_is_ready_is_restored_into_a_claim_of_its_own() -> None:
    newer = snapshot(dt.timedelta(minutes=5), ready=False)
    found = outcome(snapshot(DAY), TAKEN, newer)
    (made,) = found.makes
    assert (made.kind, made.name) == (CLAIM, trial_name(TAKEN))
    assert len(made.name) > 40  # no declared volume has so long a name
    spec = made.body["spec"]
    assert spec["dataSource"] == {
        "apiGroup": "snapshot.storage.k8s.io",
        "kind": "VolumeSnapshot",
        "name": TAKEN.name,
    }
    assert spec["storageClassName"] == "fast"
    assert made.body["metadata"]["labels"][names.RESTORE_TEST] == "charts"
    assert found.recovery is Recovery.UNPROVEN


@pytest.mark.parametrize(
    ("requested", "restore", "asked"),
    [
        ("10Gi", "10Gi", "10Gi"),
        ("10Gi", "12Gi", "12Gi"),
        ("20Gi", "10Gi", "20Gi"),
        ("1Gi", "0", "1Gi"),
    ],
)
def test_it_asks_for_what_the_snapshot_needs(requested: str, restore: str, asked: str) -> None:
    found = outcome(replace(TAKEN, size=restore), claim=claim(requested=requested))
    (made,) = found.makes
    assert made.body["spec"]["resources"]["requests"]["storage"] == asked


@pytest.mark.parametrize(
    "fields",
    [
        {"claim": None},
        {"claim": claim(phase="Pending")},
        {"claim": claim(leaving=True)},
        {"untestable": "binds only for a pod"},
        {"volume": volume(restoreTestEvery=None)},
        {"remembered": proven(QUARTER - HOUR)},
        {"remembered": failed(RETRY - HOUR)},
        {"remembered": failed(RETRY - HOUR, proof=2 * QUARTER)},
        {"trials": (trial(TAKEN, HOUR / 2),)},
        {"trials": (trial(snapshot(DAY), HOUR / 2, leaving=True),)},
    ],
)
def test_none_is_made_where_there_is_no_need_or_no_way(fields: dict[str, Any]) -> None:
    assert outcome(TAKEN, snapshot(DAY), **fields).makes == ()


def test_none_is_made_of_what_is_not_ready_or_not_ours() -> None:
    assert outcome(replace(TAKEN, ready=False)).makes == ()
    assert outcome(replace(TAKEN, labels={})).makes == ()
    assert outcome(snapshot(HOUR, uid="claim-0")).makes == ()


@pytest.mark.parametrize(
    "remembered",
    [proven(QUARTER), failed(RETRY), failed(RETRY, proof=2 * QUARTER), Remembered("claim-1")],
)
def test_one_is_made_when_it_is_due(remembered: Remembered) -> None:
    assert len(outcome(remembered=remembered).makes) == 1


def test_a_bound_claim_with_proven_storage_is_the_proof() -> None:
    bound = trial(TAKEN, HOUR / 2, phase="Bound", volume_name="pv-2")
    found = outcome(trials=(bound,), judged={bound.name: ""})
    assert (found.known.last_test, found.known.last_proof) == (NOW, NOW)
    assert (found.result, found.recovery) == ("Passed", Recovery.PROVEN)
    assert found.removes == (removal(bound),)
    assert found.removes[0].uid == bound.uid
    assert found.wake == NOW + QUARTER


def test_a_bound_claim_whose_volume_was_not_seen_yet_is_waited_for() -> None:
    bound = trial(TAKEN, HOUR / 2, phase="Bound", volume_name="pv-2")
    found = outcome(trials=(bound,))
    assert (found.result, found.removes, found.known.last_test) == ("Running", (), None)
    assert found.wake == bound.created + DEADLINE


@pytest.mark.parametrize(
    ("fields", "judged", "said"),
    [
        ({"phase": "Bound", "volume_name": "pv-2"}, "plain", "not proven as it must be: plain"),
        ({"phase": "Lost"}, None, "was lost"),
        ({"created": NOW - DEADLINE}, None, "not restored within 1 h"),
    ],
)
@pytest.mark.parametrize("proof", [None, 10 * DAY])
def test_a_test_that_fails_is_told_and_its_claim_removed(
    fields: dict[str, Any], judged: str | None, said: str, proof: dt.timedelta | None
) -> None:
    ended = trial(TAKEN, HOUR / 2, **fields)
    known = proven(proof) if proof is not None else Remembered("claim-1")
    found = outcome(
        trials=(ended,), judged={} if judged is None else {ended.name: judged}, remembered=known
    )
    assert (found.result, found.recovery) == ("Failed", Recovery.FAILED)
    assert said in found.message
    assert found.known.last_proof == known.last_proof
    assert found.removes == (removal(ended),)
    assert found.wake == NOW + RETRY


def test_what_is_noted_already_is_only_removed() -> None:
    bound = trial(TAKEN, HOUR, phase="Bound", volume_name="pv-2")
    known = proven(HOUR / 2)
    found = outcome(trials=(bound,), judged={bound.name: ""}, remembered=known)
    assert found.known == known
    assert found.removes == (removal(bound),)


def test_a_claim_of_another_original_proves_nothing_and_goes() -> None:
    old = snapshot(HOUR, uid="claim-0")
    bound = trial(old, HOUR / 2, phase="Bound", volume_name="pv-2")
    found = outcome(old, trials=(bound,), judged={bound.name: ""})
    assert found.known.last_test is None
    assert found.removes == (removal(bound),)


@pytest.mark.parametrize(
    "source",
    [
        replace(TAKEN, name="other"),
        replace(TAKEN, uid="another"),
        replace(TAKEN, labels={}),
        snapshot(HOUR, labels={**TAKEN.labels, names.VOLUME: "other"}),
    ],
)
def test_a_claim_whose_snapshot_is_not_ours_is_left(source: Snapshot) -> None:
    bound = trial(TAKEN, 2 * HOUR, phase="Bound", volume_name="pv-2")
    found = outcome(source, trials=(bound,), judged={bound.name: ""})
    assert found.removes == ()
    assert found.left == (bound.name,)
    assert found.known.last_test is None


def test_a_claim_that_nobody_asks_for_any_more_goes() -> None:
    running = trial(TAKEN, HOUR / 2)
    found = outcome(trials=(running,), volume=volume(restoreTestEvery=None))
    assert found.removes == (removal(running),)
    assert found.recovery is None


@pytest.mark.parametrize(
    ("remembered", "untestable", "recovery", "result"),
    [
        (Remembered("claim-1"), "", Recovery.UNPROVEN, None),
        (Remembered("claim-1"), "pods", Recovery.NOT_TESTABLE, "NotTestable"),
        (proven(DAY), "", Recovery.PROVEN, "Passed"),
        (proven(DAY), "pods", Recovery.PROVEN, "Passed"),
        (proven(QUARTER + LATE - HOUR), "", Recovery.PROVEN, "Passed"),
        (proven(QUARTER + LATE), "", Recovery.OVERDUE, "Passed"),
        (proven(QUARTER + LATE), "pods", Recovery.NOT_TESTABLE, "NotTestable"),
        (failed(DAY, proof=2 * DAY), "", Recovery.FAILED, "Failed"),
        (failed(DAY), "pods", Recovery.FAILED, "Failed"),
    ],
)
def test_what_is_said_between_tests(
    remembered: Remembered, untestable: str, recovery: Recovery, result: str | None
) -> None:
    found = outcome(remembered=remembered, untestable=untestable)
    assert (found.recovery, found.result) == (recovery, result)
