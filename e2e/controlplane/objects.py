"""The objects that a fresh cluster is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from e2e.controlplane.components import SIMULATED

Manifest = dict[str, Any]


def simulated_node(index: int, labels: Mapping[str, str]) -> Manifest:
    """Return a node that kwok plays the kubelet of, with room for a thousand small pods."""
    name = f"simulated-{index}"
    room = {"cpu": "256", "memory": "1Ti", "ephemeral-storage": "1Ti", "pods": "1000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {SIMULATED[0]: SIMULATED[1]},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "node-role.kubernetes.io/worker": "",
                **labels,
            },
        },
        "status": {"capacity": room, "allocatable": room},
    }


def cluster_admin(binding: str, user: str) -> Manifest:
    """Return a binding that lets a user do everything, through RBAC as in real clusters."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": binding},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "cluster-admin",
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}],
    }


def as_list(items: list[Manifest]) -> Manifest:
    """Return one manifest that holds many."""
    return {"apiVersion": "v1", "kind": "List", "items": items}
