"""How kopf finds the API server: by the address that the kubelet gives, as the product's own client."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import kopf


def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """Return the connection by the pod's service account, else by a kubeconfig; kopf's arguments.

    By itself kopf would ask the cluster's DNS for `kubernetes.default.svc`: nothing here is to
    depend on it.
    """
    found = kopf.login_with_service_account(**kwargs)
    if found is None:
        return kopf.login_with_kubeconfig(**kwargs)
    server = server_of(os.environ)
    return found if server is None else replace(found, server=server)


def server_of(environment: Mapping[str, str]) -> str | None:
    """Return the URL of the API server as pods are told it; None where they are not."""
    host = environment.get("KUBERNETES_SERVICE_HOST")
    port = environment.get("KUBERNETES_SERVICE_PORT")
    if not host or not port:
        return None
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
