"""Certificates of the webhook: what the Secret holds, and what is to be done with it.

A rotation has three steps, each visible in the Secret. A new identity is
announced: its CA joins the bundle that API servers trust. Once they do, it is
switched to: every replica serves its certificate. When all have had the time,
the former CA is forgotten. So an API server trusts both CAs while replicas
change over, and no call fails.

A CA signs one certificate, and its key is thrown away: what lies in the Secret
lets nobody make another.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SKEW: Final = dt.timedelta(minutes=5)
"""How far the clocks of API servers may be behind ours."""


class Unusable(ValueError):
    """The Secret holds something, but no certificates that can be used."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How long things last.

    Attributes:
        lifetime: of a certificate and its CA.
        settle: what every API server and replica needs to see a change.
        check: between two looks at the Secret.
    """

    lifetime: dt.timedelta
    settle: dt.timedelta
    check: dt.timedelta

    @classmethod
    def of(cls, lifetime: dt.timedelta) -> Terms:
        """Return terms for a lifetime: 30 s between looks and 5 min to settle, unless it is short."""
        settle = min(dt.timedelta(minutes=5), lifetime / 20)
        return cls(lifetime, settle, settle / 10)

    @property
    def renewal(self) -> dt.timedelta:
        """Return how long before its end a certificate is replaced."""
        return self.lifetime / 3


@dataclass(frozen=True, slots=True)
class Identity:
    """A CA and the one certificate that it signed; all PEM."""

    ca: bytes
    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return f"Identity({self.not_after:%Y-%m-%d})"  # never the key

    @property
    def not_after(self) -> dt.datetime:
        """Return when the certificate ends."""
        return x509.load_pem_x509_certificate(self.certificate).not_valid_after_utc

    @property
    def hosts(self) -> frozenset[str]:
        """Return the names and addresses that the certificate is for."""
        certificate = x509.load_pem_x509_certificate(self.certificate)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return frozenset(
            [
                *names.get_values_for_type(x509.DNSName),
                *(str(address) for address in names.get_values_for_type(x509.IPAddress)),
            ]
        )


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the Secret holds.

    Attributes:
        current: the identity that replicas serve.
        since: when the present step began.
        coming: announced, not yet served.
        former: CA of the identity served before.
    """

    current: Identity
    since: dt.datetime
    coming: Identity | None = None
    former: bytes | None = None

    @property
    def bundle(self) -> bytes:
        """Return the CAs that API servers must trust now."""
        coming = self.coming.ca if self.coming is not None else b""
        return self.current.ca + coming + (self.former or b"")


class Step(StrEnum):
    """What is to be done."""

    CREATE = "create"
    ANNOUNCE = "announce"
    SWITCH = "switch"
    FORGET = "forget"
    WAIT = "wait"


def due(
    held: Certificates | None,
    now: dt.datetime,
    terms: Terms,
    hosts: Sequence[str],
    *,
    published: bool,
) -> Step:
    """Return the next step.

    Args:
        held: what the Secret holds; None for an empty or unusable one.
        now: the time.
        terms: how long things last.
        hosts: what the certificate must be for.
        published: whether API servers are told to trust exactly `held.bundle`.
    """
    if held is None:
        return Step.CREATE
    settled = now - held.since >= terms.settle
    if held.coming is not None:
        return Step.SWITCH if settled and published else Step.WAIT
    if held.former is not None:
        return Step.FORGET if settled else Step.WAIT
    ending = held.current.not_after - now <= terms.renewal
    if ending or held.current.hosts != frozenset(hosts):
        return Step.ANNOUNCE
    return Step.WAIT


def advance(
    held: Certificates | None, step: Step, now: dt.datetime, terms: Terms, hosts: Sequence[str]
) -> Certificates:
    """Return what the Secret holds after a step."""
    if held is None or step is Step.CREATE:
        return Certificates(issue(hosts, now, terms.lifetime), now)
    match step, held.coming:
        case Step.ANNOUNCE, _:
            return Certificates(held.current, now, coming=issue(hosts, now, terms.lifetime))
        case Step.SWITCH, Identity() as coming:
            return Certificates(coming, now, former=held.current.ca)
        case Step.FORGET, _:
            return Certificates(held.current, now)
    return held


def issue(hosts: Sequence[str], now: dt.datetime, lifetime: dt.timedelta) -> Identity:
    """Return a new CA with a certificate for hosts, which may be names and IP addresses."""
    ca_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    serial = x509.random_serial_number()
    # A name of its own: two CAs of one name in a bundle are told apart by luck.
    issuer = _name(f"phiwarden feedback CA {serial:x}"[:64])
    ca = (
        _builder(issuer, issuer, ca_key.public_key(), now, lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    certificate = (
        _builder(_name("phiwarden feedback"), issuer, key.public_key(), now, lifetime)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([_general_name(host) for host in hosts]), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    return Identity(
        ca.public_bytes(serialization.Encoding.PEM),
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    now: dt.datetime,
    lifetime: dt.timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + lifetime)
    )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


_IDENTITY: Final = ("ca.crt", "tls.crt", "tls.key")
_COMING: Final = "next-"
_FORMER: Final = "former-ca.crt"
_SINCE: Final = "since"


def encode(held: Certificates) -> dict[str, str]:
    """Return the `data` of the Secret."""
    raw = {_SINCE: held.since.isoformat().encode()}
    raw |= zip(_IDENTITY, _parts(held.current), strict=True)
    if held.coming is not None:
        names = [_COMING + name for name in _IDENTITY]
        raw |= zip(names, _parts(held.coming), strict=True)
    if held.former is not None:
        raw[_FORMER] = held.former
    return {key: b64encode(value).decode() for key, value in raw.items()}


def _parts(identity: Identity) -> tuple[bytes, bytes, bytes]:
    return identity.ca, identity.certificate, identity.key


def decode(data: Mapping[str, str]) -> Certificates | None:
    """Return what the `data` of a Secret holds, None for an empty one.

    Raises:
        Unusable: it holds something else, or a key that is not the certificate's.
    """
    if not data:
        return None
    try:
        raw = {key: b64decode(value, validate=True) for key, value in data.items()}
        since = dt.datetime.fromisoformat(raw[_SINCE].decode())
        held = Certificates(
            _identity(raw, ""),
            since if since.tzinfo is not None else since.replace(tzinfo=dt.UTC),
            _identity(raw, _COMING) if f"{_COMING}tls.crt" in raw else None,
            raw.get(_FORMER),
        )
        x509.load_pem_x509_certificates(held.bundle)
    except (KeyError, ValueError, NoBase64, x509.ExtensionNotFound) as error:
        raise Unusable(type(error).__name__) from error
    return held


def _identity(raw: Mapping[str, bytes], prefix: str) -> Identity:
    identity = Identity(*(raw[prefix + name] for name in _IDENTITY))
    certificate = x509.load_pem_x509_certificate(identity.certificate)
    key = serialization.load_pem_private_key(identity.key, password=None)
    if certificate.public_key() != key.public_key() or not identity.hosts:
        raise ValueError("the key is not the certificate's")
    return identity
