"""What application teams meet: nothing while they keep the rules, and an answer when they do not."""

from __future__ import annotations

import re
from time import monotonic

from e2e import workloads
from e2e.demo.legacy import rolled_out
from e2e.demo.scene import DEVELOPER, EXAMPLES, MANIFESTS, PLATFORM, Scene
from e2e.demo.story import Result

APPS = EXAMPLES / "apps"


def good(scene: Scene) -> Result:
    """A team deploys what keeps the rules."""
    scene.say("The portal's developers get a role of their own in their zones, and deploy.")
    scene.apply(PLATFORM, APPS / "team-access.yaml")
    began = monotonic()
    scene.apply(DEVELOPER, APPS / "appointments.yaml", APPS / "web.yaml")
    rolled_out(scene, "appointments")
    rolled_out(scene, "web", "edge")
    seconds = monotonic() - began
    ready = ", and Ready in their zones" if scene.simulated else ""
    scene.done(f"admitted without a word{ready}", seconds)
    return Result(f"appointments and web admitted{ready}", seconds)


def bad(scene: Scene) -> Result:
    """A team deploys what breaks six rules, and is told all of it at once."""
    began = monotonic()
    answer = scene.apply(DEVELOPER, APPS / "patient-export.yaml", fails=True)
    rules = refused_by(answer.stderr)
    if len(rules) < 6:
        raise AssertionError(f"refused by {', '.join(rules) or 'no rule'}, not by six")
    _absent(scene)
    scene.done("nothing was stored; every failure was named, with its field and its fix")
    return Result(f"patient-export refused: {len(rules)} rules", monotonic() - began)


def refused_by(answer: str) -> list[str]:
    """Return the rules that a refusal names."""
    return sorted(set(re.findall(r"PHI-[A-Z]{3}-\d{3}", answer)))


def _absent(scene: Scene) -> None:
    path = workloads.deployments(scene.names.zone("clinical"))
    if scene.admin.get(f"{path}/patient-export").code != 404:
        raise AssertionError("patient-export was stored")


def still_refused(scene: Scene) -> None:
    """See the bad application refused again, quietly."""
    scene.command(DEVELOPER, "kubectl apply -f examples/clinic/apps/patient-export.yaml")
    done = scene.cluster.kubectl(
        "apply",
        f"--filename={scene.file(APPS / 'patient-export.yaml')}",
        user=DEVELOPER.user,
        groups=DEVELOPER.groups,
        check=False,
    )
    rules = refused_by(done.stderr)
    if done.returncode == 0 or len(rules) < 6:
        raise AssertionError(f"kubectl exited with {done.returncode}: {done.stderr or done.stdout}")
    _absent(scene)
    scene.done(f"still refused: {', '.join(rules)}")


def malformed(scene: Scene) -> Result:
    """A declaration that cannot be is refused with the fields."""
    scene.say("Patient data in staging, and a flow from a zone that nobody declared:")
    began = monotonic()
    answer = scene.apply(PLATFORM, MANIFESTS / "staging-with-phi.yaml", fails=True)
    named = ("spec.zones: ", "zone clinical", "spec.flows: ", "frontend")
    if missing := [words for words in named if words not in answer.stderr]:
        raise AssertionError(f"the answer does not name {', '.join(missing)}")
    scene.done("refused by the API server itself, naming the fields and what is wrong in them")
    return Result("PHI in staging and an unknown zone refused, by field", monotonic() - began)
