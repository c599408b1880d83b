"""Agreements expire by themselves, after their last day and never before."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phiwarden.api.workload import WorkloadSpec
from phiwarden.boundary.compile import compile_boundary, next_change
from phiwarden.boundary.model import AgreementStanding, BoundaryPlan, Facts

from .declarations import CLINIC, clinic, declarations, unhurried

LAST_DAY = dt.date(2027, 6, 30)


def plan_on(day: dt.date, spec: WorkloadSpec | None = None) -> BoundaryPlan:
    return compile_boundary("portal", spec or clinic(), Facts(today=day))


@pytest.mark.parametrize(
    ("days_left", "state"),
    [
        (31, AgreementStanding.IN_FORCE),
        (30, AgreementStanding.EXPIRES_WITHIN_30_DAYS),
        (8, AgreementStanding.EXPIRES_WITHIN_30_DAYS),
        (7, AgreementStanding.EXPIRES_WITHIN_7_DAYS),
        (0, AgreementStanding.EXPIRES_WITHIN_7_DAYS),
        (-1, AgreementStanding.EXPIRED),
    ],
)
def test_the_state_follows_the_days_left(days_left: int, state: AgreementStanding) -> None:
    (agreement,) = plan_on(LAST_DAY - dt.timedelta(days_left)).agreements
    assert (agreement.days_left, agreement.state) == (days_left, state)
    assert (agreement.external, agreement.reference) == ("epic-fhir", "BAA-2026-014")


def test_a_flow_is_open_on_the_last_day_and_closed_and_named_on_the_next() -> None:
    policy = "phiwarden-to-external-epic-fhir-treatment"
    last, after = plan_on(LAST_DAY), plan_on(LAST_DAY + dt.timedelta(1))
    assert policy in {allow.name for zone in last.zones for allow in zone.allows}
    assert policy not in {allow.name for zone in after.zones for allow in zone.allows}
    assert last.closed_flows == ()
    assert after.closed_flows == (
        "clinical to epic-fhir, TCP 443, for treatment: BAA-2026-014 expired on 2027-06-30",
    )


def test_a_flow_from_an_expired_external_is_closed_too() -> None:
    flow = {**CLINIC["flows"][1], "from": {"external": "epic-fhir"}, "to": {"zone": "clinical"}}
    plan = plan_on(LAST_DAY + dt.timedelta(1), clinic(flows=[flow]))
    assert len(plan.closed_flows) == 1
    assert [p.name for zone in plan.zones for p in zone.allows if "epic-fhir" in p.name] == []


def test_the_agreement_that_expires_soonest_comes_first() -> None:
    first, second = (dict(CLINIC["externals"][0], name=name) for name in ("early", "late"))
    first["agreement"] = dict(first["agreement"], expires="2027-01-01")
    spec = clinic(flows=[], externals=[second, first])
    assert [state.external for state in plan_on(LAST_DAY, spec).agreements] == ["early", "late"]


@pytest.mark.parametrize(
    ("today", "change"),
    [
        (dt.date(2026, 11, 20), LAST_DAY - dt.timedelta(30)),
        (LAST_DAY - dt.timedelta(30), LAST_DAY - dt.timedelta(7)),
        (LAST_DAY - dt.timedelta(7), LAST_DAY + dt.timedelta(1)),
        (LAST_DAY, LAST_DAY + dt.timedelta(1)),
        (LAST_DAY + dt.timedelta(1), None),
    ],
)
def test_the_next_change_is_a_warning_or_the_day_after_the_last(
    today: dt.date, change: dt.date | None
) -> None:
    assert next_change(clinic(), today) == change


@unhurried
@given(declarations(), st.dates(dt.date(2026, 10, 1), dt.date(2027, 2, 1)))
def test_nothing_changes_before_the_next_change(spec: WorkloadSpec, today: dt.date) -> None:
    def visible(day: dt.date) -> object:
        plan = plan_on(day, spec)
        return plan.zones, plan.closed_flows, {a.external: a.state for a in plan.agreements}

    change = next_change(spec, today)
    last_quiet_day = change - dt.timedelta(1) if change else today + dt.timedelta(400)
    assert visible(today) == visible(last_quiet_day)
    if change:
        assert visible(change) != visible(today)
