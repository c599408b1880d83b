"""A Kubernetes cluster for tests, demo and benchmarks: one of our own, or one that is there."""

from __future__ import annotations

import hashlib
import json
import types
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import quote

from e2e.controlplane import kubeconfig as kubeconfigs
from e2e.controlplane import tools
from e2e.controlplane.errors import NotRestartableError
from e2e.controlplane.options import ADMIN, PLATFORM_ENGINEER
from e2e.controlplane.runs import Run
from e2e.controlplane.runtime import Runtime

KUBECTL_SECONDS = 60.0
HELM_SECONDS = 180.0


@dataclass(frozen=True)
class ControlPlane:
    """A running cluster and what is needed to use it.

    A context manager: leaving it stops what was started, and removes the run directory. On a
    cluster that was attached, it removes only what attaching had added.
    """

    server: str
    ca_file: Path | None
    kubeconfig: Path
    run_dir: Path
    logs: Mapping[str, Path]
    _run: Run = field(repr=False)
    _runtime: Runtime | None = field(default=None, repr=False)
    _on_close: Sequence[tuple[str, ...]] = field(default=(), repr=False)

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
    def can_restart(self) -> bool:
        """Whether the API server may be stopped and started: not on an attached cluster."""
        return self._runtime is not None

    @property
    def pids(self) -> dict[str, int]:
        """The process id of each running component; empty for an attached cluster."""
        return self._runtime.pids() if self._runtime else {}

    def check(self) -> None:
        """Raise ProcessExitedError when a component that had to run has ended."""
        if self._runtime:
            self._runtime.check()

    def kubeconfig_for(self, user: str, groups: Sequence[str] = ()) -> Path:
        """Return a kubeconfig (mode 0600) for a user.

        Users with a token have a file of their own; anybody else, or with other groups, is
        impersonated by the administrator, through the `as` of the file: kubectl, helm and Go
        clients honour it, the Python client does not.
        """
        path = user_file(self.run_dir, user, groups)
        if not path.exists():
            admin = kubeconfigs.read(self.kubeconfig)
            kubeconfigs.write(path, kubeconfigs.impersonating(admin, user, groups))
        return path

    def create_token(
        self, service_account: str, namespace: str, duration_seconds: int = 3600
    ) -> Path:
        """Return a kubeconfig (mode 0600) that acts as a service account for so many seconds.

        Raises CommandError when the account does not exist.
        """
        lifetime = f"--duration={duration_seconds}s"
        made = self.kubectl("create", "token", service_account, f"-n={namespace}", lifetime)
        config = kubeconfigs.with_user(
            kubeconfigs.read(self.kubeconfig), {"token": made.stdout.strip()}
        )
        folder = self.run_dir / "kubeconfig" / "service-accounts"
        return kubeconfigs.write(folder / f"{namespace}.{service_account}", config)

    def kubectl(
        self,
        *arguments: str,
        user: str = ADMIN,
        groups: Sequence[str] = (),
        kubeconfig: Path | None = None,
        input: str | None = None,  # noqa: A002 - the name that subprocess.run has
        check: bool = True,
        timeout: float = KUBECTL_SECONDS,
    ) -> tools.Completed:
        """Run kubectl as a user, or with a kubeconfig, for at most `timeout` seconds.

        Raises CommandError, with everything it said, when it fails and `check` is set, and
        DeadlineError when it takes longer.
        """
        chosen = kubeconfig or self.kubeconfig_for(user, groups)
        env = tools.kubectl_env(self.run_dir, chosen)
        return tools.run("kubectl", arguments, env, stdin=input, check=check, timeout=timeout)

    def helm(
        self,
        *arguments: str,
        user: str = ADMIN,
        groups: Sequence[str] = (),
        kubeconfig: Path | None = None,
        input: str | None = None,  # noqa: A002 - the name that subprocess.run has
        check: bool = True,
        timeout: float = HELM_SECONDS,
    ) -> tools.Completed:
        """Run helm as a user, or with a kubeconfig; limits and errors as for `kubectl`."""
        chosen = kubeconfig or self.kubeconfig_for(user, groups)
        env = tools.helm_env(self.run_dir, chosen)
        return tools.run("helm", arguments, env, stdin=input, check=check, timeout=timeout)

    def stop_apiserver(self) -> None:
        """Stop the API server alone; NotRestartableError on an attached cluster."""
        self._own_runtime().stop("kube-apiserver")

    def start_apiserver(self) -> None:
        """Start the API server again, on the same port and etcd; returns once it is ready."""
        self._own_runtime().start_apiserver()

    def restart_apiserver(self) -> None:
        """Stop the API server and start it again; NotRestartableError on an attached cluster."""
        self.stop_apiserver()
        self.start_apiserver()

    def stop(self) -> None:
        """Stop what was started and remove the run directory; may be called again."""
        if self._runtime:
            self._runtime.close()
            return
        if self.kubeconfig.exists():
            for arguments in self._on_close:
                self.kubectl(*arguments, check=False)
        self._run.release(keep=False)

    def _own_runtime(self) -> Runtime:
        if not self._runtime:
            raise NotRestartableError(
                f"the API server at {self.server} was not started here, so it is not stopped here:"
                " skip this test where `can_restart` is False"
            )
        return self._runtime


def user_file(run_dir: Path, user: str, groups: Sequence[str] = ()) -> Path:
    """Return where the kubeconfig of a user, with these additional groups, is kept."""
    # A colon would split $KUBECONFIG in two, and the names of service accounts have three.
    name = quote(user, safe="")
    if groups:
        name += "." + hashlib.sha256(json.dumps(list(groups)).encode()).hexdigest()[:16]
    return run_dir / "kubeconfig" / "users" / name


__all__ = ["ADMIN", "PLATFORM_ENGINEER", "ControlPlane", "user_file"]
