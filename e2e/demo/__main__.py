"""`make demo`: tell the story, and exit with 0 only if every step of it happened."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic, sleep

from e2e.controlplane import ControlPlaneError, build
from e2e.demo import place
from e2e.demo.applications import bad, good, malformed
from e2e.demo.boundary import boundary, care, rollback
from e2e.demo.drift import drift
from e2e.demo.exceptional import exception
from e2e.demo.legacy import installation, legacy
from e2e.demo.narrator import Line, Narrator, duration
from e2e.demo.outage import outage
from e2e.demo.pilot import pilot
from e2e.demo.safekeeping import secrets, volumes
from e2e.demo.scene import PLATFORM, Scene
from e2e.demo.story import Step, tell

STORY: Sequence[Step[Scene]] = (
    Step("What was there before", "legacy", legacy, vital=True),
    Step("phiwarden is installed", "installed", installation, vital=True),
    Step("A pilot: watched, and not refused", "pilot", pilot, vital=True),
    Step("The boundary is enforced", "boundary", boundary, vital=True),
    Step("What slipped through earlier is put back", "rolled back", rollback),
    Step("Care comes first", "direct care", care),
    Step("A good application notices nothing", "admitted", good),
    Step("A bad one is refused, with an answer", "refused", bad),
    Step("Patient data lies on encrypted storage", "volumes", volumes),
    Step("An overdue secret holds back a rollout", "secrets", secrets),
    Step("An exception ends, though nobody looks", "exception", exception),
    Step("The boundary cannot be loosened by hand", "drift", drift),
    Step("A declaration that cannot be is refused", "malformed", malformed),
    Step("The operator dies, and no gate opens", "outage", outage),
)


def main(steps: Sequence[Step[Scene]] = STORY) -> int:
    """Tell the story; returns the exit code."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    narrator = Narrator()
    narrator.title("phiwarden: patient data stays inside its declared boundaries")
    try:
        with place.scene(narrator) as scene:
            began = monotonic()
            lines = tell(steps, scene, narrator)
            _close(scene, lines, len(steps), monotonic() - began)
            if os.environ.get("KEEP", "0") not in ("", "0"):
                _keep(scene)
    except KeyboardInterrupt:
        narrator.say("Interrupted; everything that was started has ended.")
        return 128 + signal.SIGINT
    except (place.UnfitError, ControlPlaneError, AssertionError) as error:
        narrator.failed(str(error))
        return 1
    return 0 if len(lines) == len(steps) and all(line.ok for line in lines) else 1


def _close(scene: Scene, lines: Sequence[Line], steps: int, seconds: float) -> None:
    scene.tell.table(lines)
    if any(line.step == "boundary" and line.ok for line in lines):
        scene.tell.console.print()
        scene.kubectl(PLATFORM, "get", "phiworkloads")
    happened = sum(line.ok for line in lines)
    if happened == steps:
        scene.tell.done(f"all {steps} steps happened, in {duration(seconds)}")
    else:
        scene.tell.failed(f"{happened} of {steps} steps happened")


def _keep(scene: Scene) -> None:
    """Leave everything up until Ctrl-C."""
    scene.say("KEEP=1: the cluster and the operator stay up.")
    kubeconfig = shlex.quote(str(scene.cluster.kubeconfig))
    kubectl = shlex.quote(str(build.ensure(["kubectl"])["kubectl"]))
    scene.tell.output(
        f"export KUBECONFIG={kubeconfig}\nalias kubectl={kubectl}\n"
        f"kubectl get phiworkload {scene.names.portal} -o yaml\n"
        f"tail -f {scene.operator.log if scene.operator else ''}"
    )
    scene.say("Ctrl-C here stops and removes it all.")
    with suppress(KeyboardInterrupt):
        while True:
            scene.cluster.check()
            sleep(1)


if __name__ == "__main__":
    sys.exit(main())
