"""What becomes of an object: by the level, by the impact, by its history, and by what changes."""

from __future__ import annotations

from typing import Any

import pytest

from phiwarden.api.workload import ClinicalImpact, Enforcement
from phiwarden.preview.model import Change, Consequence, Gap
from phiwarden.rulebook.shapes import NETWORK_POLICY, SERVICE
from tests.preview.clusters import (
    NAMESPACE,
    Object,
    budget,
    cluster,
    declared,
    fates,
    history,
    plan,
    remembered,
    revision,
    runs,
    thing,
    zone,
)

TAG = {"image": "registry.hospital.example/portal/app:1.0"}
"""Breaks PHI-IMG-001, and nothing else."""
LOOSE = {"resources": {"requests": {"cpu": "100m", "memory": "1Mi"}}}
"""Breaks PHI-POD-005, which costs reliability and no boundary."""

DOOR = thing(SERVICE, "door", spec={"type": "NodePort", "selector": {"app": "app"}})


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        (Enforcement.OBSERVE, Consequence.NOTED),
        (Enforcement.WARN, Consequence.WARNED),
        (Enforcement.ENFORCE, Consequence.REFUSED),
    ],
)
def test_the_level_decides_what_a_violation_is(level: Enforcement, expected: Consequence) -> None:
    outlook = plan(declared(enforcement=level), cluster(DOOR))
    assert {fate.then for fate in fates(outlook).values()} == {expected}
    assert outlook.hard is (level is Enforcement.ENFORCE)


DIRECT, SUPPORT, ADMIN = ClinicalImpact


@pytest.mark.parametrize(
    ("impact", "obj", "expected"),
    [
        (DIRECT, runs("Deployment", **TAG), Consequence.HELD),
        (SUPPORT, runs("Deployment", **TAG), Consequence.ISOLATED),
        (ADMIN, runs("Deployment", **TAG), Consequence.SCALED_TO_ZERO),
        (DIRECT, runs("StatefulSet", **TAG), Consequence.HELD),
        (SUPPORT, runs("StatefulSet", **TAG), Consequence.ISOLATED),
        (ADMIN, runs("StatefulSet", **TAG), Consequence.SCALED_TO_ZERO),
        (DIRECT, runs("DaemonSet", **TAG), Consequence.HELD),
        (SUPPORT, runs("DaemonSet", **TAG), Consequence.ISOLATED),
        (ADMIN, runs("DaemonSet", **TAG), Consequence.ISOLATED),
        (DIRECT, runs("CronJob", **TAG), Consequence.HELD),
        (SUPPORT, runs("CronJob", **TAG), Consequence.SUSPENDED),
        (ADMIN, runs("CronJob", **TAG), Consequence.SUSPENDED),
        (DIRECT, runs("Job", **TAG), Consequence.HELD),
        (SUPPORT, runs("Job", **TAG), Consequence.ISOLATED),
        (ADMIN, runs("Job", **TAG), Consequence.SUSPENDED),
        (DIRECT, runs("Pod", **TAG), Consequence.HELD),
        (ADMIN, runs("Pod", **TAG), Consequence.ISOLATED),
        (DIRECT, runs("ReplicaSet", **TAG), Consequence.REFUSED),
        (DIRECT, runs("Deployment", **LOOSE), Consequence.REFUSED),
        (SUPPORT, runs("Deployment", **LOOSE), Consequence.WARNED),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else str(value),
)
def test_the_impact_decides_where_no_revision_keeps_the_rules(
    impact: ClinicalImpact, obj: Object, expected: Consequence
) -> None:
    (fate,) = fates(plan(declared(clinicalImpact=impact), cluster(obj))).values()
    assert fate.then is expected


def test_the_newest_revision_that_keeps_the_rules_is_named_with_its_images() -> None:
    good = {"image": runs("Pod")["spec"]["containers"][0]["image"]}
    found = cluster(
        runs("Deployment", **TAG),
        revision("app", 1),
        revision("app", 2, **good, env=[{"name": "RELEASE", "value": "2"}]),
        revision("app", 3, **TAG),
        revision("other", 9),
        histories=remembered(
            history("Deployment", {}, {**good, "env": [{"name": "RELEASE", "value": "2"}]})
        ),
    )
    fate = fates(plan(declared(), found))["Deployment/app"]
    assert (fate.then, fate.revision) == (Consequence.ROLLED_BACK, 2)
    assert fate.images == (good["image"],)


def test_histories_that_could_not_be_read_are_no_empty_ones() -> None:
    found = cluster(
        runs("Deployment", **TAG),
        runs("Deployment", "loose", **LOOSE),
        gaps=(Gap("ReplicaSet", "portal-clinical", "not permitted"),),
    )
    told = fates(plan(declared(), found))
    assert told["Deployment/app"].then is Consequence.UNTOLD
    # Nothing is put back for it, so its history does not matter.
    assert told["Deployment/loose"].then is Consequence.REFUSED


def test_a_paused_rollout_is_left_alone_and_the_plan_says_why() -> None:
    paused = runs("Deployment", **TAG)
    paused["spec"]["paused"] = True
    (fate,) = fates(plan(declared(), cluster(paused, revision("app", 1)))).values()
    assert fate.then is Consequence.REFUSED
    assert "paused" in fate.why


def test_raising_the_level_breaks_no_new_rule() -> None:
    standing = declared(enforcement="warn")
    (fate,) = fates(plan(declared(), cluster(DOOR, standing=standing))).values()
    assert (fate.now, fate.then) == (Consequence.WARNED, Consequence.REFUSED)
    assert {broken.change for broken in fate.broken} >= {Change.STAYS}
    assert Change.NEW not in {broken.change for broken in fate.broken}


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"zones": zone(images={"registries": []})}, "PHI-IMG-002"),
        ({"zones": zone(serviceAccounts=[])}, "PHI-IDN-001"),
        ({"residency": {"regions": ["eu-west-1"]}}, "PHI-RES-001"),
    ],
)
def test_what_a_changed_declaration_breaks_is_new_and_what_it_mends_is_mended(
    change: dict[str, Any], rule: str
) -> None:
    good, changed, app = declared(), declared(**change), runs("Deployment")
    (fate,) = fates(plan(changed, cluster(app, standing=good))).values()
    assert [(b.rule, b.change) for b in fate.broken] == [(rule, Change.NEW)]
    assert (fate.now, fate.then) == (Consequence.UNAFFECTED, Consequence.HELD)
    back = plan(good, cluster(app, standing=changed))
    (fate,) = fates(back).values()
    assert [(b.rule, b.change) for b in fate.broken] == [(rule, Change.MENDED)]
    assert (fate.now, fate.then) == (Consequence.HELD, Consequence.UNAFFECTED)
    assert not back.hard


def test_new_rules_come_first_and_each_rule_once() -> None:
    worse = runs("Deployment", image="nginx", env=[{"name": "TOKEN", "value": "x"}])
    changed = declared(zones=zone(serviceAccounts=[]))
    (fate,) = fates(plan(changed, cluster(worse, standing=declared()))).values()
    assert [(b.rule, b.change.value) for b in fate.broken] == [
        ("PHI-IDN-001", "new"),
        ("PHI-IMG-001", "stays"),
        ("PHI-IMG-002", "stays"),
        ("PHI-SEC-001", "stays"),
    ]


def test_worst_comes_first_and_the_rest_is_counted() -> None:
    found = cluster(
        runs("Deployment", "good"),
        runs("StatefulSet", "also-good"),
        DOOR,
        runs("ReplicaSet", **TAG),
        runs("Deployment", "bad", **TAG),
        revision("bad", 1),
        runs("Deployment", "worse", **TAG),
        standing=declared(enforcement="warn"),
        histories=remembered(history("Deployment", {}, of="bad")),
    )
    outlook = plan(declared(clinicalImpact="administrative"), found)
    (clinical,) = outlook.zones
    assert [fate.name for fate in clinical.objects] == ["worse", "bad", "door", "app"]
    assert {c: n for c in Consequence if (n := outlook.count(c))} == {
        Consequence.SCALED_TO_ZERO: 1,
        Consequence.ROLLED_BACK: 1,
        Consequence.REFUSED: 2,
        Consequence.UNAFFECTED: 2,
    }
    assert outlook.judged == 6


def test_direct_care_is_told_what_it_loses_while_it_is_kept_apart() -> None:
    ports = [{"port": 443}]
    flows = [
        {"from": {"zone": "clinical"}, "to": {"external": name}, "ports": ports, "purpose": purpose}
        for name, purpose in (("ehr", "treatment"), ("archive", "operations"))
    ]
    externals = [
        {"name": name, "kind": "other", "cidrs": [cidr]}
        for name, cidr in (("ehr", "203.0.113.0/24"), ("archive", "198.51.100.0/24"))
    ]
    lost = {
        impact: fates(
            plan(declared(clinicalImpact=impact, flows=flows, externals=externals), found)
        )
        for impact in ClinicalImpact
        for found in [cluster(runs("Deployment", **TAG))]
    }
    archive = "clinical to external archive (198.51.100.0/24), TCP 443, for operations"
    ehr = "clinical to external ehr (203.0.113.0/24), TCP 443, for treatment"
    assert lost[DIRECT]["Deployment/app"].cut_off == (archive,)
    assert lost[SUPPORT]["Deployment/app"].cut_off == (archive, ehr)
    assert lost[ADMIN]["Deployment/app"].cut_off == ()


def test_what_phiwarden_wrote_is_not_judged() -> None:
    ours = thing(NETWORK_POLICY, "phiwarden-dns", spec={"podSelector": {}})
    ours["metadata"]["labels"] = {
        "app.kubernetes.io/managed-by": "phiwarden",
        "phiwarden.dev/workload": "portal",
    }
    theirs = thing(NETWORK_POLICY, "theirs", spec={"podSelector": {}})
    assert fates(plan(declared(), cluster(ours, theirs))).keys() == {"NetworkPolicy/theirs"}


UNPROTECTED = {"Deployment/app": (Consequence.WARNED, ["PHI-REL-002"])}


@pytest.mark.parametrize(
    ("budgets", "told"),
    [
        ((), UNPROTECTED),
        ((budget(),), {}),
        ((budget(selector={"matchLabels": {"app": "app"}}),), {}),
        ((budget(selector={"matchLabels": {"app": "other"}}),), UNPROTECTED),
        ((budget(maxUnavailable=2),), UNPROTECTED),
    ],
)
def test_direct_care_without_a_budget_is_warned_at_worst(
    budgets: tuple[Object, ...], told: dict[str, Any]
) -> None:
    around = cluster(runs("Deployment"), *budgets, protected=False)
    outlook = plan(declared(), around)
    found = {
        name: (fate.then, [broken.rule for broken in fate.broken])
        for name, fate in fates(outlook).items()
    }
    assert (found, outlook.judged, outlook.hard) == (told, 1, False)


def test_where_budgets_may_not_be_read_nothing_is_said_of_them() -> None:
    gap = Gap("PodDisruptionBudget", NAMESPACE, "not permitted")
    around = cluster(runs("Deployment"), protected=False, gaps=(gap,))
    assert fates(plan(declared(), around)) == {}
