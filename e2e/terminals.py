"""Commands at a terminal, with somebody who reads what they say and types an answer."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from e2e.waiting import PATIENCE


@dataclass
class Terminal:
    """A command that runs at a terminal, and what stood on the screen so far."""

    process: subprocess.Popen[bytes]
    screen: int
    shown: str = ""

    def read(self, text: str) -> None:
        """Read until a text stands on the screen."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            if time.monotonic() > deadline or not self._more(deadline - time.monotonic()):
                raise AssertionError(f"{text!r} was never shown: {self.shown}")

    def type(self, line: str) -> None:
        """Type a line."""
        os.write(self.screen, f"{line}\n".encode())

    def ended(self) -> int:
        """Read to the end; return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._more(deadline - time.monotonic()):
            assert time.monotonic() < deadline, self.shown
        return self.process.wait(PATIENCE)

    def _more(self, within: float) -> bool:
        """Read on; return whether there was anything."""
        ready, _, _ = select.select([self.screen], [], [], max(within, 0))
        try:
            chunk = os.read(self.screen, 65536) if ready else b""
        except OSError:  # whoever held the other end has gone
            return False
        self.shown += chunk.decode(errors="replace").replace("\r\n", "\n")
        return bool(chunk)


@contextmanager
def terminal(argv: Sequence[str], env: Mapping[str, str]) -> Iterator[Terminal]:
    """Run a command at a terminal of its own for the duration of a block."""
    screen, keyboard = pty.openpty()
    process = subprocess.Popen(
        argv, stdin=keyboard, stdout=keyboard, stderr=keyboard, env=dict(env)
    )
    os.close(keyboard)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait()
        os.close(screen)
