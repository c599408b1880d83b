"""A container without a container runtime: namespaces, a read-only root, no rights."""

from __future__ import annotations

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
exec chroot --userspec="$user" "$root" \
  setpriv --no-new-privs --bounding-set=-all --inh-caps=-all env --ignore-environment "$@"
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
        *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
        *("sh", "-c", _ENTER, "sh", str(tree), str(config["User"]), *variables),
        *(config["Entrypoint"] if entrypoint is None else entrypoint),
        *arguments,
    ]
