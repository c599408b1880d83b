"""What Kubernetes makes anew for what is held, though it breaks rules.

The boundary of a zone lists as `Kind/name` what of direct care keeps running. Its lost pods, the
next run of a CronJob and a lost ReplicaSet are made by Kubernetes' own controllers, while nobody
of phiwarden looks. An owner that an object names proves nothing by itself; but only the
controllers can speak as their accounts. They name as owner whom they make it for, and make it
from the template of that one alone, which nobody makes worse: a template is judged when it changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from phiwarden.api.workload import ClinicalImpact

MANAGER: Final = "system:kube-controller-manager"
"""Who all controllers are in clusters that give them no accounts of their own."""

_ACCOUNT: Final = "system:serviceaccount:kube-system:"
POD_MAKERS: Final = (
    MANAGER,
    f"{_ACCOUNT}replicaset-controller",
    f"{_ACCOUNT}replication-controller",
    f"{_ACCOUNT}statefulset-controller",
    f"{_ACCOUNT}daemon-set-controller",
    f"{_ACCOUNT}job-controller",
)
JOB_MAKERS: Final = (MANAGER, f"{_ACCOUNT}cronjob-controller")
REPLICA_SET_MAKERS: Final = (MANAGER, f"{_ACCOUNT}deployment-controller")

OWNER: Final = "owner.kind + '/' + owner.name"

# A run of a CronJob is a Job that is named after it and the minute that it was due in; its pods
# name the Job alone. By hand, nobody makes a Job of such a name past the rules.
IS_RUN: Final = "owner.kind == 'Job' && owner.name.matches('-[0-9]+$')"
RUN_OF: Final = "'CronJob/' + owner.name.substring(0, owner.name.lastIndexOf('-'))"


def pods(listed: str) -> str:
    """Return CEL that is true for a pod that its controller makes for what is held.

    Args:
        listed: CEL of what is held, as a list.
    """
    mine = f"[{listed}].exists(held, {OWNER} in held || ({IS_RUN} && {RUN_OF} in held))"
    return f"{_OF_DIRECT_CARE} && {by(POD_MAKERS)} && {_controlled(mine)}"


def templates(listed: str) -> str:
    """Return CEL that is true for what a controller makes for what is held, to make pods of it.

    That is a Job for a CronJob, and a ReplicaSet that is held: where it was lost, its Deployment
    makes it under the same name, which stands for its template.

    Args:
        listed: CEL of what is held, as a list.
    """
    run = f"{by(JOB_MAKERS)} && {_controlled(f'{OWNER} in {listed}')}"
    lost = f"{by(REPLICA_SET_MAKERS)} && variables.kind + '/' + object.metadata.name in {listed}"
    return f"{_OF_DIRECT_CARE} && (({run}) || ({lost}))"


_OF_DIRECT_CARE: Final = (
    "request.operation == 'CREATE' && variables.readable"
    f" && variables.impact == '{ClinicalImpact.DIRECT_CARE}'"
)


def by(makers: Sequence[str]) -> str:
    """Return CEL that is true where one of these makes a request."""
    return f"request.userInfo.username in {list(makers)!r}"


def _controlled(condition: str) -> str:
    return (
        "has(object.metadata.ownerReferences) && object.metadata.ownerReferences.exists(owner,"
        f" has(owner.controller) && owner.controller && {condition})"
    )
