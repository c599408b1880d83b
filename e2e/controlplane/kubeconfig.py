"""Kubeconfig files: one cluster, one user, readable by their owner only."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from e2e.controlplane.pki import KeyPair, write_private

Kubeconfig = Mapping[str, Any]


def for_server(server: str, ca_file: Path, user: Mapping[str, Any]) -> Kubeconfig:
    """Return a kubeconfig for a server, its authority embedded, with one user's credentials."""
    ca = base64.b64encode(ca_file.read_bytes()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "e2e", "cluster": {"server": server, "certificate-authority-data": ca}}
        ],
        "users": [{"name": "e2e", "user": dict(user)}],
        "contexts": [{"name": "e2e", "context": {"cluster": "e2e", "user": "e2e"}}],
        "current-context": "e2e",
    }


def client_certificate(pair: KeyPair) -> dict[str, str]:
    """Return the credentials of a user who has a certificate, as the paths of its files."""
    return {"client-certificate": str(pair.cert), "client-key": str(pair.key)}


def with_user(config: Kubeconfig, user: Mapping[str, Any]) -> Kubeconfig:
    """Return the same cluster with other credentials; expects a config with a single context."""
    (existing,) = config["users"]
    return {**config, "users": [{"name": existing["name"], "user": dict(user)}]}


def impersonating(config: Kubeconfig, user: str, groups: Sequence[str]) -> Kubeconfig:
    """Return a kubeconfig that acts as somebody else, with the credentials of `config`."""
    (existing,) = config["users"]
    acting = {**existing["user"], "as": user}
    return with_user(config, {**acting, "as-groups": list(groups)} if groups else acting)


def server_of(config: Kubeconfig) -> str:
    """Return the URL of the API server."""
    return str(config["clusters"][0]["cluster"]["server"])


def ca_of(config: Kubeconfig) -> bytes | None:
    """Return the embedded authority as PEM, None when the cluster needs none of its own."""
    data = config["clusters"][0]["cluster"].get("certificate-authority-data")
    return base64.b64decode(data) if data else None


def write(path: Path, config: Kubeconfig) -> Path:
    """Write a kubeconfig (JSON is YAML) with mode 0600 and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, json.dumps(config, indent=2).encode())
    return path


def read(path: Path) -> Kubeconfig:
    """Read a kubeconfig that `write` wrote."""
    loaded: Kubeconfig = json.loads(path.read_text())
    return loaded
