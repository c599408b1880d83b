"""A container without a container runtime: namespaces, a read-only root, no rights."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_ENTER = """
set -eu
root=$1 user=$2
shift 2
mkdir -p "$root/dev"
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --bind /dev "$root/dev"
mount -o remount,ro,bind "$root"
# Its parent's death is its own: asked last, since a change of user forgets it.
exec chroot "$root" setpriv --reuid="${user%:*}" --regid="${user#*:}" --clear-groups \
  --no-new-privs --bounding-set=-all --inh-caps=-all --pdeathsig=KILL \
  env --ignore-environment "$@"
"""


def command(
    tree: Path,
    config: Mapping[str, Any],
    *,
    arguments: Sequence[str] = (),
    entrypoint: Sequence[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> list[str]:
    """Return what runs an image as a restricted pod would: its user, no rights, nothing to write to.

    The network is the machine's own. What is started ends together with its parent. Needs root.

    Args:
        tree: the unpacked image.
        config: of the image.
        arguments: follow the entrypoint.
        entrypoint: takes the place of the image's.
        environment: on top of the image's.
    """
    variables = [*config["Env"], *(f"{k}={v}" for k, v in (environment or {}).items())]
    return [
        *("unshare", "--mount", "--pid", "--fork"),
        *("sh", "-c", _ENTER, "sh", str(tree), str(config["User"]), *variables),
        *(config["Entrypoint"] if entrypoint is None else entrypoint),
        *arguments,
    ]


def stop(process: subprocess.Popen[bytes], *, grace_seconds: float = 20) -> int:
    """Ask a container to end, as the kubelet does; return its exit code.

    Raises:
        subprocess.TimeoutExpired: it did not within its grace, and was killed.
    """
    # unshare itself does not listen: it waits for the one child it has.
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if process.poll() is None:
        for child in children.read_text().split():
            os.kill(int(child), signal.SIGTERM)
    try:
        return process.wait(timeout=grace_seconds)
    finally:
        process.kill()
        process.wait()
