"""Hands on the boundary: those that may not are refused, and what was changed comes back."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from e2e.demo.applications import refused_by
from e2e.demo.narrator import duration
from e2e.demo.scene import PLATFORM, Scene
from e2e.demo.story import Result
from e2e.rest import MERGE
from e2e.waiting import until
from e2e.workloads import NAMESPACES
from phiwarden.api import names

POLICY = "phiwarden-default-deny"


def drift(scene: Scene) -> Result:
    """Delete a network policy and change a label, as two kinds of administrators."""
    clinical = scene.names.zone("clinical")
    scene.say("A cluster administrator who tries to loosen the boundary by hand is refused:")
    answer = scene.kubectl(
        PLATFORM, "delete", "networkpolicy", POLICY, f"--namespace={clinical}", fails=True
    )
    if "PHI-GRD-001" not in refused_by(answer.stderr):
        raise AssertionError("the refusal does not name PHI-GRD-001")
    scene.say(
        "Members of system:masters are exempt, for emergencies. What they change, phiwarden puts"
        " back:"
    )
    policy = policy_back(scene)
    label = label_back(scene)
    return Result(
        f"network policy back in {duration(policy)}, label back in {duration(label)}",
        max(policy, label),
    )


def policy_back(scene: Scene) -> float:
    """Delete the policy that denies by default; return how long it was gone."""
    clinical = scene.names.zone("clinical")
    path = f"/apis/networking.k8s.io/v1/namespaces/{clinical}/networkpolicies/{POLICY}"
    before = scene.admin.get(path).body["metadata"]["uid"]

    def there() -> bool:
        body = scene.admin.get(path).body
        return body["kind"] == "NetworkPolicy" and bool(body["metadata"]["uid"] != before)

    scene.say(f"root deletes NetworkPolicy {POLICY} of {clinical}")
    seconds = _until_back(lambda: scene.masters().delete(path).ok, there, POLICY)
    scene.done("it is back", seconds)
    return seconds


def label_back(scene: Scene) -> float:
    """Change the label by which enforcement is selected; return how long it was so."""
    clinical = scene.names.zone("clinical")
    path = f"{NAMESPACES}/{clinical}"
    patch = {"metadata": {"labels": {names.ENFORCEMENT: "observe"}}}

    def there() -> bool:
        labels = scene.admin.get(path).body["metadata"]["labels"]
        return bool(labels.get(names.ENFORCEMENT) == "enforce")

    scene.say(f"root sets label {names.ENFORCEMENT} of {clinical} to observe")
    masters = scene.masters()
    seconds = _until_back(
        lambda: masters.request("PATCH", path, patch, content=MERGE).ok, there, "the label"
    )
    scene.done("it says `enforce` again", seconds)
    return seconds


def _until_back(act: Callable[[], bool], there: Callable[[], bool], what: str) -> float:
    began = monotonic()
    if not act():
        raise AssertionError(f"{what} could not be touched by system:masters")
    until(there, f"{what} is back", every=0.002)
    return monotonic() - began
