"""What becomes of a workload that breaks rules, or whose rollout failed, in a zone that enforces.

Care comes first: nothing here stops a direct-care workload. It goes back to
a revision that keeps the rules and is known to have worked, if there is one
and the way there takes no pod too many; otherwise it keeps running, its pods
may still be replaced, and only what is not treatment is cut off.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from phiwarden.api.history import Cause
from phiwarden.api.workload import ClinicalImpact
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.remediation import pods
from phiwarden.remediation.deeds import Action, Plan, hold, isolate, tolerate
from phiwarden.remediation.gitops import other_side
from phiwarden.remediation.history import Revision, digest_of
from phiwarden.remediation.memory import FIGHT, NOTHING, Memory, taken_back, times_put_back, worked
from phiwarden.remediation.references import References, references
from phiwarden.remediation.rollout import ROLLING, by_hand, may_miss_all
from phiwarden.rulebook.evaluate import Judge
from phiwarden.rulebook.failures import Failure
from phiwarden.rulebook.model import Severity
from phiwarden.rulebook.shapes import shape_of, template_of

SUSPENDED: Final = ("CronJob", "Job")
"""Kinds that are stopped by being suspended."""

REMEDIED: Final = (*ROLLING, *SUSPENDED, "Pod")
"""Kinds that are put back, cut off or, in direct care, kept running though they break rules."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a plan is made from, beside the object itself.

    Attributes:
        history: revisions, newest first; see `needs_history`.
        memory: what is remembered of the object.
        missing: what of a revision's needs is not there, in words.
        paused: why people on call want nothing to be done now; "" if they do not.
    """

    history: Sequence[Revision] = ()
    memory: Memory = NOTHING
    missing: Callable[[References], Iterable[str]] = field(default=lambda _: ())
    paused: str = ""


def needs_history(kind: str, failures: Sequence[Failure]) -> bool:
    """Return whether `decide` asks for the revisions of an object of that kind."""
    return kind in ROLLING and not tolerated(failures)


def decide(
    body: Mapping[str, Any],
    boundary: ZoneBoundary,
    failures: Sequence[Failure],
    case: Case,
    judge: Judge,
) -> Plan:
    """Return what becomes of an object that runs in a zone that enforces, and is denied there.

    Args:
        body: as the API server has it, with its kind: one of REMEDIED.
        boundary: of the zone.
        failures: the rules that deny it.
        case: its history, and what is remembered of it.
        judge: the rulebook, which says what revision keeps the rules.
    """
    kind, spec = body["kind"], body["spec"]
    if kind == "Pod":
        impact = ClinicalImpact(boundary.impact)
        return pods.plan_for_pod(body, impact, mendable=not tolerated(failures))
    care = boundary.impact == ClinicalImpact.DIRECT_CARE
    if tolerated(failures):
        return tolerate(held=care and any(failure.at_pods for failure in failures))
    if body["metadata"].get("deletionTimestamp"):
        return Plan(Action.LEAVE, "it is being deleted")
    if has_ended(body):
        return Plan(Action.LEAVE, "it has ended", harmless=True)
    if case.paused:
        return Plan(Action.LEAVE, case.paused, held=care)
    if spec.get("paused"):
        # Left alone, but direct care must not lose a pod over it.
        return Plan(
            Action.LEAVE, "its rollout is paused by somebody who is working on it", held=care
        )
    if conflict := insisted_on(body, case.memory):
        return _give_way(boundary, conflict)
    if kind not in ROLLING:
        return quarantine(body, boundary.impact, f"a {kind} has no revision to go back to")
    target, obstacle = way_back(body, boundary, case, judge)
    if target is None:
        return quarantine(body, boundary.impact, obstacle)
    if care and may_miss_all(body):
        reason = (
            f"going back to revision {target.number} would take every pod away at once"
            " (see its update strategy and replicas), and is left to people"
        )
        return hold(reason)
    why = f"revision {target.number} is the newest one that keeps the rules and has worked"
    return Plan(Action.ROLL_BACK, _told(why, body), target=target)


def decide_failed(
    body: Mapping[str, Any], boundary: ZoneBoundary, case: Case, judge: Judge
) -> Plan:
    """Return what becomes of a workload that keeps the rules, and whose rollout failed.

    It is taken back once. Whoever rolls the same template out again wants it,
    and is not fought.

    Args:
        body: a Deployment, StatefulSet or DaemonSet, as the API server has it.
        boundary: of its zone.
        case: its history, and what is remembered of it.
        judge: the rulebook.
    """
    failed = Cause.FAILED_ROLLOUT
    if body["metadata"].get("deletionTimestamp"):
        return Plan(Action.LEAVE, "its rollout failed, and it is being deleted", cause=failed)
    if case.paused:
        return Plan(Action.LEAVE, f"its rollout failed; {case.paused}", cause=failed)
    if body["spec"].get("paused"):
        why = "its rollout failed, and is paused by somebody who is working on it"
        return Plan(Action.LEAVE, why, cause=failed)
    if conflict := rolled_out_again(body, case.memory):
        return Plan(
            Action.LEAVE, f"its rollout failed; {conflict}", cause=failed, conflict=conflict
        )
    target, obstacle = way_back(body, boundary, case, judge)
    if target is None:
        return Plan(Action.LEAVE, f"its rollout failed, and {obstacle}", cause=failed)
    if boundary.impact == ClinicalImpact.DIRECT_CARE and may_miss_all(body):
        why = "its rollout failed, and going back would take every pod away at once"
        return Plan(Action.LEAVE, why, cause=failed)
    why = f"its rollout failed; revision {target.number} is the newest one that has worked"
    return Plan(Action.ROLL_BACK, _told(why, body), target=target, cause=failed)


def way_back(
    body: Mapping[str, Any], boundary: ZoneBoundary, case: Case, judge: Judge
) -> tuple[Revision | None, str]:
    """Return the revision to go back to, or None and why there is none.

    The newest one that keeps the rules, is known to have worked, and whose
    Secrets, claims and service account are there.
    """
    now = template_digest(body)
    obstacle = "there is no earlier revision"
    told = False
    for revision in case.history:
        if revision.digest == now:
            continue
        problem = _problem(body, revision, boundary, case, judge)
        if not problem:
            return revision, ""
        if not told:  # the newest one is what a person would try first
            obstacle, told = f"revision {revision.number} {problem}", True
    return None, obstacle


def _problem(
    body: Mapping[str, Any], revision: Revision, boundary: ZoneBoundary, case: Case, judge: Judge
) -> str:
    broken = [f.rule for f in _breaks(body, revision.template, boundary, judge) if f.mendable]
    if broken:
        return f"breaks {', '.join(dict.fromkeys(broken))}"
    missing = tuple(case.missing(references(revision.template)))
    if missing:
        return f"cannot start: {', '.join(missing)} is not there"
    if not (revision.ready or worked(case.memory, revision.digest)):
        return "keeps the rules, but was never seen to work"
    return ""


def _breaks(
    body: Mapping[str, Any], template: Mapping[str, Any], boundary: ZoneBoundary, judge: Judge
) -> list[Failure]:
    named = {"name": body["metadata"]["name"]}  # it has its exceptions then, too
    probe = {"kind": body["kind"], "metadata": named, "spec": {"template": template}}
    found = judge.failures(probe, boundary, from_api=True)
    return [failure for failure in found if failure.severity is Severity.DENY]


def template_digest(body: Mapping[str, Any]) -> str:
    """Return the digest of the pod template of an object."""
    shape = shape_of(body["kind"])
    assert shape is not None  # of REMEDIED
    return digest_of(template_of(shape, body) or {})


def tolerated(failures: Sequence[Failure]) -> bool:
    """Return whether what is broken costs reliability and no boundary."""
    return not any(failure.mendable for failure in failures)


def _told(why: str, body: Mapping[str, Any]) -> str:
    more = by_hand(body)
    return f"{why}; {more}" if more else why


def has_ended(body: Mapping[str, Any]) -> bool:
    """Return whether a Job is over, and runs no pod any more."""
    if body["kind"] != "Job":
        return False
    conditions = (body.get("status") or {}).get("conditions") or ()
    return any(
        entry["type"] in ("Complete", "Failed") and entry["status"] == "True"
        for entry in conditions
    )


def quarantine(body: Mapping[str, Any], impact: str, because: str) -> Plan:
    """Return the plan for what cannot be put back, by the harm that its failure would do."""
    kind, spec = body["kind"], body["spec"]
    if impact == ClinicalImpact.DIRECT_CARE:
        return hold(because)
    if kind == "CronJob":
        # Its next pods would be refused in any case; this says so.
        return Plan(Action.SUSPEND, f"{because}; no further run is begun")
    if impact == ClinicalImpact.CARE_SUPPORT or kind == "DaemonSet":
        return isolate(because)
    if kind == "Job":
        return Plan(Action.SUSPEND, f"{because}; an administrative workload is stopped")
    if _claims_go(spec):
        return isolate(f"{because}, and its claims would be deleted if it were scaled down")
    return Plan(Action.SCALE_TO_ZERO, f"{because}; an administrative workload is stopped")


def _claims_go(spec: Mapping[str, Any]) -> bool:
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    return bool(retention.get("whenScaled", "Retain") != "Retain")


def insisted_on(body: Mapping[str, Any], memory: Memory) -> str:
    """Return who insists on a violating template that was put back again and again; "" if nobody.

    It starts anew with another template: whoever changes what they want is not fighting.
    """
    times = times_put_back(memory, template_digest(body))
    if times < FIGHT:
        return ""
    return f"{other_side(body)} brought back what phiwarden put back {times} times"


def rolled_out_again(body: Mapping[str, Any], memory: Memory) -> str:
    """Return who rolls a template out again whose failed rollout was taken back; "" if nobody."""
    if not taken_back(memory, template_digest(body)):
        return ""
    return f"{other_side(body)} rolled out again what phiwarden took back as it failed"


def _give_way(boundary: ZoneBoundary, conflict: str) -> Plan:
    """Return the plan for what somebody insists on: apart, by objects that are not theirs."""
    because = f"{conflict}, and it is left as it is until its source changes"
    if boundary.impact == ClinicalImpact.DIRECT_CARE:
        return hold(because, conflict=conflict)
    return isolate(because, conflict=conflict)
