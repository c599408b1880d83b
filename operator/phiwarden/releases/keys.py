"""Keys that sign and verify: Ed25519, and ECDSA over P-256 with SHA-256."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

_ECDSA: Final = ec.ECDSA(hashes.SHA256())
_RAW_P256: Final = 64
"""Bytes of an ECDSA signature over P-256 as r and s, one after the other."""

_KINDS: Final = "Ed25519 or ECDSA P-256"

PublicKey = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey
PrivateKey = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey


class UnreadableKey(ValueError):
    """A key cannot be used; says why, and nothing of the key."""


class PassphraseNeeded(UnreadableKey):
    """A private key is encrypted, and no passphrase was given."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key whose signatures count.

    Attributes:
        name: what it is called where it is declared.
        id: SHA-256 of its SubjectPublicKeyInfo, in hex.
        public: the key itself.
        not_after: last day (UTC) on which a release may be created that it signed; None for no end.
    """

    name: str
    id: str
    public: PublicKey = field(compare=False, repr=False)
    not_after: dt.date | None = None

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Return whether a signature over a message is by this key."""
        match self.public:
            case ed25519.Ed25519PublicKey() as public:
                return _ed25519(public, message, signature)
            case ec.EllipticCurvePublicKey() as public:
                return any(_ecdsa(public, message, form) for form in _forms(signature))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key. It can be used, and is shown nowhere."""

    _private: PrivateKey = field(repr=False)

    @property
    def id(self) -> str:
        """Return the SHA-256 of its public half's SubjectPublicKeyInfo, in hex."""
        return key_id(self._private.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return a signature over a message; that of ECDSA in ASN.1, as openssl has it."""
        match self._private:
            case ed25519.Ed25519PrivateKey() as private:
                return private.sign(message)
            case ec.EllipticCurvePrivateKey() as private:
                return private.sign(message, _ECDSA)


def key_id(public: PublicKey) -> str:
    """Return the SHA-256 of a key's SubjectPublicKeyInfo, in hex."""
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def public_key(name: str, pem: str | bytes, not_after: dt.date | None = None) -> Key:
    """Return a public key.

    Raises:
        UnreadableKey: it is none, or one of another kind.
    """
    content = pem.encode() if isinstance(pem, str) else pem
    if b"PRIVATE KEY-----" in content:
        raise UnreadableKey(
            "this is a private key, and no public one: take it away from here, and make a new one"
            " if others could read it; openssl pkey -pubout writes its public half"
        )
    if b"-----BEGIN PUBLIC KEY-----" not in content:
        raise UnreadableKey(_no_pem(content, "PUBLIC KEY", "openssl pkey -pubout"))
    try:
        public = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnreadableKey(
            f"cannot be read as a public key: it was cut off or altered, or is none of {_KINDS}"
        ) from error
    match public:
        case ed25519.Ed25519PublicKey():
            return Key(name, key_id(public), public, not_after)
        case ec.EllipticCurvePublicKey() if isinstance(public.curve, ec.SECP256R1):
            return Key(name, key_id(public), public, not_after)
    raise UnreadableKey(_other_kind(public))


def signing_key(pem: bytes, passphrase: bytes | None = None) -> SigningKey:
    """Return a private key.

    Raises:
        PassphraseNeeded: it is encrypted, and there is no passphrase.
        UnreadableKey: it is none, one of another kind, or the passphrase is wrong.
    """
    if b"-----BEGIN PUBLIC KEY-----" in pem:
        raise UnreadableKey("this is a public key: signing needs the private one")
    if b"PRIVATE KEY-----" not in pem:
        raise UnreadableKey(_no_pem(pem, "PRIVATE KEY", "openssl genpkey -algorithm ed25519"))
    if b"SIGSTORE PRIVATE KEY-----" in pem or b"COSIGN PRIVATE KEY-----" in pem:
        raise UnreadableKey(
            "this is a key in cosign's own form, which is read by cosign alone: make one with"
            " openssl genpkey -algorithm ed25519, and import that with cosign import-key-pair"
        )
    try:
        private = load_pem_private_key(pem, passphrase or None)
    except TypeError:
        # Of these two the library says no more than what it was given.
        if passphrase:
            return signing_key(pem)
        raise PassphraseNeeded(
            "the private key is encrypted, and no passphrase was given"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        # Not chained: what the library says of a private key is not for a log.
        advice = "the passphrase is wrong, or the key" if passphrase else "it"
        raise UnreadableKey(
            f"cannot be read as a private key: {advice} was cut off or altered, or is none of"
            f" {_KINDS}"
        ) from None
    match private:
        case ed25519.Ed25519PrivateKey():
            return SigningKey(private)
        case ec.EllipticCurvePrivateKey() if isinstance(private.curve, ec.SECP256R1):
            return SigningKey(private)
    raise UnreadableKey(_other_kind(private))


def _no_pem(content: bytes, label: str, command: str) -> str:
    found = "it is empty" if not content.strip() else f"there is no -----BEGIN {label}-----"
    return f"is no key in PEM: {found}; `{command}` writes one"


def _other_kind(key: object) -> str:
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey):
        kind = f"ECDSA {key.curve.name}"
    else:
        kind = type(key).__name__.removesuffix("PublicKey").removesuffix("PrivateKey").strip("_")
    return f"is a key of another kind ({kind}): use {_KINDS}"


def _ed25519(public: ed25519.Ed25519PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        public.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _ecdsa(public: ec.EllipticCurvePublicKey, message: bytes, signature: bytes) -> bool:
    try:
        public.verify(signature, message, _ECDSA)
    except InvalidSignature:
        return False
    return True


def _forms(signature: bytes) -> tuple[bytes, ...]:
    """Return what an ECDSA signature may be: ASN.1, or r and s, as the DSSE protocol's example."""
    if len(signature) != _RAW_P256:
        return (signature,)
    half = _RAW_P256 // 2
    numbers = (int.from_bytes(part) for part in (signature[:half], signature[half:]))
    return (signature, encode_dss_signature(*numbers))
