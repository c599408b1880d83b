"""An exception: asked for, approved by somebody else, and over though nobody looks."""

from __future__ import annotations

import json
from time import monotonic
from typing import Any

from e2e import exceptions
from e2e.demo.applications import refused_by
from e2e.demo.legacy import rolled_out
from e2e.demo.scene import DEVELOPER, EXAMPLES, PLATFORM, ROOT_ADMIN, Person, Scene
from e2e.demo.story import Result
from e2e.product import Operator
from e2e.waiting import until

FOLDER = EXAMPLES / "exceptions"
VIEWER = "imaging-viewer"
IMAGE = "registry.hospital.example/portal/imaging-viewer"
DIGEST = "sha256:0c60f6be0a6d7a1ce9ab4a4e8e7d1b8c0f8a7a3a0f0a3f9f0d5a1c2b3d4e5f60"
SECONDS = 25
"""For which the exception of the demo is in force."""


def exception(scene: Scene) -> Result:
    """Have something excepted, and see it end while the operator is down."""
    assert scene.product is not None
    assert scene.operator is not None
    clinical = scene.names.zone("clinical")
    scene.say("A vendor publishes no digests, and its viewer is needed now:")
    _refused(scene, FOLDER / f"{VIEWER}.yaml")
    ends = exceptions.moment(seconds=SECONDS)
    scene.say(f"So the team asks for an exception, here for {SECONDS} seconds:")
    scene.kubectl(
        DEVELOPER,
        "apply",
        f"--filename={scene.file(FOLDER / f'{VIEWER}-exception.yaml', _until(ends))}",
        shown=f"apply -f examples/clinic/apps/{VIEWER}-exception.yaml",
    )
    scene.say("Its author may not approve it, and neither may a name that is written by hand:")
    _decide(scene, DEVELOPER, DEVELOPER, fails=True)
    _decide(scene, PLATFORM, DEVELOPER, fails=True)
    began = monotonic()
    _decide(scene, PLATFORM, PLATFORM)
    until(
        lambda: exceptions.in_force(scene.admin, clinical, VIEWER).get("status") == "True",
        "the exception is in force",
    )
    counted = monotonic() - began
    scene.done("approved by somebody else, and in force", counted)
    scene.apply(DEVELOPER, FOLDER / f"{VIEWER}.yaml")
    rolled_out(scene, VIEWER)
    scene.kubectl(PLATFORM, "get", "phiexceptions", f"--namespace={clinical}")
    scene.command(ROOT_ADMIN, f"kill -9 {scene.operator.child.pid}  # the operator")
    scene.operator.kill()
    until(lambda: exceptions.moment() >= ends, "the exception has ended", within=60)
    scene.say(f"It is {ends}. No operator runs, and nobody took the exception back:")
    _set_image(scene, f"{IMAGE}:7.3", fails=True)
    scene.done("refused: it ended by itself, by the API server's own clock")
    _set_image(scene, f"{IMAGE}@{DIGEST}")
    rolled_out(scene, VIEWER)
    scene.done("the vendor's next release has a digest, and needs no exception")
    scene.operator = Operator(scene.product)
    exceptions.await_standing(scene.admin, clinical, VIEWER, "Ended")
    scene.done("the operator is back, and says that it has ended")
    return Result("approved by another, ended with the operator down", counted)


def _until(ends: str) -> Any:
    def change(document: dict[str, Any]) -> None:
        document["spec"]["expires"] = ends

    return change


def _refused(scene: Scene, path: Any) -> None:
    answer = scene.apply(DEVELOPER, path, fails=True)
    if (rules := refused_by(answer.stderr)) != ["PHI-IMG-001"]:
        raise AssertionError(f"refused by {', '.join(rules) or 'no rule'}, not by PHI-IMG-001")


def _decide(scene: Scene, who: Person, named: Person, *, fails: bool = False) -> None:
    """Have somebody write a decision in the name of somebody."""
    decision = {"type": "Approved", "by": _identity(scene, named)}
    scene.kubectl(
        who,
        "patch",
        "phiexception",
        VIEWER,
        f"--namespace={scene.names.zone('clinical')}",
        "--subresource=status",
        "--type=merge",
        f"--patch={json.dumps({'status': {'decision': decision}})}",
        shown=f"patch phiexception {VIEWER} --subresource=status  # approved by {named.name}",
        fails=fails,
    )


def _identity(scene: Scene, who: Person) -> dict[str, str]:
    """Return who somebody is to the API server: `kubectl auth whoami`."""
    told = scene.cluster.kubectl("auth", "whoami", "-o=json", user=who.user, groups=who.groups)
    info = json.loads(told.stdout)["status"]["userInfo"]
    return {key: info[key] for key in ("username", "uid") if info.get(key)}


def _set_image(scene: Scene, image: str, *, fails: bool = False) -> None:
    clinical = scene.names.zone("clinical")
    scene.kubectl(
        DEVELOPER,
        "set",
        "image",
        f"deployment/{VIEWER}",
        f"viewer={image}",
        f"--namespace={clinical}",
        shown=f"set image deployment/{VIEWER} viewer=.../{image.rpartition('/')[2][:40]}...",
        fails=fails,
    )
