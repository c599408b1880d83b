"""What becomes of a workload that breaks rules, or whose rollout failed: care is never stopped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from phiwarden.api.history import Cause
from phiwarden.api.workload import ClinicalImpact
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.boundary.model import Quarantine
from phiwarden.remediation.deeds import Action, Plan
from phiwarden.remediation.history import Revision, digest_of
from phiwarden.remediation.memory import FIGHT, NOTHING, Memory
from phiwarden.remediation.plan import (
    SUSPENDED,
    Case,
    decide,
    decide_failed,
    has_ended,
    insisted_on,
    needs_history,
    template_digest,
    way_back,
)
from phiwarden.remediation.references import References, references
from phiwarden.remediation.rollout import ROLLING, may_miss_all
from phiwarden.rulebook.evaluate import standard_judge
from phiwarden.rulebook.examples import ZONE, pod_template
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Example, Severity
from tests.remediation.made import (
    act,
    act_of,
    bad,
    carried_out,
    good,
    loose,
    patched,
    working,
    workload,
)

JUDGE = standard_judge()
STANDING = (*ROLLING, *SUSPENDED)
"""Kinds that something stands for: a Pod of its own is another matter."""

DIRECT, SUPPORT, OFFICE = (
    ClinicalImpact.DIRECT_CARE,
    ClinicalImpact.CARE_SUPPORT,
    ClinicalImpact.ADMINISTRATIVE,
)


def zone(impact: str) -> ZoneBoundary:
    return replace(ZONE, impact=impact)


def failure(*, mendable: bool = True, at_pods: bool = True) -> Failure:
    return Failure(
        "PHI-X-001", Severity.DENY, "spec", "spec", "wrong", "x", "mend it", mendable, at_pods
    )


BROKEN = failure()
LOOSE = failure(mendable=False)
AT_THE_TEMPLATE = failure(mendable=False, at_pods=False)


def history(*templates: dict[str, Any], ready: Sequence[int] = ()) -> tuple[Revision, ...]:
    """Return revisions of templates that are given oldest first; `ready` are numbers of them."""
    found = [
        Revision(number, f"api-{number}", template, digest_of(template), number in ready)
        for number, template in enumerate(templates, start=1)
    ]
    return tuple(reversed(found))


def known(*templates: dict[str, Any]) -> Memory:
    return working(*(digest_of(template) for template in templates))


def plan(body: dict[str, Any], impact: str = OFFICE, case: Case | None = None) -> Plan:
    return decide(body, zone(impact), [BROKEN], case or Case(), JUDGE)


def target(found: Plan) -> int | None:
    return found.target.number if found.target is not None else None


# What is gone back to


@pytest.mark.parametrize("impact", ClinicalImpact)
@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_the_newest_revision_that_keeps_the_rules_and_worked_is_gone_back_to(
    kind: str, impact: str
) -> None:
    revisions = history(good("1"), good("2"), good("3"), bad("4"), bad("5"))
    case = Case(revisions, known(good("1"), good("2"), bad("4")))
    found = plan(workload(kind, bad("5"), replicas=3), impact, case)
    assert (found.action, target(found), found.cause) == (Action.ROLL_BACK, 2, Cause.VIOLATION)


def test_a_revision_that_is_ready_this_moment_has_worked() -> None:
    case = Case(history(good("1"), good("2"), bad(), ready=[2]))
    assert target(plan(workload("Deployment", bad()), DIRECT, case)) == 2


def test_a_revision_that_costs_reliability_alone_is_good_enough_to_go_back_to() -> None:
    case = Case(history(loose(), bad()), known(loose()))
    assert target(plan(workload("Deployment", bad()), DIRECT, case)) == 1


@pytest.mark.parametrize(
    ("revisions", "memory", "says"),
    [
        ((), NOTHING, "there is no earlier revision"),
        (history(bad("3")), NOTHING, "there is no earlier revision"),
        (history(good(), bad("3")), NOTHING, "revision 1 keeps the rules, but was never seen"),
        (history(good(), bad("2"), bad("3")), known(good(), bad("2")), ""),
        (history(bad("1"), bad("2"), bad("3")), known(bad("2")), "revision 2 breaks PHI-IMG-001"),
    ],
)
def test_what_stands_in_the_way_back_is_said_of_what_people_would_try_first(
    revisions: tuple[Revision, ...], memory: Memory, says: str
) -> None:
    body = workload("Deployment", bad("3"))
    found, obstacle = way_back(body, zone(DIRECT), Case(revisions, memory), JUDGE)
    assert (found is None) is bool(says)
    assert obstacle.startswith(says)
    assert bool(obstacle) is bool(says)


def test_a_revision_that_could_not_start_is_passed_over() -> None:
    needy = pod_template(
        Example(pod={"volumes": [{"name": "s", "secret": {"secretName": "gone"}}]})
    )
    revisions = history(good(), needy, bad())

    def missing(needs: References) -> list[str]:
        return [f"Secret {name}" for name in needs.secrets]

    case = Case(revisions, known(good(), needy), missing)
    assert target(plan(workload("Deployment", bad()), DIRECT, case)) == 1
    alone = replace(case, history=history(needy, bad()))
    found = plan(workload("Deployment", bad()), DIRECT, alone)
    assert found.action is Action.HOLD
    assert "revision 1 cannot start: Secret gone is not there" in found.why


# Where there is no way back


@pytest.mark.parametrize(
    ("kind", "impact", "action"),
    [
        *((kind, DIRECT, Action.HOLD) for kind in STANDING),
        ("Deployment", SUPPORT, Action.ISOLATE),
        ("StatefulSet", SUPPORT, Action.ISOLATE),
        ("DaemonSet", SUPPORT, Action.ISOLATE),
        ("Job", SUPPORT, Action.ISOLATE),
        ("CronJob", SUPPORT, Action.SUSPEND),
        ("Deployment", OFFICE, Action.SCALE_TO_ZERO),
        ("StatefulSet", OFFICE, Action.SCALE_TO_ZERO),
        ("DaemonSet", OFFICE, Action.ISOLATE),
        ("Job", OFFICE, Action.SUSPEND),
        ("CronJob", OFFICE, Action.SUSPEND),
    ],
)
def test_without_a_way_back_kind_and_clinical_impact_decide(
    kind: str, impact: str, action: Action
) -> None:
    found = plan(workload(kind, bad()), impact)
    quarantine = {Action.HOLD: Quarantine.CARE, Action.ISOLATE: Quarantine.FULL}.get(action)
    assert (found.action, found.quarantine) == (action, quarantine)
    assert found.held is (action is Action.HOLD)


@pytest.mark.parametrize(
    ("retention", "action"),
    [
        ({"whenScaled": "Delete"}, Action.ISOLATE),
        ({"whenScaled": "Retain", "whenDeleted": "Delete"}, Action.SCALE_TO_ZERO),
        (None, Action.SCALE_TO_ZERO),
    ],
)
def test_what_would_lose_its_volumes_is_not_scaled_down(retention: Any, action: Action) -> None:
    body = workload("StatefulSet", bad(), persistentVolumeClaimRetentionPolicy=retention)
    assert plan(body).action is action


@pytest.mark.parametrize(
    ("settings", "action"),
    [
        ({"replicas": 1}, Action.ROLL_BACK),  # a new pod comes before the old one goes
        ({"replicas": 1, "strategy": {"type": "Recreate"}}, Action.HOLD),
        (
            {"replicas": 2, "strategy": {"rollingUpdate": {"maxUnavailable": 2}}},
            Action.HOLD,
        ),
        (
            {
                "replicas": 1,
                "strategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": "25%"}},
            },
            Action.HOLD,
        ),
    ],
)
def test_direct_care_is_not_put_back_where_all_its_pods_would_go_at_once(
    settings: dict[str, Any], action: Action
) -> None:
    case = Case(history(good(), bad()), known(good()))
    found = plan(workload("Deployment", bad(), **settings), DIRECT, case)
    assert found.action is action
    # What is no direct care may stand still for a moment.
    assert plan(workload("Deployment", bad(), **settings), SUPPORT, case).action is Action.ROLL_BACK


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"updateStrategy": {"type": "OnDelete"}}, "each pod has to be deleted by hand"),
        ({"updateStrategy": {"rollingUpdate": {"partition": 2}}}, "its partition keeps pods"),
        ({}, "has worked"),
    ],
)
def test_what_people_have_to_do_after_a_put_back_is_said(
    settings: dict[str, Any], says: str
) -> None:
    case = Case(history(good(), bad()), known(good()))
    found = plan(workload("StatefulSet", bad(), replicas=3, **settings), DIRECT, case)
    assert found.action is Action.ROLL_BACK
    assert says in found.why


# What is left alone


@pytest.mark.parametrize("impact", ClinicalImpact)
@pytest.mark.parametrize("kind", STANDING)
@pytest.mark.parametrize(
    ("metadata", "spec", "paused"),
    [
        ({"deletionTimestamp": "2026-11-20T00:00:00Z"}, {}, ""),
        ({}, {"paused": True}, ""),
        ({}, {}, "paused until 2026-11-21 18:00 UTC"),
    ],
)
def test_what_people_work_on_is_left_alone(
    kind: str, impact: str, metadata: dict[str, Any], spec: dict[str, Any], paused: str
) -> None:
    body = workload(kind, bad(), metadata=metadata, **spec)
    case = Case(history(good(), bad()), known(good()), paused=paused)
    found = decide(body, zone(impact), [BROKEN], case, JUDGE)
    assert (found.action, found.quarantine) == (Action.LEAVE, None)
    # But direct care loses no pod over it.
    assert found.held is (impact == DIRECT and not metadata)


@pytest.mark.parametrize("kind", STANDING)
@pytest.mark.parametrize(
    ("impact", "broken", "held"),
    [
        (DIRECT, [LOOSE], True),
        (DIRECT, [AT_THE_TEMPLATE], False),
        (DIRECT, [AT_THE_TEMPLATE, LOOSE], True),
        (SUPPORT, [LOOSE], False),
        (OFFICE, [LOOSE, AT_THE_TEMPLATE], False),
    ],
)
def test_what_costs_reliability_alone_is_left_and_no_quarantine(
    kind: str, impact: str, broken: list[Failure], held: bool
) -> None:
    found = decide(workload(kind, loose()), zone(impact), broken, Case(), JUDGE)
    assert (found.action, found.harmless, found.held) == (Action.LEAVE, True, held)
    assert found.quarantine is None


@pytest.mark.parametrize(
    ("kind", "conditions", "ended"),
    [
        ("Job", [{"type": "Complete", "status": "True"}], True),
        ("Job", [{"type": "Failed", "status": "True"}], True),
        ("Job", [{"type": "Failed", "status": "False"}], False),
        ("Job", [{"type": "Suspended", "status": "True"}], False),
        ("Job", None, False),
        ("Deployment", [{"type": "Complete", "status": "True"}], False),
    ],
)
def test_a_job_that_is_over_harms_nobody(kind: str, conditions: Any, ended: bool) -> None:
    body = workload(kind, bad(), status={"conditions": conditions})
    assert has_ended(body) is ended
    assert (plan(body, SUPPORT).action is Action.LEAVE) is ended


def test_a_history_is_asked_for_where_it_decides() -> None:
    assert [kind for kind in STANDING if needs_history(kind, [LOOSE, BROKEN])] == list(ROLLING)
    assert not any(needs_history(kind, [LOOSE]) for kind in STANDING)


# Whoever insists


@pytest.mark.parametrize(
    ("impact", "action"),
    [(DIRECT, Action.HOLD), (SUPPORT, Action.ISOLATE), (OFFICE, Action.ISOLATE)],
)
def test_a_template_that_comes_back_again_and_again_is_left_to_its_source(
    impact: str, action: Action
) -> None:
    case = Case(history(good(), bad()), known(good()))
    body = workload("Deployment", bad(), replicas=3)
    for _ in range(FIGHT):
        found = plan(body, impact, case)
        assert found.action is Action.ROLL_BACK
        back, memory = carried_out(found, body, case.memory)
        assert template_digest(back) == digest_of(good())
        case = replace(case, memory=memory)  # ... and somebody brings `body` again
    found = plan(body, impact, case)
    assert found.action is action
    assert f"put back {FIGHT} times" in found.conflict

    # Whoever changes what they want is not fighting.
    other = workload("Deployment", bad("2"), replicas=3)
    assert insisted_on(other, case.memory) == ""
    found = plan(other, impact, replace(case, history=history(good(), bad(), bad("2"))))
    assert found.action is Action.ROLL_BACK


@pytest.mark.parametrize("kind", ["Deployment", "CronJob"])
def test_who_stops_a_thing_gives_way_in_the_end(kind: str) -> None:
    body, memory = workload(kind, bad()), NOTHING
    for _ in range(FIGHT):
        found = plan(body, OFFICE, Case(memory=memory))
        assert found.action in (Action.SCALE_TO_ZERO, Action.SUSPEND)
        _, memory = carried_out(found, body, memory)
    assert plan(body, OFFICE, Case(memory=memory)).action is Action.ISOLATE


# Rollouts that failed


def failed(body: dict[str, Any], case: Case, impact: str = DIRECT) -> Plan:
    return decide_failed(body, zone(impact), case, JUDGE)


def test_a_failed_rollout_is_taken_back_once() -> None:
    case = Case(history(good("1"), good("2")), known(good("1")))
    body = workload("Deployment", good("2"), replicas=3)
    found = failed(body, case)
    assert (found.action, target(found), found.cause) == (
        Action.ROLL_BACK,
        1,
        Cause.FAILED_ROLLOUT,
    )
    _, memory = carried_out(found, body, case.memory)
    again = failed(body, replace(case, memory=memory))
    assert again.action is Action.LEAVE
    assert "rolled out again what phiwarden took back" in again.conflict
    # That is no fight over rules, and another template is another rollout.
    assert insisted_on(body, memory) == ""
    later = workload("Deployment", good("3"), replicas=3)
    more = Case(history(good("1"), good("2"), good("3")), memory)
    assert target(failed(later, more)) == 1


@pytest.mark.parametrize(
    ("metadata", "spec", "case", "says"),
    [
        ({"deletionTimestamp": "x"}, {}, {}, "being deleted"),
        ({}, {"paused": True}, {}, "paused by somebody"),
        ({}, {}, {"paused": "paused until noon"}, "paused until noon"),
        ({}, {}, {"memory": NOTHING}, "never seen to work"),
        ({}, {}, {"history": ()}, "no earlier revision"),
        ({}, {"strategy": {"type": "Recreate"}}, {}, "take every pod away"),
    ],
)
def test_a_failed_rollout_is_left_to_people(
    metadata: dict[str, Any], spec: dict[str, Any], case: dict[str, Any], says: str
) -> None:
    usual: dict[str, Any] = {
        "history": history(good("1"), good("2")),
        "memory": known(good("1")),
    }
    body = workload("Deployment", good("2"), metadata=metadata, replicas=3, **spec)
    found = failed(body, Case(**{**usual, **case}))
    assert (found.action, found.held, found.quarantine) == (Action.LEAVE, False, None)
    assert says in found.why


# Whatever comes


TEMPLATES = (good("1"), good("2"), loose("3"), bad("4"), bad("5"), bad("6"))
BY_DIGEST = {digest_of(template): template for template in TEMPLATES}
NEEDY = digest_of(good("2"))

digests = st.sampled_from(sorted(BY_DIGEST))
strategies = st.sampled_from(
    [
        {},
        {"type": "Recreate"},
        {"type": "OnDelete"},
        {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "partition": 1}},
        {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}},
        {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": 0}},
    ]
)


@st.composite
def bodies(draw: st.DrawFn, templates: Sequence[dict[str, Any]] = TEMPLATES) -> dict[str, Any]:
    kind = draw(st.sampled_from(STANDING))
    spec: dict[str, Any] = {}
    if kind in ("Deployment", "StatefulSet"):
        spec["replicas"] = draw(st.integers(0, 4))
    if kind in ROLLING:
        spec["strategy" if kind == "Deployment" else "updateStrategy"] = draw(strategies)
    if kind in ("CronJob", "Job"):
        spec["suspend"] = draw(st.booleans())
    spec["paused"] = draw(st.sampled_from([False, False, False, True]))
    gone = draw(st.sampled_from([{}, {}, {}, {"deletionTimestamp": "2026-11-20T00:00:00Z"}]))
    status = {"desiredNumberScheduled": draw(st.integers(0, 4))}
    template = draw(st.sampled_from(templates))
    return workload(kind, template, metadata=gone, status=status, **spec)


@st.composite
def memories(draw: st.DrawFn) -> Memory:
    memory = working(*draw(st.lists(digests, unique=True)))
    acts = draw(
        st.lists(
            st.builds(
                act,
                digests,
                cause=st.sampled_from(Cause),
                action=st.sampled_from(["RolledBack", "ScaledToZero"]),
            ),
            max_size=6,
        )
    )
    return memory.model_copy(update={"acts": tuple(acts)})


def missing(needs: References) -> list[str]:
    return ["Secret gone"] if needs == references(BY_DIGEST[NEEDY]) else []


@st.composite
def cases(draw: st.DrawFn) -> Case:
    kept = [BY_DIGEST[each] for each in draw(st.lists(digests, max_size=5))]
    ready = draw(st.sets(st.integers(1, 5)))
    paused = draw(st.sampled_from(["", "", "", "paused until noon"]))
    return Case(history(*kept, ready=sorted(ready)), draw(memories()), paused=paused)


impacts = st.sampled_from(ClinicalImpact)
broken = st.lists(st.sampled_from([BROKEN, LOOSE, AT_THE_TEMPLATE]), min_size=1, max_size=3)


def denied(body: dict[str, Any]) -> list[Failure]:
    found = JUDGE.failures(body, ZONE, from_api=True)
    return [each for each in found if each.severity is Severity.DENY]


@given(bodies(), cases(), broken)
def test_direct_care_is_never_stopped_nor_cut_off_from_treatment(
    body: dict[str, Any], case: Case, failures: list[Failure]
) -> None:
    found = decide(body, zone(DIRECT), failures, case, JUDGE)
    assert found.action not in (Action.SCALE_TO_ZERO, Action.SUSPEND, Action.ISOLATE)
    assert found.quarantine is not Quarantine.FULL
    after, _ = carried_out(found, body, case.memory)
    for switch in ("replicas", "suspend"):
        assert after["spec"].get(switch) == body["spec"].get(switch)
    if found.action is Action.ROLL_BACK:
        assert not may_miss_all(body)


@given(bodies(), cases(), broken)
def test_direct_care_that_is_not_put_back_may_replace_its_pods(
    body: dict[str, Any], case: Case, failures: list[Failure]
) -> None:
    assume(not body["metadata"].get("deletionTimestamp"))
    assume(any(each.at_pods for each in failures))
    found = decide(body, zone(DIRECT), failures, case, JUDGE)
    assert found.held or found.action is Action.ROLL_BACK


@given(bodies(), cases(), impacts)
def test_what_is_gone_back_to_keeps_the_rules_and_worked_and_can_start(
    body: dict[str, Any], case: Case, impact: str
) -> None:
    case = replace(case, missing=missing)
    found = decide(body, zone(impact), [BROKEN], case, JUDGE)
    assert (found.target is not None) is (found.action is Action.ROLL_BACK)
    if found.target is None:
        return
    after, _ = carried_out(found, body, case.memory)
    # The world after it, judged anew, and not what was planned.
    assert not [each for each in denied(after) if each.mendable]
    now = template_digest(after)
    assert now != template_digest(body)
    ready = {revision.digest for revision in case.history if revision.ready}
    assert now in ready or now in {entry.template for entry in case.memory.worked}
    assert now != NEEDY
    # Nothing else of the object is another one.
    assert patched(after, ({"op": "replace", "path": "/spec/template", "value": 0},)) == patched(
        body, ({"op": "replace", "path": "/spec/template", "value": 0},)
    )


@given(bodies(), cases(), impacts, broken)
def test_nothing_is_done_to_what_people_stopped_or_delete(
    body: dict[str, Any], case: Case, impact: str, failures: list[Failure]
) -> None:
    gone = body["metadata"].get("deletionTimestamp")
    assume(gone or body["spec"]["paused"] or case.paused)
    for found in (
        decide(body, zone(impact), failures, case, JUDGE),
        *([decide_failed(body, zone(impact), case, JUDGE)] if body["kind"] in ROLLING else []),
    ):
        assert (found.action, found.quarantine) == (Action.LEAVE, None)
        assert carried_out(found, body, case.memory) == (body, case.memory)


@given(bodies(TEMPLATES[3:]), impacts, st.data())
def test_nobody_is_fought_for_ever(body: dict[str, Any], impact: str, data: st.DataObject) -> None:
    """Somebody brings back three templates in any order; each is changed a few times at most."""
    memory = known(good("1"))
    revisions = history(good("1"), *TEMPLATES[3:])
    changed: Counter[str] = Counter()
    for _ in range(12):
        template = data.draw(st.sampled_from(TEMPLATES[3:]))
        brought = workload(body["kind"], template, replicas=3)
        case = Case(revisions, memory)
        found = decide(brought, zone(impact), [BROKEN], case, JUDGE)
        after, memory = carried_out(found, brought, memory)
        if after != brought:
            changed[template_digest(brought)] += 1
    assert all(times <= FIGHT for times in changed.values())


@given(cases(), st.sampled_from(ROLLING), impacts, st.data())
def test_no_template_is_taken_back_twice_for_its_failed_rollout(
    case: Case, kind: str, impact: str, data: st.DataObject
) -> None:
    memory, taken = case.memory.model_copy(update={"acts": ()}), []
    for _ in range(6):
        template = data.draw(st.sampled_from(TEMPLATES))
        body = workload(kind, template, replicas=3, status={"desiredNumberScheduled": 3})
        found = decide_failed(body, zone(impact), replace(case, memory=memory), JUDGE)
        assert found.action in (Action.ROLL_BACK, Action.LEAVE)
        if found.action is Action.ROLL_BACK:
            taken.append(template_digest(body))
            assert act_of(found, body).cause is Cause.FAILED_ROLLOUT
        _, memory = carried_out(found, body, memory)
    assert len(taken) == len(set(taken))


@given(bodies(), cases(), impacts, broken)
def test_a_plan_that_was_carried_out_asks_for_nothing_more(
    body: dict[str, Any], case: Case, impact: str, failures: list[Failure]
) -> None:
    found = decide(body, zone(impact), failures, case, JUDGE)
    after, memory = carried_out(found, body, case.memory)
    assume(found.action is not Action.ROLL_BACK)  # that keeps the rules now, and is not asked
    again = decide(after, zone(impact), failures, replace(case, memory=memory), JUDGE)
    assume(not again.conflict)
    assert carried_out(again, after, memory) == (after, memory)
