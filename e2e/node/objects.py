"""The objects that a fresh node brings into the cluster."""

from __future__ import annotations

from typing import Any

from e2e.node.config import KUBE_ROUTER
from e2e.node.images import COREDNS
from e2e.node.network import DNS_ADDRESS

Manifest = dict[str, Any]

_DNS = "coredns"
_SYSTEM = "kube-system"
# What pods select it by, in every cluster.
_DNS_LABELS = {"k8s-app": "kube-dns"}
# Nothing is forwarded: a name that is not the cluster's does not exist.
_COREFILE = """\
.:53 {
    errors
    ready
    kubernetes cluster.local in-addr.arpa
}
"""


def enforcer() -> list[Manifest]:
    """Return what the NetworkPolicy enforcer may read."""
    rules = [
        _reading("", "namespaces", "nodes", "pods", "services", "endpoints"),
        _reading("networking.k8s.io", "networkpolicies"),
        _reading("discovery.k8s.io", "endpointslices"),
    ]
    user = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": KUBE_ROUTER}
    return _granted(KUBE_ROUTER, rules, user)


def dns() -> list[Manifest]:
    """Return the cluster's DNS: names of Services, and no others."""
    rules = [
        _reading("", "namespaces", "pods", "services", "endpoints"),
        _reading("discovery.k8s.io", "endpointslices"),
    ]
    account = {"kind": "ServiceAccount", "name": _DNS, "namespace": _SYSTEM}
    ports: list[Manifest] = [
        {"name": f"dns-{protocol.lower()}", "port": 53, "protocol": protocol}
        for protocol in ("UDP", "TCP")
    ]
    return [
        *_granted(_DNS, rules, account),
        _object("v1", "ServiceAccount", _DNS, namespace=_SYSTEM),
        _object("v1", "ConfigMap", _DNS, namespace=_SYSTEM, data={"Corefile": _COREFILE}),
        _object(
            "v1",
            "Service",
            "kube-dns",
            namespace=_SYSTEM,
            spec={"clusterIP": DNS_ADDRESS, "selector": _DNS_LABELS, "ports": ports},
        ),
        _object(
            "apps/v1",
            "Deployment",
            _DNS,
            namespace=_SYSTEM,
            spec={
                "selector": {"matchLabels": _DNS_LABELS},
                "template": {"metadata": {"labels": _DNS_LABELS}, "spec": _dns_pod()},
            },
        ),
    ]


def _dns_pod() -> Manifest:
    return {
        "serviceAccountName": _DNS,
        "dnsPolicy": "Default",
        "priorityClassName": "system-cluster-critical",
        "volumes": [{"name": "config", "configMap": {"name": _DNS}}],
        "containers": [
            {
                "name": _DNS,
                "image": COREDNS,
                "imagePullPolicy": "Never",
                "args": ["-conf=/etc/coredns/Corefile"],
                "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
                "readinessProbe": {
                    "httpGet": {"path": "/ready", "port": 8181},
                    "periodSeconds": 1,
                },
            }
        ],
    }


def _granted(name: str, rules: list[Manifest], subject: Manifest) -> list[Manifest]:
    group = "rbac.authorization.k8s.io"
    role = {"apiGroup": group, "kind": "ClusterRole", "name": name}
    return [
        _object(f"{group}/v1", "ClusterRole", name, rules=rules),
        _object(f"{group}/v1", "ClusterRoleBinding", name, roleRef=role, subjects=[subject]),
    ]


def _reading(group: str, *resources: str) -> Manifest:
    return {"apiGroups": [group], "resources": list(resources), "verbs": ["get", "list", "watch"]}


def _object(api: str, kind: str, name: str, namespace: str = "", **fields: object) -> Manifest:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}
