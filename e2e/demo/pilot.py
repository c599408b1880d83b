"""A pilot: the declaration is watched and not enforced, and what works is remembered."""

from __future__ import annotations

from typing import Any

from e2e import workloads
from e2e.demo.legacy import FAX, RECORDS, rolled_out
from e2e.demo.scene import EXAMPLES, MANIFESTS, PLATFORM, ROOT_ADMIN, Scene
from e2e.demo.story import Result
from e2e.rollouts import worked
from e2e.waiting import until
from phiwarden.remediation.history import revision_of


def pilot(scene: Scene) -> Result:
    """Declare the portal at `observe`, and have something slip through."""
    clinical, name = scene.names.zone("clinical"), scene.names.portal
    scene.say(
        "One PHIWorkload says where patient data of the portal may live and flow. Its zone"
        f" clinical says `adopt: true`, since namespace {clinical} exists. It begins with"
        " `enforcement: observe`: nothing is refused, cut off or changed."
    )
    scene.kubectl(
        PLATFORM,
        "apply",
        f"-f={scene.file(EXAMPLES / 'phiworkload.yaml', observing)}",
        shown="apply -f examples/clinic/phiworkload.yaml  # adopt: true, enforcement: observe",
    )
    workloads.wait(scene.admin, name)
    if scene.simulated:
        until(
            lambda: worked(scene.admin, clinical, "Deployment", RECORDS),
            f"{RECORDS} was seen to work",
        )
        scene.done(f"{RECORDS} was seen to work, and that is remembered: there is a way back to it")
    scene.say("Meanwhile somebody in a hurry rolls out a hot fix:")
    scene.apply(ROOT_ADMIN, MANIFESTS / "legacy-records-2.yaml")
    rolled_out(scene, RECORDS)
    found = revision_of(scene.deployment(clinical, RECORDS))
    if found != 2:
        raise AssertionError(f"{RECORDS} is at revision {found}, and 2 was expected")
    scene.done(
        f"{RECORDS}, revision 2: image by tag, privileged, a password in the manifest. This is"
        " what runs."
    )
    listed = until(lambda: _violations(scene), "the status lists both")
    scene.done(f"the status lists what breaks rules: {', '.join(listed)}")
    return Result(f"watched, and not refused; {len(listed)} violations listed")


def adopting(document: dict[str, Any]) -> None:
    """Have a declaration take over the namespace that is there."""
    for zone in document["spec"]["zones"]:
        if zone["name"] == "clinical":
            zone["adopt"] = True


def observing(document: dict[str, Any]) -> None:
    """Have a declaration do the same, and look on."""
    adopting(document)
    document["spec"]["enforcement"] = "observe"


def _violations(scene: Scene) -> list[str]:
    told = workloads.zone_status(scene.admin, scene.names.portal, "clinical")
    entries = told.get("violations", ())
    found = [f"Deployment/{each['name']}" for each in entries if each["severity"] == "deny"]
    return found if {f"Deployment/{RECORDS}", f"Deployment/{FAX}"} <= set(found) else []
