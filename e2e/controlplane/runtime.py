"""The processes of one control plane: started in order, stopped in order, told apart by name."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace

from e2e.controlplane import processes, runs
from e2e.controlplane.components import Ports
from e2e.controlplane.options import Options
from e2e.controlplane.probe import Probe
from e2e.controlplane.processes import Child, Command

# A log of the API server, or of etcd, says this when another process took the port first.
_PORT_TAKEN = "address already in use"
_GRACE_SECONDS = 10.0
_LAST_LINES = 5
# Whatever depends on a component stops before it.
_STOP_ORDER = (
    ("kwok", "kube-scheduler", "kube-controller-manager"),
    ("kube-apiserver",),
    ("etcd",),
)


class Runtime:
    """Holds the children, and keeps the run's record true."""

    def __init__(
        self,
        run: runs.Run,
        *,
        record: runs.Record,
        commands: Mapping[str, Command],
        ports: Ports,
        probe: Probe,
        options: Options,
    ) -> None:
        self.run = run
        self.probe = probe
        self.options = options
        self._record = record
        self._commands = commands
        self._ports = ports
        self._children: dict[str, Child] = {}

    def start(self, name: str) -> None:
        """Start one component; no-op when it runs. Raises ProcessExitedError if another one died."""
        self.check()
        if name not in self._children:
            self._children[name] = processes.start(self._commands[name])
            self._write()

    def start_apiserver(self) -> None:
        """Start the API server and return once it is ready."""
        self.start("kube-apiserver")
        self.wait(self.probe.ready, "the API server answers /readyz")

    def stop(self, *names: str) -> None:
        """Stop components, all at once; those that do not run are passed over."""
        ending = [self._children[name] for name in names if name in self._children]
        processes.stop(ending, _GRACE_SECONDS)
        for name in names:
            self._children.pop(name, None)
        self._write()

    def stop_all(self) -> None:
        """Stop every component, those first that depend on others."""
        for names in _STOP_ORDER:
            self.stop(*names)

    def close(self) -> None:
        """Stop everything and give the run directory up; may be called again."""
        try:
            self.stop_all()
        finally:
            self.run.release(keep=self.options.keep)

    def wait(self, condition: processes.Condition, what: str) -> None:
        """Wait until a condition holds; DeadlineError or ProcessExitedError when it will not."""
        seconds = self.options.start_seconds
        processes.wait_until(condition, what, seconds, self._children.values())

    def wait_for_etcd(self) -> None:
        """Wait until etcd takes connections."""
        self.wait(self._etcd_listens, "etcd accepts connections")

    def check(self) -> None:
        """Raise ProcessExitedError when a component that had to run has ended."""
        for child in self._children.values():
            child.check()

    def port_was_taken(self) -> bool:
        """Whether a component gave up because another process had its port."""
        return any(
            child.process.poll() is not None
            and _PORT_TAKEN in processes.log_tail(child.command.log)
            for child in self._children.values()
        )

    def last_words(self) -> str:
        """Return the last lines that each component has logged."""
        tails = {
            name: processes.log_tail(each.command.log) for name, each in self._children.items()
        }
        return "\n".join(
            "\n".join([f"-- {name}:", *tail.splitlines()[-_LAST_LINES:]])
            for name, tail in tails.items()
        )

    def pids(self) -> dict[str, int]:
        """Return the process id of each running component."""
        return {name: child.pid for name, child in self._children.items()}

    def mark_ready(self) -> None:
        """Tell others that the control plane may be used."""
        self._record = replace(self._record, ready=True)
        self._write()

    def _write(self) -> None:
        self._record = replace(self._record, processes=self.pids())
        self.run.write(self._record)

    def _etcd_listens(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self._ports.etcd), timeout=1.0).close()
        except OSError:
            return False
        return True
