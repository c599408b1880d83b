"""What would be sent to the API server: for each kind and tier, and by what is known of the past."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from phiwarden.api.history import Act, Cause
from phiwarden.api.patches import JSON_PATCH, MERGE_PATCH
from phiwarden.api.workload import ClinicalImpact
from phiwarden.preview.model import Cluster, Consequence, Declared, Fate, Gap
from phiwarden.preview.outlook import outlooks
from phiwarden.preview.pace import turns
from phiwarden.preview.past import needs_secrets
from phiwarden.remediation.memory import FIGHT
from phiwarden.remediation.plan import REMEDIED, template_digest
from phiwarden.remediation.rollout import ROLLING
from phiwarden.rulebook.evaluate import standard_judge
from tests.preview.clusters import (
    AT,
    NAMESPACE,
    NOW,
    Object,
    cluster,
    declared,
    fates,
    history,
    kept,
    plan,
    pod_of,
    remembered,
    revision,
    runs,
    zone,
)

TAG = {"image": "registry.hospital.example/portal/app:1.0"}
"""Breaks PHI-IMG-001, and nothing else."""
LABEL = "phiwarden.dev/quarantine"
DIRECT, SUPPORT, ADMIN = ClinicalImpact
GUARD = {"op": "test", "path": "/metadata/resourceVersion", "value": "7"}

ZERO = {"op": "replace", "path": "/spec/replicas", "value": 0}
SUSPEND = {"op": "add", "path": "/spec/suspend", "value": True}
CARE, FULL = ({"metadata": {"labels": {LABEL: value}}} for value in ("care", "full"))


def fate(obj: Object, *others: Object, to_be: Declared | None = None, **read: Any) -> Fate:
    found = fates(plan(to_be or declared(), cluster(obj, *others, **read)))
    return found[f"{obj['kind']}/{obj['metadata']['name']}"]


def with_pod(kind: str) -> tuple[Object, ...]:
    """Return a workload that breaks a rule, and the pod that it made, by whatever makes it."""
    if kind == "Deployment":
        return runs(kind, **TAG), revision("app", 3, **TAG), pod_of("ReplicaSet/app-3")
    return runs(kind, **TAG), pod_of(f"{kind}/app")


@pytest.mark.parametrize(
    ("impact", "kind", "sent"),
    [
        (DIRECT, "Deployment", CARE),
        (SUPPORT, "Deployment", FULL),
        (ADMIN, "Deployment", ZERO),
        (DIRECT, "StatefulSet", CARE),
        (SUPPORT, "StatefulSet", FULL),
        (ADMIN, "StatefulSet", ZERO),
        (DIRECT, "DaemonSet", CARE),
        (SUPPORT, "DaemonSet", FULL),
        (ADMIN, "DaemonSet", FULL),
        (DIRECT, "CronJob", None),
        (SUPPORT, "CronJob", SUSPEND),
        (ADMIN, "CronJob", SUSPEND),
        (DIRECT, "Job", CARE),
        (SUPPORT, "Job", FULL),
        (ADMIN, "Job", SUSPEND),
    ],
)
def test_without_a_way_back_the_tier_decides_what_is_sent(
    impact: ClinicalImpact, kind: str, sent: Object | None
) -> None:
    obj, *others = with_pod(kind)
    found = fate(obj, *others, to_be=declared(clinicalImpact=impact))
    told = [(step.kind, step.content, step.patch) for step in found.steps or ()]
    if sent is None:
        assert told == []
    elif "op" in sent:
        assert told == [(kind, JSON_PATCH, [GUARD, sent])]
    else:
        assert told == [("Pod", MERGE_PATCH, sent)]
    assert found.cause is Cause.VIOLATION


@pytest.mark.parametrize("impact", ClinicalImpact)
@pytest.mark.parametrize("kind", ROLLING)
def test_what_is_known_to_have_worked_is_gone_back_to(kind: str, impact: ClinicalImpact) -> None:
    obj = {**runs(kind, **TAG), "status": {"desiredNumberScheduled": 2}}
    found = fate(
        obj,
        kept(kind, 1),
        kept(kind, 2, **TAG),
        to_be=declared(clinicalImpact=impact),
        histories=remembered(history(kind, {})),
    )
    assert (found.then, found.revision) == (Consequence.ROLLED_BACK, 1)
    (step,) = found.steps or ()
    good = runs(kind)["spec"]["template"]
    operation = {"op": "replace", "path": "/spec/template", "value": good}
    assert (step.kind, step.name, step.patch) == (kind, "app", [GUARD, operation])
    assert step.says == "/spec/template: that of revision 1"


@pytest.mark.parametrize("kind", ROLLING)
def test_a_revision_that_nobody_saw_work_is_not_gone_back_to(kind: str) -> None:
    found = fate(runs(kind, **TAG), kept(kind, 1), histories=remembered(history(kind, TAG)))
    assert found.then is Consequence.HELD
    assert "revision 1 keeps the rules, but was never seen to work" in found.why


def test_a_revision_whose_pods_are_available_works() -> None:
    keeper = {**revision("app", 1), "status": {"availableReplicas": 1}}
    assert fate(runs("Deployment", **TAG), keeper).then is Consequence.ROLLED_BACK


def test_what_another_of_the_same_name_did_is_not_remembered() -> None:
    memory = history("Deployment", {})
    memory["metadata"]["ownerReferences"][0]["uid"] = "gone"
    found = fate(runs("Deployment", **TAG), revision("app", 1), histories=remembered(memory))
    assert found.then is Consequence.HELD


def test_a_memory_of_a_newer_version_is_none() -> None:
    memory = history("Deployment", {}, worked="all of them")
    found = fate(runs("Deployment", **TAG), revision("app", 1), histories=remembered(memory))
    assert found.then is Consequence.HELD


def gap(kind: str) -> Gap:
    return Gap(kind, NAMESPACE, "not permitted")


@pytest.mark.parametrize(
    ("kind", "unread", "says"),
    [
        ("Deployment", "ReplicaSet", "its revisions (ReplicaSets)"),
        ("StatefulSet", "ControllerRevision", "its revisions (ControllerRevisions)"),
        ("DaemonSet", "ControllerRevision", "its revisions (ControllerRevisions)"),
        *((kind, "PHIHistory", "what is remembered of it (PHIHistory)") for kind in REMEDIED),
    ],
)
def test_what_cannot_be_told_is_said_with_the_reason(kind: str, unread: str, says: str) -> None:
    told = fate(runs(kind, **TAG), kept("Deployment", 1), gaps=(gap(unread),))
    assert (told.then, told.steps) == (Consequence.UNTOLD, ())
    assert told.why.startswith(f"{says} could not be read: ")


@pytest.mark.parametrize("kind", REMEDIED)
def test_what_decides_nothing_need_not_be_read(kind: str) -> None:
    """Jobs have no revisions; what is being deleted is left alone whatever is remembered of it."""
    if kind not in ROLLING:
        gaps = (gap("ReplicaSet"), gap("ControllerRevision"))
        assert fate(runs(kind, **TAG), gaps=gaps).then is Consequence.HELD
    going = runs(kind, **TAG)
    going["metadata"]["deletionTimestamp"] = NOW
    gaps = (gap("ReplicaSet"), gap("ControllerRevision"), gap("PHIHistory"))
    assert fate(going, gaps=gaps).then is Consequence.REFUSED


def test_a_cluster_without_the_kind_remembers_nothing() -> None:
    found = fate(runs("Deployment", **TAG), revision("app", 1), unknown=("PHIHistory",))
    assert found.then is Consequence.HELD


def test_pods_that_could_not_be_read_are_said_to_be_labelled() -> None:
    found = fate(runs("Deployment", **TAG), gaps=(gap("Pod"),))
    assert (found.then, found.steps) == (Consequence.HELD, None)
    assert found.notes == (f"its pods could not be read: each gets the label {LABEL}=care",)


def test_what_is_so_already_is_not_sent_again() -> None:
    obj, keeper, pod = with_pod("Deployment")
    pod["metadata"]["labels"][LABEL] = "care"
    assert fate(obj, keeper, pod).steps == ()
    obj["spec"]["replicas"] = 0
    assert fate(obj, to_be=declared(clinicalImpact=ADMIN)).steps == ()


NEEDY = {"envFrom": [{"secretRef": {"name": "db"}}]}


@pytest.mark.parametrize(
    ("secrets", "consequence", "says"),
    [
        (frozenset({"db"}), Consequence.ROLLED_BACK, ""),
        (frozenset(), Consequence.HELD, "revision 1 cannot start: Secret db is not there"),
        (None, Consequence.ROLLED_BACK, ""),
    ],
    ids=["there", "missing", "not listed"],
)
def test_a_revision_whose_secret_is_missing_is_not_gone_back_to(
    secrets: frozenset[str] | None, consequence: Consequence, says: str
) -> None:
    # Whether the zone declares the Secret is another rule's matter.
    keeper = revision("app", 1, **NEEDY)
    found = fate(
        runs("Deployment", **TAG, **NEEDY),
        keeper,
        to_be=declared(secrets=[{"name": "db", "zone": "clinical", "keys": ["password"]}]),
        histories=remembered(history("Deployment", NEEDY)),
        secrets={NAMESPACE: secrets} if secrets is not None else {},
    )
    assert found.then is consequence
    assert says in found.why
    assert bool(found.notes) is (secrets is None)
    if found.notes:
        assert found.notes[0].startswith("Secrets could not be listed, so it is not known whether")
    assert needs_secrets([keeper])


def test_secrets_are_asked_for_only_where_a_revision_reads_one() -> None:
    assert not needs_secrets(
        [runs("Deployment", **NEEDY), revision("app", 1), kept("DaemonSet", 1)]
    )
    assert needs_secrets([kept("StatefulSet", 1, **NEEDY)])


@pytest.mark.parametrize("kind", ROLLING)
def test_a_pause_is_told_with_its_end_and_its_reason(kind: str) -> None:
    paused = runs(kind, **TAG)
    paused["metadata"]["annotations"] = {
        "phiwarden.dev/pause-until": "2026-11-20T19:30:00+02:00",
        "phiwarden.dev/pause-reason": "failover test",
    }
    found = fate(paused, kept(kind, 1), histories=remembered(history(kind, {})))
    assert (found.then, found.steps) == (Consequence.REFUSED, ())
    assert found.why == "paused until 2026-11-20 17:30 UTC: failover test"
    paused["metadata"]["annotations"]["phiwarden.dev/pause-until"] = "2026-11-30T19:30:00Z"
    found = fate(paused)
    assert found.then is Consequence.HELD
    assert "the pause that is asked for is not granted: " in found.notes[0]


def act(obj: Object, **fields: Any) -> Object:
    found = Act(time=AT, action="RolledBack", template=template_digest(obj), message="", **fields)
    return found.model_dump(mode="json", by_alias=True)


def test_what_somebody_insists_on_is_set_apart_though_there_is_a_way_back() -> None:
    obj, keeper, pod = with_pod("Deployment")
    memory = history("Deployment", {}, acts=[act(obj)] * FIGHT)
    found = fate(obj, keeper, revision("app", 1), pod, histories=remembered(memory))
    assert found.then is Consequence.HELD
    assert found.why.startswith(f"somebody brought back what phiwarden put back {FIGHT} times")


def failing(kind: str) -> Object:
    """Return a workload that keeps the rules, and whose rollout made no progress for an hour."""
    env = [{"name": "RELEASE", "value": "2"}]
    obj = runs(kind, env=env)
    obj["metadata"] |= {
        "generation": 2,
        "managedFields": [
            {
                "manager": "kubectl",
                "time": "2026-11-20T11:00:00Z",
                "fieldsV1": {"f:spec": {"f:template": {}}},
            }
        ],
    }
    obj["status"] = {"observedGeneration": 2, "replicas": 2, "desiredNumberScheduled": 2}
    if kind == "Deployment":
        stuck = {"type": "Progressing", "reason": "ProgressDeadlineExceeded"}
        obj["status"]["conditions"] = [stuck]
    return obj


TAKES_BACK = {"onFailedRollout": True, "progressDeadline": "10m"}


@pytest.mark.parametrize("kind", ROLLING)
@pytest.mark.parametrize("impact", ClinicalImpact)
def test_a_failed_rollout_is_taken_back_where_it_is_declared(
    kind: str, impact: ClinicalImpact
) -> None:
    around = cluster(failing(kind), kept(kind, 1), histories=remembered(history(kind, {})))
    assert fates(plan(declared(clinicalImpact=impact), around)) == {}
    outlook = plan(declared(clinicalImpact=impact, rollback=TAKES_BACK), around)
    if impact is ADMIN:
        assert fates(outlook) == {}
        return
    (found,) = fates(outlook).values()
    assert (found.now, found.then) == (Consequence.UNAFFECTED, Consequence.ROLLED_BACK)
    assert (found.cause, found.revision, found.broken) == (Cause.FAILED_ROLLOUT, 1, ())
    (step,) = found.steps or ()
    assert step.patch[1]["value"] == runs(kind)["spec"]["template"]
    assert outlook.hard


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_pods_that_became_ready_a_moment_ago_are_progress(kind: str) -> None:
    pod = pod_of(f"{kind}/app")
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-20T11:55:00Z"}
    pod["status"] = {"conditions": [ready]}
    to_be = declared(rollback=TAKES_BACK)
    around = cluster(failing(kind), pod, histories=remembered(history(kind, {})))
    assert fates(plan(to_be, around)) == {}
    unread = cluster(failing(kind), gaps=(gap("Pod"),))
    assert fates(plan(to_be, unread)) == {}, "whether it failed is not known"


@pytest.mark.parametrize(
    ("more", "then", "says"),
    [
        ({}, Consequence.LEFT_ALONE, "its rollout failed, and revision 1 keeps the rules, but"),
        ({"gaps": (gap("PHIHistory"),)}, Consequence.UNTOLD, "what is remembered of it"),
        ({"gaps": (gap("ReplicaSet"),)}, Consequence.UNTOLD, "its revisions (ReplicaSets)"),
    ],
    ids=["no way back", "no memory", "no revisions"],
)
def test_a_failed_rollout_that_is_not_taken_back_is_told(
    more: Any, then: Consequence, says: str
) -> None:
    around = cluster(failing("Deployment"), revision("app", 1), **more)
    outlook = plan(declared(rollback=TAKES_BACK), around)
    (found,) = fates(outlook).values()
    assert (found.then, found.steps, found.cause) == (then, (), None)
    assert found.why.startswith(says)
    assert outlook.hard is (then is Consequence.UNTOLD)


@pytest.mark.parametrize("again", [False, True], ids=["put back", "rolled out again"])
def test_what_was_taken_back_once_is_not_fought(again: bool) -> None:
    """A put-back that does not get ready is left to people; who rolls it out again wants it."""
    obj = failing("Deployment")
    if again:
        done = act(obj, cause=Cause.FAILED_ROLLOUT)
    else:
        done = {**act(obj), "template": "another", "toTemplate": template_digest(obj)}
    memory = history("Deployment", {}, acts=[done])
    around = cluster(obj, revision("app", 1), histories=remembered(memory))
    found = fates(plan(declared(rollback=TAKES_BACK), around))
    if again:
        assert found["Deployment/app"].then is Consequence.LEFT_ALONE
        assert "rolled out again what phiwarden took back" in found["Deployment/app"].why
    else:
        assert found == {}


def test_what_phiwarden_stopped_starts_again_once_it_keeps_the_rules() -> None:
    stopped = runs("Deployment")
    stopped["spec"]["replicas"] = 0
    keeper, pod = revision("app", 1), pod_of("ReplicaSet/app-1", **{LABEL: "full"})
    memory = history("Deployment", stopped=True, replicas=3)
    found = fate(stopped, keeper, pod, histories=remembered(memory))
    assert found.then is Consequence.UNAFFECTED
    assert [(step.kind, step.patch) for step in found.steps or ()] == [
        ("Deployment", [GUARD, {"op": "replace", "path": "/spec/replicas", "value": 3}]),
        ("Pod", {"metadata": {"labels": {LABEL: None}}}),
    ]
    suspended = runs("CronJob")
    suspended["spec"]["suspend"] = True
    found = fate(suspended, histories=remembered(history("CronJob", stopped=True)))
    (step,) = found.steps or ()
    assert step.patch == [GUARD, {"op": "replace", "path": "/spec/suspend", "value": False}]
    assert fates(plan(declared(), cluster(suspended))) == {}, "somebody else suspended it"


def test_lowering_the_level_lets_go_of_what_is_apart() -> None:
    obj, keeper, pod = with_pod("Deployment")
    pod["metadata"]["labels"][LABEL] = "care"
    lowered = declared(enforcement="warn")
    found = fate(obj, keeper, pod, to_be=lowered, standing=declared())
    assert (found.now, found.then, found.cause) == (Consequence.HELD, Consequence.WARNED, None)
    (step,) = found.steps or ()
    assert step.patch == {"metadata": {"labels": {LABEL: None}}}


def test_jobs_of_a_cron_job_that_run_are_told_and_those_that_ended_are_not() -> None:
    running = runs("Job", "nightly-1", owner="CronJob/nightly", **TAG)
    ended = runs("Job", "nightly-0", owner="CronJob/nightly", **TAG)
    ended["status"] = {"conditions": [{"type": "Complete", "status": "True"}]}
    good = runs("Job", "nightly-2", owner="CronJob/nightly")
    around = cluster(runs("CronJob", "nightly", **TAG), running, ended, good)
    outlook = plan(declared(clinicalImpact=ADMIN), around)
    assert {name: found.then for name, found in fates(outlook).items()} == {
        "CronJob/nightly": Consequence.SUSPENDED,
        "Job/nightly-1": Consequence.SUSPENDED,
    }
    assert outlook.judged == 2


@pytest.mark.parametrize("impact", ClinicalImpact)
def test_a_plan_changes_none_of_what_it_is_made_from(impact: ClinicalImpact) -> None:
    obj, *others = with_pod("Deployment")
    before = copy.deepcopy((obj, others))
    fate(obj, *others, to_be=declared(clinicalImpact=impact))
    assert (obj, others) == before


def test_failed_rollouts_take_their_turn_first_and_then_the_least_critical() -> None:
    names = ("portal", "billing", "fax")
    to_be = [
        declared(
            name,
            clinicalImpact=impact,
            rollback=TAKES_BACK,
            zones=zone(namespace=name),
        )
        for name, impact in zip(names, ClinicalImpact, strict=True)
    ]
    objects: dict[str, tuple[Object, ...]] = {
        name: (runs("StatefulSet", "bad", **TAG), pod_of("StatefulSet/bad")) for name in names
    }
    objects["portal"] += (failing("DaemonSet"), kept("DaemonSet", 1), runs("Deployment", **TAG))
    spaces = {name: {"metadata": {"name": name}} for name in names}
    remembers = {"portal": (history("DaemonSet", {}),)}
    around = Cluster({}, spaces, objects, histories=remembers)
    found = outlooks(to_be, around, standard_judge(), AT)
    told = [(turn.cause, turn.impact, turn.objects) for turn in turns(found)]
    bad = "StatefulSet/bad"
    assert told == [
        (Cause.FAILED_ROLLOUT, DIRECT, ("portal/DaemonSet/app",)),
        (Cause.VIOLATION, ADMIN, (f"fax/{bad}",)),
        (Cause.VIOLATION, SUPPORT, (f"billing/{bad}",)),
        (Cause.VIOLATION, DIRECT, (f"portal/{bad}",)),
    ], "what is so already takes no turn: the Deployment has no pods"
