"""What the operator asked of the API server, by its audit log, and what it may ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from e2e.controlplane import ControlPlane
from e2e.product import CHART, NAMESPACE, RELEASE, Product

Right = tuple[str, str, str]
"""Group, resource and verb."""

USERNAME = f"system:serviceaccount:{NAMESPACE}:{RELEASE}"
AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata", "users": [USERNAME]}, {"level": "None"}],
}


class Trail:
    """What the operator asked of the API server since the trail was begun."""

    def __init__(self, cluster: ControlPlane) -> None:
        self.log: Path = cluster.logs["audit"]
        self.offset = self.log.stat().st_size

    def requests(self) -> list[dict[str, Any]]:
        with self.log.open("rb") as log:
            log.seek(self.offset)
            lines = log.read().split(b"\n")
        return [json.loads(line) for line in lines[:-1]]

    def writes(self) -> list[str]:
        return [
            f"{r['verb']} {r['requestURI']}"
            for r in self.requests()
            if r["verb"] not in ("get", "list", "watch")
        ]

    def rights(self) -> set[Right]:
        """Return the rights that were used."""
        requests = (request for request in self.requests() if "objectRef" in request)
        return {right for request in requests for right in _rights(request)}

    def refused(self) -> list[str]:
        """Return what was asked for without the right to it."""
        codes = (
            (r["requestURI"], r.get("responseStatus", {}).get("code")) for r in self.requests()
        )
        return [path for path, code in codes if code == 403]


def unused(granted: set[tuple[str, str, str]], used: set[tuple[str, str, str]]) -> str:
    return "; ".join(" ".join(right) for right in sorted(granted - used))


def _rights(request: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    ref = request["objectRef"]
    sub = f"/{ref['subresource']}" if ref.get("subresource") else ""
    resource = f"{ref['resource']}{sub}"
    yield ref.get("apiGroup", ""), resource, request["verb"]
    if request["verb"] == "patch" and request["responseStatus"]["code"] == 201:
        # Server-side apply of what was not there needs the right to create it too.
        yield ref.get("apiGroup", ""), resource, "create"


def granted(product: Product) -> set[tuple[str, str, str]]:
    text = product.cluster.helm(
        "template", RELEASE, str(CHART), "-n", NAMESPACE, "-s", "templates/rbac.yaml"
    ).stdout
    (role,) = [d for d in yaml.safe_load_all(text) if d and d["kind"] == "ClusterRole"]
    return {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


OF_OTHERS = {
    *(
        ("external-secrets.io", "externalsecrets", verb)
        for verb in ("list", "watch", "create", "patch")
    ),
    *(
        ("secrets.hashicorp.com", "vaultstaticsecrets", verb)
        for verb in ("list", "watch", "create", "patch")
    ),
    *(
        ("secrets-store.csi.x-k8s.io", "secretproviderclasses", verb)
        for verb in ("list", "watch", "create", "patch")
    ),
    *(
        ("snapshot.storage.k8s.io", "volumesnapshots", verb)
        for verb in ("list", "watch", "create", "delete")
    ),
    *(
        (group, resource, verb)
        for group, resource in (
            ("secrets.hashicorp.com", "vaultdynamicsecrets"),
            ("secrets-store.csi.x-k8s.io", "secretproviderclasspodstatuses"),
            ("cert-manager.io", "certificates"),
        )
        for verb in ("list", "watch")
    ),
    ("", "persistentvolumeclaims", "delete"),
}
"""Rights that are used only where other projects are installed."""
