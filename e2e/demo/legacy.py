"""Before phiwarden: what runs in a namespace that nobody declared, and the installation."""

from __future__ import annotations

from e2e import workloads
from e2e.demo.scene import MANIFESTS, ROOT_ADMIN, Scene
from e2e.demo.story import Result
from e2e.product import CHART, NAMESPACE, RELEASE, ROOT, Operator, install
from e2e.waiting import until

RECORDS = "records"
FAX = "fax-gateway"


def legacy(scene: Scene) -> Result:
    """Have two old Deployments run: one is compliant, the other never was."""
    clinical = scene.names.zone("clinical")
    scene.say(
        f"Namespace {clinical} was made by hand, long ago. Clinicians depend on both things that"
        " run there."
    )
    for manifest in ("legacy-namespace", "legacy-records-1"):
        scene.apply(ROOT_ADMIN, MANIFESTS / f"{manifest}.yaml")
    rolled_out(scene, RECORDS)
    scene.done(f"{RECORDS}: as it was reviewed")
    scene.apply(ROOT_ADMIN, MANIFESTS / "legacy-fax-gateway.yaml")
    rolled_out(scene, FAX)
    scene.done(f"{FAX}: image by tag, runs as root. No revision of it was ever better.")
    return Result(f"{RECORDS} and {FAX} run in {clinical}, and nobody objects")


def rolled_out(scene: Scene, name: str, zone: str = "clinical") -> None:
    """Wait until a Deployment has rolled out; where no image exists, until its pods exist."""
    namespace = scene.names.zone(zone)
    if scene.simulated:
        until(
            workloads.available(scene.admin, namespace, name),
            f"the pods of {namespace}/{name} are ready",
        )
        return

    def made() -> bool:
        body = scene.deployment(namespace, name)
        seen = body.get("status") or {}
        current = seen.get("observedGeneration") == body["metadata"]["generation"]
        return current and bool(seen.get("updatedReplicas"))

    until(made, f"the pods of {namespace}/{name} were made")


def installation(scene: Scene) -> Result:
    """Install the chart and start the operator with the chart's rights."""
    scene.command(
        ROOT_ADMIN,
        f"helm upgrade --install {RELEASE} {CHART.relative_to(ROOT)} -n {NAMESPACE}"
        " --create-namespace --set controller.enabled=false --set feedback.enabled=false",
    )
    scene.product = install(scene.cluster)
    scene.done(
        "The admission policies are in force. From here on the API server itself enforces,"
        " whether or not the operator runs."
    )
    scene.operator = Operator(scene.product)
    account = f"{NAMESPACE}/{RELEASE}"
    scene.done(
        f"The operator runs as a process on this machine, as service account {account}: it never"
        " looks at the value of a Secret, and may not change an admission policy."
    )
    megabytes = scene.operator.resident_bytes() / 1e6
    return Result(f"chart by helm, operator as {account} ({megabytes:.0f} MB)")
