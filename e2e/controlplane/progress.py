"""Tells a waiting person how far a build has come."""

from __future__ import annotations

import sys
import time
from typing import TextIO

TTY_SECONDS = 0.2
PLAIN_SECONDS = 15.0


class Progress:
    """Counts what the Go command prints and shows it: one line on a terminal, else now and then."""

    def __init__(self, title: str, expected_packages: int, stream: TextIO | None = None) -> None:
        self._title = title
        self._expected = expected_packages
        self._stream = sys.stderr if stream is None else stream
        self._tty = self._stream.isatty()
        self._began = time.monotonic()
        self._shown = self._began
        self._downloaded = 0
        self._compiled = 0

    def start(self) -> None:
        """Show that the work has begun."""
        self._write("starting")

    def saw(self, line: str) -> bool:
        """Count one line of `go build -v`; False when it is neither a package nor a download."""
        if line.startswith("go: downloading "):
            self._downloaded += 1
        elif line and " " not in line and not line.startswith("#"):
            self._compiled += 1
        else:
            return False
        return True

    def tick(self) -> None:
        """Show the state again when it is due."""
        every = TTY_SECONDS if self._tty else PLAIN_SECONDS
        if time.monotonic() - self._shown >= every:
            self._write(self._state())

    def finish(self, outcome: str) -> None:
        """Show the last state and end the line."""
        self._write(outcome)
        if self._tty:
            self._stream.write("\n")
            self._stream.flush()

    def _state(self) -> str:
        if not self._compiled:
            return f"{self._downloaded} modules downloaded"
        # Packages left in the compiler's cache are never printed, so the total is an upper bound.
        return f"{self._compiled} packages compiled, of at most about {self._expected}"

    def _write(self, text: str) -> None:
        self._shown = time.monotonic()
        minutes, seconds = divmod(int(self._shown - self._began), 60)
        line = f"{self._title}: {text} ({minutes}:{seconds:02d})"
        self._stream.write(f"\r\x1b[K{line}" if self._tty else f"{line}\n")
        self._stream.flush()
