"""The namespaces of a node: one process holds them all, and with it they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from e2e.controlplane import StartError
from e2e.controlplane.processes import LIFELINE
from e2e.node.network import OUTSIDE, SYSCTLS

HOSTNAME = "node"
_INIT = Path(__file__).with_name("init.py")
_PYTHON = (sys.executable, "-I", "-S")
_UNSHARE = ("--mount", "--net", "--pid", "--uts", "--ipc", "--mount-proc", "--kill-child")
_NSENTER = ("--mount", "--net", "--pid", "--uts", "--ipc")


class NamespaceError(StartError):
    """The kernel refused a namespace, or something that was to be made in it."""


def unshare() -> subprocess.Popen[str]:
    """Start the holder of new namespaces; the kernel kills it when the calling thread dies."""
    return subprocess.Popen(
        [
            *(*_PYTHON, str(LIFELINE), str(os.getpid()), "/usr/bin/unshare", *_UNSHARE),
            *(*_PYTHON, str(_INIT), HOSTNAME, *SYSCTLS),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def first_process(holder: subprocess.Popen[str]) -> int:
    """Return the id of process 1 of the namespaces, as this machine numbers it, once it is ready.

    Raises NamespaceError with what it said instead.
    """
    said = holder.stdout.readline() if holder.stdout else ""
    if said != "ready\n":
        holder.kill()
        rest = holder.stdout.read() if holder.stdout else ""
        raise NamespaceError(f"the namespaces could not be made: {said}{rest}".strip())
    (child,) = _children(holder)
    return child


def end(holder: subprocess.Popen[str]) -> None:
    """Kill every process in the namespaces; returns when the last of them is gone.

    Process 1 is killed and not its holder, whose end would say nothing about the others: the
    kernel lets process 1 go when it has buried them all.
    """
    for child in _children(holder):
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
            holder.wait()
    holder.kill()
    holder.wait()


def _children(holder: subprocess.Popen[str]) -> list[int]:
    # Not reaped yet, so no other process has the number of a child.
    if holder.poll() is not None:
        return []
    listed = Path(f"/proc/{holder.pid}/task/{holder.pid}/children")
    return [int(each) for each in listed.read_text().split()]


def inside(pid: int, *argv: str) -> tuple[str, ...]:
    """Return the command that runs another one in the namespaces of a process."""
    return ("/usr/bin/nsenter", f"--target={pid}", *_NSENTER, "--", *argv)


def outside(pid: int, *argv: str) -> tuple[str, ...]:
    """Return the command that runs another one where the node's default route leads."""
    return inside(pid, "ip", "netns", "exec", OUTSIDE, *argv)


def run(*argv: str) -> None:
    """Run a command; NamespaceError with what it said when it fails."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NamespaceError(f"`{' '.join(argv)}`: {done.stderr.strip() or done.stdout.strip()}")
