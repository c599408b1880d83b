"""The feedback webhook as a process beside the test, called by URL: no Service is reachable here."""

from __future__ import annotations

import http.client
import json
import ssl
import uuid
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from cryptography import x509

from e2e.controlplane import ControlPlane
from e2e.controlplane.ports import free_ports
from e2e.product import NAMESPACE, RELEASE, Product, Program, environment, install, upgrade
from e2e.rest import Rest
from e2e.waiting import until

ADDRESS = "127.0.0.1"
CONFIGURATION = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations"
CONFIGURED = f"{CONFIGURATION}/zz-phiwarden-feedback"
SECRET = f"/api/v1/namespaces/{NAMESPACE}/secrets/{RELEASE}-admission-tls"
SIGNATURE = 'admission webhook "feedback.phiwarden.dev" denied the request: '
"""How the API server begins what the webhook says."""


@dataclass(frozen=True)
class Site:
    """The chart with feedback switched on, and where API servers expect the webhook."""

    product: Product
    port: int
    settings: Mapping[str, str]

    @property
    def url(self) -> str:
        """Return what API servers call."""
        return f"https://{ADDRESS}:{self.port}/review"


def values(port: int) -> dict[str, Any]:
    """Return values of the chart for a webhook that runs at a port of this machine."""
    return {"feedback": {"url": f"https://{ADDRESS}:{port}/review"}}


@contextmanager
def installed(cluster: ControlPlane) -> Iterator[Site]:
    """Have feedback switched on for the duration of a block."""
    (port,) = free_ports(1, ADDRESS)
    product = install(cluster, values(port))
    settings = environment(cluster, {"feedback": {"url": ""}}, "templates/admission.yaml")
    try:
        yield Site(product, port, {**settings, "PHIWARDEN_FEEDBACK_HOSTS": ADDRESS})
    finally:
        upgrade(cluster)


class Webhook(Program):
    """`phiwarden admission` with the chart's rights, once it is ready."""

    def __init__(self, site: Site, *, port: int | None = None, **settings: str) -> None:
        self.port = port or site.port
        command = ("-m", "phiwarden", "admission", f"--address={ADDRESS}", f"--port={self.port}")
        chosen = {**site.settings, **settings}
        super().__init__(site.product, "webhook", f"{RELEASE}-admission", command, chosen)
        until(self._ready, f"the webhook is ready; see {self.log}", within=30)

    def _ready(self) -> bool:
        self.child.check()
        try:
            return self.ask("GET", "/readyz").code == 200
        except OSError:
            return False

    def ask(self, method: str, path: str, body: bytes | None = None) -> Reply:
        """Send a request past the API server."""
        connection = http.client.HTTPSConnection(
            ADDRESS, self.port, context=ssl._create_unverified_context(), timeout=30
        )
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            return Reply(response.status, response.read())
        finally:
            connection.close()

    def review(self, **request: Any) -> Mapping[str, Any]:
        """Return the response to a review of a request."""
        review = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
        reply = self.ask("POST", "/review", json.dumps({**review, "request": request}).encode())
        assert reply.code == 200, reply
        answer = json.loads(reply.body)
        assert (answer["apiVersion"], answer["kind"]) == tuple(review.values())
        response: Mapping[str, Any] = answer["response"]
        return response

    def served(self) -> x509.Certificate:
        """Return the certificate that a new connection is given."""
        return x509.load_pem_x509_certificate(
            ssl.get_server_certificate((ADDRESS, self.port)).encode()
        )


@dataclass(frozen=True)
class Reply:
    """What the webhook answered to somebody who is no API server."""

    code: int
    body: bytes


@contextmanager
def running(site: Site, **options: Any) -> Iterator[Webhook]:
    """Run the webhook for the duration of a block; API servers trust it a moment later."""
    webhook = Webhook(site, **options)
    try:
        yield webhook
    finally:
        webhook.stop()


def trusted(root: Rest) -> list[x509.Certificate]:
    """Return the CAs by which API servers know the webhook now."""
    (webhook,) = root.get(CONFIGURED).body["webhooks"]
    bundle = webhook["clientConfig"].get("caBundle")
    return x509.load_pem_x509_certificates(b64decode(bundle)) if bundle else []


def request(obj: Mapping[str, Any], plural: str, **more: Any) -> dict[str, Any]:
    """Return a request of a review, as an API server would write it."""
    group, _, version = str(obj["apiVersion"]).rpartition("/")
    return {
        "uid": str(uuid.uuid4()),
        "resource": {"group": group, "version": version, "resource": plural},
        "operation": "CREATE",
        "userInfo": {"username": "developer", "groups": ["system:authenticated"]},
        "object": obj,
        **more,
    }
