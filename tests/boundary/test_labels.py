"""The boundary on a Namespace: written, read back, or refused by name."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api import names
from phiwarden.api.vocabulary import (
    ClinicalImpact,
    DataClass,
    Enforcement,
    Environment,
    Exposure,
)
from phiwarden.boundary.labels import BoundaryUnreadable, ZoneBoundary, decode, encode

from .declarations import unhurried

BOUNDARY = ZoneBoundary(
    workload="portal",
    zone="clinical",
    data="phi",
    environment="production",
    impact="direct-care",
    enforcement="enforce",
    exposure="none",
    registries=("registry.hospital.example/", "registry.hospital.example/portal"),
    service_accounts=("api", "jobs"),
    api_access=("api",),
    regions=("us-east-1",),
    held=("Deployment/api",),
    keep_revisions=12,
)

_items = st.lists(st.text("abc-./:19", min_size=1, max_size=9), max_size=4, unique=True).map(
    lambda items: tuple(sorted(items))
)

_exceptions = st.lists(
    st.builds(
        "PHI-{}-001/{}/{}/2027-01-{:02}T00:00:00Z".format,
        st.sampled_from(["IMG", "POD"]),
        st.sampled_from(["Deployment", "Role"]),
        st.text("ab-.:", min_size=1, max_size=5),
        st.integers(1, 31),
    ),
    max_size=4,
    unique=True,
).map(lambda items: tuple(sorted(items)))


_releases = st.none() | st.lists(
    st.integers(0, 99).map("sha256:{:0>64}".format), max_size=4, unique=True
).map(lambda items: tuple(sorted(items)))


@st.composite
def boundaries(draw: st.DrawFn) -> ZoneBoundary:
    accounts = draw(_items)
    access = draw(st.lists(st.sampled_from(accounts), unique=True)) if accounts else []
    return ZoneBoundary(
        workload=draw(st.sampled_from(["portal", "a"])),
        zone=draw(st.sampled_from(["clinical", "a"])),
        data=draw(st.sampled_from(DataClass)),
        environment=draw(st.sampled_from(Environment)),
        impact=draw(st.sampled_from(ClinicalImpact)),
        enforcement=draw(st.sampled_from(Enforcement)),
        exposure=draw(st.sampled_from(Exposure)),
        registries=draw(_items),
        service_accounts=accounts,
        api_access=tuple(sorted(access)),
        regions=draw(_items),
        held=draw(_items),
        exceptions=draw(_exceptions),
        releases=draw(_releases),
        keep_revisions=draw(st.integers(1, 999)),
    )


@unhurried
@given(boundaries())
def test_what_is_written_is_read_back(boundary: ZoneBoundary) -> None:
    assert decode(*encode(boundary)) == boundary


def test_every_key_is_written_even_for_an_empty_list() -> None:
    empty = dataclasses.replace(
        BOUNDARY,
        registries=(),
        service_accounts=(),
        api_access=(),
        regions=(),
        held=(),
        secrets=(),
        releases=(),
    )
    labels, annotations = encode(empty)
    assert set(labels) == set(names.BOUNDARY_LABELS)
    assert set(annotations) == {*names.BOUNDARY_ANNOTATIONS, *names.OPTIONAL_ANNOTATIONS}
    assert annotations[names.REGISTRIES] == ""


def test_lists_are_written_in_one_order_and_each_item_once() -> None:
    _, annotations = encode(dataclasses.replace(BOUNDARY, service_accounts=("jobs", "api", "jobs")))
    assert annotations[names.SERVICE_ACCOUNTS] == "api,jobs"


def test_a_zone_of_an_older_version_keeps_two_revisions() -> None:
    labels, annotations = encode(BOUNDARY)
    assert annotations.pop(names.KEEP_REVISIONS) == "12"
    assert decode(labels, annotations).keep_revisions == 2


@pytest.mark.parametrize(
    "entry",
    [
        "PHI-IMG-001",
        "PHI-IMG-001/Deployment/app",
        "PHI-IMG-001/Deployment/app/tomorrow",
        "PHI-IMG-001/Deployment/app/2027-01-01T00:00:00+00:00",
        "PHI-IMG-001/Deployment/a/b/2027-01-01T00:00:00Z",
        "PHI-IMG-001//app/2027-01-01T00:00:00Z",
    ],
)
def test_an_exception_that_would_be_read_in_two_ways_is_refused(entry: str) -> None:
    labels, annotations = encode(BOUNDARY)
    annotations[names.EXCEPTIONS] = entry
    with pytest.raises(BoundaryUnreadable, match=names.EXCEPTIONS):
        decode(labels, annotations)


@pytest.mark.parametrize(
    "entry",
    [
        "sha256:abc",
        f"sha256:{'A' * 64}",
        f"@sha256:{'a' * 64}",
        f"sha256:{'a' * 64},",
        f"sha256:{'a' * 64} ",
    ],
)
def test_a_release_that_is_no_digest_is_refused(entry: str) -> None:
    labels, annotations = encode(BOUNDARY)
    annotations[names.RELEASES] = entry
    with pytest.raises(BoundaryUnreadable, match=names.RELEASES):
        decode(labels, annotations)


def test_a_zone_of_an_older_version_asks_for_no_releases() -> None:
    labels, annotations = encode(dataclasses.replace(BOUNDARY, releases=()))
    assert annotations.pop(names.RELEASES) == ""
    assert decode(labels, annotations).releases is None


NO_NUMBERS = ("", "0", "02", "+2", "-2", " 2", "2\n", "2.0", "1000", "two", "\u0662", "2,3", "1_0")


@pytest.mark.parametrize("key", [*names.BOUNDARY_LABELS, *names.BOUNDARY_ANNOTATIONS])
def test_a_missing_key_is_named(key: str) -> None:
    labels, annotations = encode(BOUNDARY)
    labels.pop(key, None)
    annotations.pop(key, None)
    with pytest.raises(BoundaryUnreadable, match=f"^{key}: missing") as refused:
        decode(labels, annotations)
    assert refused.value.key == key


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (names.WORKLOAD, ""),
        (names.DATA, "PHI"),
        (names.ENVIRONMENT, "prod"),
        (names.IMPACT, "none"),
        (names.ENFORCEMENT, "off"),
        (names.EXPOSURE, "everybody"),
        (names.FORMAT, "2"),
        (names.FORMAT, ""),
        (names.REGISTRIES, "a,,b"),
        (names.REGISTRIES, ","),
        (names.SERVICE_ACCOUNTS, "api, jobs"),
        (names.HELD, " "),
        (names.REGIONS, "us-east-1\n"),
        (names.API_ACCESS, "stranger"),
        *((names.KEEP_REVISIONS, text) for text in NO_NUMBERS),
    ],
)
def test_a_wrong_value_is_refused_and_its_key_named(key: str, value: str) -> None:
    labels, annotations = encode(BOUNDARY)
    (labels if key in labels else annotations)[key] = value
    with pytest.raises(BoundaryUnreadable) as refused:
        decode(labels, annotations)
    assert refused.value.key == key


@pytest.mark.parametrize(
    "change",
    [
        {"held": ("a,b",)},
        {"regions": ("",)},
        {"api_access": ("stranger",)},
        {"data": "secret"},
        {"keep_revisions": 0},
    ],
)
def test_what_could_not_be_read_back_is_not_written(change: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="phiwarden"):
        encode(dataclasses.replace(BOUNDARY, **change))  # type: ignore[arg-type]
