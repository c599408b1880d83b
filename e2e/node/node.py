"""A running node: its cluster, its namespaces, and its end."""

from __future__ import annotations

import subprocess
import types
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from e2e.controlplane import CommandError, ControlPlane, DeadlineError, processes, wait_until
from e2e.controlplane.components import log_file
from e2e.controlplane.processes import Child, Command, Condition
from e2e.controlplane.runs import Run
from e2e.node import namespaces
from e2e.node.kept import Kept
from e2e.node.network import Network

Completed = subprocess.CompletedProcess[str]

_COMMAND_SECONDS = 30.0
_START_SECONDS = 120.0


@dataclass(frozen=True)
class Node:
    """A real node and its control plane.

    `cluster` is used like that of any other end-to-end test; `network` has the addresses.
    """

    cluster: ControlPlane
    env: Mapping[str, str]
    _kept: Kept = field(repr=False)
    _run: Run = field(repr=False)
    _children: dict[str, Child] = field(default_factory=dict, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def network(self) -> Network:
        """The addresses."""
        return self._kept.network

    @property
    def folder(self) -> Path:
        """Where its files are; removed with it."""
        return self._run.path

    @property
    def logs(self) -> dict[str, Path]:
        """The log of each component of node and control plane."""
        return {
            **self.cluster.logs,
            **{name: child.command.log for name, child in self._children.items()},
        }

    def run(self, *argv: str, check: bool = True, timeout: float = _COMMAND_SECONDS) -> Completed:
        """Run a program of this machine, or of the build, in the node's namespaces, as its root.

        Raises CommandError when it fails and `check` is set, DeadlineError when it takes longer.
        """
        return self._call(namespaces.inside(self._kept.pid, *argv), check=check, timeout=timeout)

    def run_outside(
        self, *argv: str, check: bool = True, timeout: float = _COMMAND_SECONDS
    ) -> Completed:
        """Run a program where the node's default route leads: neither node nor pod nor API server.

        Any address can be put there (`ip address add 203.0.113.7/32 dev lo`). Errors as for `run`.
        """
        return self._call(namespaces.outside(self._kept.pid, *argv), check=check, timeout=timeout)

    def import_image(self, archive: Path) -> None:
        """Make the images of an OCI archive known to the container runtime."""
        self.run("ctr", "--namespace=k8s.io", "images", "import", str(archive), timeout=120)

    def name_image(self, present: str, name: str) -> None:
        """Give an image that the container runtime knows a further name, as a registry would."""
        self.run("ctr", "--namespace=k8s.io", "images", "tag", "--force", present, name)

    def execute(self, namespace: str, pod: str, *argv: str) -> Completed:
        """Run a program in a pod's first container, by the container runtime: nobody is asked.

        Through the API server it would be a session, which zones refuse. Errors as for `run`.
        """
        path = "-o=jsonpath={.status.containerStatuses[0].containerID}"
        asked = self.cluster.kubectl("get", "pod", pod, f"-n={namespace}", path)
        container = asked.stdout.removeprefix("containerd://")
        session = ("--exec-id", uuid.uuid4().hex, container)
        return self.run("ctr", "--namespace=k8s.io", "tasks", "exec", *session, *argv)

    def start(self, name: str, *argv: str) -> None:
        """Start a component in the namespaces; `check` and `wait` notice when it ends."""
        command = Command(
            name,
            namespaces.inside(self._kept.pid, *argv),
            log_file(self._run.path, name),
            self.env,
        )
        self._children[name] = processes.start(command)

    def check(self) -> None:
        """Raise ProcessExitedError when a component that had to run has ended."""
        self.cluster.check()
        for child in self._children.values():
            child.check()

    def wait(self, condition: Condition, what: str, seconds: float = _START_SECONDS) -> None:
        """Wait until a condition holds; DeadlineError or ProcessExitedError when it will not."""
        wait_until(condition, what, seconds, self._children.values())

    def stop(self) -> None:
        """Stop node and control plane, and remove all that they left; may be called again."""
        try:
            # First: to clients that vanish without a word the API server would hold on for long.
            self.cluster.stop()
        finally:
            self._kept.release()
            for child in self._children.values():
                child.process.wait()
            self._run.release(keep=False)

    def _call(self, argv: tuple[str, ...], *, check: bool, timeout: float) -> Completed:
        try:
            done = subprocess.run(
                argv,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise DeadlineError(f"`{' '.join(argv)}` did not end within {timeout:g} s") from error
        if check and done.returncode != 0:
            raise CommandError(argv, done.returncode, done.stdout, done.stderr)
        return done
