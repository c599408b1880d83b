"""What a control plane is to be like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ADMIN = "admin"
PLATFORM_ENGINEER = "platform-engineer"


@dataclass(frozen=True)
class User:
    """Somebody with a token; what the user may do is up to RBAC."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Options:
    """Which components run, and how. The defaults suit tests.

    `nodes` counts simulated nodes (they need kwok), `node_labels` are added to each of them.
    `durable_etcd` lets etcd flush to disk as in production: slower, wanted for benchmarks.
    `audit_policy` is an audit.k8s.io/v1 Policy; the log is then `logs["audit"]`. `flags` are
    added to a component's command line, by the component's name. `address` and `sans` are for
    API servers that more than this machine's loopback shall reach. `start_seconds` is the time
    that each phase of the start may take. `keep` leaves the run directory behind for reading.
    """

    controller_manager: bool = True
    scheduler: bool = True
    kwok: bool = True
    nodes: int = 1
    node_labels: Mapping[str, str] = field(default_factory=dict)
    durable_etcd: bool = False
    audit_policy: Mapping[str, Any] | None = None
    users: tuple[User, ...] = ()
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    address: str = "127.0.0.1"
    sans: tuple[str, ...] = ()
    start_seconds: float = 120.0
    keep: bool = False

    def all_users(self) -> tuple[User, ...]:
        """Return the users that every control plane has, then those asked for."""
        return (User(ADMIN, ("system:masters",)), User(PLATFORM_ENGINEER), *self.users)

    def components(self) -> tuple[str, ...]:
        """Return the names of the programs to start, in the order of their start."""
        chosen = {
            "kube-controller-manager": self.controller_manager,
            "kube-scheduler": self.scheduler,
            "kwok": self.kwok,
        }
        return ("etcd", "kube-apiserver", *(name for name, wanted in chosen.items() if wanted))
