"""Run directories: one for each control plane, swept when its owner is gone.

The owner holds a lock on a file in the directory for as long as it lives. The kernel drops it
however the owner ends, SIGKILL included, so a free lock proves that nobody needs the directory.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import select
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from io import TextIOWrapper
from pathlib import Path

from e2e.controlplane.cache import cache_dir, locked
from e2e.controlplane.errors import ControlPlaneError

_RECORD = "run.json"
_OWNER_LOCK = "owner.lock"
_KILL_SECONDS = 10.0


@dataclass(frozen=True)
class Record:
    """What others may know of a run: its owner, its processes, and how to reach it."""

    owner_pid: int
    # A control plane that a command keeps up may be stopped through its owner; a test run not.
    standing: bool
    keep: bool = False
    processes: Mapping[str, int] = field(default_factory=dict)
    server: str = ""
    kubeconfig: str = ""
    ready: bool = False


@dataclass(frozen=True)
class Run:
    """A run directory that this process owns."""

    path: Path
    lock: TextIOWrapper

    def write(self, record: Record) -> None:
        """Replace the record, whole or not at all; no-op when somebody removed the directory."""
        partial = self.path / f".{_RECORD}"
        with suppress(FileNotFoundError):
            partial.write_text(json.dumps(asdict(record), indent=2))
            partial.rename(self.path / _RECORD)

    def release(self, *, keep: bool) -> None:
        """Give the directory up and, unless it is to be kept, remove it."""
        if not keep:
            shutil.rmtree(self.path, ignore_errors=True)
        self.lock.close()


def runs_dir() -> Path:
    """Return the directory that holds every run of this user."""
    return cache_dir() / "runs"


def new_id() -> str:
    """Return a name for a run that nobody can guess or meet by chance."""
    return secrets.token_hex(6)


def create(run_id: str, record: Record) -> Run:
    """Sweep what dead owners left, then make a run directory that only its owner may enter."""
    with _all_runs():
        for left in _paths():
            _sweep(left)
        path = runs_dir() / run_id
        path.mkdir(mode=0o700)
        lock = (path / _OWNER_LOCK).open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
    run = Run(path, lock)
    run.write(record)
    return run


def sweep() -> None:
    """Remove every run whose owner is dead, and end those of its processes that still live."""
    with _all_runs():
        for path in _paths():
            _sweep(path)


def records() -> dict[Path, tuple[Record, bool]]:
    """Return every run directory with its record and whether its owner lives."""
    found = {path: (_read(path), _owner_lives(path)) for path in _paths()}
    return {path: (record, alive) for path, (record, alive) in found.items() if record}


def find(name: str) -> Path:
    """Return the run directory with this id or path; ControlPlaneError when there is none."""
    for path in _paths():
        if name in (path.name, str(path)) or Path(name).absolute() == path:
            return path
    raise ControlPlaneError(f"there is no run {name!r}; `list` shows those that exist")


def remove(path: Path) -> None:
    """Remove a run whose owner is dead, even one that was to be kept."""
    with _all_runs():
        _sweep(path, kept_too=True)


def end_owner(path: Path, seconds: float) -> None:
    """Ask the owner of a run to stop it and to end; kill the owner if it takes longer.

    Either way its processes end. ControlPlaneError when the run belongs to a process that does
    more than keep it up, such as a test run.
    """
    record = _read(path)
    if record and _owner_lives(path):
        if not record.standing:
            raise ControlPlaneError(
                f"run {path.name} belongs to process {record.owner_pid}, which uses it: end that"
            )
        with _process(record.owner_pid) as owner:
            # Asked again: the number is the owner's if the owner still lives after it was opened.
            if owner is not None and _owner_lives(path):
                signal.pidfd_send_signal(owner, signal.SIGTERM)
                if not select.select([owner], [], [], seconds)[0]:
                    signal.pidfd_send_signal(owner, signal.SIGKILL)
                    select.select([owner], [], [], _KILL_SECONDS)
    remove(path)


def belongs_to(pid: int, path: Path) -> bool:
    """Whether a live process is one of a run: the directory must be in its command line."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return re.search(re.escape(os.fsencode(path)) + rb"(?=[/,\0]|$)", arguments) is not None


def _all_runs() -> AbstractContextManager[None]:
    return locked(cache_dir() / "runs.lock")


def _paths() -> Iterator[Path]:
    base = runs_dir()
    base.mkdir(parents=True, exist_ok=True)
    return iter(sorted(path for path in base.iterdir() if path.is_dir()))


def _read(path: Path) -> Record | None:
    try:
        return Record(**json.loads((path / _RECORD).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _owner_lives(path: Path) -> bool:
    try:
        # Shared, so that two who ask at once do not take each other for the owner.
        with (path / _OWNER_LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _sweep(path: Path, *, kept_too: bool = False) -> None:
    if _owner_lives(path):
        return
    record = _read(path)
    for pid in record.processes.values() if record else ():
        kill(pid, path)
    if kept_too or not (record and record.keep):
        shutil.rmtree(path, ignore_errors=True)


def kill(pid: int, path: Path) -> None:
    """Kill a process that belongs to the run in `path`, and no other; waits until it is gone."""
    with _process(pid) as process:
        # The handle stays with this very process, even if the number is given to another one.
        if process is not None and belongs_to(pid, path):
            signal.pidfd_send_signal(process, signal.SIGKILL)
            select.select([process], [], [], _KILL_SECONDS)


@contextmanager
def _process(pid: int) -> Iterator[int | None]:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)
