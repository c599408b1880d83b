"""The operator dies, and nothing opens; it comes back, and writes nothing."""

from __future__ import annotations

import json
from time import monotonic, sleep

from e2e import workloads
from e2e.demo.applications import still_refused
from e2e.demo.drift import policy_back
from e2e.demo.legacy import rolled_out
from e2e.demo.scene import DEVELOPER, ROOT_ADMIN, Scene
from e2e.demo.story import Result
from e2e.product import NAMESPACE, RELEASE, Operator
from e2e.waiting import until
from phiwarden.api import names

OPERATOR = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {
            "level": "Metadata",
            "users": [OPERATOR],
            "verbs": ["create", "update", "patch", "delete", "deletecollection"],
        },
        {"level": "None"},
    ],
}
"""The API server's own record of what the operator writes, and of nothing else."""

_WATCHED = 2.0
"""Seconds for which a restarted operator is watched."""


def outage(scene: Scene) -> Result:
    """Kill the operator, and see that the boundary does not depend on it."""
    assert scene.product is not None
    assert scene.operator is not None
    scene.command(ROOT_ADMIN, f"kill -9 {scene.operator.child.pid}  # the operator")
    scene.operator.kill()
    scene.say("No operator runs. The API server goes on refusing, and goes on admitting:")
    still_refused(scene)
    clinical = scene.names.zone("clinical")
    scene.kubectl(
        DEVELOPER, "rollout", "restart", "deployment/appointments", f"--namespace={clinical}"
    )
    rolled_out(scene, "appointments")
    scene.done("a good application rolls out all the same: no webhook stands in its way")
    began = monotonic()
    scene.operator = Operator(scene.product)
    scene.done("the operator is back", monotonic() - began)
    _caught_up(scene)
    scene.done("it noted what it had missed: a new release works, and can be gone back from")
    scene.say("Once more, and this time nothing happens meanwhile:")
    scene.operator.kill()
    before = writes(scene)
    scene.operator = Operator(scene.product)
    watched_until = monotonic() + _WATCHED
    while monotonic() < watched_until:
        if found := writes(scene) - before:
            raise AssertionError(f"it wrote {found} times although nothing had changed")
        sleep(0.05)
    proof = "the API server's audit log" if "audit" in scene.cluster.logs else "resource versions"
    scene.done(f"it looked at everything, and in {_WATCHED:g} s wrote nothing, by {proof}")
    scene.say("It is awake, though:")
    policy_back(scene)
    # The audit log is written a moment after the answer.
    until(lambda: writes(scene) != before, "the count of writes sees what the operator writes")
    return Result("refused without the operator; restarted, it wrote nothing")


def _caught_up(scene: Scene) -> None:
    """Wait until the operator has written nothing for a second."""
    seen = [writes(scene), monotonic()]

    def quiet() -> bool:
        if (now := writes(scene)) != seen[0]:
            seen[:] = [now, monotonic()]
        return monotonic() - seen[1] > 1.0

    until(quiet, "the operator has nothing left to write")


def writes(scene: Scene) -> int:
    """Return a number that changes with each write of the operator.

    On a cluster of the demo's own, the count of its write requests in the audit log; elsewhere the
    sum of the boundary's resource versions.
    """
    log = scene.cluster.logs.get("audit")
    if log is not None:
        with log.open() as lines:
            whole = (line for line in lines if line.endswith("\n"))
            return sum(json.loads(line)["user"]["username"] == OPERATOR for line in whole)
    ours = f"{names.MANAGED_BY}={names.FIELD_MANAGER}"
    paths = ("/apis/networking.k8s.io/v1/networkpolicies", "/api/v1/serviceaccounts")
    found = [
        *scene.admin.get(workloads.WORKLOADS).body["items"],
        *scene.admin.get(workloads.NAMESPACES, labelSelector=ours).body["items"],
        *(i for path in paths for i in scene.admin.get(path, labelSelector=ours).body["items"]),
    ]
    return sum(int(item["metadata"]["resourceVersion"]) for item in found)
