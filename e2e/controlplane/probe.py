"""Looks at an API server over HTTPS, cheaply enough to be asked ten times a second."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Probe:
    """One user's view of one API server."""

    server: str
    ca_file: Path
    token: str

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a GET; status 0 when no answer came."""
        address = urlsplit(self.server)
        context = ssl.create_default_context(cafile=str(self.ca_file))
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        connection = http.client.HTTPSConnection(
            address.hostname or "", address.port, timeout=_TIMEOUT_SECONDS, context=context
        )
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.token}"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def ready(self) -> bool:
        """Whether the API server says that it is ready."""
        return self.get("/readyz")[0] == http.client.OK

    def has_default_service_account(self) -> bool:
        """Whether the controller manager works: it makes this account first of all."""
        status, _ = self.get("/api/v1/namespaces/default/serviceaccounts/default")
        return status == http.client.OK

    def ready_nodes(self, *, untainted: bool) -> int:
        """Return how many nodes are Ready and, if that is asked, open for every pod."""
        status, body = self.get("/api/v1/nodes")
        nodes = json.loads(body)["items"] if status == http.client.OK else []
        return sum(1 for node in nodes if _is_ready(node) and not (untainted and _taints(node)))


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _taints(node: dict[str, Any]) -> list[dict[str, Any]]:
    taints: list[dict[str, Any]] = node["spec"].get("taints", [])
    return taints
