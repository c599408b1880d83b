"""Child processes that never outlive their owner, and waiting for what they are to do.

A child asks the kernel to be killed when its parent dies (PR_SET_PDEATHSIG). "Parent" there means
the *thread* that forked, so all children are started by one thread that lasts as long as the
process: a test may start a control plane from any thread, and lose that thread.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from e2e.controlplane.errors import DeadlineError, ProcessExitedError

T = TypeVar("T")
Condition = Callable[[], object]

LIFELINE = Path(__file__).with_name("lifeline.py")
_TAIL_BYTES = 4000
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Command:
    """What to run: absolute program first, the whole environment, and the log to append to."""

    name: str
    argv: tuple[str, ...]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Child:
    """A started command."""

    command: Command
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The process id; it is the program's own, not that of a wrapper."""
        return self.process.pid

    def check(self) -> None:
        """Raise ProcessExitedError, with the end of the log, unless the child still runs."""
        code = self.process.poll()
        if code is not None:
            log = self.command.log
            raise ProcessExitedError(self.command.name, code, str(log), log_tail(log))


def start(command: Command) -> Child:
    """Start a command in a process group of its own, so that Ctrl-C reaches only its owner."""
    interpreter = (sys.executable, "-I", "-S", str(LIFELINE), str(os.getpid()))
    with command.log.open("ab") as log:
        process = _on_lasting_thread(
            lambda: subprocess.Popen(
                [*interpreter, *command.argv],
                env=dict(command.env),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        )
    return Child(command, process)


def stop(children: Iterable[Child], grace_seconds: float) -> None:
    """Ask children to end, all at once; kill those that still run after the grace period."""
    asked = list(children)
    for child in asked:
        # Popen never signals a pid that it has already reaped, so no stranger is hit.
        child.process.terminate()
    deadline = time.monotonic() + grace_seconds
    for child in asked:
        try:
            child.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.process.kill()
            child.process.wait()


def wait_until(
    condition: Callable[[], T | None],
    what: str,
    seconds: float,
    children: Iterable[Child] = (),
) -> T:
    """Return the first true value of a condition, asked again and again.

    Raises DeadlineError when it is not true within so many seconds, and ProcessExitedError as soon
    as one of the children has ended.
    """
    watched = list(children)
    deadline = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        for child in watched:
            child.check()
        if time.monotonic() >= deadline:
            raise DeadlineError(f"not within {seconds:g} s: {what} (last seen: {value!r})")
        time.sleep(_POLL_SECONDS)


def log_tail(log: Path) -> str:
    """Return the last lines of a log, at most 4 kB; empty when there is no such file."""
    try:
        with log.open("rb") as handle:
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(0, size - _TAIL_BYTES))
            return handle.read().decode(errors="replace").strip()
    except FileNotFoundError:
        return ""


class _LastingThread:
    """Runs calls one after the other on a daemon thread, which ends with the process only."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: queue.SimpleQueue[Callable[[], None]] | None = None

    def run(self, call: Callable[[], T]) -> T:
        """Return what the call returns or raise what it raises."""
        future: Future[T] = Future()

        def answer() -> None:
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread
                future.set_exception(error)

        with self._lock:
            if self._calls is None:
                self._calls = queue.SimpleQueue()
                threading.Thread(target=self._serve, args=(self._calls,), daemon=True).start()
            self._calls.put(answer)
        return future.result()

    @staticmethod
    def _serve(calls: queue.SimpleQueue[Callable[[], None]]) -> None:
        while True:
            calls.get()()


_lasting_thread = _LastingThread()


def _on_lasting_thread(call: Callable[[], T]) -> T:
    return _lasting_thread.run(call)


def _after_fork() -> None:
    # Threads do not survive a fork: the child process needs a thread of its own.
    global _lasting_thread  # noqa: PLW0603
    _lasting_thread = _LastingThread()


os.register_at_fork(after_in_child=_after_fork)
