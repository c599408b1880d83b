"""cert-manager makes a certificate, says how long it is good for, and makes it anew."""

from __future__ import annotations

import datetime as dt
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography import x509

from e2e.controlplane import ControlPlane
from e2e.parties.controllers import Controller, cert_manager
from e2e.rest import MERGE, Rest
from e2e.waiting import until
from e2e.workloads import NAMESPACES

GROUP = "cert-manager.io/v1"
Object = dict[str, Any]

BETWEEN_TRIES = 240.0
"""Seconds. Controllers of cert-manager that meet a conflict wait longer each time before they try
again: 5, 10, 20, 40 s and so on (pkg/controller/util.go, DefaultItemBasedRateLimiter)."""


@pytest.fixture(scope="module", autouse=True)
def controller(cluster: ControlPlane, controllers: None) -> Iterator[Controller]:
    with cert_manager(cluster) as started:
        yield started


@pytest.fixture
def certificate(admin: Rest, namespace: str) -> str:
    """A Certificate of a self-signed issuer; the path of it."""
    issuer = {"kind": "Issuer", "metadata": {"name": "own"}, "spec": {"selfSigned": {}}}
    wanted = {
        "kind": "Certificate",
        "metadata": {"name": "portal"},
        "spec": {
            "secretName": "portal-tls",
            "dnsNames": ["portal.hospital.example"],
            "duration": "48h",
            "renewBefore": "24h",
            "privateKey": {"algorithm": "ECDSA"},
            "issuerRef": {"kind": "Issuer", "name": "own"},
        },
    }
    for body, plural in ((issuer, "issuers"), (wanted, "certificates")):
        answer = admin.create(of(namespace, plural), {"apiVersion": GROUP, **body})
        assert answer.ok, answer.message
    return f"{of(namespace, 'certificates')}/portal"


def of(namespace: str, plural: str) -> str:
    return f"/apis/{GROUP}/namespaces/{namespace}/{plural}"


def status(admin: Rest, path: str) -> Object:
    found: Object = admin.get(path).body.get("status", {})
    return found


def is_ready(admin: Rest, path: str) -> bool:
    conditions = status(admin, path).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def issued(admin: Rest, namespace: str) -> x509.Certificate:
    secret = admin.get(f"{NAMESPACES}/{namespace}/secrets/portal-tls").body
    assert secret["type"] == "kubernetes.io/tls"
    return x509.load_pem_x509_certificate(b64decode(secret["data"]["tls.crt"]))


def test_a_certificate_has_its_secret_and_says_when_it_ends(
    admin: Rest, namespace: str, certificate: str
) -> None:
    until(lambda: is_ready(admin, certificate), "the certificate is ready")
    made = issued(admin, namespace)
    told = dt.datetime.fromisoformat(status(admin, certificate)["notAfter"])
    assert told == made.not_valid_after_utc
    assert made.not_valid_after_utc - made.not_valid_before_utc == dt.timedelta(hours=48)
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["portal.hospital.example"]


def test_a_certificate_of_other_names_is_another_one(
    admin: Rest, namespace: str, certificate: str
) -> None:
    until(lambda: is_ready(admin, certificate), "the certificate is ready")
    before = issued(admin, namespace).serial_number
    change = {"spec": {"dnsNames": ["records.hospital.example"]}}
    assert admin.request("PATCH", certificate, change, content=MERGE).ok
    until(
        lambda: status(admin, certificate).get("revision") == 2,
        "it is issued again",
        within=BETWEEN_TRIES,
    )
    assert issued(admin, namespace).serial_number != before
