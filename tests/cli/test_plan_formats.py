"""A plan as people and programs read it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from phiwarden.api.workload import Enforcement
from phiwarden.cli.formats.plan_json import plan_json
from phiwarden.cli.formats.plan_table import MOST_ROWS, plan_table
from phiwarden.cli.plan import exit_code
from phiwarden.cli.survey import KINDS
from phiwarden.preview.model import Cluster, Gap, Outlook
from phiwarden.remediation.steps import Step
from tests.preview.clusters import (
    Object,
    cluster,
    declared,
    history,
    plan,
    pod_of,
    remembered,
    revision,
    runs,
    zone,
)

TAG = {"image": "registry.hospital.example/portal/app:1.0"}
LABEL = "phiwarden.dev/quarantine"
EMPTY = Cluster({}, {}, {})


def table(
    outlook: Outlook, around: Cluster = EMPTY, *, width: int = 100, color: bool = False
) -> str:
    return plan_table([outlook], around, width=width, color=color)


def words(text: str) -> str:
    return " ".join(text.split())


def raised(*objects: Object, impact: str = "direct-care", **read: Any) -> Outlook:
    standing = declared(enforcement="warn", clinicalImpact=impact)
    return plan(declared(clinicalImpact=impact), cluster(*objects, standing=standing, **read))


def test_the_first_line_says_it_all() -> None:
    outlook = raised(
        runs("Deployment", "fax", **TAG),
        *(runs("ReplicaSet", f"set-{number}", **TAG) for number in range(3)),
        *(runs("Deployment", f"good-{number}") for number in range(41)),
    )
    assert words(table(outlook)).startswith(
        "portal: raising enforcement from warn to enforce: 1 object would be kept running apart,"
        " 3 refused at their next change, 41 unaffected"
    )


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (None, "warn", "portal: declaring it at enforcement warn: "),
        ("observe", "enforce", "portal: raising enforcement from observe to enforce: "),
        ("enforce", "observe", "portal: lowering enforcement from enforce to observe: "),
        ("warn", "warn", "portal: as it stands, at enforcement warn: "),
    ],
)
def test_what_is_done_is_named(before: str | None, after: str, says: str) -> None:
    standing = declared(enforcement=before) if before is not None else None
    outlook = plan(declared(enforcement=after), cluster(runs("Deployment"), standing=standing))
    assert words(table(outlook)).startswith(f"{says}1 object would be unaffected")


def test_a_screen_is_not_left_however_much_is_wrong() -> None:
    outlook = raised(*(runs("Deployment", f"bad-{number}", **TAG) for number in range(500)))
    text = table(outlook)
    assert "500 objects would be kept running apart" in words(text)
    assert f"and {500 - MOST_ROWS} more -o json lists all" in words(text)
    assert len(text.splitlines()) < 3 * MOST_ROWS + 10


def test_a_rollback_names_revision_and_image_and_cuts_the_digest() -> None:
    worked = remembered(history("Deployment", {}))
    text = table(raised(runs("Deployment", **TAG), revision("app", 7), histories=worked), width=140)
    assert "to revision 7: registry.hospital.example/portal/app@sha256:0123456789ab…" in text


HOSTILE = (
    "registry.hospital.example/portal/\x1b]0;owned\x07\u202e\n[red]app[/red]@sha256:" + "0" * 64
)


def test_what_an_object_holds_reaches_no_terminal_as_a_command() -> None:
    """An image is free text to the API server: escapes, markup and line breaks must not act."""
    outlook = raised(runs("Deployment", **TAG), revision("app", 1))
    (zone_,) = outlook.zones
    (fate,) = zone_.objects
    patch = [{"op": "replace", "path": "/spec/template", "value": {HOSTILE: HOSTILE}}]
    steps = (Step("Deployment", "app", "application/json-patch+json", patch, ""),)
    hostile = replace(fate, images=(HOSTILE,), name=HOSTILE, notes=(HOSTILE,), steps=steps)
    zone_ = replace(zone_, objects=(hostile,))
    outlook = replace(outlook, zones=(zone_,))
    text = table(outlook, width=300)
    assert "[red]app[/red]" in text
    for text_ in (text, plan_json([outlook], EMPTY, 1)):
        assert not any(character in text_ for character in "\x1b\x07\u202e")
    (told,) = json.loads(text_)["workloads"][0]["zones"][0]["objects"]
    assert told["steps"][0]["patch"] == patch, "what is sent is told as it is"


def paused(until: str, kind: str = "Deployment") -> Object:
    body = runs(kind, **TAG)
    body["metadata"]["annotations"] = {"phiwarden.dev/pause-until": until}
    return body


STOPPED = runs("Deployment", **TAG)
STOPPED["spec"]["replicas"] = 0


@pytest.mark.parametrize(
    ("objects", "impact", "says"),
    [
        (
            (runs("Deployment", **TAG), revision("app", 7)),
            "direct-care",
            "patch /spec/template: that of revision 7",
        ),
        ((runs("StatefulSet", **TAG),), "administrative", "patch /spec/replicas: 0"),
        ((runs("CronJob", **TAG),), "care-support", "patch /spec/suspend: true"),
        (
            (runs("DaemonSet", **TAG), pod_of("DaemonSet/app")),
            "care-support",
            f"label 1 pod {LABEL}=full",
        ),
        (
            (runs("Job", **TAG), pod_of("Job/app"), pod_of("Job/app")),
            "direct-care",
            f"label 2 pods {LABEL}=care",
        ),
        ((STOPPED,), "administrative", "nothing is changed"),
        (
            (runs("DaemonSet"), pod_of("DaemonSet/app", **{LABEL: "care"})),
            "direct-care",
            f"unaffected DaemonSet/app as now label 1 pod {LABEL}-",
        ),
        ((paused("2026-11-20T18:00:00Z"),), "direct-care", "paused until 2026-11-20 18:00 UTC"),
        ((paused("soon"),), "direct-care", "the pause that is asked for is not granted: "),
    ],
)
def test_each_step_is_one_line(objects: tuple[Object, ...], impact: str, says: str) -> None:
    worked = remembered(history("Deployment", {}))
    text = words(table(raised(*objects, impact=impact, histories=worked), width=140))
    assert says in text
    quiet = any(part in says for part in ("nothing", "quarantine-", "paused until"))
    pace = "1 object takes its turn, at the rate that the chart sets (remediation.perMinute)"
    assert (pace in text) is not (quiet or "granted" in says)


def test_what_takes_turns_is_counted_and_the_first_come_first() -> None:
    bad = (runs("CronJob", **TAG), runs("StatefulSet", **TAG))
    one, other = (
        raised(*bad, *pods, impact=impact)
        for impact, pods in (("administrative", ()), ("direct-care", [pod_of("StatefulSet/app")]))
    )
    lines = plan_table([other, one], EMPTY, width=200, color=False).splitlines()
    assert lines[-1] == (
        "3 objects take turns, at the rate that the chart sets (remediation.perMinute):"
        " 2 administrative, then 1 direct-care"
    )


def test_a_rollout_that_failed_is_told_with_what_is_done_about_it() -> None:
    obj = runs("Deployment", env=[{"name": "RELEASE", "value": "2"}])
    stuck = {"type": "Progressing", "reason": "ProgressDeadlineExceeded"}
    obj["status"] = {"conditions": [stuck]}
    to_be = declared(rollback={"onFailedRollout": True})
    objects = (obj, revision("app", 3))
    known = cluster(*objects, histories=remembered(history("Deployment", {})))
    text = words(table(plan(to_be, known), width=140))
    assert "rolled back Deployment/app unaffected its rollout failed to revision 3: " in text
    text = words(table(plan(to_be, cluster(*objects)), width=140))
    assert "1 object would be left alone" in text
    assert "its rollout failed, and revision 3 keeps the rules, but was never seen to work" in text


def test_a_change_at_the_same_level_is_named() -> None:
    fewer = declared(residency={"regions": ["us-east-1"]})
    outlook = plan(declared(), cluster(standing=fewer))
    assert table(outlook).startswith("portal: changing it at enforcement enforce: ")


def test_colors_are_for_terminals() -> None:
    outlook = raised(runs("Deployment", **TAG))
    assert "\x1b[31m" in table(outlook, color=True)
    assert "\x1b" not in table(outlook)


def test_what_was_not_read_is_said_last_and_makes_the_plan_incomplete() -> None:
    gaps = tuple(Gap(kind, "portal-clinical", "not permitted") for kind in ("Pod", "ConfigMap"))
    around = Cluster({}, {}, {}, gaps, unknown=("Gateway",))
    lines = table(raised(), around).splitlines()
    assert lines[-3:] == [
        "not read in portal-clinical (not permitted): Pod, ConfigMap",
        "This plan is not complete: see above.",
        "not known to this cluster: Gateway",
    ]


@pytest.mark.parametrize(
    ("objects", "gaps", "code"),
    [
        ([], (), 0),
        ([runs("Job")], (), 0),
        ([runs("Job", **TAG)], (), 1),
        ([runs("Job", **TAG)], (Gap("Pod", "x", "not permitted"),), 2),
    ],
)
def test_the_exit_code(objects: list[Object], gaps: tuple[Gap, ...], code: int) -> None:
    assert exit_code([raised(*objects)], Cluster({}, {}, {}, gaps)) == code


def test_a_zone_that_would_not_stand_is_a_reason_to_stop() -> None:
    outlook = plan(declared(zones=zone(adopt=False)), cluster())
    assert exit_code([outlook], EMPTY) == 1
    assert "zone clinical would not stand: namespace portal-clinical exists" in words(
        table(outlook)
    )


def shape(value: Any) -> Any:
    """Return a document with its values left out: a list has the shape of its first item."""
    match value:
        case dict():
            return {key: shape(item) for key, item in value.items()}
        case list():
            return [shape(value[0])] if value else []
    return type(value).__name__


def test_the_schema_for_programs_stays_as_it_is() -> None:
    """Fields may be added; whoever reads these goes on reading them."""
    agreement = {"type": "BAA", "counterparty": "L", "reference": "B-1", "expires": "2026-11-25"}
    lab = {"name": "lab", "kind": "lab", "cidrs": ["203.0.113.0/24"], "agreement": agreement}
    flow = {"from": {"zone": "clinical"}, "to": {"external": "lab"}, "ports": [{"port": 443}]}
    to_be = declared(externals=[lab], flows=[{**flow, "purpose": "operations"}])
    standing = declared(enforcement=Enforcement.WARN)
    store = runs("StatefulSet", **TAG)
    store["metadata"]["annotations"] = {"phiwarden.dev/pause-until": "soon"}
    pod = pod_of("StatefulSet/app")
    outlook = plan(to_be, cluster(store, pod, standing=standing))
    gaps = Cluster({}, {}, {}, (Gap("Pod", "x", "not permitted"),), unknown=("Gateway",))
    way = {"from": "str", "to": "str", "address": "str", "port": "str", "purpose": "str"}
    found = shape(json.loads(plan_json([outlook], gaps, 2)))
    found["workloads"][0].pop("summary")
    assert found == {
        "apiVersion": "str",
        "exitCode": "int",
        "complete": "bool",
        "unread": [{"what": "str", "namespace": "str", "why": "str"}],
        "unknownKinds": ["str"],
        "workloads": [
            {
                "name": "str",
                "clinicalImpact": "str",
                "unchanged": "bool",
                "enforcement": {"before": "str", "after": "str"},
                "zones": [
                    {
                        "name": "str",
                        "namespace": "str",
                        "namespaceFate": "str",
                        "message": "str",
                        "judged": "int",
                        "objects": [
                            {
                                "kind": "str",
                                "name": "str",
                                "now": "str",
                                "then": "str",
                                "message": "str",
                                "toRevision": "NoneType",
                                "images": [],
                                "cutOff": ["str"],
                                "rules": [
                                    {
                                        "rule": "str",
                                        "change": "str",
                                        "severity": "str",
                                        "place": "str",
                                        "problem": "str",
                                        "found": "str",
                                        "fix": "str",
                                    }
                                ],
                                "cause": "str",
                                "notes": ["str"],
                                "steps": [
                                    {
                                        "kind": "str",
                                        "name": "str",
                                        "contentType": "str",
                                        "patch": {"metadata": {"labels": {LABEL: "str"}}},
                                        "message": "str",
                                    }
                                ],
                            }
                        ],
                    }
                ],
                "network": {
                    "policiesStand": {"before": "bool", "after": "bool"},
                    "open": [way],
                    "opened": [way],
                    "closed": [],
                    "expired": [],
                },
                "agreements": [
                    {
                        "external": "str",
                        "reference": "str",
                        "expires": "str",
                        "daysLeft": "int",
                        "state": "str",
                    }
                ],
            }
        ],
        "turns": [{"cause": "str", "clinicalImpact": "str", "objects": ["str"]}],
    }


def test_no_secret_is_ever_asked_for() -> None:
    assert "Secret" not in {kind.kind for versions in KINDS for kind in versions}
    assert all("/" not in kind.plural for versions in KINDS for kind in versions)
