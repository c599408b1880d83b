"""When a secret can have got its value, and what proves that it did."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.rotation.change import combined, first_seen, followed
from phiwarden.rotation.model import LastChange
from tests.rotation.made import DAY, HOUR, NOW, SECOND, YOUNG, change, delivery, secret

WRITTEN = secret(fingerprint="a")
LATER = YOUNG + DAY

times = st.integers(0, 100).map(lambda hours: YOUNG + hours * HOUR)
maybe = st.none() | times
prints = st.sampled_from(["", "a", "b"])
versions = st.sampled_from(["", "1", "2", "1,2", "2,3"])
deliveries = st.none() | versions.map(lambda version: delivery(version=version))
secrets = st.builds(
    lambda written, fingerprint, keys: secret(
        written=written, fingerprint=fingerprint, keys=None if written is None else keys
    ),
    maybe,
    prints,
    st.just(frozenset({"password"})),
)
changes = st.builds(
    lambda time, proven, written, version: change(
        time=time, proven=proven, written=written, version=version
    ),
    times,
    st.booleans(),
    maybe,
    versions,
)


@pytest.mark.parametrize(
    ("fields", "time"),
    [({}, YOUNG), ({"written": None}, NOW - 200 * DAY), ({"written": None, "keys": None}, NOW - 200 * DAY)],
)  # fmt: skip
def test_of_one_that_nobody_followed_nothing_is_proven(
    fields: dict[str, Any], time: dt.datetime
) -> None:
    found = secret(fingerprint="a", **fields)
    expected = LastChange("u", time, proven=False, written=found.written, version="1")
    assert first_seen(found, delivery(version="1"), None) == expected


@given(changes, deliveries)
def test_what_an_earlier_run_remembered_survives_where_nothing_was_written(
    remembered: LastChange, found: Any
) -> None:
    same = secret(written=remembered.written)
    told = found.version.split(",") if found is not None and found.version else []
    kept = first_seen(same, found, remembered)
    if remembered.version and not set(told) <= set(remembered.version.split(",")):
        assert kept.proven  # another version is another value, written or not
    else:
        assert (kept.time, kept.proven) == (remembered.time, remembered.proven)
    assert first_seen(same, None, remembered) == remembered


@given(changes, maybe)
def test_a_write_while_nobody_watched_proves_nothing(
    remembered: LastChange, written: dt.datetime | None
) -> None:
    now = secret(written=written, fingerprint="b")
    if written != remembered.written:
        found = first_seen(now, None, remembered)
        assert not found.proven
        assert found.time == (written if written is not None else now.created)


@given(changes, secrets, deliveries)
def test_one_made_anew_under_its_name_forgets(known: LastChange, before: Any, found: Any) -> None:
    made = secret(uid="other", written=NOW, created=NOW, fingerprint="b")
    version = found.version if found is not None else ""
    expected = LastChange("other", NOW, proven=False, written=NOW, version=version)
    assert first_seen(made, found, known) == expected
    assert followed(known, before, made, found, NOW) == expected


@given(changes, secrets, times, deliveries)
def test_a_write_that_leaves_the_fingerprint_makes_nothing_younger_nor_proven(
    known: LastChange, before: Any, written: dt.datetime, found: Any
) -> None:
    before = replace(before, fingerprint="a")
    silent = found is None or not found.version or not known.version
    after = replace(before, written=written)
    now = followed(known, before, after, found, NOW)
    if silent:
        assert (now.time, now.proven) == (known.time, known.proven)
        assert now.written == written


@given(changes, secrets, times)
def test_a_changed_fingerprint_is_a_change(
    known: LastChange, before: Any, written: dt.datetime
) -> None:
    before = replace(before, fingerprint="a")
    after = replace(before, fingerprint="b", written=written)
    now = followed(known, before, after, None, NOW)
    assert now.proven
    assert now.time == (written if written != before.written else NOW)


@pytest.mark.parametrize(("before", "after"), [("", "a"), ("a", "")])
def test_a_fingerprint_that_comes_or_goes_proves_nothing(before: str, after: str) -> None:
    known = change(time=YOUNG, proven=True)
    noted = followed(known, secret(fingerprint=before), secret(fingerprint=after), None, NOW)
    assert noted == known
    late = secret(fingerprint=after, written=LATER)
    written = followed(known, secret(fingerprint=before), late, None, NOW)
    assert (written.time, written.proven) == (LATER, False)


def test_a_write_without_fingerprint_may_be_a_change_and_proves_none() -> None:
    known = change(proven=True)
    found = followed(known, secret(), secret(written=LATER), None, NOW)
    assert (found.time, found.proven, found.written) == (LATER, False, LATER)
    cleared = followed(known, secret(), secret(written=None, keys=None), None, NOW)
    assert (cleared.time, cleared.proven) == (secret().created, False)
    assert followed(known, secret(), secret(), None, NOW) == known


def test_another_version_of_the_store_is_a_change() -> None:
    known = change(version="1")
    found = followed(known, WRITTEN, WRITTEN, delivery(version="2"), NOW)
    assert (found.time, found.proven, found.version) == (NOW, True, "1,2")
    written = followed(known, WRITTEN, secret(written=LATER), delivery(version="2"), NOW)
    assert (written.time, written.proven) == (LATER, True)
    # The first version that is told of has none before it to differ from.
    first = followed(change(), WRITTEN, WRITTEN, delivery(version="2"), NOW)
    assert first == change(version="2")
    # What is written while the version stays has no other value.
    late = followed(known, WRITTEN, secret(written=LATER), delivery(version="1"), NOW)
    assert late == replace(known, written=LATER)


def pods(*mounted: str) -> Any:
    kind = "SecretProviderClass"
    return combined(
        delivery(kind=kind, name=f"p{i}", version=version) for i, version in enumerate(mounted)
    )


def test_pods_that_mounted_several_versions() -> None:
    known = first_seen(WRITTEN, pods("1", "1"), None)
    for moment, mounted in ((NOW, ("1", "2")), (NOW + HOUR, ("2", "2")), (NOW + DAY, ("2",))):
        known = followed(known, WRITTEN, WRITTEN, pods(*mounted), moment)
        assert (known.time, known.proven) == (NOW, True)
    known = followed(known, WRITTEN, WRITTEN, pods("1"), NOW + 2 * DAY)
    assert known.time == NOW  # an old pod was seen late


@given(st.lists(st.integers(1, 30).map(str), min_size=1, max_size=40, unique=True))
def test_a_pod_that_stays_as_it_is_proves_no_rotation(news: list[str]) -> None:
    """One pod keeps the first version, while others are rotated as often as may be."""
    known = first_seen(WRITTEN, pods("0"), None)
    alive = ["0"]
    for number, version in enumerate(news):
        time = NOW + number * HOUR
        alive = ["0", *alive[1:][-5:], version]
        known = followed(known, WRITTEN, WRITTEN, pods(*alive), time)
        assert known.time == time
        again = followed(known, WRITTEN, WRITTEN, pods(*alive), time + SECOND)
        assert (again.time, again.proven) == (time, True)
        assert len(known.version) < 100


def test_what_contradicts_itself_counts_as_the_worse() -> None:
    assert combined([]) is None
    one = delivery(kind="Certificate", name="a", rotated=YOUNG, not_after=NOW + DAY, traps=("x",))
    two = delivery(name="b", ready=False, reason="no", rotated=YOUNG - DAY, traps=("x", "y"))
    three = delivery(name="c", ready=None, not_after=NOW + HOUR)
    found = combined([one, two, three])
    assert found is not None
    assert (found.kind, found.name, found.reason) == ("VaultStaticSecret", "b", "no")
    assert (found.ready, found.rotated, found.not_after) == (False, YOUNG - DAY, NOW + HOUR)
    assert found.traps == ("x", "y")
    assert combined([three, replace(three, name="d")]) == three
    ready = combined([three, one])
    assert ready is not None
    assert ready.ready is True
