"""Layers of the image: packages for Python, laid out as the Containerfile does."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from e2e.controlplane.cache import cache_dir, locked
from e2e.controlplane.errors import BuildError
from e2e.image import root

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements-runtime.lock"
HOME = "opt/phiwarden"
"""Where packages lie in the image, without the leading slash."""
PYTHON = "3.11"
"""The Python of the root."""


def dependencies() -> Path:
    """Return the layer of everything in the lock, in about a minute the first time.

    Raises:
        BuildError: pip could not install it; with its last lines.
    """
    base = root.ensure()
    digest = hashlib.sha256(base.name.encode() + LOCK.read_bytes()).hexdigest()
    kept = cache_dir() / "image" / f"dependencies-{digest[:16]}.tar"
    if not kept.is_file():
        with locked(kept.with_name(".lock")):
            if not kept.is_file():
                print("Installing the dependencies of the image", file=sys.stderr, flush=True)
                with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".building-") as scratch:
                    made = Path(scratch) / kept.name
                    install(["--require-hashes", "--requirement", str(LOCK)], made)
                    made.rename(kept)
    return kept


def product(wheel: Path, made: Path) -> None:
    """Write the layer of phiwarden itself.

    Raises:
        BuildError: pip could not install it.
    """
    # By name, since pip notes the path of a wheel that it is given.
    install(["--no-index", "--find-links", str(wheel.parent), "phiwarden"], made)


def wheel(folder: Path) -> Path:
    """Build the wheel in a folder, as it would be published.

    Raises:
        BuildError: hatchling failed; with its last lines.
    """
    _run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)])
    (built,) = folder.glob("*.whl")
    return built


def install(requirements: Sequence[str], made: Path) -> None:
    """Write a layer with packages, and with their bytecode, which a read-only root cannot take."""
    with unpacked(root.ensure()) as tree:
        home = tree / HOME
        _run(
            [
                *(sys.executable, "-m", "pip", "--disable-pip-version-check", "install"),
                *("--no-input", "--no-deps", "--no-compile", "--only-binary", ":all:"),
                *("--python-version", PYTHON, "--implementation", "cp"),
                *("--target", str(home), *requirements),
            ]
        )
        # Commands start with the path of the Python that ran pip.
        shutil.rmtree(home / "bin", ignore_errors=True)
        compiler = ["python3", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
        _run(["chroot", str(tree), *compiler, f"/{HOME}"])
        write(home, made)


def write(folder: Path, made: Path) -> None:
    """Write a folder of the root as a tar that depends on its content alone."""
    with tarfile.open(made, "w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted([folder, *folder.rglob("*")]):
            tar.add(path, f"{HOME}/{path.relative_to(folder)}", recursive=False, filter=_anonymous)


def _anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = ""
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    return entry


@contextmanager
def unpacked(*archives: Path) -> Iterator[Path]:
    """Unpack tars over each other, for the duration of a block. Needs root."""
    if os.geteuid() != 0:
        raise BuildError("the image is put together in a chroot, which needs root: use sudo")
    with tempfile.TemporaryDirectory(prefix="phiwarden-root-") as scratch:
        for archive in archives:
            _run(["tar", "--extract", "--file", str(archive), "--directory", scratch])
        yield Path(scratch)


def _run(argv: Sequence[str]) -> None:
    done = subprocess.run(
        argv,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = "\n".join(done.stdout.splitlines()[-25:])
        raise BuildError(f"`{' '.join(argv)}` exited with {done.returncode}:\n{said}")
