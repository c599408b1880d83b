"""Programs that apply manifests again and again, as threads of a test."""

from __future__ import annotations

import json
import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from e2e.controlplane import ControlPlane
from e2e.rest import APPLY, Answer, connect
from e2e.workloads import Object, path_of


@dataclass(frozen=True)
class Commit:
    """What is to be: manifests by any name."""

    manifests: Mapping[str, Object] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass
class Git:
    """A branch."""

    head: Commit = field(default_factory=Commit)

    def push(self, **manifests: Object | None) -> str:
        """Commit manifests by name, None to take one away; return the id of the commit."""
        after = {**self.head.manifests, **manifests}
        self.head = Commit({name: each for name, each in after.items() if each is not None})
        return self.head.id


class Refused(Exception):
    """The API server did not do what it was asked for."""


@dataclass
class Player(ABC):
    """Somebody who looks at the cluster again and again, and counts what came of it."""

    cluster: ControlPlane
    namespace: str
    git: Git
    kubeconfig: Path
    every: float
    """Seconds between two looks."""

    rounds: int = 0
    """Looks that were ended, however."""
    applied: list[str] = field(default_factory=list)
    """Kind and name of what was created or changed, time by time."""
    refused: list[str] = field(default_factory=list)
    """What the API server said of what it refused, time by time."""

    def __post_init__(self) -> None:
        self.rest = connect(self.kubeconfig)
        self._stop = threading.Event()
        self._error: Exception | None = None

    @contextmanager
    def playing(self) -> Iterator[None]:
        """Look again and again for the duration of a block; what went wrong is raised at its end."""
        thread = threading.Thread(target=self._play)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(60)
            assert not thread.is_alive()
            if self._error is not None:
                raise self._error

    def _play(self) -> None:
        try:
            while True:
                try:
                    self.look()
                except Refused as refused:
                    self.refused.append(str(refused))
                self.rounds += 1
                if self._stop.wait(self.every):
                    return
        except Exception as error:  # noqa: BLE001 - raised where the block ends
            self._error = error

    @abstractmethod
    def look(self) -> None:
        """Compare and apply.

        Raises:
            Refused: the API server refused something; the rest is left undone.
        """

    def drifted(self, manifest: Object, manager: str) -> bool:
        """Whether an apply by a manager would change anything that is not status or bookkeeping."""
        live = self.rest.get(path_of(manifest, self.namespace))
        wanted = self.patch(manifest, manager, dryRun="All")
        if not wanted.ok:
            reason = wanted.body.get("reason", wanted.code)
            raise Refused(f"{_name(manifest)} dry-run failed ({reason}): {wanted.message}")
        if live.code == 404:
            return True
        if not live.ok:
            raise Refused(f"{_name(manifest)}: {live.message}")
        if _version(live.body) != _version(wanted.body):
            # Changed between the two questions; what differs may be another's.
            return self.drifted(manifest, manager)
        return _content(live.body) != _content(wanted.body)

    def patch(self, manifest: Object, manager: str, **query: str) -> Answer:
        """Apply a manifest on the server's side, by force."""
        where = path_of(manifest, self.namespace)
        query = {"fieldManager": manager, "force": "true", **query}
        return self.rest.request("PATCH", where, manifest, content=APPLY, **query)

    def apply(self, manifest: Object, manager: str) -> None:
        """Apply a manifest on the server's side, by force, and count it."""
        answer = self.patch(manifest, manager)
        if not answer.ok:
            raise Refused(f"{_name(manifest)} apply failed: {answer.message}")
        self.applied.append(_name(manifest))

    def kubectl_apply(self, manifest: Object, *flags: str) -> None:
        """Apply a manifest by kubectl, with its note of what was applied last, and count it."""
        done = self.cluster.kubectl(
            *("apply", "-n", self.namespace, "-f", "-", *flags),
            kubeconfig=self.kubeconfig,
            input=json.dumps(manifest),
            check=False,
        )
        if done.returncode != 0:
            raise Refused(f"{_name(manifest)}: {done.stderr.strip()}")
        if not done.stdout.rstrip().endswith("unchanged"):
            self.applied.append(_name(manifest))


def _name(manifest: Object) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def _version(obj: Object) -> str:
    version: str = obj["metadata"]["resourceVersion"]
    return version


def _content(obj: Object) -> Object:
    """Return what Flux compares: neither status nor the API server's bookkeeping."""
    metadata = obj["metadata"]
    marks = {key: metadata.get(key) or {} for key in ("labels", "annotations")}
    return {**obj, "metadata": marks, "status": None}
