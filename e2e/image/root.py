"""The Debian root under the packages, made by mmdebstrap."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from e2e import debian
from e2e.controlplane.cache import cache_dir, locked
from e2e.controlplane.errors import BuildError

SUITE = "bookworm"
"""The release of Debian whose Python is the one that the locks are resolved for."""

PROGRAMS = {"mmdebstrap": "mmdebstrap"}
"""What makes it, and the Debian package that this comes with."""

_OPTIONS = (
    "--variant=essential",
    "--include=python3,ca-certificates",
    *(f"--dpkgopt=path-exclude=/usr/share/{kind}/*" for kind in ("doc", "locale", "man")),
    # The container runtime makes /dev.
    "--skip=output/dev",
    # Where this machine fetches packages, and what it is called, is nobody's business.
    '--customize-hook=cd "$1"/etc && rm -rf apt/sources.list* hostname resolv.conf',
)
_ADVICE = (
    "Try again if a download failed. Building the root needs root, or unprivileged namespaces."
)


def ensure() -> Path:
    """Return the root as a tar; made once per machine, in half a minute.

    Raises:
        BuildError: mmdebstrap is missing or failed; with its last lines.
    """
    kept = cached()
    if not kept.is_file():
        with locked(kept.with_name(".lock")):
            if not kept.is_file():
                _make(kept)
    return kept


def cached() -> Path:
    """Return where the cache keeps the root: a digest of what it is made by is part of the path.

    The packages' versions are not: they are those of the day on which it was made.
    """
    inputs = "\0".join((SUITE, *_OPTIONS, platform.machine()))
    digest = hashlib.sha256(inputs.encode()).hexdigest()
    return cache_dir() / "image" / f"root-{digest[:16]}.tar"


def _make(kept: Path) -> None:
    if missing := debian.missing(PROGRAMS):
        raise BuildError(f"the root of the image needs {' '.join(missing)}: apt-get install it")
    print("Building a Debian root with mmdebstrap", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".building-") as scratch:
        made = Path(scratch) / kept.name
        done = subprocess.run(
            ["mmdebstrap", *_OPTIONS, SUITE, str(made), *_sources()],
            # Every file carries this time, so that the same packages make the same bytes.
            env={**os.environ, "SOURCE_DATE_EPOCH": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = "\n".join(done.stdout.splitlines()[-25:])
            raise BuildError(f"mmdebstrap exited with {done.returncode}:\n{said}\n{_ADVICE}")
        made.rename(kept)


def _sources() -> list[str]:
    """Return the machine's own package sources if they are of the suite, else none: Debian's."""
    if platform.freedesktop_os_release().get("VERSION_CODENAME") != SUITE:
        return []
    folder = Path("/etc/apt")
    found = [folder / "sources.list", *sorted(folder.glob("sources.list.d/*"))]
    return [str(path) for path in found if path.is_file() and path.suffix in {".list", ".sources"}]
