"""What may be deleted: never the last that can be restored from, and never another's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api import names
from phiwarden.backups.retention import STUCK, ours, ready, surplus
from phiwarden.storage.claims import Snapshot
from tests.backups.made import DAY, HOUR, NOW, PLACE, snapshot
from tests.boundary.declarations import unhurried


def gone(
    snapshots: list[Snapshot], keep: int, used: frozenset[str] = frozenset()
) -> list[Snapshot]:
    return list(surplus(ours(snapshots, PLACE, "charts", "claim-1"), keep, used, NOW))


def test_the_oldest_go_once_there_are_more_than_are_kept() -> None:
    made = [snapshot(n * DAY) for n in (1, 5, 3, 2, 4)]
    assert gone(made, 3) == [snapshot(5 * DAY), snapshot(4 * DAY)]
    assert gone(made, 5) == []
    assert gone(made, 1) == [snapshot(n * DAY) for n in (5, 4, 3, 2)]


def test_what_is_not_ready_counts_for_nothing() -> None:
    made = [snapshot(n * DAY) for n in (1, 2)]
    made.append(snapshot(HOUR, ready=False))
    assert gone(made, 2) == []


def test_what_failed_goes_once_something_newer_is_ready() -> None:
    failed = snapshot(2 * DAY, ready=False, error="no space")
    assert gone([failed], 3) == []
    assert gone([failed, snapshot(3 * DAY)], 3) == []
    assert gone([failed, snapshot(DAY)], 3) == [failed]
    waiting = replace(failed, error="")
    assert gone([waiting, snapshot(DAY)], 3) == [waiting]
    young = snapshot(STUCK - HOUR, ready=False)
    assert gone([young, snapshot(HOUR)], 3) == []


def test_what_is_being_restored_from_stays() -> None:
    made = [snapshot(n * DAY) for n in (1, 2, 3)]
    assert gone(made, 1, frozenset({made[2].name})) == [made[1]]


def test_what_is_being_deleted_counts_for_nothing_and_is_not_deleted_twice() -> None:
    made = [snapshot(1 * DAY, leaving=True), snapshot(2 * DAY), snapshot(3 * DAY)]
    assert gone(made, 2) == []
    assert gone(made, 1) == [made[2]]


@pytest.mark.parametrize(
    "stranger",
    [
        {"labels": {}},
        {"uid": "claim-0"},
        {"claim": "other"},
        {"namespace": "elsewhere"},
        *(
            {"labels": {**snapshot(DAY).labels, key: "other"}}
            for key in (names.MANAGED_BY, names.WORKLOAD, names.ZONE, names.VOLUME, names.CLAIM_UID)
        ),
    ],
)
def test_what_is_not_ours_is_neither_counted_nor_deleted(stranger: dict[str, object]) -> None:
    made = [snapshot(1 * DAY), snapshot(2 * DAY)]
    others = [snapshot(n * DAY, **stranger) for n in (4, 5, 6)]  # type: ignore[arg-type]
    assert gone([*made, *others], 2) == []
    assert gone([*made, *others], 1) == [made[1]]


def test_without_a_claim_nothing_is_ours() -> None:
    assert ours([snapshot(DAY, uid="")], PLACE, "charts", "") == ()


drawn = st.builds(
    snapshot,
    st.integers(-48, 2000).map(lambda hours: hours * HOUR),
    uid=st.sampled_from(["claim-1", "claim-1", "claim-1", "claim-0", ""]),
    ready=st.booleans(),
    leaving=st.sampled_from([False, False, False, True]),
    error=st.sampled_from(["", "no space"]),
    claim=st.sampled_from(["charts", "charts", "charts", "other"]),
)


@unhurried
@given(
    st.lists(drawn, max_size=30, unique_by=lambda entry: entry.name),
    st.integers(1, 100),
    st.data(),
)
def test_retention_never_takes_what_is_needed(
    snapshots: list[Snapshot], keep: int, data: st.DataObject
) -> None:
    known = [entry.name for entry in snapshots] or ["none"]
    used = frozenset(data.draw(st.sets(st.sampled_from(known), max_size=2)))
    deleted = gone(snapshots, keep, used)
    mine = ours(snapshots, PLACE, "charts", "claim-1")
    usable = ready(mine)
    left = [entry for entry in usable if entry not in deleted]
    assert len(left) >= min(keep, len(usable))
    if usable:
        assert max(usable, key=lambda entry: entry.created) in left
    for entry in deleted:
        assert entry in mine
        assert not entry.leaving
        assert entry.name not in used
        assert any(other.created > entry.created for other in left)
    # And it does delete: nothing beyond what is kept and used stays.
    assert len(left) <= max(keep, 0) + len(used)
    assert deleted == sorted(deleted, key=lambda entry: entry.created)
