"""What can go wrong with a control plane, in words that say what to do next."""

from __future__ import annotations

from collections.abc import Sequence


class ControlPlaneError(Exception):
    """The root of every error that this package raises on purpose."""


class BuildError(ControlPlaneError):
    """A binary could neither be found nor built."""


class StartError(ControlPlaneError):
    """A component did not come up."""


class NotRestartableError(ControlPlaneError):
    """The cluster belongs to somebody else: its API server is not ours to stop."""


class ProcessExitedError(StartError):
    """A child process ended although it had to keep running."""

    def __init__(self, name: str, code: int, log: str, log_tail: str) -> None:
        self.name = name
        self.code = code
        self.log_tail = log_tail
        super().__init__(f"{name} exited with {code}; the end of {log}:\n{log_tail}")


class DeadlineError(ControlPlaneError):
    """A condition did not come true in time."""


class CommandError(ControlPlaneError):
    """kubectl or helm ended with a non-zero exit code."""

    def __init__(self, argv: Sequence[str], code: int, stdout: str, stderr: str) -> None:
        self.code = code
        self.stdout = stdout
        self.stderr = stderr
        said = "\n".join(part for part in (stdout.strip(), stderr.strip()) if part)
        super().__init__(f"`{' '.join(argv)}` exited with {code}:\n{said}")
