"""Requests to an API server as one user, with the API server's own words as the answer."""

from __future__ import annotations

import http.client
import json
import ssl
import tempfile
from base64 import b64decode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import yaml

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"


@dataclass(frozen=True)
class Answer:
    """What the API server said."""

    code: int
    body: dict[str, Any]
    warnings: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the request was carried out."""
        return self.code < 400

    @property
    def message(self) -> str:
        """The words of a refusal; "" for what was carried out."""
        return "" if self.ok else str(self.body.get("message", ""))


@dataclass
class Rest:
    """A keep-alive connection to an API server as one user. One thread at a time."""

    host: str
    context: ssl.SSLContext
    headers: dict[str, str]
    _connection: http.client.HTTPSConnection | None = field(default=None, repr=False)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: str = JSON,
        **query: str,
    ) -> Answer:
        """Send a request and return the answer; a lost keep-alive connection is opened anew.

        A body of bytes is sent as it is, anything else as JSON.
        """
        target = f"{path}?{urlencode(query)}" if query else path
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        for attempt in (1, 2):
            connection = self._connection or http.client.HTTPSConnection(
                self.host, context=self.context, timeout=30
            )
            self._connection = connection
            try:
                connection.request(
                    method, target, data, {**self.headers, "Content-Type": content, "Accept": JSON}
                )
                response = connection.getresponse()
                raw = response.read()
            except (http.client.HTTPException, OSError):
                connection.close()
                self._connection = None
                if attempt == 2:
                    raise
                continue
            warnings = tuple(response.headers.get_all("Warning") or ())
            return Answer(response.status, _read(raw), warnings)
        raise AssertionError("unreachable")

    def __del__(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def get(self, path: str, **query: str) -> Answer:
        """Read an object or a list."""
        return self.request("GET", path, **query)

    def create(self, path: str, body: Any, *, dry_run: bool = False) -> Answer:
        """Create an object in a collection, or only ask whether it would be admitted."""
        query = {"dryRun": "All"} if dry_run else {}
        return self.request("POST", path, body, **query)

    def delete(self, path: str) -> Answer:
        """Delete an object."""
        return self.request("DELETE", path)


def _read(raw: bytes) -> dict[str, Any]:
    """Return an answer's object; what is none, as for a path that is not served, is a message."""
    try:
        found: dict[str, Any] = json.loads(raw) if raw else {}
    except ValueError:
        return {"message": raw.decode(errors="replace")}
    return found


def connect(kubeconfig: Path) -> Rest:
    """Return a connection as the user of a kubeconfig's only context."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    user = config["users"][0]["user"]
    context = ssl.create_default_context(
        cafile=cluster.get("certificate-authority"),
        cadata=b64decode(cluster["certificate-authority-data"]).decode()
        if "certificate-authority-data" in cluster
        else None,
    )
    if "client-certificate-data" in user:
        with tempfile.NamedTemporaryFile() as pair:
            pair.write(b64decode(user["client-certificate-data"]))
            pair.write(b"\n" + b64decode(user["client-key-data"]))
            pair.flush()
            context.load_cert_chain(pair.name)
    elif "client-certificate" in user:
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    headers = {"User-Agent": "phiwarden-e2e"}
    if "token" in user:
        headers["Authorization"] = f"Bearer {user['token']}"
    if "as" in user:
        headers["Impersonate-User"] = user["as"]
    return Rest(urlsplit(cluster["server"]).netloc, context, headers)
