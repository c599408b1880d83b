"""The very changes that carry a plan out, and those that start again what was stopped."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.remediation.deeds import CHANGING, Action, Plan
from phiwarden.remediation.history import Revision, digest_of
from phiwarden.remediation.memory import NOTHING, Memory, let_go
from phiwarden.remediation.steps import changes, restart
from tests.remediation.made import act, bad, carried_out, good, patched, working, workload

BACK = Plan(
    Action.ROLL_BACK, "why", target=Revision(1, "api-1", good(), digest_of(good()), ready=True)
)
STOP, SUSPEND = Plan(Action.SCALE_TO_ZERO, "why"), Plan(Action.SUSPEND, "why")


def test_a_put_back_changes_the_template_and_nothing_else() -> None:
    body = workload("Deployment", bad(), replicas=7, revisionHistoryLimit=4)
    after = patched(body, changes(BACK, body))
    assert after["spec"]["template"] == good()
    assert after == {**body, "spec": {**body["spec"], "template": good()}}


@pytest.mark.parametrize(
    ("kind", "plan", "spec", "left"),
    [
        ("Deployment", STOP, {"replicas": 3}, {"replicas": 0}),
        ("Deployment", STOP, {"replicas": 0}, None),
        ("StatefulSet", STOP, {"replicas": 1}, {"replicas": 0}),
        ("CronJob", SUSPEND, {}, {"suspend": True}),
        ("CronJob", SUSPEND, {"suspend": False}, {"suspend": True}),
        ("Job", SUSPEND, {"suspend": None}, {"suspend": True}),
        ("Job", SUSPEND, {"suspend": True}, None),
    ],
)
def test_what_is_stopped_already_is_not_changed(
    kind: str, plan: Plan, spec: dict[str, Any], left: dict[str, Any] | None
) -> None:
    body = workload(kind, bad(), **spec)
    operations = changes(plan, body)
    assert bool(operations) is (left is not None)
    assert patched(body, operations) == {**body, "spec": {**body["spec"], **(left or {})}}


@pytest.mark.parametrize("action", [action for action in Action if action not in CHANGING])
def test_other_plans_leave_the_object_alone(action: Action) -> None:
    assert changes(Plan(action, "why"), workload("Deployment", bad())) == ()


@pytest.mark.parametrize(
    ("memory", "spec", "left"),
    [
        (NOTHING, {"replicas": 0}, {}),
        (working("x"), {"replicas": 0}, {}),
        (Memory(replicas=3), {"replicas": 0}, {}),
        (Memory(stopped=True, replicas=3), {"replicas": 0}, {"replicas": 3}),
        (Memory(stopped=True, replicas=3), {"replicas": 2}, {}),  # somebody was quicker
        (Memory(stopped=True), {"replicas": 0}, {}),
    ],
)
def test_only_what_phiwarden_scaled_down_is_scaled_up_again(
    memory: Memory, spec: dict[str, Any], left: dict[str, Any]
) -> None:
    body = workload("Deployment", good(), **spec)
    after = patched(body, restart(memory, body))
    assert after == {**body, "spec": {**body["spec"], **left}}


@pytest.mark.parametrize(
    ("memory", "suspend", "left"),
    [
        (NOTHING, True, True),
        (Memory(stopped=True), True, False),
        (Memory(stopped=True), False, False),
        (Memory(stopped=True), None, None),
    ],
)
def test_only_what_phiwarden_suspended_goes_on(memory: Memory, suspend: Any, left: Any) -> None:
    body = workload("CronJob", good(), suspend=suspend)
    assert patched(body, restart(memory, body))["spec"]["suspend"] is left


@given(
    st.integers(0, 5),
    st.lists(st.sampled_from(["stop", "back", "up", "down"]), max_size=6),
)
def test_what_ran_runs_again_as_it_did(replicas: int, course: list[str]) -> None:
    """Whatever came between: a way back that opened, and people who scaled it."""
    body, memory, asked = workload("Deployment", bad(), replicas=replicas), NOTHING, replicas
    for step in course:
        if step in ("up", "down"):
            asked = 4 if step == "up" else asked
            now = asked if step == "up" else body["spec"]["replicas"]
            body = {**body, "spec": {**body["spec"], "replicas": now}}
        else:
            body, memory = carried_out(STOP if step == "stop" else BACK, body, memory)
    again = patched(body, restart(memory, body))
    assert again["spec"]["replicas"] == asked
    assert restart(let_go(memory), body) == ()


def test_a_stop_remembers_how_many_there_were() -> None:
    body, memory = carried_out(STOP, workload("Deployment", bad(), replicas=5))
    assert body["spec"]["replicas"] == 0
    assert (memory.stopped, memory.replicas) == (True, 5)
    assert memory.acts[0].replicas == 5
    assert memory.acts[0] == act(digest_of(bad()), action="ScaledToZero", replicas=5, message="why")
