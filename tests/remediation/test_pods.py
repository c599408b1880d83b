"""What becomes of a pod that nothing stands for: it is never stopped, and never held."""

from __future__ import annotations

from typing import Any

import pytest

from phiwarden.api.workload import ClinicalImpact
from phiwarden.boundary.model import Quarantine
from phiwarden.remediation.deeds import Action
from phiwarden.remediation.plan import decide
from phiwarden.remediation.pods import RUNNING, has_ended, plan_for_pod
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.examples import ZONE, manifest, pod_template
from phiwarden.rulebook.model import Example
from phiwarden.rulebook.shapes import PODS

DIRECT, SUPPORT, ADMIN = ClinicalImpact
(POD,) = PODS.kinds


def pod(phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    return {"kind": "Pod", "metadata": {"name": "scan", **metadata}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("impact", "action", "quarantine"),
    [
        (DIRECT, Action.HOLD, Quarantine.CARE),
        (SUPPORT, Action.ISOLATE, Quarantine.FULL),
        (ADMIN, Action.ISOLATE, Quarantine.FULL),
    ],
)
def test_a_pod_is_cut_off_by_its_impact_and_keeps_running(
    impact: ClinicalImpact, action: Action, quarantine: Quarantine
) -> None:
    plan = plan_for_pod(pod(), impact)
    assert (plan.action, plan.quarantine) == (action, quarantine)
    assert "nothing can bring an earlier state of a pod back" in plan.why


@pytest.mark.parametrize("impact", ClinicalImpact)
def test_a_pod_is_never_held_since_nobody_makes_it_anew(impact: ClinicalImpact) -> None:
    for mendable in (True, False):
        assert not plan_for_pod(pod(), impact, mendable=mendable).held


@pytest.mark.parametrize("impact", ClinicalImpact)
@pytest.mark.parametrize(
    "gone", [pod("Succeeded"), pod("Failed"), pod(deletionTimestamp="2026-11-21T20:00:00Z")]
)
def test_what_has_ended_or_goes_is_left_alone(gone: dict[str, Any], impact: ClinicalImpact) -> None:
    plan = plan_for_pod(gone, impact)
    assert (plan.action, plan.quarantine) == (Action.LEAVE, None)


@pytest.mark.parametrize("impact", ClinicalImpact)
def test_what_costs_reliability_alone_cuts_nothing_off(impact: ClinicalImpact) -> None:
    plan = plan_for_pod(pod(), impact, mendable=False)
    assert (plan.action, plan.harmless, plan.quarantine) == (Action.LEAVE, True, None)


@pytest.mark.parametrize("phase", ["Pending", "Running", "Unknown", "Succeeded", "Failed"])
def test_a_watch_of_what_runs_leaves_out_what_has_ended(phase: str) -> None:
    refused = [term.split("!=")[1] for term in RUNNING.split(",")]
    assert has_ended(pod(phase)) == (phase in refused)


def test_a_pod_without_a_status_has_not_ended() -> None:
    assert not has_ended({"metadata": {}})


def test_the_plan_for_any_object_knows_pods() -> None:
    image = {"image": "registry.hospital.example/portal/app:1.0"}
    body = manifest(POD, pod_template(Example(container=image)), "scan")
    judge = standard_judge()
    plan = decide(body, ZONE, judge.failures(body, ZONE), (), judge)
    assert plan == plan_for_pod(body, ClinicalImpact(ZONE.impact))
