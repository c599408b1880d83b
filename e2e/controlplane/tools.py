"""Runs kubectl and helm so that nothing of the person who runs the tests leaks in."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from e2e.controlplane import build
from e2e.controlplane.errors import CommandError, DeadlineError

Completed = subprocess.CompletedProcess[str]


def kubectl_env(home: Path, kubeconfig: Path) -> dict[str, str]:
    """Return the environment for kubectl: caches in `home`, no personal preferences."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("HELM_")}
    # Ports come back with other clusters behind them, so no cache may be shared between runs.
    cache = {"KUBECACHEDIR": str(home / "kubectl-cache"), "KUBERC": "off"}
    return {**kept, **cache, "KUBECONFIG": str(kubeconfig)}


def helm_env(home: Path, kubeconfig: Path) -> dict[str, str]:
    """Return the environment for helm: caches, repositories and plugins in `home`."""
    folders = {
        f"HELM_{kind}_HOME": str(home / "helm" / kind.lower())
        for kind in ("CACHE", "CONFIG", "DATA")
    }
    return {**kubectl_env(home, kubeconfig), **folders}


def run(
    name: str,
    arguments: Sequence[str],
    env: dict[str, str],
    *,
    stdin: str | None,
    check: bool,
    timeout: float,
) -> Completed:
    """Run a binary of the build.

    Raises CommandError, with all it printed, on a non-zero exit if `check`; DeadlineError
    when it takes more than `timeout` seconds.
    """
    argv = [str(build.ensure([name])[name]), *arguments]
    try:
        done = subprocess.run(
            argv,
            env=env,
            # "" and not the terminal's: a command that reads must not wait for a person.
            input="" if stdin is None else stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeadlineError(
            f"`{name} {' '.join(arguments)}` did not end within {timeout:g} s"
        ) from error
    if check and done.returncode != 0:
        raise CommandError([name, *arguments], done.returncode, done.stdout, done.stderr)
    return done
