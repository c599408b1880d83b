"""A zone's Namespace: its boundary and its Pod Security levels in one object.

One object means one request: no pod can be admitted between the creation of
the namespace and its boundary.
"""

from __future__ import annotations

from phiwarden.api import names
from phiwarden.api.workload import Enforcement
from phiwarden.boundary.labels import ZoneBoundary, encode
from phiwarden.boundary.model import Desired

_LEVEL = "restricted"
_RELAXED = "privileged"


def namespace_object(name: str, boundary: ZoneBoundary, *, relaxed: bool = False) -> Desired:
    """Return the Namespace of a zone.

    Args:
        name: of the Namespace.
        boundary: what it carries.
        relaxed: whether something is held there that Pod Security admission may refuse.
    """
    labels, annotations = encode(boundary)
    labels[names.MANAGED_BY] = names.FIELD_MANAGER
    labels |= pod_security(Enforcement(boundary.enforcement), relaxed=relaxed)
    metadata = {"name": name, "labels": labels, "annotations": annotations}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    return Desired("v1", "Namespace", None, name, body)


def pod_security(enforcement: Enforcement, *, relaxed: bool) -> dict[str, str]:
    """Return the Pod Security labels for what becomes of violations in a zone.

    A replacement pod of a held workload must be able to start, and Pod
    Security admission knows no exception for one workload. So a zone with held
    workloads is exempt from it as a whole; the admission policies hold the
    same checks for everything else in the zone.
    """
    match enforcement:
        case Enforcement.OBSERVE:
            levels = {"audit": _LEVEL}
        case Enforcement.WARN:
            levels = {"audit": _LEVEL, "warn": _LEVEL}
        case Enforcement.ENFORCE:
            # Nothing to audit beside: what passes keeps the level, and each request would pay.
            levels = {"enforce": _RELAXED if relaxed else _LEVEL}
    labels = {}
    for mode, level in levels.items():
        labels[names.POD_SECURITY + mode] = level
        labels[f"{names.POD_SECURITY}{mode}-version"] = "latest"
    return labels
