"""Where patient data lies, and what opens the way to it: volumes and secrets."""

from __future__ import annotations

from time import monotonic
from typing import Any

from e2e import workloads
from e2e.demo.applications import APPS, refused_by
from e2e.demo.scene import EXAMPLES, PLATFORM, ROOT_ADMIN, Scene
from e2e.demo.story import Result
from e2e.waiting import until

VOLUME = "remittances"
CREDENTIALS = "payer-credentials"
SUBMITTER = "claims-submitter"


def volumes(scene: Scene) -> Result:
    """See the declared volume made, and a claim on storage that does not encrypt refused."""
    billing, claims = scene.names.workloads[1], scene.names.namespaces[-1]
    scene.say(
        f"{billing} declares a volume, and storage of two classes. The platform team brings them:"
    )
    began = monotonic()
    scene.apply(ROOT_ADMIN, EXAMPLES / "storage.yaml")
    until(
        lambda: scene.admin.get(_claim(claims, VOLUME)).ok,
        f"the claim {claims}/{VOLUME} is made",
    )
    made = monotonic() - began
    entry = until(lambda: _proven(scene), "the status tells of the volume")
    scene.done(f"claim {claims}/{VOLUME} was made: {entry['evidence']}", made)
    scene.say("The other one is encrypted, too, or so it says:")
    answer = scene.apply(PLATFORM, APPS / "archive-claim.yaml", fails=True)
    rules = refused_by(answer.stderr)
    if rules != ["PHI-VOL-001"]:
        raise AssertionError(f"refused by {', '.join(rules) or 'no rule'}, not by PHI-VOL-001")
    scene.done(
        'refused: `encrypted: "True"` is not the word that EBS goes by, and encrypts nothing'
    )
    return Result(f"{VOLUME} made on proven storage, a claim on the other refused", made)


def secrets(scene: Scene) -> Result:
    """See an overdue secret hold back a rollout until it is rotated."""
    billing, claims = scene.names.workloads[1], scene.names.namespaces[-1]
    path = f"{workloads.NAMESPACES}/{claims}/secrets"
    body = {"metadata": {"name": CREDENTIALS}, "stringData": {"token": "demo"}}
    answer = scene.masters().create(path, body)
    if not answer.ok:
        raise AssertionError(answer.message)
    _stands(scene, "Unproven")
    scene.apply(PLATFORM, APPS / f"{SUBMITTER}.yaml")
    scene.say(
        f"Three months go by. (Played: the API server's note of when {CREDENTIALS} was written is"
        " set back. phiwarden sees such notes, and never a value.)"
    )
    workloads.aged(scene.masters(), f"{path}/{CREDENTIALS}", 91)
    began = monotonic()
    entry = _stands(scene, "Overdue")
    scene.done(f"the status of {billing} says Overdue: {entry['evidence']}")
    scene.say("The team rolls out its next version:")
    answer = scene.kubectl(PLATFORM, *_next_version(claims), shown=_shown(claims), fails=True)
    rules = refused_by(answer.stderr)
    if rules != ["PHI-SEC-003"]:
        raise AssertionError(f"refused by {', '.join(rules) or 'no rule'}, not by PHI-SEC-003")
    scene.done("refused; what runs goes on running, and may be scaled and replaced")
    seconds = monotonic() - began
    scene.say("The credential is rotated, and the same command again:")
    rotated = {"stringData": {"token": "another"}}
    if not scene.masters().request("PATCH", f"{path}/{CREDENTIALS}", rotated, content=_MERGE).ok:
        raise AssertionError("the secret could not be rotated")
    _stands(scene, "Unproven")
    until(lambda: not _overdue(scene, claims), "the boundary has it")
    scene.kubectl(PLATFORM, *_next_version(claims), shown=_shown(claims))
    scene.done("rolled out")
    return Result(
        f"{CREDENTIALS} overdue: rollout held back, and let go once it was rotated", seconds
    )


_MERGE = "application/merge-patch+json"


def _claim(namespace: str, name: str) -> str:
    return f"{workloads.NAMESPACES}/{namespace}/persistentvolumeclaims/{name}"


def _next_version(namespace: str) -> tuple[str, ...]:
    image = "registry.hospital.example/billing/claims-submitter@sha256:" + "a" * 64
    return ("-n", namespace, "set", "image", f"deployment/{SUBMITTER}", f"{SUBMITTER}={image}")


def _shown(namespace: str) -> str:
    return f"-n {namespace} set image deployment/{SUBMITTER} {SUBMITTER}=..."


def _told(scene: Scene, entries: str, name: str) -> dict[str, Any] | None:
    listed = workloads.status(scene.admin, scene.names.workloads[1]).get(entries) or ()
    return next((entry for entry in listed if entry["name"] == name), None)


def _proven(scene: Scene) -> dict[str, Any] | None:
    entry = _told(scene, "volumes", VOLUME)
    return entry if entry is not None and entry["standing"] == "Proven" else None


def _stands(scene: Scene, standing: str) -> dict[str, Any]:
    def ask() -> dict[str, Any] | None:
        entry = _told(scene, "secrets", CREDENTIALS)
        return entry if entry is not None and entry["standing"] == standing else None

    return until(ask, f"the status says {standing} of {CREDENTIALS}")


def _overdue(scene: Scene, namespace: str) -> bool:
    metadata = scene.admin.get(f"{workloads.NAMESPACES}/{namespace}").body["metadata"]
    return CREDENTIALS in metadata["annotations"]["boundary.phiwarden.dev/overdue-secrets"]
