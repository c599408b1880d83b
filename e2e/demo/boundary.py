"""The declaration, and what follows from it at once: boundary, rollback, care that goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

from e2e import workloads
from e2e.demo.legacy import FAX, RECORDS, rolled_out
from e2e.demo.narrator import duration
from e2e.demo.pilot import adopting
from e2e.demo.scene import EXAMPLES, PLATFORM, Scene, first_seen
from e2e.demo.story import Result
from e2e.waiting import until
from phiwarden.api import names

_SECONDS = 20.0
_ENFORCE = "enforce"
_KINDS = (
    ("network policies", "/apis/networking.k8s.io/v1/networkpolicies"),
    ("service accounts", "/api/v1/serviceaccounts"),
    ("quota", "/api/v1/resourcequotas"),
    ("limit range", "/api/v1/limitranges"),
)


def boundary(scene: Scene) -> Result:
    """Enforce the portal's declaration, and see how long its boundary takes."""
    scene.say("The pilot is over. The same declaration, at its own level: `enforce`.")
    portal = scene.file(EXAMPLES / "phiworkload.yaml", adopting)
    began, seen = _declare(scene, portal)
    ready = _elapsed(seen, "ready", began, scene)
    scene.done(f"{scene.names.portal} is Ready: its boundary stands", ready)
    scene.moments["began"] = began
    scene.moments |= {name: seen[name] for name in seen if name != "ready"}
    namespaces = _zones(scene)
    scene.done(f"{len(namespaces)} namespaces: {', '.join(sorted(namespaces))}")
    made = {what: _ours(scene, path, namespaces) for what, path in _KINDS}
    scene.done(
        "in them "
        + ", ".join(f"{len(found)} {what}" for what, found in made.items() if found)
        + "; what no flow declares is refused"
    )
    policies = len(made["network policies"])
    scene.kubectl(
        PLATFORM,
        "apply",
        f"-f={scene.file(EXAMPLES / 'billing.yaml')}",
        shown="apply -f examples/clinic/billing.yaml",
    )
    workloads.wait(scene.admin, scene.names.workloads[1])
    for name in scene.names.workloads:
        workloads.wait(scene.admin, name, "BoundaryEnforced")
    scene.done(
        "both are BoundaryEnforced: the API server has had its half minute to take up the policies"
    )
    return Result(f"{len(namespaces)} namespaces, {policies} network policies, all enforced", ready)


def _declare(scene: Scene, path: str) -> tuple[float, dict[str, float]]:
    """Apply the portal and look on meanwhile: when did it enforce, and when came what follows?"""
    shown = "apply -f examples/clinic/phiworkload.yaml  # adopt: true"
    scene.command(PLATFORM, f"kubectl {shown}")
    name = scene.names.portal
    absent = monotonic()

    def asks() -> bool:
        nonlocal absent
        asked = monotonic()
        if scene.admin.get(f"{workloads.WORKLOADS}/{name}").body["spec"]["enforcement"] == _ENFORCE:
            return True
        absent = asked
        return False

    with ThreadPoolExecutor(1) as pool:
        applied = pool.submit(
            scene.cluster.kubectl, "apply", f"--filename={path}", user=PLATFORM.user
        )
        first_seen({"asked": lambda: asks() or applied.done()}, _SECONDS)
        seen = first_seen(_consequences(scene), _SECONDS)
        scene.tell.output(applied.result().stdout)
    return absent, seen


def _consequences(scene: Scene) -> Mapping[str, Callable[[], bool]]:
    """Return the questions whose first yes is a moment of the story."""
    name, clinical = scene.names.portal, scene.names.zone("clinical")

    def ready() -> bool:
        return workloads.condition(scene.admin, name, "Ready").get("status") == "True"

    def stands() -> bool:
        body = scene.admin.get(f"{workloads.NAMESPACES}/{clinical}").body
        return (body["metadata"].get("labels") or {}).get(names.ENFORCEMENT) == _ENFORCE

    def rolled_back() -> bool:
        return "@sha256:" in workloads.image_of(scene.admin, clinical, RECORDS)

    def isolated() -> bool:
        pods = scene.pods(clinical, FAX)
        return bool(pods) and all(names.QUARANTINE in pod["metadata"]["labels"] for pod in pods)

    return {"stands": stands, "rolled back": rolled_back, "isolated": isolated, "ready": ready}


def _elapsed(seen: Mapping[str, float], what: str, began: float, scene: Scene) -> float:
    if what not in seen:
        raise AssertionError("\n".join([f"not {what} within {_SECONDS:g} s", *_unmet(scene)]))
    return seen[what] - began


def _unmet(scene: Scene) -> list[str]:
    """Return the conditions that do not hold, as the status tells them."""
    conditions = workloads.status(scene.admin, scene.names.portal).get("conditions") or ()
    return [
        f"{each['type']} is {each['status']}, {each['reason']}: {each['message']}"
        for each in conditions
        if each["status"] != "True"
    ]


def _zones(scene: Scene) -> set[str]:
    selector = f"{names.WORKLOAD}={scene.names.portal}"
    items = scene.admin.get(workloads.NAMESPACES, labelSelector=selector).body["items"]
    return {item["metadata"]["name"] for item in items}


def _ours(scene: Scene, path: str, namespaces: set[str]) -> list[Any]:
    selector = f"{names.MANAGED_BY}={names.FIELD_MANAGER}"
    items = scene.admin.get(path, labelSelector=selector).body["items"]
    return [item for item in items if item["metadata"]["namespace"] in namespaces]


def rollback(scene: Scene) -> Result:
    """See the violation back at the revision that worked and was compliant."""
    clinical, name = scene.names.zone("clinical"), scene.names.portal
    if not scene.simulated:
        return _nothing_worked(scene)
    seconds = _elapsed(scene.moments, "rolled back", scene.moments["stands"], scene)
    told = until(
        lambda: _remediation(scene, RECORDS, "RolledBack"),
        f"the status of {name} tells of the rollback",
    )
    before, after = told["fromRevision"], told["toRevision"]
    if (before, after) != (2, 1):
        raise AssertionError(f"rolled back from revision {before} to {after}, not from 2 to 1")
    rules = ", ".join(told["rules"])
    scene.done(
        f"{RECORDS} went back from revision {before} to revision {after},"
        f" {duration(seconds)} after the boundary stood"
    )
    scene.say(f"It broke {rules}. {told.get('changedBy', 'Nobody known')} had written it.")
    event = until(
        lambda: _event(scene, clinical, RECORDS, "RolledBack"), "an Event tells of the rollback"
    )
    scene.say("The Event on the Deployment, for the team:")
    scene.tell.quote(f"{event['type']} {event['reason']}: {event['message']}")
    rolled_out(scene, RECORDS)
    scene.done("its pods are Ready again, replaced by an ordinary rollout")
    return Result(f"{RECORDS}: revision {before} -> {after}; {rules}", seconds)


def _nothing_worked(scene: Scene) -> Result:
    """See the same on a cluster that cannot pull the demo's images: nothing ever worked."""
    clinical = scene.names.zone("clinical")
    event = until(lambda: _event(scene, clinical, RECORDS, "Held"), f"{RECORDS} is held")
    scene.say(
        "This cluster has no such images, so no revision was ever seen to work, and phiwarden"
        " goes back to none that was not:"
    )
    scene.tell.quote(f"{event['type']} {event['reason']}: {event['message']}")
    return Result(f"{RECORDS}: held, since nothing of it ever worked here")


def care(scene: Scene) -> Result:
    """See direct care without a compliant revision kept running, and isolated."""
    clinical, name = scene.names.zone("clinical"), scene.names.portal
    scene.say(
        f"No revision of {FAX} keeps the rules, and care depends on it: it is never stopped"
        " automatically."
    )
    seconds = _elapsed(scene.moments, "isolated", scene.moments["began"], scene)
    body = scene.deployment(clinical, FAX)
    if body["metadata"]["generation"] != 1:
        raise AssertionError(f"{FAX} was changed: {body['metadata']}")
    pods = scene.pods(clinical, FAX)
    scene.done(
        f"{FAX} is as it was, all {len(pods)} pods, isolated after {duration(seconds)}: only"
        " flows for treatment are left to them"
    )
    until(
        lambda: (
            f"Deployment/{FAX}"
            in (workloads.zone_status(scene.admin, name, "clinical").get("quarantined") or ())
        ),
        f"the status of {name} lists {FAX}",
    )
    until(lambda: _event(scene, clinical, FAX, "Held"), f"an Event tells that {FAX} is held")
    scene.done("the status lists it as quarantined, and an Event tells its team why")
    lost = pods[0]["metadata"]["name"]
    scene.say(f"A node fails and takes pod {lost} along:")
    scene.masters().delete(f"{workloads.NAMESPACES}/{clinical}/pods/{lost}")
    rolled_out(scene, FAX)

    def replaced() -> bool:
        now = scene.pods(clinical, FAX)
        kept = [p for p in now if p["metadata"]["name"] != lost]
        return len(kept) == len(now) == len(pods) and all(
            names.QUARANTINE in pod["metadata"]["labels"] for pod in kept
        )

    until(replaced, f"another pod of {FAX} took its place, isolated as well")
    scene.done("another pod took its place, although it breaks rules; it is isolated as well")
    return Result(f"{FAX}: kept running, isolated, listed in the status", seconds)


def _remediation(scene: Scene, name: str, action: str) -> dict[str, Any] | None:
    listed = workloads.status(scene.admin, scene.names.portal).get("remediations") or ()
    return next((r for r in listed if r["name"] == name and r["action"] == action), None)


def _event(scene: Scene, namespace: str, name: str, reason: str) -> dict[str, Any] | None:
    selector = f"involvedObject.name={name},reason={reason}"
    items = scene.admin.get(
        f"{workloads.NAMESPACES}/{namespace}/events", fieldSelector=selector
    ).body["items"]
    return items[0] if items else None
