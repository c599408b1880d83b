"""Whose the namespaces are, what is read at all, and what is said of agreements."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from phiwarden.api import names
from phiwarden.preview.model import Cluster, Declared, Gap, NamespaceFate
from phiwarden.preview.outlook import claimed, namespaces_to_read, outlooks
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.examples import DIGEST
from tests.preview.clusters import (
    AT,
    NAMESPACE,
    cluster,
    declared,
    fates,
    namespaces,
    plan,
    runs,
    zone,
)
from tests.releases.made import private, public_pem

EMPTY = Cluster({}, {}, {})
OLDER = declared("older", created="2020-01-01T00:00:00Z", zones=zone(namespace=NAMESPACE))


def taken_by(other: Declared) -> Cluster:
    return Cluster({other.name: other}, namespaces(other), {})


def marked(**metadata: Any) -> Cluster:
    return cluster(namespaces={NAMESPACE: {"metadata": {"name": NAMESPACE, **metadata}}})


@pytest.mark.parametrize(
    ("found", "to_be", "fate"),
    [
        (EMPTY, declared(), NamespaceFate.MADE),
        (cluster(), declared(), NamespaceFate.ADOPTED),
        (cluster(), declared(zones=zone(adopt=False)), NamespaceFate.REFUSED),
        (cluster(standing=declared()), declared(), NamespaceFate.KEPT),
        (taken_by(OLDER), declared(), NamespaceFate.REFUSED),
        (marked(deletionTimestamp="2026-11-20T11:00:00Z"), declared(), NamespaceFate.REFUSED),
        (
            marked(labels={"phiwarden.dev/workload": "gone", "phiwarden.dev/data": "phi"}),
            declared(environment="staging", zones=zone(data="synthetic")),
            NamespaceFate.REFUSED,
        ),
        (
            cluster(gaps=(Gap("Namespace", NAMESPACE, "not permitted"),), namespaces={}),
            declared(),
            NamespaceFate.UNREAD,
        ),
    ],
    ids=["new", "adopted", "not adopted", "kept", "taken", "terminating", "held PHI", "unread"],
)
def test_the_fate_of_a_namespace(found: Cluster, to_be: Declared, fate: NamespaceFate) -> None:
    outlook = plan(to_be, found)
    (zone_,) = outlook.zones
    assert zone_.fate is fate
    assert bool(zone_.why) is (fate in (NamespaceFate.REFUSED, NamespaceFate.UNREAD))
    assert outlook.hard is (fate is NamespaceFate.REFUSED)


def test_what_runs_in_a_namespace_that_is_not_taken_is_neither_read_nor_judged() -> None:
    free, to_be = cluster(runs("Pod", image="nginx")), declared()
    assert namespaces_to_read([to_be], free) == (NAMESPACE,)
    other = declared(zones=zone(adopt=False))
    assert namespaces_to_read([other], free) == ()
    (zone_,) = plan(other, free).zones
    assert (zone_.objects, zone_.judged) == ((), 0)


def test_of_two_new_declarations_one_gets_the_namespace() -> None:
    both = [
        declared("b", zones=zone(namespace="shared")),
        declared("a", zones=zone(namespace="shared")),
    ]
    found = outlooks(both, EMPTY, standard_judge(), AT)
    assert {outlook.workload: outlook.zones[0].fate for outlook in found} == {
        "a": NamespaceFate.MADE,
        "b": NamespaceFate.REFUSED,
    }


def test_a_declaration_that_stands_keeps_its_age() -> None:
    """Planned anew it is not the younger one of two that claim a namespace."""
    younger = declared("younger", created="2026-01-01T00:00:00Z", zones=zone(namespace=NAMESPACE))
    both = Cluster({"older": OLDER, "younger": younger}, {}, {})
    again = declared("older", zones=zone(namespace=NAMESPACE))
    (zone_,) = plan(again, both).zones
    assert zone_.fate is NamespaceFate.MADE


def test_a_zone_that_is_no_longer_declared_is_left_standing() -> None:
    to_be = declared(zones=[*zone(name="other")])
    found = cluster(standing=declared())
    assert claimed([to_be], found) == {NAMESPACE, "portal-other"}
    fates = {zone_.zone: zone_.fate for zone_ in plan(to_be, found).zones}
    assert fates == {"other": NamespaceFate.MADE, "clinical": NamespaceFate.LEFT}


def test_a_zone_that_only_changes_its_name_is_not_left_behind() -> None:
    to_be = declared(zones=zone(name="renamed", namespace=NAMESPACE))
    fates = {zone_.zone: zone_.fate for zone_ in plan(to_be, cluster(standing=declared())).zones}
    assert fates == {"renamed": NamespaceFate.KEPT}


@pytest.mark.parametrize(
    ("expires", "listed"),
    [("2026-11-19", True), ("2026-11-20", True), ("2026-12-20", True), ("2026-12-21", False)],
)
def test_agreements_that_ended_or_end_within_thirty_days_are_told(
    expires: str, listed: bool
) -> None:
    agreement = {"type": "BAA", "counterparty": "Lab", "reference": "BAA-1", "expires": expires}
    external = {"name": "lab", "kind": "lab", "cidrs": ["203.0.113.0/24"], "agreement": agreement}
    found = plan(declared(externals=[external]), EMPTY).agreements
    assert [state.expires for state in found] == (
        [dt.date.fromisoformat(expires)] if listed else []
    )


def test_a_namespace_whose_marks_cannot_be_read_is_judged_by_the_declaration() -> None:
    broken = cluster(runs("Deployment", image="nginx"), standing=declared())
    del broken.namespaces[NAMESPACE]["metadata"]["annotations"]
    (zone_,) = plan(declared(), broken).zones
    assert [fate.name for fate in zone_.objects] == ["app"]


def test_of_releases_a_plan_knows_what_the_zone_has_now() -> None:
    """What only a declaration asks for, nobody brought yet."""
    key = {"name": "ci", "publicKey": public_pem(private("ci"))}
    asking = {**zone()[0]["images"], "requireRelease": True, "releaseKeys": [key]}
    standing = declared()
    to_be = declared(zones=zone(images=asking))
    found = cluster(runs("Deployment"), standing=standing)
    outlook = plan(to_be, found)
    (broken,) = fates(outlook)["Deployment/app"].broken
    assert broken.rule == "PHI-IMG-003"
    annotations = found.namespaces[NAMESPACE]["metadata"]["annotations"]
    annotations[names.RELEASES] = DIGEST
    assert "Deployment/app" not in fates(plan(to_be, found))
    assert "Deployment/app" not in fates(plan(standing, found))
