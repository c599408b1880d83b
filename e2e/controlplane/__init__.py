"""A real Kubernetes control plane on loopback, built from source.

with acquire() as cluster:
    cluster.kubectl("get", "nodes")
"""

from e2e.controlplane.cluster import ControlPlane
from e2e.controlplane.errors import (
    BuildError,
    CommandError,
    ControlPlaneError,
    DeadlineError,
    NotRestartableError,
    ProcessExitedError,
    StartError,
)
from e2e.controlplane.launch import acquire, attach, start
from e2e.controlplane.options import ADMIN, PLATFORM_ENGINEER, Options, User
from e2e.controlplane.processes import wait_until

__all__ = [
    "ADMIN",
    "PLATFORM_ENGINEER",
    "BuildError",
    "CommandError",
    "ControlPlane",
    "ControlPlaneError",
    "DeadlineError",
    "NotRestartableError",
    "Options",
    "ProcessExitedError",
    "StartError",
    "User",
    "acquire",
    "attach",
    "start",
    "wait_until",
]
