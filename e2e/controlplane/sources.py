"""Source of Go modules that a go.sum here pins: their fixtures and manifests are worth having."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from e2e.controlplane.cache import cache_dir, locked
from e2e.controlplane.errors import BuildError
from e2e.controlplane.toolchain import MODULES, go_for

_KUBERNETES = MODULES / "kubernetes"


def archive(module: str, pins: Path = _KUBERNETES) -> Path:
    """Return the zip of a Go module as a go.sum pins it.

    Downloaded once per machine by the Go command, which checks it against go.sum; members are
    named `<module>@<version>/<path>`. The binaries may long be built, and Go's own cache empty, so
    the copy is kept beside them.

    Args:
        module: such as `k8s.io/pod-security-admission`.
        pins: the folder of the go.mod and go.sum; what Kubernetes is built from by default.

    Raises:
        BuildError: go.sum does not name the module, or it cannot be had.
    """
    version = _pinned(module, pins)
    kept = cache_dir() / "modules" / f"{module}@{version}.zip"
    if not kept.is_file():
        with locked(kept.with_name(".lock")):
            if not kept.is_file():
                _keep(_download(module, pins), kept)
    return kept


def _pinned(module: str, pins: Path) -> str:
    pattern = re.compile(rf"^{re.escape(module)} (v[^/\s]+) h1:", re.MULTILINE)
    versions = pattern.findall((pins / "go.sum").read_text())
    if len(versions) != 1:
        raise BuildError(f"{pins / 'go.sum'} pins {len(versions)} versions of {module}, not one")
    return str(versions[0])


def _download(module: str, pins: Path) -> Path:
    print(f"Downloading the source of {module}", file=sys.stderr, flush=True)
    go = go_for(pins)
    # Without a version: the one of the build, with the replacement that go.mod names.
    argv = [str(go.command), "mod", "download", "-json", module]
    done = subprocess.run(
        argv,
        cwd=pins,
        env=go.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise BuildError(f"`{' '.join(argv)}` exited with {done.returncode}:\n{said}")
    return Path(json.loads(done.stdout)["Zip"])


def _keep(downloaded: Path, kept: Path) -> None:
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        shutil.copyfile(downloaded, copy := Path(scratch) / kept.name)
        copy.rename(kept)
