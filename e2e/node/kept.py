"""The owner's side of a keeper: namespaces that end with their owner."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from e2e.node.namespaces import NamespaceError
from e2e.node.network import Network

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Kept:
    """Namespaces, linked to this machine, until `release` or the end of this process."""

    network: Network
    pid: int  # of process 1 in them, as this machine numbers it
    keeper: subprocess.Popen[str] = field(repr=False)

    @classmethod
    def make(cls) -> Self:
        """Have namespaces made; NamespaceError with the reason when that fails."""
        keeper = subprocess.Popen(
            [sys.executable, "-m", "e2e.node.keeper"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # Of its own, so that Ctrl-C reaches only its owner.
            process_group=0,
        )
        said = json.loads((keeper.stdout and keeper.stdout.readline()) or "{}")
        if "pid" not in said:
            with keeper:
                pass
            raise NamespaceError(said.get("error", "the keeper of the namespaces died"))
        return cls(Network(said["slot"]), said["pid"], keeper)

    def release(self) -> None:
        """End everything in the namespaces; returns when nothing is left. May be called again."""
        # Its standard input ends here, and with that its task.
        with self.keeper:
            pass
