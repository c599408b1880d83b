"""The pods of a measurement: they obey the rules of the zone that they run in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from phiwarden.api import names
from phiwarden.boundary.labels import ZoneBoundary
from phiwarden.probe.ways import CONTROL

LABEL: Final = {"app.kubernetes.io/name": "phiwarden-probe"}
"""What all pods of a probe carry, and nothing that a Service would select."""

SECONDS: Final = 120
"""After which a pod ends on its own, whatever became of who made it."""

_PRIVILEGED_PORTS: Final = 1024
_USER: Final = 65532


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pod runs.

    Attributes:
        namespace: its namespace.
        boundary: of the namespace; None for one that is no zone.
        labels: of the namespace.
    """

    namespace: str
    boundary: ZoneBoundary | None
    labels: Mapping[str, str] = field(default_factory=dict)


def listener(place: Place, name: str, image: str, ports: Sequence[int]) -> dict[str, Any]:
    """Return a pod that is Ready once it accepts connections on all ports."""
    pod = _pod(place, name, image, ["listen", *map(str, ports)])
    (container,) = pod["spec"]["containers"]
    container["readinessProbe"] = {"tcpSocket": {"port": CONTROL}, "periodSeconds": 1}
    if min(ports) < _PRIVILEGED_PORTS:
        lowered = {"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}
        pod["spec"]["securityContext"]["sysctls"] = [lowered]
    return pod


def dialer(place: Place, name: str, image: str, targets: Sequence[str]) -> dict[str, Any]:
    """Return a pod that ends once it has tried all targets, such as `10.0.0.7:8443`."""
    return _pod(place, name, image, ["dial", *targets])


def _pod(place: Place, name: str, image: str, arguments: list[str]) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": SECONDS,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": "probe",
                "image": image,
                "args": ["probe-agent", *arguments],
                "resources": {
                    "requests": {"cpu": "10m", "memory": "64Mi"},
                    "limits": {"memory": "128Mi"},
                },
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
            }
        ],
    }
    if place.boundary is not None:
        spec |= _of_zone(place.boundary)
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": place.namespace, "labels": LABEL},
        "spec": spec,
    }


def _of_zone(boundary: ZoneBoundary) -> dict[str, Any]:
    """Return what the rules of a zone ask of a pod beside the usual."""
    more: dict[str, Any] = {}
    if boundary.service_accounts:
        more["serviceAccountName"] = boundary.service_accounts[0]
    if boundary.regions:
        more["nodeSelector"] = {names.REGION: boundary.regions[0]}
    return more
