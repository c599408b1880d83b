"""Where the story takes place: the cluster, who acts in it, and what was seen so far."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import yaml

from e2e.controlplane import ADMIN, PLATFORM_ENGINEER, ControlPlane
from e2e.controlplane.tools import Completed
from e2e.demo.names import Names
from e2e.demo.narrator import Narrator
from e2e.product import ROOT, Operator, Product
from e2e.rest import Rest, connect
from e2e.workloads import NAMESPACES, deployments

EXAMPLES = ROOT / "examples" / "clinic"
MANIFESTS = Path(__file__).parent / "manifests"
_MASTERS = "system:masters"


@dataclass(frozen=True)
class Person:
    """Somebody who acts in the story, under the name that the API server knows."""

    name: str
    user: str
    groups: tuple[str, ...] = ()


ROOT_ADMIN = Person("root", ADMIN)
"""A member of system:masters: the one group that may touch a boundary by hand."""

PLATFORM = Person("platform", PLATFORM_ENGINEER)
"""Bound to cluster-admin, and no more."""

DEVELOPER = Person("developer", "developer", ("digital-health",))
"""A developer: the role `deployer` in the namespaces of her team."""


@dataclass
class Scene:
    """Everything that a step needs; steps leave here what later ones build on."""

    cluster: ControlPlane
    tell: Narrator
    names: Names
    admin: Rest
    simulated: bool
    """Whether nodes are simulated, so that pods become ready although no image exists."""
    product: Product | None = None
    operator: Operator | None = None
    moments: dict[str, float] = field(default_factory=dict)

    def say(self, text: str) -> None:
        """Tell something."""
        self.tell.say(text)

    def done(self, text: str, seconds: float | None = None) -> None:
        """Tell that something was checked and is so."""
        self.tell.done(text, seconds)

    def command(self, who: Person, command: str) -> None:
        """Show a command as somebody types it."""
        self.tell.command(who.name, command)

    def deployment(self, namespace: str, name: str) -> dict[str, Any]:
        """Return a Deployment as it is now."""
        return self.admin.get(f"{deployments(namespace)}/{name}").body

    def pods(self, namespace: str, app: str) -> list[dict[str, Any]]:
        """Return the pods of an application that are not on their way out."""
        path = f"{NAMESPACES}/{namespace}/pods"
        items = self.admin.get(path, labelSelector=f"app={app}").body["items"]
        return [item for item in items if "deletionTimestamp" not in item["metadata"]]

    def kubectl(
        self, who: Person, *arguments: str, shown: str = "", fails: bool = False
    ) -> Completed:
        """Run kubectl as somebody and show it; whether it shall fail is part of the story."""
        self.command(who, f"kubectl {shown or ' '.join(arguments)}")
        user, groups = who.user, who.groups
        if who is ROOT_ADMIN and not self.simulated:
            user, groups = "root", (_MASTERS,)
        done = self.cluster.kubectl(*arguments, user=user, groups=groups, check=False)
        if (done.returncode != 0) != fails:
            raise AssertionError(f"kubectl exited with {done.returncode}: {done.stderr.strip()}")
        if fails:
            self.tell.refusal(done.stderr)
        else:
            self.tell.output(done.stdout)
        return done

    def file(self, path: Path, change: Callable[[dict[str, Any]], None] | None = None) -> str:
        """Return the path of a manifest for kubectl: as it is, or a copy under other names."""
        if not self.names.suffix and change is None:
            return os.path.relpath(path)
        documents = [self.names.into(each) for each in yaml.safe_load_all(path.read_text())]
        if change is not None:
            for document in documents:
                change(document)
        copy = self.cluster.run_dir / path.name
        copy.write_text(yaml.safe_dump_all(documents, sort_keys=False))
        return str(copy)

    def apply(self, who: Person, *paths: Path, fails: bool = False) -> Completed:
        """Apply manifests as somebody."""
        files = [f"--filename={self.file(path)}" for path in paths]
        shown = "apply " + " ".join(f"-f {os.path.relpath(path)}" for path in paths)
        return self.kubectl(who, "apply", *files, shown=shown, fails=fails)

    def masters(self) -> Rest:
        """Return a connection as a member of system:masters."""
        rest = connect(self.cluster.kubeconfig)
        if not self.simulated:
            rest.headers |= {"Impersonate-User": "root", "Impersonate-Group": _MASTERS}
        return rest


def first_seen(questions: Mapping[str, Callable[[], bool]], within: float) -> dict[str, float]:
    """Return when each question was first answered with yes; those that never were are left out."""
    seen: dict[str, float] = {}
    deadline = monotonic() + within
    while len(seen) < len(questions) and monotonic() < deadline:
        for name, ask in questions.items():
            if name not in seen and ask():
                seen[name] = monotonic()
        sleep(0.005)
    return seen
