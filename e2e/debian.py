"""Debian packages that tests need: what is missing is installed where it may be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

# Where a login of root looks, and a job of a machine perhaps not.
SBIN = "/usr/sbin:/sbin"
_LOCK_SECONDS = 120


def missing(programs: Mapping[str, str], headers: Mapping[str, str] | None = None) -> list[str]:
    """Install what is missing, and say so on standard error; return what is missing still.

    Args:
        programs: the package of each program.
        headers: the package of each file that is compiled against.
    """
    packages = _absent(programs, headers or {})
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(packages)
        packages = _absent(programs, headers or {})
    return packages


def _absent(programs: Mapping[str, str], headers: Mapping[str, str]) -> list[str]:
    path = f"{os.environ.get('PATH', os.defpath)}:{SBIN}"
    absent = {package for name, package in programs.items() if not shutil.which(name, path=path)}
    absent |= {package for name, package in headers.items() if not Path(name).exists()}
    return sorted(absent)


def _install(packages: Collection[str]) -> None:
    print(f"Installing for tests: {' '.join(packages)}", file=sys.stderr, flush=True)
    options = ("--yes", "--no-install-recommends", f"-oDPkg::Lock::Timeout={_LOCK_SECONDS}")
    install = ("apt-get", "install", *options, *packages)
    # The list of packages may be old, or missing as in most images of containers.
    if not succeeds(*install):
        succeeds("apt-get", "update")
        succeeds(*install)


def succeeds(*argv: str) -> bool:
    """Run a command that asks nothing; return whether it succeeded."""
    done = subprocess.run(
        argv,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    return done.returncode == 0
